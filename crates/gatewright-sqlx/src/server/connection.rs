//! A connection to a server that one operation has checked out of the pool.
//!
//! If an operation is cancelled or loses its connection, the driver may not know the connection's
//! state: there may be an open transaction whose `BEGIN` was not answered yet, or an answer that
//! was read in part. In such a transaction later changes would be acknowledged and then lost.
//! Therefore the connection is closed instead of returned, and the server rolls its transaction
//! back. A cancelled operation costs a connection.

use std::ops::{Deref, DerefMut};

use sqlx::Pool;
use sqlx::pool::PoolConnection;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::PING_TIMEOUT;
use crate::Failure;
use crate::connection::{Checkout, Outcome, Pools};
use crate::dialect::Dialect;
use crate::row::Row;
use crate::statement::Statement;

/// A checked-out connection. It is returned to the pool only if it is reusable.
pub(crate) struct ServerConnection<D: Dialect> {
    connection: PoolConnection<D>,
    /// Whether the server has answered everything and no transaction is open.
    is_reusable: bool,
}

impl<D: Dialect> ServerConnection<D> {
    async fn check_out(pool: &Pool<D>) -> sqlx::Result<Self> {
        Ok(Self { connection: pool.acquire().await?, is_reusable: false })
    }

    /// Passes on the result of a single statement. After an answer of the server the connection is
    /// reusable.
    fn finish<T>(mut self, result: sqlx::Result<T>) -> sqlx::Result<T> {
        self.is_reusable = result.as_ref().err().is_none_or(is_answer);
        result
    }

    async fn run(&mut self, statement: &'static str) -> sqlx::Result<()> {
        D::execute(&mut self.connection, statement).await.map(drop)
    }
}

impl<D: Dialect> Checkout<D> for ServerConnection<D> {
    async fn begin(pools: &Pools<D>) -> sqlx::Result<Self> {
        let mut connection = Self::check_out(&pools.writers).await?;
        connection.run("BEGIN").await?;
        Ok(connection)
    }

    async fn end<T: Send>(mut self, outcome: Result<Outcome<T>, Failure>) -> Result<T, Failure> {
        let (statement, value) = match outcome {
            Ok(Outcome::Commit(value)) => ("COMMIT", value),
            Ok(Outcome::RollBack(value)) => ("ROLLBACK", value),
            Err(failure) => {
                if failure.downcast_ref().is_some_and(is_answer) {
                    self.is_reusable = self.run("ROLLBACK").await.is_ok();
                }
                return Err(failure);
            }
        };
        self.run(statement).await?;
        self.is_reusable = true;
        Ok(value)
    }

    async fn execute(pools: &Pools<D>, statement: Statement<D>) -> sqlx::Result<u64> {
        let mut connection = Self::check_out(&pools.writers).await?;
        let result = statement.execute(&mut connection).await;
        connection.finish(result)
    }

    async fn fetch_optional(pools: &Pools<D>, statement: Statement<D>) -> sqlx::Result<Option<Row<D>>> {
        let mut connection = Self::check_out(&pools.readers).await?;
        let result = statement.fetch_optional(&mut connection).await;
        connection.finish(result)
    }

    async fn fetch_all(pools: &Pools<D>, statement: Statement<D>) -> sqlx::Result<Vec<Row<D>>> {
        let mut connection = Self::check_out(&pools.readers).await?;
        let result = statement.fetch_all(&mut connection).await;
        connection.finish(result)
    }
}

/// Whether the error is the server's answer: the server then waits for the next statement.
fn is_answer(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(_))
}

impl<D: Dialect> Deref for ServerConnection<D> {
    type Target = D::Connection;

    fn deref(&self) -> &D::Connection {
        &self.connection
    }
}

impl<D: Dialect> DerefMut for ServerConnection<D> {
    fn deref_mut(&mut self) -> &mut D::Connection {
        &mut self.connection
    }
}

impl<D: Dialect> Drop for ServerConnection<D> {
    fn drop(&mut self) {
        let returned = self.is_reusable.then(|| self.connection.return_to_pool());
        match (returned, Handle::try_current()) {
            // After the timeout the future is dropped, which closes the connection and frees its
            // place.
            (Some(returned), Ok(runtime)) => drop(runtime.spawn(timeout(PING_TIMEOUT, returned))),
            (None, Ok(_)) => self.connection.close_on_drop(),
            // Outside a runtime nothing can be awaited: dropping the future closes the connection
            // at once.
            (_, Err(_)) => drop(self.connection.return_to_pool()),
        }
    }
}
