//! Reports of what a flood of requests causes: at most one a minute, with a count.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The shortest time between two reports.
const INTERVAL: Duration = Duration::from_secs(60);

/// Counts occurrences of one kind between reports.
#[derive(Default)]
pub(crate) struct Reports(Mutex<State>);

#[derive(Default)]
struct State {
    reported_at: Option<Duration>,
    unreported: u64,
}

impl Reports {
    /// Records an occurrence. Returns how many there were since the last report, if it is time for one. `now`
    /// is the time of a [`Timer`](crate::Timer).
    pub(crate) fn record(&self, now: Duration) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.unreported = state.unreported.saturating_add(1);
        if state.reported_at.is_some_and(|at| now.saturating_sub(at) < INTERVAL) {
            return None;
        }
        state.reported_at = Some(now);
        Some(std::mem::take(&mut state.unreported))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn occurrences_within_a_minute_are_counted_in_the_next_report() {
        let reports = Reports::default();
        let record = |seconds| reports.record(Duration::from_secs(seconds));
        assert_eq!(
            [record(5), record(6), record(64), record(65), record(66)],
            [Some(1), None, None, Some(3), None]
        );
    }
}
