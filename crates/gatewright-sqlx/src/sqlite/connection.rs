//! How operations use connections to SQLite.

use sqlx::Sqlite;
use sqlx::sqlite::{SqliteConnection, SqliteTransaction};

use super::transaction::{Access, SharedTransaction};
use crate::Failure;
use crate::connection::{Checkout, Outcome, Pools};
use crate::row::Row;
use crate::statement::Statement;

const BEGIN: &str = "BEGIN IMMEDIATE";

/// A connection with an open transaction that holds the write lock.
pub(crate) enum SqliteCheckout {
    /// On the store's own writer. If the transaction is dropped before its end, the driver rolls it
    /// back before the connection's next statement.
    Own(SqliteTransaction<'static>),
    /// On a connection that the application uses too.
    Shared(SharedTransaction),
}

impl SqliteCheckout {
    async fn commit(self) -> sqlx::Result<()> {
        match self {
            Self::Own(transaction) => transaction.commit().await,
            Self::Shared(transaction) => transaction.commit().await,
        }
    }

    /// Rolls back, at the latest before the connection's next statement.
    async fn roll_back(self) -> sqlx::Result<()> {
        match self {
            Self::Own(_) => Ok(()),
            Self::Shared(transaction) => transaction.roll_back().await,
        }
    }
}

impl Checkout<Sqlite> for SqliteCheckout {
    fn parts(&mut self) -> sqlx::Result<(&mut SqliteConnection, Option<&str>)> {
        let connection = match self {
            Self::Own(transaction) => &mut **transaction,
            Self::Shared(shared) => shared.connection()?,
        };
        Ok((connection, None))
    }

    async fn begin(pools: &Pools<Sqlite>) -> sqlx::Result<Self> {
        match &pools.shared {
            None => pools.writers.begin_with(BEGIN).await.map(Self::Own),
            Some(shared) => {
                let connection = SharedTransaction::begin(&pools.writers, shared, Access::Write).await?;
                Ok(Self::Shared(connection))
            }
        }
    }

    async fn end<T: Send>(self, outcome: Result<Outcome<T>, Failure>) -> Result<T, Failure> {
        match outcome? {
            Outcome::Commit(value) => {
                self.commit().await?;
                Ok(value)
            }
            Outcome::RollBack(value) => {
                self.roll_back().await?;
                Ok(value)
            }
        }
    }

    async fn execute(pools: &Pools<Sqlite>, statement: Statement<Sqlite>) -> sqlx::Result<u64> {
        let mut checkout = Self::begin(pools).await?;
        let rows = statement.execute(checkout.parts()?.0, None).await?;
        checkout.commit().await?;
        Ok(rows)
    }

    async fn fetch_optional(
        pools: &Pools<Sqlite>,
        statement: Statement<Sqlite>,
    ) -> sqlx::Result<Option<Row<Sqlite>>> {
        let Some(shared) = &pools.shared else {
            return statement.fetch_optional(&mut *pools.readers.acquire().await?, None).await;
        };
        let mut reader = SharedTransaction::begin(&pools.readers, shared, Access::Read).await?;
        let row = statement.fetch_optional(reader.connection()?, None).await?;
        reader.roll_back().await?;
        Ok(row)
    }

    async fn fetch_all(
        pools: &Pools<Sqlite>,
        statement: Statement<Sqlite>,
    ) -> sqlx::Result<Vec<Row<Sqlite>>> {
        let Some(shared) = &pools.shared else {
            return statement.fetch_all(&mut *pools.readers.acquire().await?, None).await;
        };
        let mut reader = SharedTransaction::begin(&pools.readers, shared, Access::Read).await?;
        let rows = statement.fetch_all(reader.connection()?, None).await?;
        reader.roll_back().await?;
        Ok(rows)
    }
}
