//! When to fetch: when the set is due or the verifier requests it, but never twice within a
//! cool-down.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gatewright_core::Timestamp;

/// The shortest time from a successful fetch until the set is due again: one minute. A shorter
/// `Cache-Control: max-age` is raised to it.
pub const MIN_REFRESH: Duration = Duration::from_secs(60);
/// The longest time from a successful fetch until the set is due again: one day, or half of
/// [`max_stale`](crate::RemoteIssuerBuilder::with_max_stale) if that is shorter. A longer
/// `Cache-Control: max-age` is lowered to it. A failed fetch is repeated after a cool-down.
pub const MAX_REFRESH: Duration = Duration::from_secs(24 * 60 * 60);
/// The time from a successful fetch until the set is due again, if the response has no
/// `Cache-Control: max-age`: one hour.
pub const DEFAULT_REFRESH: Duration = Duration::from_secs(60 * 60);

/// The shortest time for which the thread sleeps, so that it never spins.
const MIN_WAIT: Duration = Duration::from_secs(1);

/// The times that decide about the next fetch, in microseconds. Several threads share them.
pub(crate) struct Schedule {
    cool_down: Duration,
    max_refresh: Duration,
    due: AtomicU64,
    cool_down_until: AtomicU64,
}

impl Schedule {
    /// The set is due at once. At least half of `max_stale` is left to repeat failed fetches.
    pub(crate) fn new(cool_down: Duration, max_stale: Duration) -> Self {
        let max_refresh = MAX_REFRESH.min(max_stale / 2).max(MIN_REFRESH);
        Self { cool_down, max_refresh, due: AtomicU64::new(0), cool_down_until: AtomicU64::new(0) }
    }

    /// Whether the set is due.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        has_passed(&self.due, now, self.max_refresh)
    }

    /// Whether the cool-down is over.
    pub(crate) fn may_fetch(&self, now: Timestamp) -> bool {
        has_passed(&self.cool_down_until, now, self.cool_down)
    }

    /// Starts the cool-down. The fetch counts as failed until `finish_fetch`.
    pub(crate) fn start_fetch(&self, now: Timestamp) {
        let next = now.saturating_add(self.cool_down).as_micros();
        self.cool_down_until.store(next, Ordering::Release);
        self.due.store(next, Ordering::Release);
    }

    /// Sets the next due time after a successful fetch. The response is fresh for `lifetime`.
    pub(crate) fn finish_fetch(&self, now: Timestamp, lifetime: Option<Duration>) {
        let lifetime = lifetime.unwrap_or(DEFAULT_REFRESH).clamp(MIN_REFRESH, self.max_refresh);
        self.due.store(now.saturating_add(lifetime).as_micros(), Ordering::Release);
    }

    /// How long to sleep until the set is due and the cool-down is over: at least [`MIN_WAIT`].
    pub(crate) fn wait(&self, now: Timestamp) -> Duration {
        let due = time_until(&self.due, now, self.max_refresh);
        due.max(time_until(&self.cool_down_until, now, self.cool_down)).max(MIN_WAIT)
    }
}

fn time_until(moment: &AtomicU64, now: Timestamp, furthest: Duration) -> Duration {
    if has_passed(moment, now, furthest) {
        return Duration::ZERO;
    }
    Duration::from_micros(moment.load(Ordering::Acquire).saturating_sub(now.as_micros()))
}

/// Whether `moment` is in the past. A moment more than `furthest` ahead counts as past: no fetch
/// sets such a time, so the clock was set back.
fn has_passed(moment: &AtomicU64, now: Timestamp, furthest: Duration) -> bool {
    let moment = moment.load(Ordering::Acquire);
    moment <= now.as_micros() || moment > now.saturating_add(furthest).as_micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COOL_DOWN: Duration = Duration::from_secs(30);
    const MAX_STALE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_700_000_000 + seconds)
    }

    #[test]
    fn a_set_is_due_at_once_then_after_the_cool_down_then_after_max_age() {
        let schedule = Schedule::new(COOL_DOWN, MAX_STALE);
        assert!(schedule.is_due(at(0)) && schedule.may_fetch(at(0)));
        schedule.start_fetch(at(0));
        assert!(!schedule.is_due(at(29)) && !schedule.may_fetch(at(29)));
        assert!(schedule.is_due(at(30)) && schedule.may_fetch(at(30)));
        schedule.finish_fetch(at(1), Some(Duration::from_secs(300)));
        assert!(!schedule.is_due(at(300)) && schedule.is_due(at(301)) && schedule.may_fetch(at(30)));
        assert_eq!(schedule.wait(at(201)), Duration::from_secs(100));
    }

    #[test]
    fn max_age_is_limited_to_min_and_max_refresh() {
        for (lifetime, due) in
            [(Some(0), 60), (Some(59), 60), (Some(u64::from(u32::MAX)), 86_400), (None, 3_600)]
        {
            let schedule = Schedule::new(COOL_DOWN, MAX_STALE);
            schedule.start_fetch(at(0));
            schedule.finish_fetch(at(0), lifetime.map(Duration::from_secs));
            assert!(!schedule.is_due(at(due - 1)) && schedule.is_due(at(due)), "{lifetime:?}");
        }
    }

    #[test]
    fn a_set_is_due_after_half_of_max_stale_at_the_latest() {
        let schedule = Schedule::new(COOL_DOWN, Duration::from_secs(300));
        schedule.start_fetch(at(0));
        schedule.finish_fetch(at(0), None);
        assert!(!schedule.is_due(at(149)) && schedule.is_due(at(150)));
    }

    #[test]
    fn a_set_that_is_due_during_the_cool_down_waits_for_its_end() {
        let schedule = Schedule::new(Duration::from_secs(60), MAX_STALE);
        schedule.start_fetch(at(50));
        // The clock is set back by 50 seconds during the fetch.
        schedule.finish_fetch(at(0), Some(Duration::ZERO));
        assert!(schedule.is_due(at(60)) && !schedule.may_fetch(at(60)));
        assert_eq!(schedule.wait(at(60)), Duration::from_secs(50));
        assert_eq!(schedule.wait(at(110)), Duration::from_secs(1));
    }

    #[test]
    fn setting_the_clock_back_does_not_stop_fetches() {
        let schedule = Schedule::new(COOL_DOWN, MAX_STALE);
        schedule.start_fetch(at(400 * 86_400));
        assert!(schedule.is_due(at(0)) && schedule.may_fetch(at(0)));
        assert_eq!(schedule.wait(at(0)), Duration::from_secs(1));
        // Also if it is set back by less than a day.
        let schedule = Schedule::new(COOL_DOWN, Duration::from_secs(300));
        schedule.start_fetch(at(43_200));
        schedule.finish_fetch(at(43_200), None);
        assert!(schedule.is_due(at(0)) && schedule.may_fetch(at(0)));
    }
}
