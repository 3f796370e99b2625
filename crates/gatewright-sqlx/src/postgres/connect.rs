//! Opening a PostgreSQL database: verified, with bounded waits, and with its tables in place.

use std::fmt;
use std::str::FromStr;

use gatewright_core::StoreError;
use sqlx::migrate::Migrate;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgSslMode};
use sqlx::{Connection, Executor};

use super::is_conflict;
use crate::Parsed;
use crate::migrations::migrator;
use crate::server::lease::pool;
use crate::server::{check_scheme, is_in_use, must_verify, stand_aside, start};

/// What each connection asks of the server: that no statement and no lock keeps a caller who has long gone, and the
/// isolation that the statements are written for.
const SETTINGS: [(&str, &str); 4] = [
    ("lock_timeout", "1000"),
    ("statement_timeout", "1500"),
    ("idle_in_transaction_session_timeout", "5000"),
    ("default_transaction_isolation", "read committed"),
];

/// How long a migration waits for a table, in milliseconds: less than the patience of those who wait behind it.
const WAIT_FOR_TABLES: &str = "SET lock_timeout = 500";

/// Accounts and sessions in a PostgreSQL database. Clones share their connections.
///
/// A commit is as durable as the server's `synchronous_commit` makes it: on, unless somebody changed it.
#[derive(Clone)]
pub struct PostgresStore {
    pub(super) pool: PgPool,
}

impl PostgresStore {
    /// Opens the database that `url` names (`postgres://user:password@host/database`) and brings its tables up to date.
    /// Nodes that start at once take turns, and an interrupted start is completed by the next.
    ///
    /// A server on another machine must prove who it is (`sslmode=verify-full`) unless the URL names another mode;
    /// `sslrootcert` names a certificate authority of one's own.
    ///
    /// # Errors
    /// When the URL is none, or the database cannot be reached or migrated. The error does not show the password.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        start(Self::open(url)).await
    }

    async fn open(url: &str) -> Parsed<Self> {
        let options = options(url)?;
        let mut connection = PgConnection::connect_with(&options).await?;
        migrate(&mut connection).await?;
        connection.close().await?;
        Ok(Self { pool: pool().connect_lazy_with(options.options(SETTINGS)) })
    }

    /// Lets running calls end and closes all connections; later calls fail.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

/// Brings the tables up to date. Nodes take turns by the driver's lock, which ends with the connection; for a table that is
/// in use each asks again and again, for as long as a start may take.
async fn migrate(connection: &mut PgConnection) -> Parsed<()> {
    connection.lock().await?;
    connection.execute(WAIT_FOR_TABLES).await?;
    let mut migrator = migrator!("postgres");
    migrator.set_locking(false);
    loop {
        // `run` would make a future that cannot be sent to another thread.
        match migrator.run_direct(None, &mut *connection, false).await {
            Err(error) if is_in_use(&error, is_conflict) => stand_aside().await,
            done => return Ok(done?),
        }
    }
}

pub(super) fn options(url: &str) -> Parsed<PgConnectOptions> {
    check_scheme(url, ["postgres", "postgresql"])?;
    let options = PgConnectOptions::from_str(url)?;
    if must_verify(url, options.get_host(), options.get_socket().is_some()) {
        return Ok(options.ssl_mode(PgSslMode::VerifyFull));
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_another_machine_must_prove_who_it_is() {
        let mode = |url: &str| format!("{:?}", options(url).unwrap().get_ssl_mode());
        assert_eq!(mode("postgres://u:p@db.example.com/x"), "VerifyFull");
        assert_eq!(mode("postgresql://u:p@10.0.0.1:5433/x?application_name=y"), "VerifyFull");
        assert_eq!(mode("postgres://u:p@localhost/x?host=db.example.com"), "VerifyFull");
        assert_eq!(mode("postgres://u:p@db.example.com/x?sslmode=require"), "Require");
        assert_eq!(mode("postgres://u:p@db.example.com/x?sslmode=disable"), "Disable");
        assert_eq!(mode("postgres://u:p@[::1]/x?sslmode=verify-ca"), "VerifyCa");
        assert_ne!(mode("postgres://u:p@[::1]/x"), "VerifyFull");
        assert_ne!(mode("postgres://u:p@%2Frun%2Fpostgresql/x"), "VerifyFull");
    }

    #[tokio::test]
    async fn a_url_that_cannot_be_used_is_an_error_without_its_password() {
        for url in [
            "postgres://ada:hush@127.0.0.1:notaport/x",
            "postgres://ada:hush@127.0.0.1:1/x",
            "postgres://ada:hush@127.0.0.1/x?sslmode=what",
            "mysql://ada:hush@127.0.0.1/x",
            "hush",
        ] {
            let error = PostgresStore::connect(url).await.unwrap_err();
            let cause = std::error::Error::source(&error).unwrap();
            let shown = format!("{error} {error:?} {cause} {cause:?}");
            assert!(!shown.contains("hush"), "{shown}");
        }
    }
}
