//! A store on a PostgreSQL pool that the application uses too.

use gatewright_core::StoreError;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, PgPool, Postgres, Row, SqlStr};

use super::PostgresStore;
use crate::Failure;
use crate::connection::{Outcome, Pools, Shared, Transaction};
use crate::migrations::Version;
use crate::server::migrate::migrate;
use crate::server::shared::{self, Begun, SharedServer};
use crate::server::start;
use crate::statement::Statement;

const STORE: &str = "PostgresStore";

/// Begins a transaction with the store's settings. They end with it.
///
/// - A durable commit is the server's choice, not that of the application's last statement.
/// - Statements and waits for locks end before their operation times out (`CALL_TIMEOUT`).
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
     SET LOCAL synchronous_commit TO DEFAULT;
     SET LOCAL client_encoding = 'UTF8';
     SET LOCAL lock_timeout = 1000;
     SET LOCAL statement_timeout = 1500;
     SET LOCAL idle_in_transaction_session_timeout = 5000;";

/// Whether the transaction began with this message. Otherwise BEGIN had no effect.
const IS_NEW: &str = "SELECT pg_catalog.transaction_timestamp() = pg_catalog.statement_timestamp() AS is_new";

/// The schema of the tables and the connection's role.
const FIND_TABLES: &str =
    "SELECT n.nspname::pg_catalog.text AS schema, pg_catalog.current_setting('role') AS role
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relname = 'gatewright_migrations' AND c.relkind = 'r' AND pg_catalog.pg_table_is_visible(c.oid)";

impl PostgresStore {
    /// Opens a store on a pool that the application uses too. The tables must exist and be up to
    /// date: see [`migrate`](Self::migrate).
    ///
    /// The tables are found once, with the `search_path` that the connections of the pool now have.
    /// Each operation then runs in a transaction that sets the isolation level, the `search_path`,
    /// the role and the timeouts that it needs. So the application may change all of these on its
    /// connections, and finds them unchanged afterwards. If the application returns a connection
    /// inside a transaction, the store rolls that transaction back and logs a warning.
    ///
    /// The pool's own options apply. A cancelled operation closes its connection.
    ///
    /// ```no_run
    /// use gatewright::PostgresStore;
    /// use sqlx::PgPool;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = PgPool::connect("postgres://app@db.example.com/app").await?;
    /// PostgresStore::migrate(&pool).await?;
    /// let store = PostgresStore::from_pool(pool.clone()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the database cannot be reached, or its tables do not exist or are too old. The error then
    /// names the command that helps.
    pub async fn from_pool(pool: PgPool) -> Result<Self, StoreError> {
        start(Self::share(pool)).await
    }

    /// Creates the tables, or brings them up to date: in the first schema of the `search_path` that
    /// the connections of the pool have. If they are up to date, it only reads their version.
    ///
    /// Nodes that start at the same time run the migrations one after the other. The files that it
    /// runs are in the folder `migrations` of `gatewright-sqlx`. Another tool may run them instead.
    ///
    /// # Errors
    /// If the database cannot be reached or migrated within
    /// [`START_TIMEOUT`](crate::START_TIMEOUT).
    pub async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
        start(async {
            let mut connection = pool.acquire().await?;
            connection.close_on_drop();
            shared::begin::<Postgres>(&mut connection, &new(None)).await?;
            connection.execute(Postgres::ROLL_BACK_SHARED).await?;
            migrate::<Postgres>(&mut connection).await
        })
        .await
    }

    async fn share(pool: PgPool) -> Result<Self, Failure> {
        let mut transaction = Pools::shared(pool.clone(), new(None)).begin().await?;
        let found = find(&mut transaction).await;
        let shared = transaction.end(found.map(Outcome::RollBack)).await?;
        Ok(Self { pools: Pools::shared(pool, shared) })
    }
}

async fn find(transaction: &mut Transaction<Postgres>) -> Result<Shared, Failure> {
    Version::find::<Postgres>(transaction.connection()?).await?.require_current::<Postgres>(STORE)?;
    let tables = transaction.fetch_optional(Statement::new(FIND_TABLES)).await?;
    let tables = tables.ok_or("gatewright_migrations: is not in the search_path")?;
    Ok(new(Some((tables.text("schema")?, tables.text("role")?))))
}

/// The settings, with the schema of the tables and the role if they are known.
fn new(tables: Option<(&str, &str)>) -> Shared {
    let selected = tables.map(|(schema, role)| select(schema, role)).unwrap_or_default();
    Shared::new(AssertSqlSafe(format!("{BEGIN} {selected} {IS_NEW}")), None)
}

/// Temporary tables come last, so that no table of the application hides one of the store.
fn select(schema: &str, role: &str) -> String {
    let role = if role == "none" { role.to_owned() } else { quoted(role) };
    format!("SET LOCAL ROLE {role}; SET LOCAL search_path = {}, pg_temp;", quoted(schema))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl SharedServer for Postgres {
    const COMMIT_SHARED: &'static str = "COMMIT";
    const ROLL_BACK_SHARED: &'static str = "ROLLBACK";

    async fn try_begin(connection: &mut PgConnection, begin: SqlStr) -> sqlx::Result<Begun> {
        match connection.fetch_optional(begin).await {
            Ok(Some(row)) if row.try_get("is_new")? => Ok(Begun::New),
            Ok(_) => Ok(Begun::Open),
            Err(error) if is_in_transaction(&error) => Ok(Begun::Open),
            Err(error) => Err(error),
        }
    }
}

/// Whether BEGIN failed because of the open transaction: it has failed, or it has another isolation
/// level.
fn is_in_transaction(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| ["25P02", "25001"].contains(&&*code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_and_role_are_quoted() {
        let selected = select("a\"b", "none");
        assert_eq!(selected, "SET LOCAL ROLE none; SET LOCAL search_path = \"a\"\"b\", pg_temp;");
        assert!(select("auth", "Owner").starts_with("SET LOCAL ROLE \"Owner\"; "));
    }
}
