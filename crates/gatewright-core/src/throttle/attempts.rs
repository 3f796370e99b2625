//! Failed attempts of an account, and those whose outcome is not known yet.

use std::time::Duration;

use super::bytes::{Entry, Reader, Writer, remove};
use super::settings::{IN_FLIGHT_TIMEOUT, LATE_OUTCOME};
use crate::types::Timestamp;

/// How often the first wait is doubled at most. 2^20 seconds are longer than any other limit.
const MAX_DOUBLINGS: u32 = 20;

/// Failures, and reservations that count as failures until they succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempts {
    pub(super) seen: Timestamp,
    failures: u32,
    /// The time of the last failure.
    last: Timestamp,
    /// Reservations without an outcome. Those older than [`IN_FLIGHT_TIMEOUT`] are failures that can still be
    /// given back.
    in_flight: Vec<Entry>,
}

impl Attempts {
    pub(super) const fn new(seen: Timestamp) -> Self {
        Self { seen, failures: 0, last: seen, in_flight: Vec::new() }
    }

    /// So many failures, the last of them now.
    pub(super) const fn failed(failures: u32, now: Timestamp) -> Self {
        Self { seen: now, failures, last: now, in_flight: Vec::new() }
    }

    /// The state at this time: reservations whose outcome is too late are failures for good. The count becomes
    /// zero where the last failure is older than `reset`.
    pub(super) fn advance(&mut self, now: Timestamp, reset: Option<Duration>) {
        self.seen = self.seen.max(now);
        let seen = self.seen;
        while let Some(index) =
            self.in_flight.iter().position(|entry| entry.at.saturating_add(LATE_OUTCOME) <= seen)
        {
            let entry = self.in_flight.remove(index);
            self.count(entry.at);
        }
        // A reservation counts as a failure.
        let is_in_flight = self.in_flight.iter().any(|entry| !self.is_overdue(entry));
        if !is_in_flight && reset.is_some_and(|reset| self.last().saturating_add(reset) <= seen) {
            self.clear();
        }
    }

    /// Whether the reservation has become a failure.
    fn is_overdue(&self, entry: &Entry) -> bool {
        entry.at.saturating_add(IN_FLIGHT_TIMEOUT) <= self.seen
    }

    fn count(&mut self, at: Timestamp) {
        self.last = if self.failures == 0 { at } else { self.last.max(at) };
        self.failures = self.failures.saturating_add(1);
    }

    /// The failures without those in flight.
    pub(super) fn failures(&self) -> u32 {
        let overdue = self.in_flight.iter().filter(|entry| self.is_overdue(entry)).count();
        self.failures.saturating_add(u32::try_from(overdue).unwrap_or(u32::MAX))
    }

    /// The failures with those in flight.
    pub(super) fn total(&self) -> u32 {
        self.failures.saturating_add(u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// The time of the last failure, with those in flight.
    pub(super) fn last(&self) -> Timestamp {
        let last = (self.failures > 0).then_some(self.last);
        last.into_iter().chain(self.in_flight.iter().map(|entry| entry.at)).max().unwrap_or(self.seen)
    }

    /// How long the next attempt must wait: nothing below `limit` failures, then `first`, doubled by each
    /// further failure, up to `longest`.
    pub(super) fn wait(&self, limit: u32, first: Duration, longest: Duration) -> Option<Duration> {
        let doublings = self.total().checked_sub(limit)?;
        let span = first.saturating_mul(1 << doublings.min(MAX_DOUBLINGS)).min(longest);
        since(self.last().saturating_add(span), self.seen)
    }

    pub(super) fn reserve(&mut self, id: u64) {
        self.in_flight.push(Entry::new(id, self.seen));
    }

    /// The reservation failed. If it is not there, it counted as a failure before. Returns whether it was there.
    pub(super) fn fail(&mut self, id: u64) -> bool {
        let entry = remove(&mut self.in_flight, id);
        if let Some(entry) = entry {
            self.count(entry.at);
        }
        entry.is_some()
    }

    pub(super) fn has(&self, id: u64) -> bool {
        self.in_flight.iter().any(|entry| entry.id == id)
    }

    /// Returns whether the reservation was there.
    pub(super) fn give_back(&mut self, id: u64) -> bool {
        remove(&mut self.in_flight, id).is_some()
    }

    /// The reservation succeeded: no failure before it counts. Others in flight still do.
    pub(super) fn succeed(&mut self, id: u64) {
        self.give_back(id);
        self.failures = 0;
        let seen = self.seen;
        self.in_flight.retain(|entry| entry.at.saturating_add(IN_FLIGHT_TIMEOUT) > seen);
    }

    /// Sets the failures and the attempts in flight to zero.
    pub(super) fn clear(&mut self) {
        self.failures = 0;
        self.in_flight.clear();
    }

    /// Moves all times by the same span into the past.
    pub(super) fn rebase(&mut self, back: Duration) {
        self.seen = self.seen.saturating_sub(back);
        self.last = self.last.saturating_sub(back);
        self.in_flight.iter_mut().for_each(|entry| entry.at = entry.at.saturating_sub(back));
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.time(self.seen);
        to.u32(self.failures);
        to.time(self.last);
        to.list(&self.in_flight);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (seen, failures, last, in_flight) = (from.time()?, from.u32()?, from.time()?, from.list()?);
        Some(Self { seen, failures, last, in_flight })
    }
}

/// How much later `time` is than `now`; `None` if it is not later.
pub(super) fn since(time: Timestamp, now: Timestamp) -> Option<Duration> {
    let micros = time.as_micros().checked_sub(now.as_micros())?;
    (micros > 0).then(|| Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_700_000_000);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn after(seconds: u64) -> Timestamp {
        START.saturating_add(Duration::from_secs(seconds))
    }

    #[test]
    fn a_late_reservation_is_a_failure_until_it_is_given_back() {
        let mut attempts = Attempts::new(START);
        attempts.reserve(1);
        attempts.advance(after(29), Some(DAY));
        assert_eq!((attempts.failures(), attempts.total()), (0, 1));
        attempts.advance(after(30), Some(DAY));
        assert_eq!((attempts.failures(), attempts.total()), (1, 1));
        attempts.advance(after(599), Some(DAY));
        assert!(attempts.clone().give_back(1));
        attempts.advance(after(600), Some(DAY));
        assert!(!attempts.give_back(1), "it is a failure for good");
        assert_eq!((attempts.failures(), attempts.total()), (1, 1));
    }

    #[test]
    fn a_success_clears_late_reservations_and_keeps_those_in_flight() {
        let mut attempts = Attempts::new(START);
        attempts.reserve(1);
        attempts.advance(after(30), Some(DAY));
        attempts.reserve(2);
        attempts.reserve(3);
        attempts.succeed(3);
        assert_eq!((attempts.failures(), attempts.total()), (0, 1));
    }
}
