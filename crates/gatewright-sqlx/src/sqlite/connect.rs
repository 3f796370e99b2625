//! Opens a SQLite database: durable, with limited waits, and with its tables up to date.

use std::error::Error;
use std::str::FromStr;
use std::time::Duration;

use gatewright_core::StoreError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, Sqlite};
use tokio::time::Instant;

use super::SqliteStore;
use super::file::{create_private, warn_if_public};
use super::transaction::{Access, SharedTransaction};
use crate::Failure;
use crate::connection::{Outcome, Pools};
use crate::migrations::{Version, run_missing};
use crate::options::SqlOptions;
use crate::scheme::check_scheme;
use crate::store::cannot_open;

/// How long a statement on SQLite waits for a lock of another process: 2 seconds.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an operation on SQLite waits for a connection: 1 second.
///
/// A refresh makes three operations, of which only the last one writes. Together with
/// [`BUSY_TIMEOUT`], it fails after 5 seconds at the latest.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);

/// The connection that writes.
const WRITER: u32 = 1;

/// Connections that read, unless [`SqlOptions`] set another number. SQLite's write-ahead log lets them read during a write.
const READERS: u32 = 4;

/// How long a start is retried if another process may have disturbed it. On a new database, SQLite does not
/// wait for locks while the journal mode changes.
const START_RETRIES: Duration = Duration::from_secs(30);
const START_PAUSE: Duration = Duration::from_millis(100);

impl SqliteStore {
    /// Opens the database at `url` (`sqlite://path` or `sqlite::memory:`), and brings its tables up
    /// to date. A file that does not exist is created, readable by its owner only. If others can
    /// read or write an existing file, a warning with the fix is logged.
    ///
    /// A database in memory lives as long as the store and its clones.
    ///
    /// # Errors
    /// If the URL is invalid, or the database cannot be opened or migrated. As long as another process has locked
    /// it, the start is retried for 30 seconds.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::connect_with(url, SqlOptions::new()).await
    }

    /// Like [`connect`](Self::connect), with options.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect), and if an option is out of range.
    pub async fn connect_with(url: &str, options: SqlOptions) -> Result<Self, StoreError> {
        Self::open_with_retries(url, &options).await.map_err(cannot_open)
    }

    async fn open_with_retries(url: &str, store: &SqlOptions) -> Result<Self, Failure> {
        let options = options(url)?;
        let connections = store.max_connections(2, WRITER + READERS)?;
        if !is_in_memory(url) {
            warn_if_public(options.get_filename());
        }
        let begun = Instant::now();
        loop {
            match Self::open(url, options.clone(), connections).await {
                Err(failure) if is_concurrent_start(&*failure) && begun.elapsed() < START_RETRIES => {
                    pause().await
                }
                opened => return opened,
            }
        }
    }

    async fn open(url: &str, options: SqliteConnectOptions, connections: u32) -> Result<Self, Failure> {
        let pool = |connections: u32| {
            SqlitePoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT)
        };
        let pools = if is_in_memory(url) {
            // A database in memory is deleted with its only connection. The pool's test would close
            // the connection if an operation is cancelled during the test.
            let only = pool(1).idle_timeout(None).max_lifetime(None).test_before_acquire(false);
            let only = only.connect_with(options).await?;
            Pools::own(only.clone(), only)
        } else {
            create_private(options.get_filename())?;
            let writers = pool(WRITER).after_release(|connection, _| Box::pin(is_reusable(connection)));
            let writers = writers.connect_with(options.clone()).await?;
            Pools::own(writers, pool(connections - WRITER).connect_lazy_with(options.read_only(true)))
        };
        migrate(&pools).await?;
        Ok(Self { pools })
    }
}

/// Brings the tables up to date. If they are up to date, it only reads their version.
pub(super) async fn migrate(pools: &Pools<Sqlite>) -> Result<(), Failure> {
    if find_version(pools).await?.is_current::<Sqlite>() {
        return Ok(());
    }
    // The transaction excludes the migrations of other processes.
    let mut transaction = pools.begin().await?;
    let migrated = run_missing::<Sqlite>(transaction.connection()?).await;
    transaction.end(migrated.map(Outcome::Commit)).await
}

async fn find_version(pools: &Pools<Sqlite>) -> Result<Version, Failure> {
    match &pools.shared {
        None => Version::find::<Sqlite>(&mut *pools.writers.acquire().await?).await,
        Some(shared) => {
            let mut reader = SharedTransaction::begin(&pools.readers, shared, Access::Read).await?;
            let version = Version::find::<Sqlite>(reader.connection()?).await?;
            reader.roll_back().await?;
            Ok(version)
        }
    }
}

/// Whether a connection may go back to the pool.
///
/// After a full disk or an I/O error, SQLite rolls back by itself. The driver's own ROLLBACK then
/// fails, and the driver continues to count a transaction that no longer exists.
async fn is_reusable(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    connection.ping().await?; // waits until the rollback of a dropped transaction is done
    Ok(!connection.is_in_transaction())
}

/// Whether the start of another process may have caused the failure, by a lock. The pool's own time limit ends a
/// wait for a lock before SQLite does.
fn is_concurrent_start(failure: &(dyn Error + Send + Sync + 'static)) -> bool {
    failure.downcast_ref().is_some_and(|error| matches!(error, sqlx::Error::PoolTimedOut) || is_locked(error))
}

/// Whether another connection holds a lock (`SQLITE_BUSY`, `SQLITE_LOCKED`).
pub(super) fn is_locked(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

#[expect(clippy::disallowed_methods, reason = "SQLite does not notify when a lock is free; only at a start")]
async fn pause() {
    tokio::time::sleep(START_PAUSE).await;
}

fn options(url: &str) -> Result<SqliteConnectOptions, Failure> {
    check_scheme(url, &["sqlite"])?;
    let options = SqliteConnectOptions::from_str(url)?;
    Ok(options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT))
}

fn is_in_memory(url: &str) -> bool {
    url.contains(":memory:") || url.contains("mode=memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a scheme, the driver takes any text as a path and creates a file.
    #[tokio::test]
    async fn urls_of_other_databases_are_rejected() {
        for url in ["postgres://ada:hush@127.0.0.1/x", "mysql://127.0.0.1/x", "app.db", ""] {
            let error = SqliteStore::connect(url).await.unwrap_err();
            let cause = error.source().unwrap().to_string();
            assert_eq!(cause, "the URL must begin with sqlite:");
        }
    }

    /// `BUSY_TIMEOUT` is longer than `ACQUIRE_TIMEOUT`, so a lock can appear as a connection that was not opened
    /// in time.
    #[test]
    fn a_start_is_retried_after_a_wait_for_a_connection() {
        const { assert!(BUSY_TIMEOUT.as_millis() > ACQUIRE_TIMEOUT.as_millis()) };
        assert!(is_concurrent_start(&sqlx::Error::PoolTimedOut));
        assert!(!is_concurrent_start(&sqlx::Error::PoolClosed));
        assert!(!is_concurrent_start(&sqlx::Error::RowNotFound));
    }
}
