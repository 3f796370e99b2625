//! Failures of all accounts, pairs or sessions that share a bucket of a full throttle in memory.

use std::time::Duration;

use super::bytes::{Entry, Reader, Writer, remove};
use super::rate::{Budget, Rate};
use super::settings::{IN_FLIGHT_RETRY, IN_FLIGHT_TIMEOUT};
use crate::types::Timestamp;

/// How many attempts of a bucket are in flight at most. Its state then fits into
/// [`MAX_STATE_BYTES`](super::MAX_STATE_BYTES).
const MAX_IN_FLIGHT: usize = 4_000;

/// A budget of failures that is refilled at a steady rate. Time gives single failures back, and not all of them after
/// a day without one: the failures of others would keep that day from coming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bucket {
    pub(super) seen: Timestamp,
    failures: Rate,
    /// Reservations without an outcome. They count as failures until they succeed.
    in_flight: Vec<Entry>,
}

impl Bucket {
    pub(super) const fn new(seen: Timestamp) -> Self {
        Self { seen, failures: Rate::new(seen), in_flight: Vec::new() }
    }

    /// A bucket whose failures are used up now.
    pub(super) fn used_up(now: Timestamp, budget: Budget) -> Self {
        Self { failures: Rate::used_up(now, budget), ..Self::new(now) }
    }

    /// The state at this time. Reservations that have no outcome in time have failed. They stay failures: a bucket has no
    /// list of late outcomes, as [`Attempts`](super::attempts::Attempts) has, because time gives its failures back. So a
    /// password change that waits for more than 30 s takes a failure of the bucket, also if its password is right.
    pub(super) fn advance(&mut self, now: Timestamp, budget: Budget) {
        self.seen = self.seen.max(now);
        let seen = self.seen;
        let failures = &mut self.failures;
        self.in_flight.retain(|entry| {
            let is_in_flight = entry.at.saturating_add(IN_FLIGHT_TIMEOUT) > seen;
            if !is_in_flight {
                failures.take(entry.at, budget);
            }
            is_in_flight
        });
    }

    /// How long the next attempt must wait. The outcomes of attempts in flight are soon known.
    pub(super) fn wait(&self, budget: Budget) -> Option<Duration> {
        let in_flight = u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX);
        let is_crowded = self.in_flight.len() >= MAX_IN_FLIGHT
            || self.failures.wait(self.seen, budget, in_flight).is_some();
        let failed = self.failures.wait(self.seen, budget, 0);
        failed.or_else(|| is_crowded.then_some(IN_FLIGHT_RETRY))
    }

    pub(super) fn reserve(&mut self, id: u64) {
        self.in_flight.push(Entry::new(id, self.seen));
    }

    pub(super) fn has(&self, id: u64) -> bool {
        self.in_flight.iter().any(|entry| entry.id == id)
    }

    /// Returns whether the reservation was there. If it was not, it has counted as a failure before.
    pub(super) fn fail(&mut self, id: u64, budget: Budget) -> bool {
        let was_there = self.give_back(id);
        if was_there {
            self.failures.take(self.seen, budget);
        }
        was_there
    }

    /// Returns whether the reservation was there.
    pub(super) fn give_back(&mut self, id: u64) -> bool {
        remove(&mut self.in_flight, id).is_some()
    }

    /// When nothing of the state matters any more; `None` if nothing does now.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        let in_flight = self.in_flight.iter().map(|entry| entry.at.saturating_add(IN_FLIGHT_TIMEOUT));
        in_flight.chain([self.failures.free_at]).max().filter(|end| *end > self.seen)
    }

    pub(super) fn rebase(&mut self, back: Duration) {
        self.seen = self.seen.saturating_sub(back);
        self.failures.rebase(back);
        self.in_flight.iter_mut().for_each(|entry| entry.at = entry.at.saturating_sub(back));
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.time(self.seen);
        self.failures.write(to);
        to.list(&self.in_flight);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { seen: from.time()?, failures: Rate::read(from)?, in_flight: from.list()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::throttle::MAX_STATE_BYTES;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    /// Of the largest budget, 1,000 times 20, not all can be in flight at once.
    #[test]
    fn the_largest_state_fits() {
        let budget = Budget { size: 20_000, interval: Duration::from_secs(45) };
        let mut bucket = Bucket::new(NOW);
        let id = (0..).find(|id| {
            bucket.reserve(*id);
            bucket.wait(budget).is_some()
        });
        assert_eq!((id, bucket.wait(budget)), (Some(3_999), Some(IN_FLIGHT_RETRY)));
        let mut written = Writer::default();
        bucket.write(&mut written);
        // The version and the difference of the clocks come before it.
        assert!(written.0.len() + 9 <= MAX_STATE_BYTES, "{} bytes", written.0.len());
    }

    #[test]
    fn reservations_without_an_outcome_are_failures_after_a_while() {
        let budget = Budget { size: 2, interval: Duration::from_secs(45) };
        let mut bucket = Bucket::new(NOW);
        bucket.reserve(1);
        bucket.reserve(2);
        assert_eq!(bucket.wait(budget), Some(IN_FLIGHT_RETRY));
        bucket.advance(NOW.saturating_add(IN_FLIGHT_TIMEOUT), budget);
        assert_eq!((bucket.wait(budget), bucket.has(1)), (Some(Duration::from_secs(15)), false));
        bucket.advance(NOW.saturating_add(Duration::from_secs(45)), budget);
        assert_eq!(bucket.wait(budget), None);
        assert_eq!(bucket.expires_at(), Some(NOW.saturating_add(Duration::from_secs(90))));
    }
}
