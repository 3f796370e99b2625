//! Reports of what a flood of requests causes: at most one a minute, with a count.

use std::collections::HashMap;
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

impl State {
    fn record(&mut self, now: Duration) -> Option<u64> {
        self.unreported = self.unreported.saturating_add(1);
        if self.reported_at.is_some_and(|at| now.saturating_sub(at) < INTERVAL) {
            return None;
        }
        self.reported_at = Some(now);
        Some(std::mem::take(&mut self.unreported))
    }
}

impl Reports {
    /// Records an occurrence. Returns how many there were since the last report, if it is time for one. `now`
    /// is the time of a [`Timer`](crate::Timer).
    pub(crate) fn record(&self, now: Duration) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).record(now)
    }
}

/// The most names that [`NamedReports`] counts apart. Further ones share one count.
const MAX_NAMES: usize = 16;

/// Counts occurrences of one kind between reports, for each name: a flood with one name hides no other.
#[derive(Default)]
pub(crate) struct NamedReports(Mutex<HashMap<Box<str>, State>>);

impl NamedReports {
    /// As [`Reports::record`], for this name.
    pub(crate) fn record(&self, name: &str, now: Duration) -> Option<u64> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = if names.len() < MAX_NAMES || names.contains_key(name) { name } else { "" };
        names.entry(name.into()).or_default().record(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_a_count_of_its_own_and_further_ones_share_one() {
        let reports = NamedReports::default();
        let record = |name: &str, seconds| reports.record(name, Duration::from_secs(seconds));
        assert_eq!(
            [record("a", 0), record("a", 1), record("b", 2), record("a", 60)],
            [Some(1), None, Some(1), Some(2)]
        );
        for number in 0..100 {
            let _ = record(&number.to_string(), 61);
        }
        assert_eq!(reports.0.lock().unwrap().len(), MAX_NAMES + 1);
        assert_eq!(record("another", 121), Some(100 - (MAX_NAMES as u64 - 2)));
    }

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
