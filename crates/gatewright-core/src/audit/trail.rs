//! The audit trail of an `Auth`: the sink of its events, and the attempts of administrators.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures_channel::oneshot;

use super::record::{AuditOutcome, AuditRecord, MAX_CAUSE_BYTES, cut, is_audited, is_change};
use super::settings::AuditSettings;
use super::store::AuditStore;
use super::writer::Core;
use crate::event::{Event, EventSink, Measurement, Meter, RequestContext, error_chain};
use crate::store::StoreError;
use crate::types::{Clock, SecureRandom, Timer, Timestamp, within};

/// How long a flush waits at most: 5 s.
pub const FLUSH_WAIT: Duration = Duration::from_secs(5);

/// The cause of an attempt that could not be recorded.
const NOT_RECORDED: &str = "nothing was changed: the attempt could not be recorded";

/// What the trail shares with its `Auth`.
pub(crate) struct Parts {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) timer: Arc<dyn Timer>,
    pub(crate) randomness: Arc<dyn SecureRandom>,
    pub(crate) meter: Meter,
}

/// The audit trail. Clones share their queue and their chain.
#[derive(Clone)]
pub(crate) struct AuditTrail(Arc<Core>);

impl AuditTrail {
    pub(crate) fn new(store: Arc<dyn AuditStore>, settings: AuditSettings, parts: Parts) -> Self {
        let Parts { clock, timer, randomness, meter } = parts;
        Self(Arc::new(Core::new(store, settings, (clock, timer, randomness), meter)))
    }

    pub(crate) fn store(&self) -> &dyn AuditStore {
        &*self.0.store
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn keys(&self) -> &[super::key::AuditKey] {
        self.0.settings.key.as_slice()
    }

    /// Waits until everything up to now is stored, with a checkpoint.
    ///
    /// # Errors
    /// It is not stored within [`FLUSH_WAIT`].
    pub(crate) async fn flush(&self) -> Result<(), StoreError> {
        let (caller, answer) = oneshot::channel();
        self.0.push(|queue| queue.push_flush(caller));
        self.answered("flush the audit trail", FLUSH_WAIT, answer).await
    }

    /// Stores the record of a change that is about to be made. The change may be made only after it has returned.
    ///
    /// # Errors
    /// The record is not stored: too many attempts wait, the store is down, or the time is over. Nothing may be changed.
    ///
    /// # Cancel safety
    /// A dropped call leaves a row that nothing was changed.
    pub(crate) async fn attempt(
        &self,
        event: &Event<'_>,
        request: &RequestContext,
    ) -> Result<Attempt, StoreError> {
        let record = AuditRecord::of(event, request, self.now(), self.0.settings.key.as_ref());
        let mut attempt = Attempt::new(self.clone(), record);
        self.record(AuditRecord { outcome: AuditOutcome::Attempted, ..attempt.record.clone() }).await?;
        attempt.is_recorded = true;
        Ok(attempt)
    }

    /// Stores a record, and waits for it.
    pub(super) async fn record(&self, record: AuditRecord) -> Result<(), StoreError> {
        let (caller, answer) = oneshot::channel();
        let is_added = self.0.push(|queue| queue.push_change(record, Some(caller)));
        self.measure(is_added);
        self.answered("record an attempt in the audit trail", self.0.settings.attempt_wait, answer).await
    }

    async fn answered(
        &self,
        action: &'static str,
        wait: Duration,
        answer: oneshot::Receiver<Result<(), ()>>,
    ) -> Result<(), StoreError> {
        let cause = match within(&*self.0.timer, wait, answer).await {
            Some(Ok(Ok(()))) => return Ok(()),
            Some(Ok(Err(()))) => "its store failed; the log says why".to_owned(),
            Some(Err(_)) => "too many attempts wait, or the runtime of its store has ended".to_owned(),
            None => format!("timed out after {wait:?}"),
        };
        Err(StoreError::new(action, cause))
    }

    /// Adds the outcome of a change.
    fn add_outcome(&self, record: AuditRecord) {
        self.measure(self.0.push(|queue| queue.push_change(record, None)));
    }

    fn measure(&self, is_added: bool) {
        if !is_added {
            self.0.meter.record(|| Measurement::AuditOverflow);
        }
    }
}

impl EventSink for AuditTrail {
    fn emit(&self, event: &Event<'_>, request: &RequestContext) {
        if is_audited(event) {
            let record = AuditRecord::of(event, request, self.now(), self.0.settings.key.as_ref());
            if is_change(event) {
                return self.add_outcome(record);
            }
            self.measure(self.0.push(|queue| queue.push(record, None, self.0.settings.queue_rows)));
        }
    }
}

/// A change whose attempt is recorded. Dropped without an outcome, it leaves a row that says so.
#[must_use]
pub(crate) struct Attempt {
    /// `None` without an audit trail, and after the outcome.
    trail: Option<AuditTrail>,
    record: AuditRecord,
    is_recorded: bool,
}

impl Attempt {
    fn new(trail: AuditTrail, record: AuditRecord) -> Self {
        Self { trail: Some(trail), record, is_recorded: false }
    }

    /// Without an audit trail.
    pub(crate) fn unaudited() -> Self {
        let nothing = AuditRecord::new(Timestamp::from_micros(0), "", AuditOutcome::Unknown);
        Self { trail: None, record: nothing, is_recorded: false }
    }

    /// The change was made. Its event says so.
    pub(crate) fn made(mut self) {
        self.trail = None;
    }

    /// A rule refused the change. Nothing was changed.
    pub(crate) fn refused(mut self, cause: &(dyn Error + 'static)) {
        self.end(AuditOutcome::Refused, Some(error_chain(cause)));
    }

    /// A store failed. The change was made or not.
    pub(crate) fn unknown(mut self, cause: &(dyn Error + 'static)) {
        self.end(AuditOutcome::Unknown, Some(error_chain(cause)));
    }

    fn end(&mut self, outcome: AuditOutcome, cause: Option<String>) {
        let Some(trail) = self.trail.take() else { return };
        let cause = cause.map(|cause| cut(cause, MAX_CAUSE_BYTES));
        let time = trail.now();
        trail.add_outcome(AuditRecord { time, outcome, cause, ..self.record.clone() });
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.is_recorded {
            self.end(AuditOutcome::Unknown, None);
        } else {
            self.end(AuditOutcome::Refused, Some(NOT_RECORDED.to_owned()));
        }
    }
}
