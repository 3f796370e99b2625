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
///   larger budget ([`SHARED_BUCKET_FACTOR`](super::SHARED_BUCKET_FACTOR)), and a success clears none of its failures. So no key is refused
///   only because the throttle is full.
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
    buckets: HashMap<ThrottleKey, ThrottleState>,
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
            buckets: HashMap::new(),
            hasher: RandomState::new(),
        })))
    }

    /// How many states it holds, with those of owners and the shared buckets in use.
    #[must_use]
    pub fn len(&self) -> usize {
        let tables = self.lock();
        let owners = tables.owners.states.len();
        tables.counters.states.len().saturating_add(owners).saturating_add(tables.buckets.len())
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
        let counters = tables.counters.delete_expired(now, limit);
        let owners = tables.owners.delete_expired(now, limit.saturating_sub(counters));
        Ok(u64::try_from(counters.saturating_add(owners)).unwrap_or(u64::MAX))
    }

    fn throttle_reach(&self) -> ThrottleReach {
        ThrottleReach::Process
    }
}

impl Tables {
    fn run(&mut self, step: &ThrottleStep) -> ThrottleOutcome {
        self.counters.delete_expired(step.now(), MAX_EXPIRED);
        self.owners.delete_expired(step.now(), MAX_EXPIRED);
        let places = self.places(step.keys());
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
    fn places(&self, keys: &[ThrottleKey]) -> Vec<Place> {
        let mut free = self.capacity.saturating_sub(self.counters.states.len());
        let place = |key: &ThrottleKey| {
            if key.kind() == KeyKind::Owner {
                return Place::Owners;
            }
            if self.counters.states.contains_key(key) {
                return Place::Counters;
            }
            let bucket = self.bucket(key);
            // An attempt that was reserved in the bucket has its outcome there.
            if free == 0 || self.buckets.contains_key(&bucket) {
                return Place::Bucket(bucket);
            }
            free = free.saturating_sub(1);
            Place::Counters
        };
        keys.iter().map(place).collect()
    }

    fn bucket(&self, key: &ThrottleKey) -> ThrottleKey {
        ThrottleKey::bucket(key.kind(), self.hasher.hash_one(key.digest()) % SHARED_BUCKETS)
    }

    fn read(&self, place: Place, key: &ThrottleKey) -> Option<&[u8]> {
        let state = match place {
            Place::Counters => self.counters.states.get(key),
            Place::Owners => self.owners.states.get(key),
            Place::Bucket(bucket) => self.buckets.get(&bucket),
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
            (Place::Bucket(bucket), Some(state)) => _ = self.buckets.insert(bucket, state),
            (Place::Bucket(bucket), None) => _ = self.buckets.remove(&bucket),
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
