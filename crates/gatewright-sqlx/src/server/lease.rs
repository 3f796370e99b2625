//! Connections on loan: one on which a verb did not come to its end goes to nobody else.
//!
//! What is dropped in its middle may have left on the connection what the driver does not know of: a transaction whose
//! beginning was not answered yet, in which everything later would be acknowledged and lost; a statement whose preparation
//! nobody reads to its end. The connection is closed then, and the server undoes what was begun. A call that is given up
//! costs a connection.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::{Pool, PoolConnection, PoolOptions};
use sqlx::query::Query;
use sqlx::{Connection, Database, Executor, IntoArguments};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::{CALL_TIMEOUT, MAX_CONNECTIONS};
use crate::Parsed;

/// How long a connection may take to show that it works, when it is lent and when it comes back. On one that nothing
/// passes over any more the answer would never come, and its place would be taken until the system gives it up.
const PING_TIMEOUT: Duration = Duration::from_millis(500);

/// The connections of a store.
pub(crate) fn pool<DB: Database>() -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(CALL_TIMEOUT)
        // The pool's own test waits without bound; where this one fails, another connection is opened at once.
        .test_before_acquire(false)
        .before_acquire(|connection: &mut DB::Connection, _| {
            Box::pin(async move { Ok(matches!(timeout(PING_TIMEOUT, connection.ping()).await, Ok(Ok(())))) })
        })
}

/// How a transaction that did what it should is to end.
pub(crate) enum Ending<T> {
    /// What it changed is kept.
    Commit(T),
    /// It changed nothing: there is nothing to wait for the disk for.
    RollBack(T),
}

/// A connection for one verb.
pub(crate) struct Lease<DB: Database> {
    connection: PoolConnection<DB>,
    is_whole: bool,
}

impl<DB> Lease<DB>
where
    DB: Database<Arguments: IntoArguments<DB>>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// Begins a transaction, which [`end`](Self::end) ends.
    pub(crate) async fn begin(pool: &Pool<DB>) -> sqlx::Result<Self> {
        let mut lease = Self::of(pool).await?;
        lease.connection.execute("BEGIN").await?;
        Ok(lease)
    }

    /// Ends the transaction as the verb says. Where the database refused a statement, everything is undone.
    pub(crate) async fn end<T>(mut self, verb: Parsed<Ending<T>>) -> Parsed<T> {
        match verb {
            Ok(Ending::Commit(value)) => {
                self.connection.execute("COMMIT").await?;
                self.is_whole = true;
                Ok(value)
            }
            Ok(Ending::RollBack(value)) => {
                self.connection.execute("ROLLBACK").await?;
                self.is_whole = true;
                Ok(value)
            }
            Err(failure) => {
                if failure.downcast_ref().is_some_and(is_answer) {
                    self.is_whole = self.connection.execute("ROLLBACK").await.is_ok();
                }
                Err(failure)
            }
        }
    }

    /// Runs one statement, which is its own transaction.
    pub(crate) async fn execute(
        pool: &Pool<DB>,
        statement: Query<'_, DB, DB::Arguments>,
    ) -> sqlx::Result<DB::QueryResult> {
        let mut lease = Self::of(pool).await?;
        let done = statement.execute(&mut *lease.connection).await;
        lease.give_back(done)
    }

    /// Reads one row, if there is one.
    pub(crate) async fn fetch_optional(
        pool: &Pool<DB>,
        statement: Query<'_, DB, DB::Arguments>,
    ) -> sqlx::Result<Option<DB::Row>> {
        let mut lease = Self::of(pool).await?;
        let done = statement.fetch_optional(&mut *lease.connection).await;
        lease.give_back(done)
    }

    /// Reads all rows.
    pub(crate) async fn fetch_all(
        pool: &Pool<DB>,
        statement: Query<'_, DB, DB::Arguments>,
    ) -> sqlx::Result<Vec<DB::Row>> {
        let mut lease = Self::of(pool).await?;
        let done = statement.fetch_all(&mut *lease.connection).await;
        lease.give_back(done)
    }

    async fn of(pool: &Pool<DB>) -> sqlx::Result<Self> {
        Ok(Self { connection: pool.acquire().await?, is_whole: false })
    }

    fn give_back<T>(mut self, done: sqlx::Result<T>) -> sqlx::Result<T> {
        self.is_whole = done.as_ref().err().is_none_or(is_answer);
        done
    }
}

/// Whether the database said so, and waits for the next statement.
fn is_answer(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(_))
}

impl<DB: Database> Deref for Lease<DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &DB::Connection {
        &self.connection
    }
}

impl<DB: Database> DerefMut for Lease<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        &mut self.connection
    }
}

impl<DB: Database> Drop for Lease<DB> {
    fn drop(&mut self) {
        let whole = self.is_whole.then(|| self.connection.return_to_pool());
        match (whole, Handle::try_current()) {
            // Dropped in its middle, it closes the connection and gives its place free.
            (Some(return_to_pool), Ok(runtime)) => drop(runtime.spawn(timeout(PING_TIMEOUT, return_to_pool))),
            (None, Ok(_)) => self.connection.close_on_drop(),
            // Without a runtime nobody can wait for anything: the connection is closed as it is.
            (_, Err(_)) => drop(self.connection.return_to_pool()),
        }
    }
}
