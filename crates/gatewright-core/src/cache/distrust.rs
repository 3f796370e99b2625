//! Distrust of a feed that delivered a message which is not authentic.
//!
//! The message may be an attacker's, or a revocation by a node with another key. So everything cached
//! is invalidated, once a second at most, and later entries expire sooner. Between two of these, the
//! shorter life bounds how long a revoked session is used. A wrong key costs speed, never a revocation.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::revocation::DISTRUST_WINDOW;
use crate::types::Timestamp;

/// How often the cache is cleared at most.
const CLEAR_INTERVAL: Duration = Duration::from_secs(1);
/// How often rejected messages are reported at most.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// Counts rejected messages, and limits what each of them costs.
#[derive(Default)]
pub(crate) struct Distrust {
    /// When the latest message was rejected, in microseconds; 0 before the first one.
    rejected_at: AtomicU64,
    limits: Mutex<Limits>,
}

#[derive(Default)]
struct Limits {
    cleared_at: Option<Timestamp>,
    reported_at: Option<Timestamp>,
    unreported: u64,
}

impl Distrust {
    /// Whether a message was rejected within [`DISTRUST_WINDOW`].
    pub(crate) fn is_active(&self, now: Timestamp) -> bool {
        let rejected_at = self.rejected_at.load(Ordering::SeqCst);
        rejected_at != 0 && u128::from(rejected_at.abs_diff(now.as_micros())) < DISTRUST_WINDOW.as_micros()
    }

    /// Counts a rejected message. Returns whether the cache must be cleared now.
    pub(crate) fn reject(&self, now: Timestamp) -> bool {
        self.rejected_at.store(now.as_micros(), Ordering::SeqCst);
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        limits.unreported = limits.unreported.saturating_add(1);
        take_turn(&mut limits.cleared_at, CLEAR_INTERVAL, now)
    }

    /// How many messages were rejected since the last report, if a report is due.
    pub(crate) fn report(&self, now: Timestamp) -> Option<u64> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        if limits.unreported == 0 || !take_turn(&mut limits.reported_at, REPORT_INTERVAL, now) {
            return None;
        }
        Some(std::mem::take(&mut limits.unreported))
    }
}

/// Whether `interval` has passed since the latest turn. If so, `now` is the next turn. A turn in the
/// future does not count: the clock was set back.
fn take_turn(latest: &mut Option<Timestamp>, interval: Duration, now: Timestamp) -> bool {
    let too_early = latest.is_some_and(|at| at <= now && now < at.saturating_add(interval));
    if !too_early {
        *latest = Some(now);
    }
    !too_early
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn later(millis: u64) -> Timestamp {
        NOW.saturating_add(Duration::from_millis(millis))
    }

    #[test]
    fn distrust_lasts_until_a_minute_has_passed_without_a_rejected_message() {
        let distrust = Distrust::default();
        assert!(!distrust.is_active(NOW));
        distrust.reject(NOW);
        distrust.reject(later(30_000));
        for (millis, active) in [(30_000, true), (89_999, true), (90_000, false)] {
            assert_eq!(distrust.is_active(later(millis)), active, "{millis}");
        }
        distrust.reject(later(100_000));
        assert!(distrust.is_active(later(100_000)));
    }

    #[test]
    fn the_cache_is_cleared_at_the_first_message_and_once_a_second_at_most() {
        let distrust = Distrust::default();
        let cleared: Vec<u64> =
            (0..2_500).step_by(100).filter(|millis| distrust.reject(later(*millis))).collect();
        assert_eq!(cleared, [0, 1_000, 2_000]);
        assert!(distrust.reject(NOW), "the clock was set back");
    }

    #[test]
    fn reports_come_once_a_minute_at_most_and_count_every_message() {
        let distrust = Distrust::default();
        assert_eq!(distrust.report(NOW), None, "nothing was rejected");
        distrust.reject(NOW);
        assert_eq!(distrust.report(NOW), Some(1), "the first one at once");
        for millis in 1..=500 {
            distrust.reject(later(millis));
            assert_eq!(distrust.report(later(millis)), None);
        }
        assert_eq!(distrust.report(later(59_999)), None);
        assert_eq!(distrust.report(later(60_000)), Some(500), "without another message");
        assert_eq!(distrust.report(later(600_000)), None);
    }
}
