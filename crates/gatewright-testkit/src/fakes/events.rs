//! An event sink that records.

use std::sync::{Arc, Mutex};

use gatewright_core::{Event, EventSink, RequestContext};

/// Records the `Debug` text of every event, and its request. Clones share one record.
#[derive(Debug, Clone, Default)]
pub struct EventRecorder(Arc<Mutex<Vec<(String, RequestContext)>>>);

impl EventRecorder {
    /// Creates a recorder with an empty record.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the events since the last call of this method, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        self.take_with_requests().into_iter().map(|(event, _)| event).collect()
    }

    /// As [`take`](Self::take), with the request in which each event happened.
    #[must_use]
    pub fn take_with_requests(&self) -> Vec<(String, RequestContext)> {
        std::mem::take(&mut self.0.lock().expect("emit does not panic"))
    }
}

impl EventSink for EventRecorder {
    fn emit(&self, event: &Event<'_>, request: &RequestContext) {
        let recorded = (format!("{event:?}"), request.clone());
        self.0.lock().expect("emit does not panic").push(recorded);
    }
}
