//! The store's transactions on a SQLite pool that the application uses too.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Executor, Pool, Sqlite};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};

use super::connect::{ACQUIRE_TIMEOUT, BUSY_TIMEOUT, is_locked};
use crate::connection::{Shared, warn_of_open_transaction};

/// The pause after another connection had the write lock, if the application's `busy_timeout` ends
/// earlier than the store's.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// What a transaction does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

impl Access {
    const fn begin(self) -> &'static str {
        match self {
            Self::Read => "BEGIN",
            Self::Write => "BEGIN IMMEDIATE",
        }
    }
}

/// A checked-out connection of the application with an open transaction of the store. If it is
/// dropped before its end, a task rolls the transaction back before it returns the connection.
pub(crate) struct SharedTransaction {
    /// `None` once the transaction has ended.
    connection: Option<PoolConnection<Sqlite>>,
    writer: Option<OwnedSemaphorePermit>,
}

impl SharedTransaction {
    /// Begins a transaction. It waits for its turn, a connection and other writers for
    /// [`ACQUIRE_TIMEOUT`] and [`BUSY_TIMEOUT`] together.
    ///
    /// If the application's `busy_timeout` is longer than the store's, SQLite waits on after this
    /// call has failed. The task keeps the writer's place meanwhile, so that no second connection of
    /// the pool waits too.
    pub(super) async fn begin(pool: &Pool<Sqlite>, shared: &Shared, access: Access) -> sqlx::Result<Self> {
        in_time(ACQUIRE_TIMEOUT + BUSY_TIMEOUT, async {
            let writer = match access {
                Access::Read => None,
                Access::Write => Arc::clone(&shared.writer).acquire_owned().await.ok(),
            };
            let opening = tokio::spawn(open(pool.acquire().await?, writer, access));
            opening.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
        })
        .await
    }

    pub(super) fn connection(&mut self) -> sqlx::Result<&mut SqliteConnection> {
        self.connection.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    pub(super) async fn commit(mut self) -> sqlx::Result<()> {
        self.connection()?.execute("COMMIT").await?;
        self.connection = None;
        Ok(())
    }

    pub(super) async fn roll_back(mut self) -> sqlx::Result<()> {
        self.connection()?.execute("ROLLBACK").await?;
        self.connection = None;
        Ok(())
    }
}

impl Drop for SharedTransaction {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(abandon(connection, self.writer.take()))),
            // Outside a runtime nothing can be awaited: dropping the future closes the connection.
            Err(_) => drop(connection.return_to_pool()),
        }
    }
}

/// Rolls the transaction of a cancelled or failed operation back. Then another writer may begin.
async fn abandon(mut connection: PoolConnection<Sqlite>, writer: Option<OwnedSemaphorePermit>) {
    match connection.execute("ROLLBACK").await {
        Err(error) if !has_no_transaction(&error) => connection.close_on_drop(),
        _ => {}
    }
    drop(connection);
    drop(writer);
}

/// Begins a transaction, after a rollback of what the application may have left open. The task that
/// runs this is never cancelled.
async fn open(
    mut connection: PoolConnection<Sqlite>,
    writer: Option<OwnedSemaphorePermit>,
    access: Access,
) -> sqlx::Result<SharedTransaction> {
    match connection.execute("ROLLBACK").await {
        Ok(_) => warn_of_open_transaction(),
        Err(error) if has_no_transaction(&error) => {}
        Err(error) => return Err(error),
    }
    let started = Instant::now();
    loop {
        match connection.execute(access.begin()).await {
            Ok(_) => return Ok(SharedTransaction { connection: Some(connection), writer }),
            Err(error) if is_locked(&error) && started.elapsed() < BUSY_TIMEOUT => pause().await,
            Err(error) => return Err(error),
        }
    }
}

/// Whether ROLLBACK failed because no transaction is open.
fn has_no_transaction(error: &sqlx::Error) -> bool {
    let error = error.as_database_error();
    error.is_some_and(|error| error.message() == "cannot rollback - no transaction is active")
}

async fn in_time<T>(limit: Duration, waiting: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let too_late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("timed out after {limit:?}"));
    timeout(limit, waiting).await.map_err(too_late)?
}

#[expect(clippy::disallowed_methods, reason = "SQLite does not notify when a lock is free")]
async fn pause() {
    tokio::time::sleep(BUSY_PAUSE).await;
}
