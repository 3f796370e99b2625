//! An event sink that records.

use std::sync::{Arc, Mutex};

use gatewright_core::{Event, EventSink};

/// Records the `Debug` text of every event. Clones share one record.
#[derive(Debug, Clone, Default)]
pub struct EventRecorder(Arc<Mutex<Vec<String>>>);

impl EventRecorder {
    /// Creates a recorder with an empty record.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the events since the last call of this method, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("emit does not panic"))
    }
}

impl EventSink for EventRecorder {
    fn emit(&self, event: &Event<'_>) {
        self.0.lock().expect("emit does not panic").push(format!("{event:?}"));
    }
}
