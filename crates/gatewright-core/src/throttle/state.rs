//! The state of one key: which rule it follows, and its bytes.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::attempts::{Attempts, since};
use super::bucket::Bucket;
use super::bytes::{Reader, Writer};
use super::key::KeyKind;
use super::network::{Network, NetworkRules};
use super::owner::Owner;
use super::rate::{Budget, Rate};
use super::settings::{SHARED_BUCKET_FACTOR, SHARED_NETWORK_FACTOR, ThrottleSettings, WIDE_NETWORK_FACTOR};
use crate::types::Timestamp;

/// The longest state: 65,535 bytes. Nearly all have less than 200.
pub const MAX_STATE_BYTES: usize = 65_535;

/// How far the clock of a node may be behind the latest time that a state has seen: 1 hour. Time stands still
/// for the state until then. A state from further in the future is moved back to the present time, and keeps how
/// far that was. A later step whose time is ahead of the state by as much comes from the same clock, and its time is
/// moved back too. So two nodes whose clocks differ end no wait by taking turns. One wait can end early when the clocks
/// first differ, one more if the next step came over an hour later, and one after a pause as long as the difference.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(60 * 60);

const VERSION: u8 = 1;

/// The versions that later programs may write. Other first bytes are corrupt.
const LATER_VERSIONS: RangeInclusive<u8> = 2..=31;

/// What the bytes of a state are.
pub(super) enum Found {
    /// A state at the time of the step.
    State(FoundState),
    /// A later program wrote it. It must not be overwritten.
    Later,
}

/// A state at the time of a step.
pub(super) struct FoundState {
    pub(super) state: State,
    pub(super) clocks: Clocks,
    /// Whether it was corrupt, or from the future.
    pub(super) is_repaired: bool,
}

/// What a state knows of the clocks of the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Clocks {
    /// By how much a clock is ahead of another one. Zero if none is.
    skew: Duration,
    /// By how much the clock of the step whose time the state has is ahead of that time.
    lead: Duration,
}

impl Clocks {
    /// The time of a step: moved back if it comes from the clock that is ahead.
    fn corrected(&mut self, seen: Timestamp, now: Timestamp) -> Timestamp {
        let is_of_fast_clock = !self.skew.is_zero() && since(now, seen) >= Some(self.skew);
        let correction = if is_of_fast_clock { self.skew } else { Duration::ZERO };
        let now = now.saturating_sub(correction);
        if now > seen {
            self.lead = correction;
        }
        now
    }

    /// The state was further in the future than any wait. The difference of the clocks is what the state is ahead, and
    /// what its time had been moved back: the first measure is too small by the time until the second step.
    fn found_ahead(&mut self, ahead: Duration) {
        *self = Self { skew: ahead.saturating_add(self.lead), lead: Duration::ZERO };
    }

    fn write(self, to: &mut Writer) {
        for time in [self.skew, self.lead] {
            to.u64(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { skew: Duration::from_micros(from.u64()?), lead: Duration::from_micros(from.u64()?) })
    }
}

/// A state as a store keeps it. The bytes have a version, and only this module reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThrottleState {
    bytes: Vec<u8>,
    expires_at: Timestamp,
}

impl ThrottleState {
    /// The bytes: at most [`MAX_STATE_BYTES`]. They contain digests, numbers and times.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// From when on the store may delete the state. It may be the latest possible time.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

/// The rules of one key.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) kind: KeyKind,
    pub(super) settings: &'a ThrottleSettings,
    /// How many times as large the budget is, because others share the state.
    pub(super) share: u32,
}

impl Rules<'_> {
    pub(super) fn limit(&self) -> u32 {
        let limit = match self.kind {
            KeyKind::Session => self.settings.password_change_failures,
            _ => self.settings.account_failures,
        };
        limit.saturating_mul(self.share)
    }

    pub(super) fn network(&self) -> NetworkRules {
        let finds_stuffing = self.kind != KeyKind::SharedNetwork;
        NetworkRules::new(self.settings, self.factor(), finds_stuffing)
    }

    /// The budget of registrations or of refused requests.
    pub(super) fn budget(&self) -> Budget {
        let (size, interval) = match self.kind {
            KeyKind::RefusedRequests | KeyKind::WideRefusedRequests | KeyKind::SharedRefusedRequests => {
                (self.settings.refused_requests, self.settings.refused_request_interval)
            }
            _ => (self.settings.registrations, self.settings.registration_interval),
        };
        Budget { size, interval }.times(self.factor())
    }

    /// The failures of a shared bucket. As many are given back as keys of their own could make.
    pub(super) fn bucket(&self) -> Budget {
        let interval = self.settings.longest_wait / SHARED_BUCKET_FACTOR;
        Budget { size: self.limit(), interval }
    }

    fn factor(&self) -> u32 {
        let factor = match self.kind {
            KeyKind::WideNetwork | KeyKind::WideRegistrations | KeyKind::WideRefusedRequests => {
                WIDE_NETWORK_FACTOR
            }
            KeyKind::SharedNetwork | KeyKind::SharedRegistrations | KeyKind::SharedRefusedRequests => {
                SHARED_NETWORK_FACTOR
            }
            _ => 1,
        };
        factor.saturating_mul(self.share)
    }

    /// The time after the last failure at which the count becomes zero. The count of a user never does.
    fn reset(&self) -> Option<Duration> {
        (self.kind != KeyKind::Owner).then_some(self.settings.failures_reset)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Attempts(Attempts),
    /// In place of [`Attempts`](Self::Attempts), if several keys share the state.
    Bucket(Bucket),
    Network(Network),
    Owner(Owner),
    Metered(Metered),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Metered {
    pub(super) seen: Timestamp,
    pub(super) rate: Rate,
}

impl State {
    /// The state of a key that nothing is known about.
    const fn new(rules: &Rules<'_>, now: Timestamp) -> Self {
        match rules.kind {
            KeyKind::Account | KeyKind::Pair | KeyKind::Session if rules.share > 1 => {
                Self::Bucket(Bucket::new(now))
            }
            KeyKind::Account | KeyKind::Pair | KeyKind::Session => Self::Attempts(Attempts::new(now)),
            KeyKind::Network | KeyKind::WideNetwork | KeyKind::SharedNetwork => {
                Self::Network(Network::new(now))
            }
            KeyKind::Owner | KeyKind::Nobody => Self::Owner(Owner::new(now)),
            KeyKind::Registrations
            | KeyKind::WideRegistrations
            | KeyKind::SharedRegistrations
            | KeyKind::RefusedRequests
            | KeyKind::WideRefusedRequests
            | KeyKind::SharedRefusedRequests => Self::Metered(Metered { seen: now, rate: Rate::new(now) }),
        }
    }

    /// The state of a key whose bytes are corrupt: its budget is used up now. So a corrupt row is no bypass, and
    /// is mended after a while. Time does not clear the failures of a user, so a user gets half of those after which
    /// only known networks may try: the row locks no account.
    fn used_up(rules: &Rules<'_>, now: Timestamp) -> Self {
        match Self::new(rules, now) {
            Self::Attempts(_) => Self::Attempts(Attempts::failed(rules.limit(), now)),
            Self::Bucket(_) => Self::Bucket(Bucket::used_up(now, rules.bucket())),
            Self::Network(_) => Self::Network(Network::used_up(now, &rules.network())),
            Self::Owner(_) => Self::Owner(Owner::failed(rules.settings.known_networks_only_after / 2, now)),
            Self::Metered(_) => {
                let rate = Rate::used_up(now, rules.budget());
                Self::Metered(Metered { seen: now, rate })
            }
        }
    }

    /// The state at `now`.
    pub(super) fn load(rules: &Rules<'_>, stored: Option<&[u8]>, now: Timestamp) -> Found {
        let found = |state, clocks, is_repaired| Found::State(FoundState { state, clocks, is_repaired });
        let Some(bytes) = stored else { return found(Self::new(rules, now), Clocks::default(), false) };
        if bytes.first().is_some_and(|version| LATER_VERSIONS.contains(version)) {
            return Found::Later;
        }
        let Some((mut state, mut clocks)) = Self::read(rules, bytes) else {
            return found(Self::used_up(rules, now), Clocks::default(), true);
        };
        let now = clocks.corrected(state.seen(), now);
        let ahead = since(state.seen(), now).filter(|ahead| *ahead > CLOCK_TOLERANCE);
        if let Some(ahead) = ahead {
            state.rebase(ahead);
            clocks.found_ahead(ahead);
        }
        state.advance(rules, now);
        found(state, clocks, ahead.is_some())
    }

    /// Whether the reservation is in the state.
    pub(super) fn has(&self, reservation: u64) -> bool {
        match self {
            Self::Attempts(attempts) => attempts.has(reservation),
            Self::Bucket(bucket) => bucket.has(reservation),
            Self::Network(network) => network.has(reservation),
            Self::Owner(owner) => owner.attempts.has(reservation),
            Self::Metered(_) => false,
        }
    }

    /// The latest time that the state has seen. It is the time of a step, even if a node's clock is behind.
    const fn seen(&self) -> Timestamp {
        match self {
            Self::Attempts(attempts) => attempts.seen,
            Self::Bucket(bucket) => bucket.seen,
            Self::Network(network) => network.seen,
            Self::Owner(owner) => owner.attempts.seen,
            Self::Metered(metered) => metered.seen,
        }
    }

    fn advance(&mut self, rules: &Rules<'_>, now: Timestamp) {
        match self {
            Self::Attempts(attempts) => attempts.advance(now, rules.reset()),
            Self::Bucket(bucket) => bucket.advance(now, rules.bucket()),
            Self::Network(network) => network.advance(now),
            Self::Owner(owner) => {
                owner.advance(now, rules.reset(), rules.settings.known_network_lifetime);
            }
            Self::Metered(metered) => metered.seen = metered.seen.max(now),
        }
    }

    fn rebase(&mut self, back: Duration) {
        match self {
            Self::Attempts(attempts) => attempts.rebase(back),
            Self::Bucket(bucket) => bucket.rebase(back),
            Self::Network(network) => network.rebase(back),
            Self::Owner(owner) => owner.rebase(back),
            Self::Metered(metered) => {
                metered.seen = metered.seen.saturating_sub(back);
                metered.rate.rebase(back);
            }
        }
    }

    /// The bytes that the store keeps, or `None` if the state equals that of an absent key.
    pub(super) fn to_stored(&self, rules: &Rules<'_>, clocks: Clocks) -> Option<ThrottleState> {
        let expires_at = match self {
            Self::Attempts(attempts) if attempts.is_empty() => None,
            Self::Attempts(attempts) => Some(attempts.last().saturating_add(rules.settings.failures_reset)),
            Self::Bucket(bucket) => bucket.expires_at(),
            Self::Network(network) => network.expires_at(),
            Self::Owner(owner) => owner.expires_at(rules.reset(), rules.settings.known_network_lifetime),
            Self::Metered(metered) => {
                let free_at = metered.rate.free_at;
                (free_at > metered.seen).then_some(free_at)
            }
        };
        Some(ThrottleState { bytes: self.write(clocks), expires_at: expires_at? })
    }

    fn write(&self, clocks: Clocks) -> Vec<u8> {
        let mut to = Writer::default();
        to.u8(VERSION);
        clocks.write(&mut to);
        match self {
            Self::Attempts(attempts) => attempts.write(&mut to),
            Self::Bucket(bucket) => bucket.write(&mut to),
            Self::Network(network) => network.write(&mut to),
            Self::Owner(owner) => owner.write(&mut to),
            Self::Metered(metered) => {
                to.time(metered.seen);
                metered.rate.write(&mut to);
            }
        }
        to.0
    }

    /// The state, and what it knows of the clocks.
    fn read(rules: &Rules<'_>, bytes: &[u8]) -> Option<(Self, Clocks)> {
        let mut from = Reader(bytes);
        if bytes.len() > MAX_STATE_BYTES || from.u8()? != VERSION {
            return None;
        }
        let clocks = Clocks::read(&mut from)?;
        let state = match Self::new(rules, Timestamp::from_seconds(0)) {
            Self::Attempts(_) => Self::Attempts(Attempts::read(&mut from)?),
            Self::Bucket(_) => Self::Bucket(Bucket::read(&mut from)?),
            Self::Network(_) => Self::Network(Network::read(&mut from)?),
            Self::Owner(_) => Self::Owner(Owner::read(&mut from)?),
            Self::Metered(_) => Self::Metered(Metered { seen: from.time()?, rate: Rate::read(&mut from)? }),
        };
        from.is_empty().then_some((state, clocks))
    }
}
