//! Opening a MySQL or MariaDB database: verified, with bounded waits, and with its tables in place.

use std::fmt;
use std::str::FromStr;

use gatewright_core::StoreError;
use sqlx::migrate::MigrateError;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPool, MySqlSslMode};
use sqlx::{Connection, Executor, query};

use super::is_conflict;
use crate::Parsed;
use crate::migrations::migrator;
use crate::server::lease::pool;
use crate::server::{check_scheme, is_in_use, must_verify, stand_aside, start};

/// What each connection asks of the server: that nothing is cut to fit, that no lock and no statement keeps a caller who
/// has long gone (each server knows its own of the two limits), and the isolation that the statements are written for.
const SETTINGS: [&str; 2] = [
    "SET SESSION innodb_lock_wait_timeout = 1, sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')
     /*!50708 , max_execution_time = 1500 */ /*M!100100 , max_statement_time = 1.5 */",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
];

/// Locks are known by name to the whole server, so the name has the database's.
const LOCK_MIGRATIONS: &str = "SELECT GET_LOCK(CONCAT('gatewright_', MD5(DATABASE())), 60)";

/// How long a migration waits for a table, in seconds: less than the patience of those who wait behind it.
const WAIT_FOR_TABLES: &str = "SET SESSION lock_wait_timeout = 1";

/// Accounts and sessions in a MySQL or MariaDB database. Clones share their connections.
///
/// A commit is as durable as the server's `innodb_flush_log_at_trx_commit` makes it: on the disk, unless somebody changed
/// it. Developed and tested on MariaDB 10.11.
#[derive(Clone)]
pub struct MySqlStore {
    pub(super) pool: MySqlPool,
}

impl MySqlStore {
    /// Opens the database that `url` names (`mysql://user:password@host/database`) and brings its tables up to date.
    /// Nodes that start at once take turns, and an interrupted start is completed by the next.
    ///
    /// A server on another machine must prove who it is (`ssl-mode=VERIFY_IDENTITY`) unless the URL names another mode;
    /// `ssl-ca` names a certificate authority of one's own.
    ///
    /// # Errors
    /// When the URL is none, or the database cannot be reached or migrated. The error does not show the password.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        start(Self::open(url)).await
    }

    async fn open(url: &str) -> Parsed<Self> {
        let options = options(url)?;
        let mut connection = MySqlConnection::connect_with(&options).await?;
        migrate(&mut connection).await?;
        connection.close().await?;
        let pool = pool().after_connect(|connection, _| Box::pin(prepare(connection)));
        Ok(Self { pool: pool.connect_lazy_with(options) })
    }

    /// Lets running calls end and closes all connections; later calls fail.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl fmt::Debug for MySqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MySqlStore").finish_non_exhaustive()
    }
}

async fn prepare(connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    for setting in SETTINGS {
        connection.execute(setting).await?;
    }
    Ok(())
}

/// Brings the tables up to date. The driver's own lock is none on MariaDB (it waits for ever, in a way that MariaDB does
/// not know), so this takes its own, which ends with the connection. For a table that is in use it asks again and again, for
/// as long as a start may take.
async fn migrate(connection: &mut MySqlConnection) -> Parsed<()> {
    let locked: Option<i64> = sqlx::query_scalar(LOCK_MIGRATIONS).fetch_one(&mut *connection).await?;
    if locked != Some(1) {
        return Err("another node is making the tables and does not end".into());
    }
    connection.execute(WAIT_FOR_TABLES).await?;
    let mut migrator = migrator!("mysql");
    migrator.set_locking(false);
    loop {
        // `run` would make a future that cannot be sent to another thread.
        match migrator.run_direct(None, &mut *connection, false).await {
            // Begun and not ended: each statement bears to be run again.
            Err(MigrateError::Dirty(_)) => {
                query("DELETE FROM _gatewright_migrations WHERE success = FALSE")
                    .execute(&mut *connection)
                    .await?;
            }
            Err(error) if is_in_use(&error, is_conflict) => stand_aside().await,
            done => return Ok(done?),
        }
    }
}

fn options(url: &str) -> Parsed<MySqlConnectOptions> {
    check_scheme(url, ["mysql", "mariadb"])?;
    let options = MySqlConnectOptions::from_str(url)?;
    if must_verify(url, options.get_host(), options.get_socket().is_some()) {
        return Ok(options.ssl_mode(MySqlSslMode::VerifyIdentity));
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_another_machine_must_prove_who_it_is() {
        let mode = |url: &str| format!("{:?}", options(url).unwrap().get_ssl_mode());
        assert_eq!(mode("mysql://u:p@db.example.com/x"), "VerifyIdentity");
        assert_eq!(mode("mariadb://u:p@10.0.0.1:3307/x?charset=utf8mb4"), "VerifyIdentity");
        assert_eq!(mode("mysql://u:p@db.example.com/x?ssl-mode=REQUIRED"), "Required");
        assert_eq!(mode("mysql://u:p@db.example.com/x?sslmode=DISABLED"), "Disabled");
        assert_ne!(mode("mysql://u:p@127.0.0.1/x"), "VerifyIdentity");
        assert_ne!(mode("mysql://u:p@db.example.com/x?socket=/run/mysqld/mysqld.sock"), "VerifyIdentity");
    }

    #[tokio::test]
    async fn a_url_that_cannot_be_used_is_an_error_without_its_password() {
        for url in [
            "mysql://ada:hush@127.0.0.1:notaport/x",
            "mysql://ada:hush@127.0.0.1:1/x",
            "mysql://ada:hush@127.0.0.1/x?ssl-mode=what",
            "postgres://ada:hush@127.0.0.1/x",
            "hush",
        ] {
            let error = MySqlStore::connect(url).await.unwrap_err();
            let cause = std::error::Error::source(&error).unwrap();
            let shown = format!("{error} {error:?} {cause} {cause:?}");
            assert!(!shown.contains("hush"), "{shown}");
        }
    }
}
