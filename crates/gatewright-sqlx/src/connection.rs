//! Connections: the pools of a store, and how one operation uses a connection.

use std::ops::DerefMut;

use gatewright_core::StoreError;
use sqlx::{Database, Pool};

use crate::Failure;
use crate::dialect::Dialect;
use crate::row::Row;
use crate::statement::Statement;

/// The connections of a store. On a server both pools are the same one.
pub(crate) struct Pools<D: Database> {
    pub(crate) writers: Pool<D>,
    pub(crate) readers: Pool<D>,
}

impl<D: Database> Clone for Pools<D> {
    fn clone(&self) -> Self {
        Self { writers: self.writers.clone(), readers: self.readers.clone() }
    }
}

impl<D: Dialect> Pools<D> {
    /// Begins a transaction.
    pub(crate) async fn begin(&self) -> sqlx::Result<Transaction<D>> {
        Ok(Transaction(D::Checkout::begin(self).await?))
    }

    /// Runs one statement in a transaction of its own, and returns how many rows it changed.
    pub(crate) async fn execute(
        &self,
        action: &'static str,
        statement: impl Fn() -> Statement<D>,
    ) -> Result<u64, StoreError> {
        D::RETRY.run(action, || async { Ok(D::Checkout::execute(self, statement()).await?) }).await
    }

    /// Reads the first row, if there is one.
    pub(crate) async fn fetch_optional<T>(
        &self,
        action: &'static str,
        select: impl Fn() -> Statement<D>,
        parse: fn(&Row<D>) -> Result<T, Failure>,
    ) -> Result<Option<T>, StoreError> {
        let read =
            || async { D::Checkout::fetch_optional(self, select()).await?.as_ref().map(parse).transpose() };
        D::RETRY.run(action, read).await
    }

    /// Reads all rows.
    pub(crate) async fn fetch_all<T>(
        &self,
        action: &'static str,
        select: impl Fn() -> Statement<D>,
        parse: fn(&Row<D>) -> Result<T, Failure>,
    ) -> Result<Vec<T>, StoreError> {
        let read = || async { D::Checkout::fetch_all(self, select()).await?.iter().map(parse).collect() };
        D::RETRY.run(action, read).await
    }
}

/// An open transaction. If it is dropped before [`end`](Self::end), it is rolled back.
pub(crate) struct Transaction<D: Dialect>(D::Checkout);

impl<D: Dialect> Transaction<D> {
    /// Runs a statement, and returns how many rows it changed.
    pub(crate) async fn execute(&mut self, statement: Statement<D>) -> sqlx::Result<u64> {
        statement.execute(&mut self.0).await
    }

    /// Reads the first row, if there is one.
    pub(crate) async fn fetch_optional(&mut self, select: Statement<D>) -> sqlx::Result<Option<Row<D>>> {
        select.fetch_optional(&mut self.0).await
    }

    /// Reads all rows.
    pub(crate) async fn fetch_all(&mut self, select: Statement<D>) -> sqlx::Result<Vec<Row<D>>> {
        select.fetch_all(&mut self.0).await
    }

    /// The connection, for statements that only a migration runs.
    #[cfg(feature = "sqlite")]
    pub(crate) fn connection(&mut self) -> &mut D::Connection {
        &mut self.0
    }

    /// Ends the transaction as `outcome` says. If a statement failed, all changes are rolled back.
    pub(crate) async fn end<T: Send>(self, outcome: Result<Outcome<T>, Failure>) -> Result<T, Failure> {
        self.0.end(outcome).await
    }
}

/// How a transaction ends if none of its statements failed.
pub(crate) enum Outcome<T> {
    /// The changes are committed.
    Commit(T),
    /// There are no changes: a rollback does not wait for the disk.
    RollBack(T),
}

/// A connection that one operation has checked out of a pool, with an open transaction.
///
/// # Contract
/// - An operation that is dropped before its end leaves no open transaction behind.
/// - A connection goes back to the pool only if it can run the next operation.
pub(crate) trait Checkout<D: Dialect>: DerefMut<Target = D::Connection> + Send + Sized {
    /// Begins a transaction.
    fn begin(pools: &Pools<D>) -> impl Future<Output = sqlx::Result<Self>> + Send;

    /// Ends the transaction as `outcome` says. If a statement failed, all changes are rolled back.
    fn end<T: Send>(
        self,
        outcome: Result<Outcome<T>, Failure>,
    ) -> impl Future<Output = Result<T, Failure>> + Send;

    /// Runs one statement in a transaction of its own, and returns how many rows it changed.
    fn execute(pools: &Pools<D>, statement: Statement<D>) -> impl Future<Output = sqlx::Result<u64>> + Send;

    /// Reads the first row, if there is one.
    fn fetch_optional(
        pools: &Pools<D>,
        statement: Statement<D>,
    ) -> impl Future<Output = sqlx::Result<Option<Row<D>>>> + Send;

    /// Reads all rows.
    fn fetch_all(
        pools: &Pools<D>,
        statement: Statement<D>,
    ) -> impl Future<Output = sqlx::Result<Vec<Row<D>>>> + Send;
}
