//! A clock that a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gatewright_core::{Clock, Timestamp};

/// A clock that stands still until a test moves it. Clones show the same time.
///
/// ```
/// use gatewright::types::Clock;
/// use gatewright_testkit::FixedClock;
/// use std::time::Duration;
///
/// let clock = FixedClock::default();
/// let start = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), start.saturating_add(Duration::from_secs(60)));
/// ```
#[derive(Debug, Clone)]
pub struct FixedClock(Arc<AtomicU64>);

impl FixedClock {
    /// Creates a clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(now.as_micros())))
    }

    /// Sets the clock to `now`, forwards or back.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_micros(), Ordering::SeqCst);
    }

    /// Moves the clock forwards by `span`.
    pub fn advance(&self, span: Duration) {
        self.set(self.now().saturating_add(span));
    }
}

/// Shows 2023-11-14T22:13:20Z.
impl Default for FixedClock {
    fn default() -> Self {
        Self::at(Timestamp::from_seconds(1_700_000_000))
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}
