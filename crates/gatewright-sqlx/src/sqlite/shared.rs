//! A store on a SQLite pool that the application uses too.

use std::path::Path;

use gatewright_core::StoreError;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Sqlite, SqlitePool, query_scalar};

use super::SqliteStore;
use super::connect::migrate;
use super::file::warn_if_public;
use super::transaction::{Access, SharedTransaction};
use crate::Failure;
use crate::connection::{Pools, Shared};
use crate::migrations::Version;
use crate::store::cannot_open;

const STORE: &str = "SqliteStore";

/// The file of the database: empty if the database is in memory.
const FIND_FILE: &str = "SELECT file FROM pragma_database_list WHERE name = 'main'";

/// The value of `synchronous` with which a commit is on the disk before it is acknowledged.
const FULL: i64 = 2;

impl SqliteStore {
    /// Opens a store on a pool that the application uses too. The tables must exist and be up to
    /// date: see [`migrate`](Self::migrate).
    ///
    /// The store's writes wait for each other, in the order in which they began, so they use one
    /// connection at a time. An operation waits for its turn, a connection and other writers for 3
    /// seconds ([`ACQUIRE_TIMEOUT`](crate::ACQUIRE_TIMEOUT) and
    /// [`BUSY_TIMEOUT`](crate::BUSY_TIMEOUT)).
    ///
    /// Each operation runs in a transaction. If the application returns a connection inside a
    /// transaction, the store rolls that transaction back and logs a warning. A cancelled operation
    /// is rolled back before its connection goes back to the pool.
    ///
    /// The settings of the connections are the application's. A warning is logged if the journal is
    /// not a write-ahead log, because reads then wait for writes. A warning is logged if
    /// `synchronous` is below FULL, because a power cut can then undo a logout. The permissions of
    /// the file are checked as by [`connect`](Self::connect).
    ///
    /// ```
    /// use gatewright::SqliteStore;
    /// use gatewright::store::AccountStore;
    /// use sqlx::SqlitePool;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = SqlitePool::connect("sqlite::memory:").await?;
    /// let error = SqliteStore::from_pool(pool.clone()).await.unwrap_err();
    /// let cause = std::error::Error::source(&error).unwrap().to_string();
    /// assert!(cause.contains("SqliteStore::migrate(&pool)"), "{cause}");
    ///
    /// SqliteStore::migrate(&pool).await?;
    /// let store = SqliteStore::from_pool(pool.clone()).await?;
    /// assert_eq!(store.count().await?.total, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the database cannot be opened, or its tables do not exist or are too old. The error then
    /// names the command that helps.
    pub async fn from_pool(pool: SqlitePool) -> Result<Self, StoreError> {
        Self::share(pool).await.map_err(cannot_open)
    }

    /// Creates the tables, or brings them up to date. If they are up to date, it only reads their
    /// version.
    ///
    /// The files that it runs are in the folder `migrations` of `gatewright-sqlx`. Another tool may
    /// run them instead.
    ///
    /// # Errors
    /// If the database cannot be opened or migrated.
    pub async fn migrate(pool: &SqlitePool) -> Result<(), StoreError> {
        migrate(&Pools::shared(pool.clone(), Shared::new("", None))).await.map_err(cannot_open)
    }

    async fn share(pool: SqlitePool) -> Result<Self, Failure> {
        let shared = Shared::new("", None);
        let mut reader = SharedTransaction::begin(&pool, &shared, Access::Read).await?;
        Version::find::<Sqlite>(reader.connection()?).await?.require_current::<Sqlite>(STORE)?;
        warn_of_settings(reader.connection()?).await?;
        reader.roll_back().await?;
        Ok(Self { pools: Pools::shared(pool, shared) })
    }
}

/// Logs a warning for each setting that weakens the store.
async fn warn_of_settings(connection: &mut SqliteConnection) -> Result<(), Failure> {
    let file: String = query_scalar(FIND_FILE).fetch_one(&mut *connection).await?;
    if file.is_empty() {
        return Ok(());
    }
    warn_if_public(Path::new(&file));
    let journal: String = query_scalar("PRAGMA journal_mode").fetch_one(&mut *connection).await?;
    if journal != "wal" {
        tracing::warn!(
            target: "gatewright",
            "SQLite: journal_mode must be wal, is {journal}: reads wait for writes; set \
             SqliteConnectOptions::journal_mode(SqliteJournalMode::Wal)"
        );
    }
    let synchronous: i64 = query_scalar("PRAGMA synchronous").fetch_one(connection).await?;
    if synchronous < FULL {
        tracing::warn!(
            target: "gatewright",
            "SQLite: synchronous must be FULL, is {synchronous}: a power cut can undo a logout; set \
             SqliteConnectOptions::synchronous(SqliteSynchronous::Full)"
        );
    }
    Ok(())
}
