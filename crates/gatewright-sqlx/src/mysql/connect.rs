//! Opens a MySQL or MariaDB database: verified, with limited waits, and with its tables up to date.

use std::str::FromStr;

use gatewright_core::StoreError;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlSslMode};
use sqlx::{Connection, Executor, MySql, query_scalar};

use super::MySqlStore;
use super::foreign::reject_foreign_tables;
use crate::Failure;
use crate::connection::Pools;
use crate::migrations::{Version, run_missing};
use crate::options::SqlOptions;
use crate::scheme::check_scheme;
use crate::server::migrate::{ServerMigration, migrate};
use crate::server::url::must_verify;
use crate::server::{pool, start};

/// The settings of each connection:
/// - Values that do not fit into a column are errors.
/// - Statements and waits for locks end before their operation times out (`CALL_TIMEOUT`). MySQL
///   and MariaDB have different names for the time limit of a statement.
/// - The server closes a connection that sends nothing for 30 seconds, and with it rolls back an open
///   transaction: a node that vanished would otherwise keep its locks for hours. MariaDB closes it
///   after 5 seconds if a transaction is open. The pool replaces a closed connection.
/// - The isolation level is the one that the statements need.
const SETTINGS: [&str; 2] = [
    "SET SESSION innodb_lock_wait_timeout = 1, wait_timeout = 30,
     sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')
     /*!50708 , max_execution_time = 1500 */ /*M!100100 , max_statement_time = 1.5 */
     /*M!100300 , idle_transaction_timeout = 5 */",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
];

/// Excludes the migrations of other nodes until the connection closes. Lock names are valid on the
/// whole server, so this one contains the database's name.
const LOCK_MIGRATIONS: &str = "SELECT GET_LOCK(CONCAT('gatewright_', MD5(DATABASE())), 60)";

/// How long a migration waits for a table, in seconds: less than the timeout of the operations that
/// wait behind it.
const LIMIT_LOCK_WAITS: &str = "SET SESSION lock_wait_timeout = 1";

impl MySqlStore {
    /// Opens the database at `url` (`mysql://user:password@host/database`), and brings its tables
    /// up to date.
    ///
    /// Nodes that start at the same time run the migrations one after the other. If a start was
    /// interrupted, the next one completes its migrations.
    ///
    /// TLS with a verified certificate and host name (`ssl-mode=VERIFY_IDENTITY`) is required,
    /// unless the server is on this machine or the URL sets another `ssl-mode`. `ssl-ca` sets a
    /// certificate authority of your own.
    ///
    /// # Errors
    /// If the URL is invalid, or the database cannot be reached or migrated within
    /// [`START_TIMEOUT`](crate::START_TIMEOUT). The error does not contain the password.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::connect_with(url, SqlOptions::new()).await
    }

    /// Like [`connect`](Self::connect), with options.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect), and if an option is out of range.
    pub async fn connect_with(url: &str, options: SqlOptions) -> Result<Self, StoreError> {
        start(Self::open(url, &options)).await
    }

    async fn open(url: &str, store: &SqlOptions) -> Result<Self, Failure> {
        let options = options(url)?;
        let pool = pool(store)?;
        let mut connection = MySqlConnection::connect_with(&options).await?;
        migrate::<MySql>(&mut connection).await?;
        connection.close().await?;
        let only = pool.after_connect(|connection, _| Box::pin(configure(connection)));
        let only = only.connect_lazy_with(options);
        Ok(Self { pools: Pools::own(only.clone(), only) })
    }
}

async fn configure(connection: &mut MySqlConnection) -> sqlx::Result<()> {
    for setting in SETTINGS {
        connection.execute(setting).await?;
    }
    Ok(())
}

/// MySQL commits each statement that changes a table. So every statement of a migration can be
/// repeated, and the last one records that it is complete.
impl ServerMigration for MySql {
    async fn run_exclusively(connection: &mut MySqlConnection) -> Result<(), Failure> {
        let locked: Option<i64> = query_scalar(LOCK_MIGRATIONS).fetch_one(&mut *connection).await?;
        if locked != Some(1) {
            return Err("timed out waiting for another node's migration lock".into());
        }
        connection.execute(LIMIT_LOCK_WAITS).await?;
        if Version::find::<Self>(connection).await?.is_none() {
            reject_foreign_tables(connection).await?;
        }
        run_missing::<Self>(connection).await
    }
}

fn options(url: &str) -> Result<MySqlConnectOptions, Failure> {
    check_scheme(url, &["mysql", "mariadb"])?;
    let options = MySqlConnectOptions::from_str(url)?;
    if must_verify(url, options.get_host(), options.get_socket().is_some()) {
        return Ok(options.ssl_mode(MySqlSslMode::VerifyIdentity));
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::assert_hides;

    #[test]
    fn servers_on_other_machines_are_verified() {
        let mode = |url: &str| format!("{:?}", options(url).unwrap().get_ssl_mode());
        assert_eq!(mode("mysql://u:p@db.example.com/x"), "VerifyIdentity");
        assert_eq!(mode("mariadb://u:p@10.0.0.1:3307/x?charset=utf8mb4"), "VerifyIdentity");
        assert_eq!(mode("mysql://u:p@db.example.com/x?ssl-mode=REQUIRED"), "Required");
        assert_eq!(mode("mysql://u:p@db.example.com/x?sslmode=DISABLED"), "Disabled");
        assert_ne!(mode("mysql://u:p@127.0.0.1/x"), "VerifyIdentity");
        assert_ne!(mode("mysql://u:p@db.example.com/x?socket=/run/mysqld/mysqld.sock"), "VerifyIdentity");
    }

    /// Only MariaDB knows the second setting.
    #[tokio::test]
    #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
    async fn the_server_ends_silent_connections_on_mysql() {
        let url = std::env::var("GATEWRIGHT_TEST_MYSQL_URL").unwrap();
        let mut connection = MySqlConnection::connect(&url).await.unwrap();
        configure(&mut connection).await.unwrap();
        let wait: u64 = query_scalar("SELECT CAST(@@SESSION.wait_timeout AS UNSIGNED)")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(wait, 30);
        let version: String =
            query_scalar("SELECT CAST(VERSION() AS CHAR)").fetch_one(&mut connection).await.unwrap();
        if version.contains("MariaDB") {
            let idle: u64 = query_scalar("SELECT CAST(@@SESSION.idle_transaction_timeout AS UNSIGNED)")
                .fetch_one(&mut connection)
                .await
                .unwrap();
            assert_eq!(idle, 5);
        }
    }

    #[tokio::test]
    async fn errors_of_connect_do_not_contain_the_password() {
        for url in [
            "mysql://ada:hush@127.0.0.1:notaport/x",
            "mysql://ada:hush@127.0.0.1:1/x",
            "mysql://ada:hush@127.0.0.1/x?ssl-mode=what",
            "postgres://ada:hush@127.0.0.1/x",
            "hush",
        ] {
            let error = MySqlStore::connect(url).await.unwrap_err();
            assert_hides("hush", &error);
        }
    }
}
