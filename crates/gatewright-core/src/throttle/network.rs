//! Failures and attempts in flight of one network, and whether it tries many accounts.

use std::time::Duration;

use super::attempts::since;
use super::bytes::{Entry, Reader, Writer, remove};
use super::rate::{Budget, Rate};
use super::settings::{IN_FLIGHT_RETRY, IN_FLIGHT_TIMEOUT, STUFFING_WINDOW, ThrottleSettings};
use crate::types::Timestamp;

/// How many attempts in flight and accounts together a state has at most. It then fits into
/// [`MAX_STATE_BYTES`](super::MAX_STATE_BYTES).
const MAX_ENTRIES: u32 = 4_000;
/// How many of these are accounts at most: as many as the settings allow for an IPv6 /48.
const MAX_ACCOUNTS: u32 = 1_600;

/// The rules of a network: the settings, times the factor of its kind.
#[derive(Clone, Copy)]
pub(super) struct NetworkRules {
    failures: Budget,
    in_flight: u32,
    /// How many accounts are stuffing; `None` if it is not looked for.
    stuffing_accounts: Option<u32>,
    slowed: Budget,
    slowed_for: Duration,
}

impl NetworkRules {
    pub(super) fn new(settings: &ThrottleSettings, factor: u32, finds_stuffing: bool) -> Self {
        let failures = Budget { size: settings.network_failures, interval: settings.network_interval };
        let slowed = Budget { size: 1, interval: settings.stuffing_interval };
        let accounts = settings.stuffing_accounts.saturating_mul(factor).min(MAX_ACCOUNTS);
        let stuffing_accounts = finds_stuffing.then_some(accounts);
        let most_in_flight = MAX_ENTRIES.saturating_sub(stuffing_accounts.unwrap_or_default());
        Self {
            failures: failures.times(factor),
            in_flight: settings.network_in_flight.saturating_mul(factor).min(most_in_flight),
            stuffing_accounts,
            slowed: slowed.times(factor),
            slowed_for: settings.stuffing_duration,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) seen: Timestamp,
    failures: Rate,
    in_flight: Vec<Entry>,
    /// The accounts of the latest failures, each once.
    accounts: Vec<Entry>,
    slowed_until: Timestamp,
    slowed: Rate,
}

impl Network {
    pub(super) const fn new(seen: Timestamp) -> Self {
        Self {
            seen,
            failures: Rate::new(seen),
            in_flight: Vec::new(),
            accounts: Vec::new(),
            slowed_until: seen,
            slowed: Rate::new(seen),
        }
    }

    /// A network whose failures are used up now.
    pub(super) fn used_up(now: Timestamp, rules: &NetworkRules) -> Self {
        Self { failures: Rate::used_up(now, rules.failures), ..Self::new(now) }
    }

    /// The state at this time, without reservations that have no outcome and accounts of long ago.
    pub(super) fn advance(&mut self, now: Timestamp) {
        self.seen = self.seen.max(now);
        let seen = self.seen;
        self.in_flight.retain(|entry| entry.at.saturating_add(IN_FLIGHT_TIMEOUT) > seen);
        self.accounts.retain(|entry| entry.at.saturating_add(STUFFING_WINDOW) > seen);
    }

    fn is_slowed(&self) -> bool {
        self.slowed_until > self.seen
    }

    /// How long the next attempt must wait. `is_known`: the account logged in from this network before. Then the
    /// failures of others do not bind it, only the attempts in flight do.
    pub(super) fn wait(&self, rules: &NetworkRules, is_known: bool) -> Option<Duration> {
        let in_flight = u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX);
        let crowded = (in_flight >= rules.in_flight).then_some(IN_FLIGHT_RETRY);
        if is_known {
            return crowded;
        }
        let failed = self.failures.wait(self.seen, rules.failures, 0);
        let slowed = if self.is_slowed() { self.slowed_wait(rules, in_flight) } else { None };
        crowded.max(failed).max(slowed)
    }

    /// An attempt in flight may fail, so it counts. Its outcome is soon known.
    fn slowed_wait(&self, rules: &NetworkRules, in_flight: u32) -> Option<Duration> {
        let failed = self.slowed.wait(self.seen, rules.slowed, 0);
        let pending = self.slowed.wait(self.seen, rules.slowed, in_flight).map(|_| IN_FLIGHT_RETRY);
        failed.or(pending)
    }

    pub(super) fn reserve(&mut self, id: u64) {
        self.in_flight.push(Entry::new(id, self.seen));
    }

    pub(super) fn has(&self, id: u64) -> bool {
        self.in_flight.iter().any(|entry| entry.id == id)
    }

    /// Returns whether the reservation was there.
    pub(super) fn give_back(&mut self, id: u64) -> bool {
        remove(&mut self.in_flight, id).is_some()
    }

    /// Counts a failure on this account, also if its reservation is forgotten. Returns whether the network is
    /// slowed from now on.
    pub(super) fn fail(&mut self, id: u64, account: u64, rules: &NetworkRules) -> bool {
        self.give_back(id);
        self.failures.take(self.seen, rules.failures);
        if self.is_slowed() {
            self.slowed.take(self.seen, rules.slowed);
            return false;
        }
        let Some(most) = rules.stuffing_accounts else { return false };
        remove(&mut self.accounts, account);
        self.accounts.push(Entry::new(account, self.seen));
        if self.accounts.len() < usize::try_from(most).unwrap_or(usize::MAX) {
            return false;
        }
        self.accounts.clear();
        self.slowed_until = self.seen.saturating_add(rules.slowed_for);
        self.slowed = Rate::used_up(self.seen, rules.slowed);
        true
    }

    /// When nothing of the state matters any more; `None` if nothing does now.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        let latest = |entries: &[Entry], span| {
            entries.iter().map(|entry| entry.at.saturating_add(span)).max().unwrap_or(self.seen)
        };
        let ends = [
            self.failures.free_at,
            latest(&self.in_flight, IN_FLIGHT_TIMEOUT),
            latest(&self.accounts, STUFFING_WINDOW),
            self.slowed_until,
        ];
        ends.into_iter().max().filter(|end| since(*end, self.seen).is_some())
    }

    pub(super) fn rebase(&mut self, back: Duration) {
        self.seen = self.seen.saturating_sub(back);
        self.failures.rebase(back);
        self.slowed_until = self.slowed_until.saturating_sub(back);
        self.slowed.rebase(back);
        for entry in self.in_flight.iter_mut().chain(&mut self.accounts) {
            entry.at = entry.at.saturating_sub(back);
        }
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.time(self.seen);
        self.failures.write(to);
        to.list(&self.in_flight);
        to.list(&self.accounts);
        to.time(self.slowed_until);
        self.slowed.write(to);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            seen: from.time()?,
            failures: Rate::read(from)?,
            in_flight: from.list()?,
            accounts: from.list()?,
            slowed_until: from.time()?,
            slowed: Rate::read(from)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::throttle::MAX_STATE_BYTES;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    /// The largest settings, for every factor: of a /64, a /48, an unknown proxy, and each of them in a shared bucket.
    #[test]
    fn the_largest_state_fits() {
        let settings = ThrottleSettings {
            network_in_flight: 150,
            stuffing_accounts: 200,
            ..ThrottleSettings::default()
        };
        for (factor, finds_stuffing, in_flight) in [
            (1, true, 150),
            (8, true, 1_200),
            (20, false, 3_000),
            (20, true, 2_400),
            (160, true, 2_400),
            (400, false, 4_000),
        ] {
            let rules = NetworkRules::new(&settings, factor, finds_stuffing);
            let mut network = Network::new(NOW);
            let admitted = (0..).take_while(|id| {
                let is_admitted = network.wait(&rules, true).is_none();
                network.reserve(*id);
                is_admitted
            });
            assert_eq!(admitted.count(), in_flight, "factor {factor}");
            let accounts = rules.stuffing_accounts.map_or(0, |most| u64::from(most) - 1);
            for account in 0..accounts {
                assert!(!network.fail(u64::MAX, account, &rules), "factor {factor}: account {account}");
            }
            let mut written = Writer::default();
            network.write(&mut written);
            // The version and the difference of the clocks come before it.
            let bytes = written.0.len() + 9;
            assert!(bytes <= MAX_STATE_BYTES, "factor {factor}: {bytes} bytes");
        }
    }
}
