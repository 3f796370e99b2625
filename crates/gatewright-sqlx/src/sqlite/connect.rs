//! Opening a database: durable, with bounded waits, and with its tables in place.

use std::error::Error;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use gatewright_core::StoreError;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::SqliteConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, Sqlite, Transaction};

use crate::Failure;
use crate::migrations::migrator;

/// How long a statement on SQLite waits for another process's lock.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a call on SQLite waits for a connection. A refresh makes three calls, of which the last alone writes: with
/// [`BUSY_TIMEOUT`], it has failed after 5 seconds at the latest.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections for reading; SQLite's write-ahead log lets them read while one writes.
const READERS: u32 = 4;

/// Processes that start at once on a new database get in each other's way: SQLite waits for no lock where the journal
/// is switched, and the slower finds tables that it was about to make. Each tries again, for 5 seconds.
const START_ATTEMPTS: u32 = 50;
const START_PAUSE: Duration = Duration::from_millis(100);

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
        let broken = |error: Failure| StoreError::new("open the database", error);
        let options = options(url).map_err(broken)?;
        let mut attempt = 1;
        loop {
            match Self::open(url, options.clone()).await {
                Err(error) if attempt < START_ATTEMPTS && is_passing(&*error) => attempt += 1,
                opened => return opened.map_err(broken),
            }
            take_turns().await;
        }
    }

    async fn open(url: &str, options: SqliteConnectOptions) -> Result<Self, Failure> {
        let pool = |connections: u32| {
            SqlitePoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_TIMEOUT)
        };
        let store = if is_in_memory(url) {
            // A database in memory belongs to its one connection, and is gone with it.
            let only = pool(1).idle_timeout(None).max_lifetime(None).connect_with(options).await?;
            Self { writer: only.clone(), readers: only }
        } else {
            make_private(options.get_filename())?;
            let writer = pool(1).after_release(|connection, _| Box::pin(is_clean(connection)));
            let writer = writer.connect_with(options.clone()).await?;
            Self { writer, readers: pool(READERS).connect_lazy_with(options.read_only(true)) }
        };
        migrator!("sqlite").run(&store.writer).await?;
        Ok(store)
    }

    /// Lets running calls end and closes all connections; later calls fail.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(super) const fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Begins a transaction that holds the write lock from its first statement: what it reads is what it changes.
    pub(super) async fn write(
        &self,
        action: &'static str,
    ) -> Result<Transaction<'static, Sqlite>, StoreError> {
        let begun = self.writer.begin_with("BEGIN IMMEDIATE").await;
        begun.map_err(|error| StoreError::new(action, error))
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
/// same permissions. It is made under another name and closed before it gets its own: to close a file is to lose the
/// locks that others of this process hold on it. That name is a new one each time, and nothing that has it already is
/// opened.
fn make_private(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    if path.is_symlink() {
        // SQLite would follow it, and make the file for everybody.
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the path is a link to a file that is not there",
        ));
    }
    let number = RandomState::new().hash_one(std::process::id());
    let draft = path.with_extension(format!("new-{number:016x}"));
    drop(private().create_new(true).open(&draft)?);
    let named = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match named {
        Ok(()) => Ok(()),
        // Somebody else was quicker, or the file system knows no links.
        Err(_) => match private().create_new(true).open(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        },
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Whether another process's start explains the failure: a lock, or a migration that both began.
fn is_passing(failure: &(dyn Error + Send + Sync + 'static)) -> bool {
    let locked = |error: &sqlx::Error| {
        let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
        code.is_some_and(|code| matches!(code & 0xff, 5 | 6))
    };
    failure.downcast_ref().is_some_and(locked)
        || matches!(
            failure.downcast_ref(),
            Some(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..))
        )
}

#[expect(
    clippy::disallowed_methods,
    reason = "SQLite tells nobody when a lock is free; only while a process starts"
)]
async fn take_turns() {
    tokio::time::sleep(START_PAUSE).await;
}

fn options(url: &str) -> Result<SqliteConnectOptions, Failure> {
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

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    use super::*;

    /// A new, empty folder.
    fn folder() -> PathBuf {
        let number = RandomState::new().hash_one("folder");
        let folder = std::env::temp_dir().join(format!("gatewright-{number:016x}"));
        fs::create_dir(&folder).unwrap();
        folder
    }

    #[test]
    fn a_new_database_is_its_owners_alone_and_nothing_is_left_beside_it() {
        let folder = folder();
        for _ in 0..2 {
            make_private(&folder.join("store.db")).unwrap();
        }
        let files: Vec<_> = fs::read_dir(&folder).unwrap().map(Result::unwrap).collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_somebody_left_under_another_name_is_not_overwritten() {
        let folder = folder();
        let precious = folder.join("precious");
        fs::write(&precious, "precious").unwrap();
        for number in 0..1_000 {
            let guess = format!("store.new-{}-{number}", std::process::id());
            symlink(&precious, folder.join(guess)).unwrap();
        }
        make_private(&folder.join("store.db")).unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
        fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_link_to_nothing_is_not_followed() {
        let folder = folder();
        let (link, target) = (folder.join("store.db"), folder.join("elsewhere.db"));
        symlink(&target, &link).unwrap();
        let url = format!("sqlite://{}", link.display());
        assert!(SqliteStore::connect(&url).await.is_err());
        assert!(!target.exists());
        make_private(&target).unwrap();
        SqliteStore::connect(&url).await.unwrap();
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(folder).unwrap();
    }
}
