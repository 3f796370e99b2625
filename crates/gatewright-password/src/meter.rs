//! Measures the queue and the hashes of a pool.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use gatewright_core::HasherError;
use gatewright_core::event::{HashOutcome, Measurement, MetricsSink, QueueOutcome};
use gatewright_core::types::Timer;

/// Hands measurements to a sink.
#[derive(Clone)]
pub(crate) struct Meter {
    sink: Arc<dyn MetricsSink>,
    timer: Arc<dyn Timer>,
}

impl Meter {
    pub(crate) fn new(sink: Arc<dyn MetricsSink>, timer: Arc<dyn Timer>) -> Self {
        Self { sink, timer }
    }

    pub(crate) fn now(&self) -> Duration {
        self.timer.now()
    }

    /// A call joins the queue.
    pub(crate) fn queued(&self) -> QueuedCall {
        self.sink.record(Measurement::HashQueued);
        QueuedCall { meter: self.clone(), since: self.now(), outcome: QueueOutcome::Abandoned }
    }

    /// A thread computed a hash.
    pub(crate) fn hashed<T>(&self, began: Duration, result: &Result<T, HasherError>) {
        let outcome = match result {
            Ok(_) => HashOutcome::Computed,
            Err(HasherError::UnknownPepper { .. }) => HashOutcome::UnknownPepper,
            Err(_) => HashOutcome::Failed,
        };
        self.sink.record(Measurement::hashed(self.now().saturating_sub(began), outcome));
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meter(..)")
    }
}

/// A call in the queue. It has left when this is dropped: abandoned, unless something else is known.
pub(crate) struct QueuedCall {
    meter: Meter,
    since: Duration,
    outcome: QueueOutcome,
}

impl QueuedCall {
    pub(crate) fn leave(mut self, outcome: QueueOutcome) {
        self.outcome = outcome;
    }
}

impl Drop for QueuedCall {
    fn drop(&mut self) {
        let waited = self.meter.now().saturating_sub(self.since);
        self.meter.sink.record(Measurement::hash_dequeued(waited, self.outcome));
    }
}
