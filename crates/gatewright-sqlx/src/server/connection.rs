//! A connection to a server that one operation has checked out of the pool.
//!
//! If an operation is cancelled or loses its connection, the driver may not know the connection's
//! state: there may be an open transaction whose `BEGIN` was not answered yet, or an answer that
//! was read in part. In such a transaction later changes would be acknowledged and then lost.
//! Therefore the connection is closed instead of returned, and the server rolls its transaction
//! back. A cancelled operation costs a connection.

use std::sync::Arc;

use sqlx::Pool;
use sqlx::pool::PoolConnection;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::PING_TIMEOUT;
use super::shared::{self, SharedServer};
use crate::Failure;
use crate::connection::{Checkout, Outcome, Pools, Shared};
use crate::dialect::Dialect;
use crate::row::Row;
use crate::statement::Statement;

/// A checked-out connection. It is returned to the pool only if it is reusable.
pub(crate) struct ServerConnection<D: Dialect> {
    connection: PoolConnection<D>,
    /// Whether the server has answered everything and no transaction is open.
    is_reusable: bool,
    /// Set if the application uses the connection too.
    shared: Option<Arc<Shared>>,
}

impl<D: SharedServer> ServerConnection<D> {
    /// Checks a connection out. If the application uses it too, it has an open transaction.
    async fn check_out(pool: &Pool<D>, shared: Option<&Arc<Shared>>) -> sqlx::Result<Self> {
        let connection = pool.acquire().await?;
        let mut checkout = Self { connection, is_reusable: false, shared: shared.cloned() };
        if let Some(shared) = &checkout.shared {
            shared::begin::<D>(&mut checkout.connection, shared).await?;
        }
        Ok(checkout)
    }

    /// Passes on the result of a single statement. After an answer of the server the connection is
    /// reusable.
    async fn finish<T>(mut self, result: sqlx::Result<T>) -> sqlx::Result<T> {
        let is_answered = result.as_ref().err().is_none_or(is_answer);
        if self.shared.is_none() {
            self.is_reusable = is_answered;
        } else if result.is_ok() {
            self.run(self.commit()).await?;
            self.is_reusable = true;
        } else if is_answered {
            self.is_reusable = self.run(self.roll_back()).await.is_ok();
        }
        result
    }

    const fn commit(&self) -> &'static str {
        if self.shared.is_some() { D::COMMIT_SHARED } else { "COMMIT" }
    }

    const fn roll_back(&self) -> &'static str {
        if self.shared.is_some() { D::ROLL_BACK_SHARED } else { "ROLLBACK" }
    }

    async fn run(&mut self, statement: &'static str) -> sqlx::Result<()> {
        D::execute(&mut self.connection, statement).await.map(drop)
    }
}

impl<D: SharedServer> Checkout<D> for ServerConnection<D> {
    fn parts(&mut self) -> sqlx::Result<(&mut D::Connection, Option<&str>)> {
        let schema = self.shared.as_ref().and_then(|shared| shared.schema.as_deref());
        Ok((&mut self.connection, schema))
    }

    async fn begin(pools: &Pools<D>) -> sqlx::Result<Self> {
        let mut checkout = Self::check_out(&pools.writers, pools.shared.as_ref()).await?;
        if checkout.shared.is_none() {
            checkout.run("BEGIN").await?;
        }
        Ok(checkout)
    }

    async fn end<T: Send>(mut self, outcome: Result<Outcome<T>, Failure>) -> Result<T, Failure> {
        let (statement, value) = match outcome {
            Ok(Outcome::Commit(value)) => (self.commit(), value),
            Ok(Outcome::RollBack(value)) => (self.roll_back(), value),
            Err(failure) => {
                if failure.downcast_ref().is_some_and(is_answer) {
                    self.is_reusable = self.run(self.roll_back()).await.is_ok();
                }
                return Err(failure);
            }
        };
        self.run(statement).await?;
        self.is_reusable = true;
        Ok(value)
    }

    async fn execute(pools: &Pools<D>, statement: Statement<D>) -> sqlx::Result<u64> {
        let mut checkout = Self::check_out(&pools.writers, pools.shared.as_ref()).await?;
        let (connection, schema) = checkout.parts()?;
        let result = statement.execute(connection, schema).await;
        checkout.finish(result).await
    }

    async fn fetch_optional(pools: &Pools<D>, statement: Statement<D>) -> sqlx::Result<Option<Row<D>>> {
        let mut checkout = Self::check_out(&pools.readers, pools.shared.as_ref()).await?;
        let (connection, schema) = checkout.parts()?;
        let result = statement.fetch_optional(connection, schema).await;
        checkout.finish(result).await
    }

    async fn fetch_all(pools: &Pools<D>, statement: Statement<D>) -> sqlx::Result<Vec<Row<D>>> {
        let mut checkout = Self::check_out(&pools.readers, pools.shared.as_ref()).await?;
        let (connection, schema) = checkout.parts()?;
        let result = statement.fetch_all(connection, schema).await;
        checkout.finish(result).await
    }
}

/// Whether the error is the server's answer: the server then waits for the next statement.
fn is_answer(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(_))
}

impl<D: Dialect> Drop for ServerConnection<D> {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else {
            // Outside a runtime nothing can be awaited: dropping the future closes the connection.
            return drop(self.connection.return_to_pool());
        };
        if !self.is_reusable {
            self.connection.close_on_drop();
        } else if self.shared.is_none() {
            // After the timeout the future is dropped, which closes the connection and frees its
            // place. A pool of the application has hooks and limits of its own.
            drop(runtime.spawn(timeout(PING_TIMEOUT, self.connection.return_to_pool())));
        }
    }
}
