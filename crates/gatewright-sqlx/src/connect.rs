//! Opening a database: durable, with bounded waits, and with its tables in place.

use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use gatewright_core::StoreError;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, SqlStr, Sqlite, Transaction};

/// How long a statement waits for another process's lock.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a call waits for a connection. A refresh makes three calls, of which the last alone writes: with
/// [`BUSY_TIMEOUT`], it has failed after 5 seconds at the latest.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections for reading; SQLite's write-ahead log lets them read while one writes.
const READERS: u32 = 4;

/// Two processes that start at once on an empty database both try to make the tables; the slower looks again.
const MIGRATION_ATTEMPTS: u32 = 5;

/// Accounts and sessions in a SQLite database. Clones share their connections.
#[derive(Clone)]
pub struct SqliteStore {
    /// One connection: SQLite has one writer at a time, and callers in this process queue for it in order.
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens the database that `url` names (`sqlite://path`, `sqlite::memory:`), makes it if it is absent, for its owner
    /// alone, and brings its tables up to date. Every commit is on the disk before it is acknowledged (`synchronous = FULL`).
    ///
    /// # Errors
    /// When the URL is none, or the database cannot be opened or migrated.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let action = "open the database";
        let options = SqliteConnectOptions::from_str(url)
            .map_err(|error| StoreError::new(action, error))?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = |connections: u32| {
            SqlitePoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT)
        };
        let store = if is_in_memory(url) {
            // A database in memory belongs to its one connection, and is gone with it.
            let forever = pool(1).idle_timeout(None).max_lifetime(None);
            let only = forever.connect_with(options).await.map_err(|error| StoreError::new(action, error))?;
            Self { writer: only.clone(), readers: only }
        } else {
            make_private(options.get_filename()).map_err(|error| StoreError::new(action, error))?;
            let writer = pool(1).after_release(|connection, _| Box::pin(is_clean(connection)));
            let writer = writer.connect_with(options.clone()).await;
            let writer = writer.map_err(|error| StoreError::new(action, error))?;
            Self { writer, readers: pool(READERS).connect_lazy_with(options.read_only(true)) }
        };
        store.migrate().await?;
        Ok(store)
    }

    /// Lets running calls end and closes all connections; later calls fail.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(crate) const fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Begins a transaction that holds the write lock from its first statement: what it reads is what it changes.
    pub(crate) async fn write(
        &self,
        action: &'static str,
    ) -> Result<Transaction<'static, Sqlite>, StoreError> {
        let begun = self.writer.begin_with("BEGIN IMMEDIATE").await;
        begun.map_err(|error| StoreError::new(action, error))
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let migrator = migrator();
        let mut attempt = 1;
        loop {
            match migrator.run(&self.writer).await {
                Ok(()) => return Ok(()),
                Err(_) if attempt < MIGRATION_ATTEMPTS => attempt += 1,
                Err(error) => return Err(StoreError::new("bring its tables up to date", error)),
            }
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

/// Whether a connection may go back to the pool. After a full disk or an I/O error SQLite has rolled back by itself, the
/// driver's own ROLLBACK fails, and the driver believes itself inside a transaction from then on.
async fn is_clean(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    connection.ping().await?; // what a dropped transaction left to do is done first
    Ok(!connection.is_in_transaction())
}

/// Makes a database that is absent, for its owner alone: it will hold hashes and seeds. SQLite gives its other files the
/// same permissions.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn is_in_memory(url: &str) -> bool {
    url.contains(":memory:") || url.contains("mode=memory")
}

fn migrator() -> Migrator {
    let statements = SqlStr::from_static(include_str!("../migrations/sqlite/0001_users_and_sessions.sql"));
    let first = Migration::new(1, "users and sessions".into(), MigrationType::Simple, statements, false);
    let mut migrator = Migrator::with_migrations(vec![first]);
    migrator.dangerous_set_table_name("_gatewright_migrations");
    migrator
}
