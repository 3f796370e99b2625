//! An event sink for tests.

use std::sync::{Arc, Mutex};

use gatewright_core::{Event, EventSink};

/// Keeps what it hears, as `Debug` shows it. Clones share what was heard.
#[derive(Debug, Clone, Default)]
pub struct EventRecorder(Arc<Mutex<Vec<String>>>);

impl EventRecorder {
    /// One that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything heard so far, and forgets it.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no emit panics"))
    }
}

impl EventSink for EventRecorder {
    fn emit(&self, event: &Event<'_>) {
        self.0.lock().expect("no emit panics").push(format!("{event:?}"));
    }
}
