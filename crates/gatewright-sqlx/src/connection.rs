//! Connections: the pools of a store, and how one operation uses a connection.

use std::sync::Arc;

use gatewright_core::StoreError;
use gatewright_core::audit::AuditTask;
use sqlx::{Database, Pool, SqlSafeStr, SqlStr};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::Failure;
use crate::dialect::Dialect;
use crate::row::Row;
use crate::statement::Statement;
use crate::throttle::Waiting;

/// The connections of a store. On a server both pools are the same one.
pub(crate) struct Pools<D: Database> {
    pub(crate) writers: Pool<D>,
    pub(crate) readers: Pool<D>,
    /// Set if the application uses the pool too.
    pub(crate) shared: Option<Arc<Shared>>,
    /// The steps of the throttle that wait for each other.
    pub(crate) waiting: Arc<Waiting>,
    /// The runtime on which the store was opened. Its connections belong to it.
    runtime: Option<Handle>,
}

/// How a store uses a pool that the application uses too.
///
/// The application may leave any settings on a connection, and even an open transaction. So each
/// operation runs in a transaction that first sets what the operation needs. It leaves the
/// application's settings as they were.
pub(crate) struct Shared {
    /// On a server, the statements that begin a transaction with the store's settings.
    #[cfg_attr(
        not(any(feature = "mysql", feature = "postgres")),
        allow(dead_code, reason = "only servers read it")
    )]
    pub(crate) begin: SqlStr,
    /// The schema of the tables. `None` if `begin` selects it.
    #[cfg_attr(
        not(any(feature = "mysql", feature = "postgres")),
        allow(dead_code, reason = "only servers read it")
    )]
    pub(crate) schema: Option<String>,
    /// On SQLite, the place of the only writer. The store's writers wait for it in their order.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "only SQLite reads it"))]
    pub(crate) writer: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn new(begin: impl SqlSafeStr, schema: Option<String>) -> Self {
        Self { begin: begin.into_sql_str(), schema, writer: Arc::new(Semaphore::new(1)) }
    }
}

#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub(crate) fn warn_of_open_transaction() {
    tracing::warn!(
        target: "gatewright",
        "the application returned a connection to the pool inside a transaction, which is rolled back; \
         end every transaction before its connection goes back"
    );
}

impl<D: Database> Pools<D> {
    /// The pools of a store that has opened them itself.
    pub(crate) fn own(writers: Pool<D>, readers: Pool<D>) -> Self {
        Self { writers, readers, shared: None, waiting: Arc::default(), runtime: Handle::try_current().ok() }
    }

    /// A pool that the application uses too.
    pub(crate) fn shared(pool: Pool<D>, shared: Shared) -> Self {
        let shared = Some(Arc::new(shared));
        let (writers, runtime) = (pool.clone(), Handle::try_current().ok());
        Self { writers, readers: pool, shared, waiting: Arc::default(), runtime }
    }
}

impl<D: Database> Pools<D> {
    /// Runs a task in the background, on the runtime on which the store was opened, else on that of the caller. Without
    /// one, or on one that has ended, it drops the task, and the audit trail says so in the log.
    pub(crate) fn spawn(&self, task: AuditTask) {
        if let Some(runtime) = self.runtime.clone().or_else(|| Handle::try_current().ok()) {
            drop(runtime.spawn(task));
        }
    }
}

impl<D: Database> Clone for Pools<D> {
    fn clone(&self) -> Self {
        let (writers, readers) = (self.writers.clone(), self.readers.clone());
        let (shared, waiting) = (self.shared.clone(), Arc::clone(&self.waiting));
        Self { writers, readers, shared, waiting, runtime: self.runtime.clone() }
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
        let (connection, schema) = self.0.parts()?;
        statement.execute(connection, schema).await
    }

    /// Reads the first row, if there is one.
    pub(crate) async fn fetch_optional(&mut self, select: Statement<D>) -> sqlx::Result<Option<Row<D>>> {
        let (connection, schema) = self.0.parts()?;
        select.fetch_optional(connection, schema).await
    }

    /// Reads all rows.
    pub(crate) async fn fetch_all(&mut self, select: Statement<D>) -> sqlx::Result<Vec<Row<D>>> {
        let (connection, schema) = self.0.parts()?;
        select.fetch_all(connection, schema).await
    }

    /// The connection, for the statements of migrations.
    pub(crate) fn connection(&mut self) -> sqlx::Result<&mut D::Connection> {
        Ok(self.0.parts()?.0)
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
/// - A connection goes back to a pool of the application with the settings that it had.
pub(crate) trait Checkout<D: Dialect>: Send + Sized {
    /// The connection, and the schema of the tables if statements must name it.
    fn parts(&mut self) -> sqlx::Result<(&mut D::Connection, Option<&str>)>;

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
