//! Opens a PostgreSQL database: verified, with limited waits, and with its tables up to date.

use std::str::FromStr;

use gatewright_core::StoreError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{Connection, Executor, Postgres};

use super::PostgresStore;
use crate::Failure;
use crate::connection::Pools;
use crate::migrations::run_missing;
use crate::options::SqlOptions;
use crate::scheme::check_scheme;
use crate::server::migrate::{ServerMigration, migrate};
use crate::server::url::must_verify;
use crate::server::{pool, start};

/// The settings of each connection. Statements and waits for locks end before their operation times
/// out (`CALL_TIMEOUT`). The isolation level is the one that the statements need.
const SETTINGS: [(&str, &str); 4] = [
    ("lock_timeout", "1000"),
    ("statement_timeout", "1500"),
    ("idle_in_transaction_session_timeout", "5000"),
    ("default_transaction_isolation", "read committed"),
];

/// Begins a migration. The lock excludes the migrations of other nodes until the transaction ends.
///
/// The last statement limits how long the migration waits for a table, in milliseconds: less than
/// the timeout of the operations that wait behind it.
const BEGIN_MIGRATION: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
     SET LOCAL lock_timeout = 0;
     SET LOCAL statement_timeout = 0;
     SELECT pg_catalog.pg_advisory_xact_lock(7448285620);
     SET LOCAL lock_timeout = 500";

impl PostgresStore {
    /// Opens the database at `url` (`postgres://user:password@host/database`), and brings its
    /// tables up to date.
    ///
    /// Nodes that start at the same time run the migrations one after the other. If a start was
    /// interrupted, the next one completes its migrations.
    ///
    /// TLS with a verified certificate and host name (`sslmode=verify-full`) is required, unless
    /// the server is on this machine or the URL sets another `sslmode`. `sslrootcert` sets a
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
        let mut connection = PgConnection::connect_with(&options).await?;
        migrate::<Postgres>(&mut connection).await?;
        connection.close().await?;
        let only = pool.connect_lazy_with(options.options(SETTINGS));
        Ok(Self { pools: Pools::own(only.clone(), only) })
    }
}

impl ServerMigration for Postgres {
    async fn run_exclusively(connection: &mut PgConnection) -> Result<(), Failure> {
        connection.execute(BEGIN_MIGRATION).await?;
        if let Err(failure) = run_missing::<Self>(connection).await {
            connection.execute("ROLLBACK").await?;
            return Err(failure);
        }
        connection.execute("COMMIT").await?;
        Ok(())
    }
}

pub(crate) fn options(url: &str) -> Result<PgConnectOptions, Failure> {
    check_scheme(url, &["postgres", "postgresql"])?;
    let options = PgConnectOptions::from_str(url)?;
    if must_verify(url, options.get_host(), options.get_socket().is_some()) {
        return Ok(options.ssl_mode(PgSslMode::VerifyFull));
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
    async fn errors_of_connect_do_not_contain_the_password() {
        for url in [
            "postgres://ada:hush@127.0.0.1:notaport/x",
            "postgres://ada:hush@127.0.0.1:1/x",
            "postgres://ada:hush@127.0.0.1/x?sslmode=what",
            "mysql://ada:hush@127.0.0.1/x",
            "hush",
        ] {
            let error = PostgresStore::connect(url).await.unwrap_err();
            assert_hides("hush", &error);
        }
    }
}
