//! One step of the throttle: an atomic change of the states of a few keys.

use std::sync::Arc;
use std::time::Duration;

use super::key::{Attempt, KeyKind, ThrottleKey};
use super::owner::LockStage;
use super::settings::{IN_FLIGHT_RETRY, SHARED_BUCKET_FACTOR, ThrottleSettings};
use super::state::{Clocks, Found, FoundState, Rules, State, ThrottleState};
use crate::types::Timestamp;

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Acquire,
    Succeed,
    Fail,
    GiveBack,
    Unlock,
    Forget,
    Look,
}

/// One step: which keys it concerns, what it does with them, and when.
///
/// A [`Throttle`](super::Throttle) runs it. [`decide`](Self::decide) has all the rules.
///
/// ```
/// use std::sync::Arc;
///
/// use gatewright::throttle::{ClientOrigin, ThrottleDigests, ThrottleSettings, ThrottleStep};
/// use gatewright::types::{SystemRandom, Timestamp};
///
/// let origin = ClientOrigin::Address("192.0.2.1".parse().unwrap());
/// let attempt = ThrottleDigests::generate(&SystemRandom)?.login("ada@example.com", None, origin);
/// let now = Timestamp::from_seconds(1_700_000_000);
/// let step = ThrottleStep::acquire(&attempt, 1, &Arc::new(ThrottleSettings::default()), now);
/// let decision = step.decide(&vec![None; step.keys().len()]);
/// assert_eq!(decision.outcome.limited, None);
/// assert_eq!(decision.writes.len(), 4, "a reservation for the account, the pair, the network and the name");
/// # Ok::<(), gatewright::types::RandomError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ThrottleStep {
    attempt: Attempt,
    action: Action,
    reservation: u64,
    settings: Arc<ThrottleSettings>,
    now: Timestamp,
}

/// What a step found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct ThrottleOutcome {
    /// Why nothing was reserved. `None` if the step was made.
    pub limited: Option<Limit>,
    /// The account is locked for this network: the attempt is to be refused as a wrong password. After
    /// [`ThrottleStep::unlock`] and [`ThrottleStep::look`]: whether the account was locked for all networks. That
    /// includes an account for which only known networks may try, if it has none.
    pub is_locked: bool,
    /// The account has reached this stage with this failure.
    pub lock: Option<LockStage>,
    /// The network has failed on many accounts, and is slowed from now on.
    pub stuffing: bool,
    /// The failures of the session are used up: end it.
    pub is_exhausted: bool,
    /// How many states were corrupt or came from the future, and were repaired.
    pub repaired: u32,
    /// A later version of Gatewright wrote one of the states. Nothing was decided and nothing is written: the
    /// attempt fails with an error.
    pub is_unreadable: bool,
}

/// Why an attempt must wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// How long. More than zero.
    pub retry_after: Duration,
    /// The kind of the key with the longest wait.
    pub kind: KeyKind,
}

/// A change of one state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThrottleWrite {
    /// The key.
    pub key: ThrottleKey,
    /// The new state. `None`: delete it.
    pub state: Option<ThrottleState>,
}

/// What a store writes and returns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThrottleDecision {
    /// What the store returns.
    pub outcome: ThrottleOutcome,
    /// What it writes, in the order of the keys, all or nothing. Empty for a limited attempt, unless a state was
    /// repaired.
    pub writes: Vec<ThrottleWrite>,
}

impl ThrottleStep {
    /// Reserves an attempt under all its keys, or under none if one is limited. `reservation` is a random number.
    #[must_use]
    pub fn acquire(
        attempt: &Attempt,
        reservation: u64,
        settings: &Arc<ThrottleSettings>,
        now: Timestamp,
    ) -> Self {
        Self::new(attempt, Action::Acquire, reservation, settings, now)
    }

    /// The attempt succeeded. It gives its reservation back, and clears the failures of the account and the pair,
    /// never those of the network. The network becomes a known network of the user.
    #[must_use]
    pub fn succeed(
        attempt: &Attempt,
        reservation: u64,
        settings: &Arc<ThrottleSettings>,
        now: Timestamp,
    ) -> Self {
        Self::new(attempt, Action::Succeed, reservation, settings, now)
    }

    /// The attempt failed.
    #[must_use]
    pub fn fail(
        attempt: &Attempt,
        reservation: u64,
        settings: &Arc<ThrottleSettings>,
        now: Timestamp,
    ) -> Self {
        Self::new(attempt, Action::Fail, reservation, settings, now)
    }

    /// The attempt did not take place. It gives its reservation back.
    #[must_use]
    pub fn give_back(
        attempt: &Attempt,
        reservation: u64,
        settings: &Arc<ThrottleSettings>,
        now: Timestamp,
    ) -> Self {
        Self::new(attempt, Action::GiveBack, reservation, settings, now)
    }

    /// Lifts the lock of an [owner](super::ThrottleDigests::owner).
    #[must_use]
    pub fn unlock(owner: &Attempt, settings: &Arc<ThrottleSettings>, now: Timestamp) -> Self {
        Self::new(owner, Action::Unlock, 0, settings, now)
    }

    /// Lifts the lock of an [owner](super::ThrottleDigests::owner), and forgets the known networks.
    #[must_use]
    pub fn forget(owner: &Attempt, settings: &Arc<ThrottleSettings>, now: Timestamp) -> Self {
        Self::new(owner, Action::Forget, 0, settings, now)
    }

    /// Looks whether an [owner](super::ThrottleDigests::owner) is locked. It changes nothing.
    #[must_use]
    pub fn look(owner: &Attempt, settings: &Arc<ThrottleSettings>, now: Timestamp) -> Self {
        Self::new(owner, Action::Look, 0, settings, now)
    }

    fn new(
        attempt: &Attempt,
        action: Action,
        reservation: u64,
        settings: &Arc<ThrottleSettings>,
        now: Timestamp,
    ) -> Self {
        Self { attempt: attempt.clone(), action, reservation, settings: Arc::clone(settings), now }
    }

    /// The keys whose states the store reads and locks, in ascending order, each once.
    #[must_use]
    pub fn keys(&self) -> &[ThrottleKey] {
        self.attempt.keys()
    }

    /// The time of the step.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Decides. `stored` are the bytes of the keys' states in the order of [`keys`](Self::keys); `None` for a key
    /// without a state. A missing entry counts as `None`.
    ///
    /// It is a pure function, and accepts any bytes. Corrupt ones count as a budget that is used up now, or as half of
    /// the failures of a user after which only known networks may try. See also
    /// [`is_unreadable`](ThrottleOutcome::is_unreadable).
    #[must_use]
    pub fn decide(&self, stored: &[Option<&[u8]>]) -> ThrottleDecision {
        self.decide_shared(|index| (stored.get(index).copied().flatten(), false))
    }

    /// As [`decide`](Self::decide). `find` also says whether several keys share the state.
    pub(super) fn decide_shared<'a>(
        &self,
        find: impl Fn(usize) -> (Option<&'a [u8]>, bool),
    ) -> ThrottleDecision {
        let load = |(index, key): (usize, &ThrottleKey)| {
            let (stored, is_shared) = find(index);
            Loaded::new(*key, self.rules(key, is_shared), stored, self.now)
        };
        let loaded: Option<Vec<Loaded<'_>>> = self.keys().iter().enumerate().map(load).collect();
        let mut outcome = ThrottleOutcome::default();
        let Some(mut loaded) = loaded else {
            outcome.is_unreadable = true;
            return ThrottleDecision { outcome, writes: Vec::new() };
        };
        match self.action {
            Action::Acquire => self.reserve(&mut loaded, &mut outcome),
            _ => loaded.iter_mut().for_each(|loaded| self.settle(loaded, &mut outcome)),
        }
        let repaired = loaded.iter().filter(|loaded| loaded.is_repaired).count();
        outcome.repaired = u32::try_from(repaired).unwrap_or(u32::MAX);
        ThrottleDecision { outcome, writes: loaded.iter().filter_map(Loaded::write).collect() }
    }

    fn rules(&self, key: &ThrottleKey, is_shared: bool) -> Rules<'_> {
        let share = if is_shared { SHARED_BUCKET_FACTOR } else { 1 };
        Rules { kind: key.kind(), settings: &self.settings, share }
    }

    /// Whether the step is the outcome of an attempt, and not its reservation.
    pub(super) const fn has_outcome(&self) -> bool {
        !matches!(self.action, Action::Acquire)
    }

    /// Whether the shared bucket of a key decides this step, although there is room for a state of the key's own: it
    /// has the reservation of an earlier step, or limits the attempt. Else a key could leave a bucket whose budget it
    /// has used up.
    pub(super) fn is_bound_by(&self, key: &ThrottleKey, bucket: &[u8]) -> bool {
        let Some(loaded) = Loaded::new(*key, self.rules(key, true), Some(bucket), self.now) else {
            return true;
        };
        match self.action {
            Action::Acquire => loaded.wait(false).is_some(),
            _ => loaded.state.has(self.reservation),
        }
    }

    fn reserve(&self, loaded: &mut [Loaded<'_>], outcome: &mut ThrottleOutcome) {
        let network = self.attempt.network;
        let owner = loaded.iter().find_map(|loaded| match &loaded.state {
            State::Owner(owner) => Some(owner),
            _ => None,
        });
        let is_known = owner.is_some_and(|owner| owner.knows(network));
        outcome.is_locked = owner.is_some_and(|owner| owner.is_locked_for(network, &self.settings));
        outcome.is_exhausted = loaded.iter().any(Loaded::is_exhausted);
        let limits = loaded.iter().filter_map(|loaded| {
            let retry_after = loaded.wait(is_known)?;
            Some(Limit { retry_after, kind: loaded.key.kind() })
        });
        outcome.limited = limits.max_by_key(|limit| limit.retry_after);
        if outcome.limited.is_some() {
            outcome.is_locked = false;
            return;
        }
        for loaded in loaded {
            loaded.is_changed = true;
            match &mut loaded.state {
                State::Attempts(attempts) => attempts.reserve(self.reservation),
                State::Bucket(bucket) => bucket.reserve(self.reservation),
                State::Network(network) => network.reserve(self.reservation),
                // A refused attempt must not bring the account nearer to the lock.
                State::Owner(_) if outcome.is_locked => loaded.is_changed = false,
                State::Owner(owner) => owner.attempts.reserve(self.reservation),
                State::Metered(metered) => {
                    metered.rate.take(metered.seen, loaded.rules.budget());
                }
            }
        }
    }

    fn settle(&self, loaded: &mut Loaded<'_>, outcome: &mut ThrottleOutcome) {
        let Attempt { network, account, .. } = &self.attempt;
        let (id, rules) = (self.reservation, loaded.rules);
        loaded.is_changed = true;
        match (&mut loaded.state, self.action) {
            (State::Attempts(attempts), Action::Succeed) => attempts.succeed(id),
            // Nothing is written without the reservation: a refused attempt must cause no writes.
            (State::Attempts(attempts), Action::Fail) => loaded.is_changed = attempts.fail(id),
            (State::Attempts(attempts), Action::GiveBack) => loaded.is_changed = attempts.give_back(id),
            (State::Bucket(bucket), Action::Fail) => loaded.is_changed = bucket.fail(id, rules.bucket()),
            // Others share the state: one of them must not clear the failures of all.
            (State::Bucket(bucket), Action::Succeed | Action::GiveBack) => {
                loaded.is_changed = bucket.give_back(id);
            }
            (State::Network(state), Action::Fail) => {
                outcome.stuffing |= state.fail(id, *account, &rules.network());
            }
            (State::Network(state), Action::Succeed | Action::GiveBack) => {
                loaded.is_changed = state.give_back(id);
            }
            (State::Owner(owner), Action::Succeed) => owner.succeed(id, *network),
            (State::Owner(owner), Action::Fail) => outcome.lock = owner.fail(id, &self.settings),
            (State::Owner(owner), Action::GiveBack) => loaded.is_changed = owner.attempts.give_back(id),
            (State::Owner(owner), Action::Unlock) => {
                outcome.is_locked = owner.is_locked(&self.settings);
                owner.unlock();
            }
            (State::Owner(owner), Action::Forget) => owner.forget(),
            (State::Owner(owner), Action::Look) => {
                outcome.is_locked = owner.is_locked(&self.settings);
                loaded.is_changed = false;
            }
            // A registration and a refused request are never given back.
            _ => loaded.is_changed = false,
        }
        outcome.is_exhausted |= loaded.is_exhausted();
    }
}

/// A state during a step.
struct Loaded<'a> {
    key: ThrottleKey,
    rules: Rules<'a>,
    state: State,
    clocks: Clocks,
    is_stored: bool,
    is_repaired: bool,
    is_changed: bool,
}

impl<'a> Loaded<'a> {
    /// `None` if a later version wrote the state.
    fn new(key: ThrottleKey, rules: Rules<'a>, stored: Option<&[u8]>, now: Timestamp) -> Option<Self> {
        let Found::State(found) = State::load(&rules, stored, now) else { return None };
        let FoundState { state, clocks, is_repaired } = found;
        Some(Self { key, rules, state, clocks, is_stored: stored.is_some(), is_repaired, is_changed: false })
    }

    /// How long the next attempt must wait for this key.
    fn wait(&self, is_known: bool) -> Option<Duration> {
        let Rules { kind, settings, .. } = self.rules;
        match &self.state {
            State::Attempts(_) | State::Bucket(_) if kind == KeyKind::Account && is_known => None,
            State::Bucket(bucket) => bucket.wait(self.rules.bucket()),
            State::Attempts(attempts) if kind == KeyKind::Session => {
                (attempts.total() >= self.rules.limit()).then_some(IN_FLIGHT_RETRY)
            }
            State::Attempts(attempts) => {
                attempts.wait(self.rules.limit(), settings.first_wait, settings.longest_wait)
            }
            State::Network(network) => network.wait(&self.rules.network(), is_known),
            State::Owner(_) => None,
            State::Metered(metered) => metered.rate.wait(metered.seen, self.rules.budget(), 0),
        }
    }

    /// Whether the failures of a session are used up. Those of a bucket may be failures of others.
    fn is_exhausted(&self) -> bool {
        let State::Attempts(attempts) = &self.state else { return false };
        self.rules.kind == KeyKind::Session && attempts.failures() >= self.rules.limit()
    }

    fn write(&self) -> Option<ThrottleWrite> {
        if !self.is_changed && !self.is_repaired {
            return None;
        }
        let state = self.state.to_stored(&self.rules, self.clocks);
        (self.is_stored || state.is_some()).then_some(ThrottleWrite { key: self.key, state })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::throttle::{ClientOrigin, ThrottleDigests};
    use crate::types::{DerivedKey, UserId};

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn login() -> (Attempt, Attempt) {
        let user = UserId::from(1);
        let origin = ClientOrigin::Address("192.0.2.1".parse().unwrap());
        let attempt = ThrottleDigests::new(&DerivedKey::new([7; 32])).login("ada", Some(&user), origin);
        (attempt, ThrottleDigests::owner(&user))
    }

    /// Neither when it is found nor later.
    #[test]
    fn a_corrupt_state_of_a_user_locks_no_account() {
        let ((attempt, owner), settings) = (login(), Arc::default());
        for corrupt in [b"".as_slice(), b"\0", b"\x01", b"-", b"\xff\x00\xff"] {
            let look = ThrottleStep::look(&owner, &settings, NOW).decide(&[Some(corrupt)]);
            assert_eq!((look.outcome.is_locked, look.outcome.repaired), (false, 1), "{corrupt:?}");
            let is_owner = |key: &ThrottleKey| key.kind() == KeyKind::Owner;
            let stored: Vec<_> = attempt.keys().iter().map(|key| is_owner(key).then_some(corrupt)).collect();
            let first = ThrottleStep::acquire(&attempt, 1, &settings, NOW).decide(&stored);
            let expected = ThrottleOutcome { repaired: 1, ..ThrottleOutcome::default() };
            assert_eq!(first.outcome, expected, "{corrupt:?}");
            let later = NOW.saturating_add(settings.failures_reset.saturating_mul(40));
            let states: Vec<_> =
                first.writes.iter().map(|write| write.state.as_ref().map(ThrottleState::bytes)).collect();
            let second = ThrottleStep::acquire(&attempt, 2, &settings, later).decide(&states);
            assert_eq!(second.outcome, ThrottleOutcome::default(), "{corrupt:?}");
        }
    }

    /// So an older program does not start the counts of a newer one again.
    #[test]
    fn a_state_of_a_later_version_is_not_overwritten() {
        let ((attempt, _), settings) = (login(), Arc::default());
        for version in 0..=u8::MAX {
            let bytes = [version, 1, 2, 3];
            for index in 0..attempt.keys().len() {
                let mut stored = vec![None; attempt.keys().len()];
                stored[index] = Some(&bytes[..]);
                for step in [ThrottleStep::acquire, ThrottleStep::succeed, ThrottleStep::fail] {
                    let decision = step(&attempt, 1, &settings, NOW).decide(&stored);
                    let is_later = (2..=31).contains(&version);
                    assert_eq!(decision.outcome.is_unreadable, is_later, "version {version}");
                    assert_eq!(decision.outcome.repaired, u32::from(!is_later), "version {version}");
                    assert!(!is_later || decision.writes.is_empty(), "version {version}");
                }
            }
        }
    }

    #[test]
    fn a_reservation_that_is_not_there_is_given_back_without_a_write() {
        let ((attempt, _), settings, now) = (login(), Arc::default(), NOW);
        let admitted = ThrottleStep::acquire(&attempt, 1, &settings, now).decide(&[]);
        let states: Vec<Option<&[u8]>> =
            admitted.writes.iter().map(|write| write.state.as_ref().map(ThrottleState::bytes)).collect();
        assert_eq!((states.len(), states.contains(&None)), (attempt.keys().len(), false));
        let given_back = |reservation| {
            ThrottleStep::give_back(&attempt, reservation, &settings, now).decide(&states).writes.len()
        };
        assert_eq!((given_back(2), given_back(1)), (0, states.len()));
    }
}
