//! A throttle in memory, with a bounded number of states.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::key::{KeyKind, ThrottleKey};
use super::owner::NEVER;
use super::state::ThrottleState;
use super::step::{ThrottleOutcome, ThrottleStep, ThrottleWrite};
use super::store::{Throttle, ThrottleReach};
use crate::store::StoreError;
use crate::types::Timestamp;

/// How many states a [`MemoryThrottle`] holds unless set: 100,000, and as many of owners.
pub const DEFAULT_MEMORY_KEYS: usize = 100_000;
/// The most states that can be set: 10,000,000.
pub const MAX_MEMORY_KEYS: usize = 10_000_000;
/// How many shared buckets a full [`MemoryThrottle`] counts further keys in: 4,096 of each kind.
pub const SHARED_BUCKETS: u64 = 4_096;

/// How many expired states a step deletes at most.
const MAX_EXPIRED: usize = 16;

/// A throttle in the memory of one process: the default of [`Auth::builder`](crate::Auth::builder).
///
/// It holds [`DEFAULT_MEMORY_KEYS`] states, and as many of owners (consecutive failures and known networks of a
/// user). A restart loses all of them.
/// - When it is full, further keys are counted in [`SHARED_BUCKETS`], which a secret hash chooses. A bucket has a
///   larger budget ([`SHARED_BUCKET_FACTOR`](super::SHARED_BUCKET_FACTOR)). A success clears none of its failures, and
///   time gives them back one by one: after [`LONGEST_WAIT`](super::LONGEST_WAIT) divided by that factor, 45 seconds. A flood of
///   new names that fails 91 times a second (4,096 buckets, one failure each in 45 s) keeps all buckets of
///   accounts and pairs used up. Then an attempt is limited if one of its keys has no state of its own: also one from a
///   known network, whose pair still binds it. A persistent throttle has no buckets.
/// - When there is room again, the next attempt of a key gets a state of its own, unless its bucket is used up. That includes keys
///   of known networks, because the bucket does not show which key failed. It ends with the bucket's next failure that time
///   gives back, at most 45 seconds later, unless others use each of them.
/// - When the owners are full, the one whose state expires first makes room. A user with failures is never
///   deleted for another.
///
/// Clones share their contents.
///
/// ```
/// use gatewright::throttle::{MemoryThrottle, Throttle, ThrottleReach};
///
/// let throttle = MemoryThrottle::with_capacity(10_000);
/// assert_eq!(throttle.throttle_reach(), ThrottleReach::Process);
/// ```
#[derive(Clone)]
pub struct MemoryThrottle(Arc<Mutex<Tables>>);

struct Tables {
    capacity: usize,
    counters: Table,
    /// States of users, which never share a bucket.
    owners: Table,
    buckets: Table,
    hasher: RandomState,
}

/// States by key, and their keys in the order of expiry.
#[derive(Default)]
struct Table {
    states: HashMap<ThrottleKey, ThrottleState>,
    by_expiry: BTreeSet<(Timestamp, ThrottleKey)>,
}

/// Where the state of a key is.
#[derive(Clone, Copy)]
enum Place {
    Counters,
    Owners,
    Bucket(ThrottleKey),
}

impl MemoryThrottle {
    /// Creates an empty throttle of [`DEFAULT_MEMORY_KEYS`] states.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_MEMORY_KEYS)
    }

    /// Creates an empty throttle of so many states: 1 to [`MAX_MEMORY_KEYS`]. Other numbers become the nearest of
    /// these.
    #[must_use]
    pub fn with_capacity(keys: usize) -> Self {
        Self(Arc::new(Mutex::new(Tables {
            capacity: keys.clamp(1, MAX_MEMORY_KEYS),
            counters: Table::default(),
            owners: Table::default(),
            buckets: Table::default(),
            hasher: RandomState::new(),
        })))
    }

    /// How many states it holds, with those of owners and the shared buckets in use.
    #[must_use]
    pub fn len(&self) -> usize {
        let tables = self.lock();
        let owners = tables.owners.states.len();
        tables.counters.states.len().saturating_add(owners).saturating_add(tables.buckets.states.len())
    }

    /// Whether it holds no state.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs a step at once.
    pub(crate) fn run(&self, step: &ThrottleStep) -> ThrottleOutcome {
        self.lock().run(step)
    }

    /// No foreign code runs while the lock is held, and no method panics between two writes.
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryThrottle {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryThrottle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryThrottle").finish_non_exhaustive()
    }
}

#[async_trait]
impl Throttle for MemoryThrottle {
    async fn run_step(&self, step: &ThrottleStep) -> Result<ThrottleOutcome, StoreError> {
        Ok(self.run(step))
    }

    async fn delete_expired_states(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut tables = self.lock();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut deleted = tables.counters.delete_expired(now, limit);
        deleted += tables.owners.delete_expired(now, limit.saturating_sub(deleted));
        deleted += tables.buckets.delete_expired(now, limit.saturating_sub(deleted));
        Ok(u64::try_from(deleted).unwrap_or(u64::MAX))
    }

    fn throttle_reach(&self) -> ThrottleReach {
        ThrottleReach::Process
    }
}

impl Tables {
    fn run(&mut self, step: &ThrottleStep) -> ThrottleOutcome {
        self.counters.delete_expired(step.now(), MAX_EXPIRED);
        self.owners.delete_expired(step.now(), MAX_EXPIRED);
        self.buckets.delete_expired(step.now(), MAX_EXPIRED);
        let places = self.places(step);
        let decision = step.decide_shared(|index| match (places.get(index), step.keys().get(index)) {
            (Some(place), Some(key)) => (self.read(*place, key), matches!(place, Place::Bucket(_))),
            _ => (None, false),
        });
        for write in decision.writes {
            let position = step.keys().iter().position(|key| *key == write.key);
            if let Some(place) = position.and_then(|position| places.get(position)) {
                self.write(*place, write);
            }
        }
        decision.outcome
    }

    /// Where the states of these keys are. Of the free places, each new key takes one.
    fn places(&self, step: &ThrottleStep) -> Vec<Place> {
        let mut free = self.capacity.saturating_sub(self.counters.states.len());
        let place = |key: &ThrottleKey| {
            if key.kind() == KeyKind::Owner {
                return Place::Owners;
            }
            let bucket = self.bucket(key);
            let is_bound = || {
                let state = self.buckets.states.get(&bucket);
                state.is_some_and(|state| step.is_bound_by(key, state.bytes()))
            };
            if self.counters.states.contains_key(key) {
                // An attempt that was reserved in the bucket has its outcome there.
                return if step.has_outcome() && is_bound() {
                    Place::Bucket(bucket)
                } else {
                    Place::Counters
                };
            }
            if free == 0 || is_bound() {
                return Place::Bucket(bucket);
            }
            free = free.saturating_sub(1);
            Place::Counters
        };
        step.keys().iter().map(place).collect()
    }

    fn bucket(&self, key: &ThrottleKey) -> ThrottleKey {
        ThrottleKey::bucket(key.kind(), self.hasher.hash_one(key.digest()) % SHARED_BUCKETS)
    }

    fn read(&self, place: Place, key: &ThrottleKey) -> Option<&[u8]> {
        let state = match place {
            Place::Counters => self.counters.states.get(key),
            Place::Owners => self.owners.states.get(key),
            Place::Bucket(bucket) => self.buckets.states.get(&bucket),
        };
        state.map(ThrottleState::bytes)
    }

    fn write(&mut self, place: Place, write: ThrottleWrite) {
        let ThrottleWrite { key, state } = write;
        match (place, state) {
            (Place::Counters, Some(state)) => self.counters.insert(key, state),
            (Place::Counters, None) => self.counters.remove(&key),
            (Place::Owners, Some(state)) => {
                if self.makes_room_for(&key) {
                    self.owners.insert(key, state);
                }
            }
            (Place::Owners, None) => self.owners.remove(&key),
            (Place::Bucket(bucket), Some(state)) => self.buckets.insert(bucket, state),
            (Place::Bucket(bucket), None) => self.buckets.remove(&bucket),
        }
    }

    /// Whether there is room for this owner. If not, the owner whose state expires first is deleted, unless no
    /// state expires.
    fn makes_room_for(&mut self, key: &ThrottleKey) -> bool {
        if self.owners.states.contains_key(key) || self.owners.states.len() < self.capacity {
            return true;
        }
        match self.owners.by_expiry.first().copied() {
            Some((expiry, first)) if expiry < NEVER => {
                self.owners.remove(&first);
                true
            }
            _ => false,
        }
    }
}

impl Table {
    fn insert(&mut self, key: ThrottleKey, state: ThrottleState) {
        self.remove(&key);
        self.by_expiry.insert((state.expires_at(), key));
        self.states.insert(key, state);
    }

    fn remove(&mut self, key: &ThrottleKey) {
        if let Some(state) = self.states.remove(key) {
            self.by_expiry.remove(&(state.expires_at(), *key));
        }
    }

    fn delete_expired(&mut self, now: Timestamp, limit: usize) -> usize {
        let expired = self.by_expiry.iter().take_while(|(expiry, _)| *expiry < now).take(limit);
        let expired: Vec<ThrottleKey> = expired.map(|(_, key)| *key).collect();
        expired.iter().for_each(|key| self.remove(key));
        expired.len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::throttle::{Attempt, ClientOrigin, Limit, ThrottleDigests, ThrottleSettings};
    use crate::types::{DerivedKey, SessionId, SystemRandom, UserId};

    const START: Timestamp = Timestamp::from_seconds(1_700_000_000);
    /// Twenty times the failures of an account.
    const BUCKET: u64 = 200;
    /// After how long a bucket gives a failure back.
    const BACK: u64 = 45;

    fn after(seconds: u64) -> Timestamp {
        START.saturating_add(Duration::from_secs(seconds))
    }

    /// A throttle with room for the account and the pair of one name. Those of Eve are in it for a day.
    fn full() -> MemoryThrottle {
        let throttle = MemoryThrottle::with_capacity(2);
        fail(&throttle, &login("eve"), 0, START);
        assert_eq!(throttle.lock().counters.states.len(), 2);
        throttle
    }

    /// When the states of Eve have expired.
    const ROOM: u64 = 24 * 60 * 60 + 1;

    /// Without a network, whose failures would be limited first.
    fn login(name: &str) -> Attempt {
        let digests = ThrottleDigests::new(&DerivedKey::new([7; 32]));
        digests.login(name, Some(&UserId::new(name).unwrap()), ClientOrigin::Unknown)
    }

    fn acquire(throttle: &MemoryThrottle, attempt: &Attempt, id: u64, now: Timestamp) -> Option<Limit> {
        let outcome = throttle.run(&ThrottleStep::acquire(attempt, id, &settings(), now));
        assert_eq!(outcome.repaired, 0);
        outcome.limited
    }

    fn fail(throttle: &MemoryThrottle, attempt: &Attempt, id: u64, now: Timestamp) {
        assert_eq!(acquire(throttle, attempt, id, now), None, "attempt {id}");
        let _ = throttle.run(&ThrottleStep::fail(attempt, id, &settings(), now));
    }

    fn settings() -> Arc<ThrottleSettings> {
        // Without a lock: users have many failures here.
        let never = u32::MAX;
        Arc::new(ThrottleSettings {
            lock_after: never,
            known_networks_only_after: never,
            ..Default::default()
        })
    }

    fn wait(throttle: &MemoryThrottle, attempt: &Attempt, now: Timestamp) -> Option<Duration> {
        acquire(throttle, attempt, u64::MAX, now).map(|limit| limit.retry_after)
    }

    /// A day without a failure would never come: others fail in the bucket too.
    #[test]
    fn a_bucket_gives_its_failures_back_one_by_one() {
        let (throttle, ada) = (full(), login("ada"));
        for id in 0..BUCKET {
            fail(&throttle, &ada, id, START);
        }
        assert_eq!(wait(&throttle, &ada, START), Some(Duration::from_secs(BACK)));
        for number in 1..=1_000 {
            assert_eq!(wait(&throttle, &ada, after(number * BACK - 1)), Some(Duration::from_secs(1)));
            fail(&throttle, &ada, BUCKET + number, after(number * BACK));
        }
    }

    #[test]
    fn a_key_leaves_its_bucket_when_there_is_room_again() {
        let (throttle, ada) = (full(), login("ada"));
        for id in 0..BUCKET / 2 {
            fail(&throttle, &ada, id, after(ROOM - 2));
        }
        for id in 0..10 {
            fail(&throttle, &ada, BUCKET + id, after(ROOM));
        }
        assert_eq!(throttle.lock().counters.states.len(), 2, "those of Ada");
        assert_eq!(wait(&throttle, &ada, after(ROOM)), Some(Duration::from_secs(30)), "its own budget");
        assert_eq!(throttle.lock().buckets.states.len(), 2, "for others");
    }

    /// Else room would be a way around the limit.
    #[test]
    fn a_key_stays_in_a_bucket_that_is_used_up() {
        let (throttle, ada) = (full(), login("ada"));
        let late = ROOM - 2;
        for id in 0..BUCKET {
            fail(&throttle, &ada, id, after(late));
        }
        let own = || throttle.lock().counters.states.len();
        assert_eq!((wait(&throttle, &ada, after(ROOM)), own()), (Some(Duration::from_secs(BACK - 2)), 0));
        assert_eq!((wait(&throttle, &ada, after(late + BACK)), own()), (None, 2));
    }

    /// The failure counts where the attempt was reserved, also if the key has a state of its own by now.
    #[test]
    fn an_outcome_is_counted_where_its_attempt_was_reserved() {
        let (throttle, ada) = (full(), login("ada"));
        let late = ROOM - 2;
        assert_eq!(acquire(&throttle, &ada, 1, after(late)), None);
        assert_eq!(acquire(&throttle, &ada, 2, after(late)), None);
        for (id, succeeds) in [(3, false), (1, false), (2, true)] {
            if id == 3 {
                assert_eq!(acquire(&throttle, &ada, id, after(ROOM)), None);
            }
            let settle = if succeeds { ThrottleStep::succeed } else { ThrottleStep::fail };
            let _ = throttle.run(&settle(&ada, id, &settings(), after(ROOM)));
        }
        let (own, shared) = {
            let tables = throttle.lock();
            (tables.counters.states.len(), tables.buckets.states.len())
        };
        assert_eq!((own, shared), (2, 2), "one failure in each");
        // The bucket has one failure and nothing in flight: it is empty after one interval.
        let deleted = throttle.lock().buckets.delete_expired(after(ROOM + BACK + 1), 10);
        assert_eq!(deleted, 2);
    }

    /// No failure of others ends a session, and none of them keeps a user out for long.
    #[test]
    fn sessions_in_a_bucket_are_limited_and_not_ended() {
        let throttle = full();
        let digests = ThrottleDigests::new(&DerivedKey::new([7; 32]));
        let change = digests.change_password(SessionId::generate(START, &SystemRandom).unwrap());
        for id in 0..100 {
            assert_eq!(acquire(&throttle, &change, id, START), None);
            let failed = throttle.run(&ThrottleStep::fail(&change, id, &settings(), START));
            assert!(!failed.is_exhausted, "{id}");
        }
        let outcome = throttle.run(&ThrottleStep::acquire(&change, 100, &settings(), START));
        assert!(outcome.limited.is_some_and(|limit| limit.retry_after <= Duration::from_secs(BACK)));
        assert!(!outcome.is_exhausted);
    }
}
