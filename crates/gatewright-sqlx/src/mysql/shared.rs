//! A store on a MySQL or MariaDB pool that the application uses too.

use gatewright_core::StoreError;
use sqlx::mysql::{MySqlConnection, MySqlDatabaseError};
use sqlx::{Executor, MySql, MySqlPool, SqlStr};

use super::MySqlStore;
use crate::Failure;
use crate::connection::{Outcome, Pools, Shared, Transaction};
use crate::migrations::Version;
use crate::server::migrate::migrate;
use crate::server::shared::{Begun, SharedServer};
use crate::server::start;
use crate::statement::Statement;

const STORE: &str = "MySqlStore";

/// Keeps the application's settings in variables, sets those of the store, and begins a transaction.
/// MySQL and MariaDB have different names for some settings.
///
/// - Statements and waits for locks end before their operation times out (`CALL_TIMEOUT`). The server
///   soon closes the connection of a node that vanished.
/// - Values that do not fit into a column are errors, unique keys are checked, and results are
///   complete.
/// - Text is sent and received in UTF-8.
/// - If a transaction is open, SET TRANSACTION fails.
const BEGIN: &str = "SET @gatewright_lock_wait = @@SESSION.innodb_lock_wait_timeout,
         @gatewright_wait = @@SESSION.wait_timeout,
         @gatewright_mode = @@SESSION.sql_mode,
         @gatewright_unique = @@SESSION.unique_checks,
         @gatewright_safe = @@SESSION.sql_safe_updates,
         @gatewright_limit = @@SESSION.sql_select_limit,
         @gatewright_client = @@SESSION.character_set_client,
         @gatewright_results = @@SESSION.character_set_results,
         @gatewright_collation = @@SESSION.collation_connection
         /*!50708 , @gatewright_statement = @@SESSION.max_execution_time */
         /*M!100100 , @gatewright_statement = @@SESSION.max_statement_time */
         /*M!100300 , @gatewright_idle = @@SESSION.idle_transaction_timeout */;
     SET SESSION innodb_lock_wait_timeout = 1, wait_timeout = 30,
         sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',
         unique_checks = 1, sql_safe_updates = 0, sql_select_limit = DEFAULT,
         character_set_client = utf8mb4, character_set_results = utf8mb4, collation_connection = utf8mb4_bin
         /*!50708 , max_execution_time = 1500 */
         /*M!100100 , max_statement_time = 1.5 */
         /*M!100300 , idle_transaction_timeout = 5 */;
     SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
     START TRANSACTION READ WRITE";

/// Restores the application's settings, and ends the transaction as `$end` says. The application may have
/// set `completion_type`, so `$end` says what follows.
macro_rules! restore_and {
    ($end:literal) => {
        concat!(
            "SET SESSION innodb_lock_wait_timeout = @gatewright_lock_wait, wait_timeout = @gatewright_wait,
                 sql_mode = @gatewright_mode, unique_checks = @gatewright_unique,
                 sql_safe_updates = @gatewright_safe, sql_select_limit = @gatewright_limit,
                 character_set_client = @gatewright_client, character_set_results = @gatewright_results,
                 collation_connection = @gatewright_collation
                 /*!50708 , max_execution_time = @gatewright_statement */
                 /*M!100100 , max_statement_time = @gatewright_statement */
                 /*M!100300 , idle_transaction_timeout = @gatewright_idle */;",
            $end
        )
    };
}

/// The database of the tables: the one that the pool's URL names.
const FIND_DATABASE: &str = "SELECT CAST(DATABASE() AS BINARY) AS name";

/// Ends what the application may have left open: a migration commits by itself.
const CLEAN_UP: &str = "ROLLBACK AND NO CHAIN NO RELEASE; SET SESSION autocommit = 1";

impl MySqlStore {
    /// Opens a store on a pool that the application uses too. The tables must exist and be up to
    /// date: see [`migrate`](Self::migrate).
    ///
    /// The tables are in the database that the connections of the pool now use. Each operation then
    /// runs in a transaction with the isolation level, the timeouts and the modes that it needs, and
    /// names this database. So the application may change all of these on its connections, and finds
    /// them unchanged afterwards. The store keeps them meanwhile in variables `@gatewright_…`. If the
    /// application returns a connection inside a transaction, the store rolls that transaction back
    /// and logs a warning.
    ///
    /// The pool's own options apply. A cancelled operation closes its connection.
    ///
    /// ```no_run
    /// use gatewright::MySqlStore;
    /// use sqlx::MySqlPool;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = MySqlPool::connect("mysql://app@db.example.com/app").await?;
    /// MySqlStore::migrate(&pool).await?;
    /// let store = MySqlStore::from_pool(pool.clone()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the database cannot be reached, or its tables do not exist or are too old. The error then
    /// names the command that helps.
    pub async fn from_pool(pool: MySqlPool) -> Result<Self, StoreError> {
        start(Self::share(pool)).await
    }

    /// Creates the tables, or brings them up to date, in the database that the connections of the
    /// pool use. If they are up to date, it only reads their version.
    ///
    /// Nodes that start at the same time run the migrations one after the other. The files that it
    /// runs are in the folder `migrations` of `gatewright-sqlx`. Another tool may run them instead.
    ///
    /// # Errors
    /// If the database cannot be reached or migrated within
    /// [`START_TIMEOUT`](crate::START_TIMEOUT).
    pub async fn migrate(pool: &MySqlPool) -> Result<(), StoreError> {
        start(async {
            let mut connection = pool.acquire().await?;
            // The lock of the migration ends with the connection.
            connection.close_on_drop();
            connection.execute(CLEAN_UP).await?;
            migrate::<MySql>(&mut connection).await
        })
        .await
    }

    async fn share(pool: MySqlPool) -> Result<Self, Failure> {
        let mut transaction = Pools::shared(pool.clone(), Shared::new(BEGIN, None)).begin().await?;
        let database = find(&mut transaction).await;
        let database = transaction.end(database.map(Outcome::RollBack)).await?;
        Ok(Self { pools: Pools::shared(pool, Shared::new(BEGIN, Some(database))) })
    }
}

async fn find(transaction: &mut Transaction<MySql>) -> Result<String, Failure> {
    Version::find::<MySql>(transaction.connection()?).await?.require_current::<MySql>(STORE)?;
    let row = transaction.fetch_optional(Statement::new(FIND_DATABASE)).await?;
    Ok(row.ok_or("the database returned no row")?.text("name")?.to_owned())
}

impl SharedServer for MySql {
    const COMMIT_SHARED: &'static str = restore_and!("COMMIT AND NO CHAIN NO RELEASE");
    const ROLL_BACK_SHARED: &'static str = restore_and!("ROLLBACK AND NO CHAIN NO RELEASE");

    async fn try_begin(connection: &mut MySqlConnection, begin: SqlStr) -> sqlx::Result<Begun> {
        match connection.execute(begin).await {
            Ok(_) => Ok(Begun::New),
            Err(error) if is_in_transaction(&error) => Ok(Begun::Open),
            Err(error) => Err(error),
        }
    }
}

/// Whether the statement failed because a transaction is open.
fn is_in_transaction(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
    error.is_some_and(|error| error.number() == 1568)
}
