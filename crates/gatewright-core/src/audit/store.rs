//! The trait of a store of the audit trail.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;

use super::record::AuditActor;
use super::row::{AuditRow, WriterId};
use crate::store::StoreError;
use crate::types::{Timestamp, UserId};

/// How many rows are appended at a time at most: 128.
pub const MAX_APPENDED_ROWS: usize = 128;

/// What `append_rows` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum AppendOutcome {
    /// All rows are stored.
    Appended,
    /// A row with one of these numbers is there already. Nothing was stored.
    Taken,
}

/// Where a store keeps its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditReach {
    /// In the memory of this process. [`Auth::local`](crate::Auth::local) does not use it by default.
    Process,
    /// In a database, which survives a restart. [`Auth::local`](crate::Auth::local) uses it by default.
    Database,
}

/// Which rows a page contains. An empty filter finds all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditFilter {
    /// Rows about this user.
    pub subject: Option<UserId>,
    /// Rows of what this user did to others.
    pub actor: Option<UserId>,
    /// Rows of this event.
    pub event: Option<String>,
    /// Rows from this time on.
    pub since: Option<Timestamp>,
    /// Rows before this time.
    pub until: Option<Timestamp>,
}

impl AuditFilter {
    /// Finds all rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Finds rows about this user.
    #[must_use]
    pub fn about(mut self, subject: UserId) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Finds rows of what this user did to others.
    #[must_use]
    pub fn by(mut self, actor: UserId) -> Self {
        self.actor = Some(actor);
        self
    }

    /// Finds rows of this event: the name of an [`Event`](crate::Event), for example `LoginRefused`.
    #[must_use]
    pub fn of_event(mut self, event: impl Into<String>) -> Self {
        self.event = Some(event.into());
        self
    }

    /// Finds rows from this time on.
    #[must_use]
    pub const fn since(mut self, time: Timestamp) -> Self {
        self.since = Some(time);
        self
    }

    /// Finds rows before this time.
    #[must_use]
    pub const fn until(mut self, time: Timestamp) -> Self {
        self.until = Some(time);
        self
    }

    /// Whether the filter finds a row. For a store without indexes.
    #[must_use]
    pub fn finds(&self, row: &AuditRow) -> bool {
        let record = &row.record;
        let is = |wanted: Option<&str>, found: Option<&str>| wanted.is_none() || wanted == found;
        let actor = self.actor.as_ref().map(AuditActor::user);
        is(self.subject.as_ref().map(UserId::as_str), record.subject.as_deref())
            && is(actor.as_ref().map(|a| a.as_str()), record.actor.as_ref().map(|a| a.as_str()))
            && is(self.event.as_deref(), Some(&record.event))
            && self.since.is_none_or(|since| record.time >= since)
            && self.until.is_none_or(|until| record.time < until)
    }
}

/// The place of a row in the order of pages: its time, then its writer and its number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct AuditCursor {
    /// The time of the row.
    pub time: Timestamp,
    /// Its writer.
    pub writer: WriterId,
    /// Its number.
    pub number: u64,
}

impl From<&AuditRow> for AuditCursor {
    fn from(row: &AuditRow) -> Self {
        Self { time: row.record.time, writer: row.writer.clone(), number: row.number }
    }
}

/// The first and the last row of a writer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditChain {
    /// The writer.
    pub writer: WriterId,
    /// The lowest number.
    pub first: u64,
    /// The highest number.
    pub last: u64,
}

impl AuditChain {
    /// A chain with these rows.
    #[must_use]
    pub const fn new(writer: WriterId, first: u64, last: u64) -> Self {
        Self { writer, first, last }
    }
}

/// A task that writes rows. [`AuditStore::spawn_writer`] runs it.
pub type AuditTask = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// Keeps the rows of the audit trail.
///
/// # Contract
/// - Rows are only added. No method changes a row, except that `erase_personal` sets the client's address, the user
///   agent and the salt to nothing.
/// - `append_rows` stores all of its rows or none. It gets at most [`MAX_APPENDED_ROWS`], of one writer and with
///   ascending numbers. A writer and a number occur once: if one of them is there already, nothing is stored and
///   the outcome is [`AppendOutcome::Taken`].
/// - What is appended is visible to all processes that share the store, and survives a restart if the store does.
/// - It stores every column unchanged, and looks into none. A row that someone else wrote never fails a call: a value
///   that has no place in an [`AuditRow`] is replaced, and the row is marked as [unreadable](AuditRow::unreadable).
/// - No call but `page_rows` for rare rows walks through the table: it may have millions of rows.
/// - Pages begin with the newest row: in descending order of [`AuditCursor`].
/// - `spawn_writer` returns at once. It runs the task elsewhere, where the store's own futures can be polled.
///
/// # Errors
/// Every method fails with a [`StoreError`] if the store is down. Rows then wait in the queue, up to its bound.
/// Changes by administrators are refused with 503.
///
/// # Cancel safety
/// A cancelled `append_rows` has stored all rows or none.
///
/// # Test an implementation
/// With `audit_suite!` of `gatewright-testkit`.
#[async_trait]
pub trait AuditStore: Send + Sync + 'static {
    /// Appends rows.
    ///
    /// # Errors
    /// The store failed.
    async fn append_rows(&self, rows: &[AuditRow]) -> Result<AppendOutcome, StoreError>;

    /// The row of this writer with the highest number.
    ///
    /// # Errors
    /// The store failed.
    async fn last_row(&self, writer: &WriterId) -> Result<Option<AuditRow>, StoreError>;

    /// All chains, in the order of their writers.
    ///
    /// # Errors
    /// The store failed.
    async fn chains(&self) -> Result<Vec<AuditChain>, StoreError>;

    /// At most `limit` rows of a writer whose numbers are above `after`, in ascending order.
    ///
    /// # Errors
    /// The store failed.
    async fn chain_rows(
        &self,
        writer: &WriterId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError>;

    /// At most `limit` rows that the filter finds and that come after `after` in the order of pages, which begins
    /// with the newest row.
    ///
    /// # Errors
    /// The store failed.
    async fn page_rows(
        &self,
        filter: &AuditFilter,
        after: Option<&AuditCursor>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError>;

    /// The lowest number of a writer's rows from this time on. `None` if all of them are older.
    ///
    /// # Errors
    /// The store failed.
    async fn first_number_since(&self, writer: &WriterId, time: Timestamp)
    -> Result<Option<u64>, StoreError>;

    /// Deletes at most `limit` rows of a writer, up to and with `last`, the lowest numbers first. Returns how many.
    /// [`Audit::delete_before`](crate::endpoints::Audit::delete_before) calls it, after a row says so.
    ///
    /// # Errors
    /// The store failed.
    async fn delete_rows(&self, writer: &WriterId, last: u64, limit: u32) -> Result<u64, StoreError>;

    /// Erases the client's address, the user agent and the salt of the rows of what this user did: those with the
    /// user as the actor, and those about the user without an actor. Returns how many had an address or a user agent.
    ///
    /// # Errors
    /// The store failed.
    async fn erase_personal(&self, user: &UserId) -> Result<u64, StoreError>;

    /// Where the rows are.
    fn audit_reach(&self) -> AuditReach;

    /// Runs the task that writes rows, in the background. A store whose futures need no runtime runs it with
    /// [`run_on_thread`](super::run_on_thread).
    fn spawn_writer(&self, task: AuditTask);
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: AuditStore + ?Sized> AuditStore for Arc<T> {
    async fn append_rows(&self, rows: &[AuditRow]) -> Result<AppendOutcome, StoreError> {
        (**self).append_rows(rows).await
    }

    async fn last_row(&self, writer: &WriterId) -> Result<Option<AuditRow>, StoreError> {
        (**self).last_row(writer).await
    }

    async fn chains(&self) -> Result<Vec<AuditChain>, StoreError> {
        (**self).chains().await
    }

    async fn chain_rows(
        &self,
        writer: &WriterId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        (**self).chain_rows(writer, after, limit).await
    }

    async fn page_rows(
        &self,
        filter: &AuditFilter,
        after: Option<&AuditCursor>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        (**self).page_rows(filter, after, limit).await
    }

    async fn first_number_since(
        &self,
        writer: &WriterId,
        time: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        (**self).first_number_since(writer, time).await
    }

    async fn delete_rows(&self, writer: &WriterId, last: u64, limit: u32) -> Result<u64, StoreError> {
        (**self).delete_rows(writer, last, limit).await
    }

    async fn erase_personal(&self, user: &UserId) -> Result<u64, StoreError> {
        (**self).erase_personal(user).await
    }

    fn audit_reach(&self) -> AuditReach {
        (**self).audit_reach()
    }

    fn spawn_writer(&self, task: AuditTask) {
        (**self).spawn_writer(task);
    }
}
