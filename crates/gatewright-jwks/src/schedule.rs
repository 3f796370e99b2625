//! When to fetch: if the set is due or a verifier asks, but never twice within a cool-down.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gatewright_core::Timestamp;

/// The shortest time after a successful fetch until the set is due again, whatever its `Cache-Control` says: a minute.
pub const MIN_REFRESH: Duration = Duration::from_secs(60);
/// The longest time after a successful fetch until the set is due again, whatever its `Cache-Control` says: a day, but at most
/// half of `max_stale`. A failed fetch is repeated after a cool-down.
pub const MAX_REFRESH: Duration = Duration::from_secs(24 * 60 * 60);
/// The time until the set is due again if its `Cache-Control` does not say: an hour.
pub const DEFAULT_REFRESH: Duration = Duration::from_secs(60 * 60);

/// The shortest time for which the thread sleeps.
const MIN_WAIT: Duration = Duration::from_secs(1);

/// The times of the next fetch, in microseconds, shared by threads.
pub(crate) struct Schedule {
    cool_down: Duration,
    max_refresh: Duration,
    due: AtomicU64,
    quiet_until: AtomicU64,
}

impl Schedule {
    /// A schedule of a set that is due at once. At least half of `max_stale` is left for repeating failed fetches.
    pub(crate) fn new(cool_down: Duration, max_stale: Duration) -> Self {
        let max_refresh = MAX_REFRESH.min(max_stale / 2).max(MIN_REFRESH);
        Self { cool_down, max_refresh, due: AtomicU64::new(0), quiet_until: AtomicU64::new(0) }
    }

    /// Whether the set is due. A time that is too far in the future to have been set counts as past: the clock was set back.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        has_come(&self.due, now, self.max_refresh)
    }

    /// Whether the cool-down is over.
    pub(crate) fn may_fetch(&self, now: Timestamp) -> bool {
        has_come(&self.quiet_until, now, self.cool_down)
    }

    /// A fetch begins. It counts as failed until it has succeeded.
    pub(crate) fn begin(&self, now: Timestamp) {
        let next = now.saturating_add(self.cool_down).as_micros();
        self.quiet_until.store(next, Ordering::Release);
        self.due.store(next, Ordering::Release);
    }

    /// A fetch succeeded, with an answer that is fresh for `lifetime`.
    pub(crate) fn succeeded(&self, now: Timestamp, lifetime: Option<Duration>) {
        let lifetime = lifetime.unwrap_or(DEFAULT_REFRESH).clamp(MIN_REFRESH, self.max_refresh);
        self.due.store(now.saturating_add(lifetime).as_micros(), Ordering::Release);
    }

    /// How long until the set is due and may be fetched: at least a second, so that the thread does not spin.
    pub(crate) fn wait(&self, now: Timestamp) -> Duration {
        let due = left(&self.due, now, self.max_refresh);
        due.max(left(&self.quiet_until, now, self.cool_down)).max(MIN_WAIT)
    }
}

/// The time until this moment.
fn left(moment: &AtomicU64, now: Timestamp, furthest: Duration) -> Duration {
    if has_come(moment, now, furthest) {
        return Duration::ZERO;
    }
    Duration::from_micros(moment.load(Ordering::Acquire).saturating_sub(now.as_micros()))
}

fn has_come(moment: &AtomicU64, now: Timestamp, furthest: Duration) -> bool {
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
    fn a_fetch_is_due_at_once_then_after_the_cool_down_and_after_an_answer_when_it_is_over() {
        let schedule = Schedule::new(COOL_DOWN, MAX_STALE);
        assert!(schedule.is_due(at(0)) && schedule.may_fetch(at(0)));
        schedule.begin(at(0));
        assert!(!schedule.is_due(at(29)) && !schedule.may_fetch(at(29)));
        assert!(schedule.is_due(at(30)) && schedule.may_fetch(at(30)));
        schedule.succeeded(at(1), Some(Duration::from_secs(300)));
        assert!(!schedule.is_due(at(300)) && schedule.is_due(at(301)) && schedule.may_fetch(at(30)));
        assert_eq!(schedule.wait(at(201)), Duration::from_secs(100));
    }

    #[test]
    fn what_an_answer_says_has_bounds() {
        for (lifetime, due) in
            [(Some(0), 60), (Some(59), 60), (Some(u64::from(u32::MAX)), 86_400), (None, 3_600)]
        {
            let schedule = Schedule::new(COOL_DOWN, MAX_STALE);
            schedule.begin(at(0));
            schedule.succeeded(at(0), lifetime.map(Duration::from_secs));
            assert!(!schedule.is_due(at(due - 1)) && schedule.is_due(at(due)), "{lifetime:?}");
        }
    }

    #[test]
    fn half_of_the_time_until_keys_are_too_old_is_left_for_fetches_that_fail() {
        let schedule = Schedule::new(COOL_DOWN, Duration::from_secs(300));
        schedule.begin(at(0));
        schedule.succeeded(at(0), None);
        assert!(!schedule.is_due(at(149)) && schedule.is_due(at(150)));
    }

    #[test]
    fn a_set_that_is_due_in_the_cool_down_is_waited_for_and_nobody_is_busy() {
        let schedule = Schedule::new(Duration::from_secs(60), MAX_STALE);
        schedule.begin(at(50));
        // The clock is set back by 50 seconds while the answer is under way.
        schedule.succeeded(at(0), Some(Duration::ZERO));
        assert!(schedule.is_due(at(60)) && !schedule.may_fetch(at(60)));
        assert_eq!(schedule.wait(at(60)), Duration::from_secs(50));
        assert_eq!(schedule.wait(at(110)), Duration::from_secs(1));
    }

    #[test]
    fn a_clock_that_is_set_back_stops_no_fetches() {
        let schedule = Schedule::new(COOL_DOWN, MAX_STALE);
        schedule.begin(at(400 * 86_400));
        assert!(schedule.is_due(at(0)) && schedule.may_fetch(at(0)));
        assert_eq!(schedule.wait(at(0)), Duration::from_secs(1));
        // By less than a day, too.
        let schedule = Schedule::new(COOL_DOWN, crate::keys::MIN_STALE);
        schedule.begin(at(43_200));
        schedule.succeeded(at(43_200), None);
        assert!(schedule.is_due(at(0)) && schedule.may_fetch(at(0)));
    }
}
