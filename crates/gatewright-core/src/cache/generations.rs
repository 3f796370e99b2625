//! Invalidation counters.
//!
//! Each revocation increments a counter, the *generation* of a session or a user. One more counter, the
//! global generation, invalidates everything at once. A reader takes a snapshot of all three before it
//! queries the store, and stores the snapshot with the cache entry. The entry is valid while none of
//! them has changed. So a read that began before a revocation is never used after it, whichever of the
//! two finishes first.

use std::hash::{BuildHasher, Hash, RandomState};

use super::atomics::{AtomicU64, Ordering};
use crate::revocation::{Revocation, Revoked, UNCONFIRMED_WINDOW};
use crate::types::{SessionId, Timestamp, UserId};

/// How many counters there are. Sessions and users share them by hash, so a revocation also
/// invalidates the few entries that share its counter; they cost one more read.
const SLOTS: usize = 4096;

#[derive(Default)]
struct Slot {
    generation: AtomicU64,
    /// In microseconds. Until then an unconfirmed revocation may still take effect.
    unconfirmed_until: AtomicU64,
}

pub(crate) struct Generations {
    global: GlobalGeneration,
    slots: Box<[Slot]>,
    // Randomly keyed, so that an attacker cannot choose which entries share a counter.
    hasher: RandomState,
}

/// The generations of everything, of a session and of its user, taken before both were read. The last
/// two are the index of the counter and its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GenerationSnapshot {
    global: u64,
    session: (usize, u64),
    user: (usize, u64),
    pub(crate) taken_at: Timestamp,
}

impl Generations {
    pub(crate) fn new() -> Self {
        Self::with_slots(SLOTS)
    }

    /// With so many counters.
    pub(crate) fn with_slots(count: usize) -> Self {
        let slots = (0..count).map(|_| Slot::default()).collect();
        Self { global: GlobalGeneration::new(), slots, hasher: RandomState::new() }
    }

    /// Takes a snapshot. `None` while an unconfirmed revocation may still take effect.
    pub(crate) fn snapshot(
        &self,
        session: SessionId,
        user: &UserId,
        now: Timestamp,
    ) -> Option<GenerationSnapshot> {
        let global = self.global.snapshot();
        let session = self.confirmed(self.index(&session), now)?;
        let user = self.confirmed(self.index(user), now)?;
        Some(GenerationSnapshot { global, session, user, taken_at: now })
    }

    /// Whether session and user were not revoked since the snapshot.
    pub(crate) fn is_current(&self, snapshot: &GenerationSnapshot) -> bool {
        self.global.is_current(snapshot.global)
            && [snapshot.session, snapshot.user].iter().all(|(index, generation)| {
                let slot = self.slots.get(*index);
                slot.is_some_and(|slot| slot.generation.load(Ordering::SeqCst) == *generation)
            })
    }

    /// Invalidates every snapshot of the revoked session or user.
    pub(crate) fn bump(&self, revocation: &Revocation, now: Timestamp) {
        let index = match revocation.revoked() {
            Revoked::Session(id) => self.index(id),
            Revoked::User(id) => self.index(id),
        };
        let Some(slot) = self.slots.get(index) else { return };
        if !revocation.is_confirmed() {
            let until = now.saturating_add(UNCONFIRMED_WINDOW).as_micros();
            slot.unconfirmed_until.fetch_max(until, Ordering::SeqCst);
        }
        slot.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Invalidates every snapshot, at the cost of one counter. Without a snapshot since the last call it
    /// does nothing.
    pub(crate) fn bump_all(&self) {
        self.global.bump();
    }

    fn confirmed(&self, index: usize, now: Timestamp) -> Option<(usize, u64)> {
        let slot = self.slots.get(index)?;
        // Load the generation first: a concurrent unconfirmed revocation either bumps it afterwards, or
        // is visible in the second load.
        let generation = slot.generation.load(Ordering::SeqCst);
        (now.as_micros() >= slot.unconfirmed_until.load(Ordering::SeqCst)).then_some((index, generation))
    }

    fn index(&self, key: &impl Hash) -> usize {
        let hash = self.hasher.hash_one(key);
        let slot = hash.checked_rem(self.slots.len() as u64).unwrap_or_default();
        usize::try_from(slot).unwrap_or_default()
    }
}

/// The generation of everything. One atomic word holds it together with the mark that a snapshot was
/// taken: an odd value has one, an even value has none. So taking a snapshot is one step, and no bump can
/// come between the mark and the value.
struct GlobalGeneration(AtomicU64);

impl GlobalGeneration {
    fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Marks the generation as taken, and returns it.
    fn snapshot(&self) -> u64 {
        let value = self.0.load(Ordering::SeqCst);
        // Most snapshots find the mark, and leave the word in the caches of all cores.
        if is_taken(value) { value } else { self.0.fetch_or(TAKEN, Ordering::SeqCst) | TAKEN }
    }

    fn is_current(&self, snapshot: u64) -> bool {
        self.0.load(Ordering::SeqCst) == snapshot
    }

    /// Starts the next generation, unless no snapshot of this one was taken.
    fn bump(&self) {
        let next = |value: u64| is_taken(value).then(|| value.wrapping_add(1));
        // It fails only if there is nothing to invalidate.
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next);
    }
}

const TAKEN: u64 = 1;

const fn is_taken(value: u64) -> bool {
    value & TAKEN == TAKEN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SystemRandom;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn ids() -> (SessionId, UserId) {
        (SessionId::generate(NOW, &SystemRandom).unwrap(), UserId::new("42").unwrap())
    }

    #[test]
    fn a_snapshot_is_valid_until_its_session_or_user_is_revoked() {
        let (generations, (session, user)) = (Generations::new(), ids());
        for revocation in [Revocation::session(session), Revocation::user(user.clone())] {
            let snapshot = generations.snapshot(session, &user, NOW).unwrap();
            assert!(generations.is_current(&snapshot));
            generations.bump(&revocation, NOW);
            assert!(!generations.is_current(&snapshot), "{revocation}");
        }
    }

    #[test]
    fn bumping_everything_invalidates_every_earlier_snapshot_and_no_later_one() {
        let generations = Generations::new();
        let all: Vec<_> = (0..100).map(|_| ids()).collect();
        let snapshots =
            || all.iter().map(|(session, user)| generations.snapshot(*session, user, NOW).unwrap());
        let before: Vec<_> = snapshots().collect();
        generations.bump_all();
        let after: Vec<_> = snapshots().collect();
        assert!(!before.iter().any(|snapshot| generations.is_current(snapshot)));
        assert!(after.iter().all(|snapshot| generations.is_current(snapshot)));
        generations.bump_all();
        assert!(![before, after].iter().flatten().any(|snapshot| generations.is_current(snapshot)));
    }

    #[test]
    fn bumping_everything_writes_nothing_unless_a_snapshot_was_taken_since() {
        let (generations, (session, user)) = (Generations::new(), ids());
        let word = || generations.global.0.load(Ordering::SeqCst);
        for _ in 0..3 {
            let unused = word();
            generations.bump_all();
            assert_eq!(word(), unused, "nothing to invalidate");
            let snapshot = generations.snapshot(session, &user, NOW).unwrap();
            generations.bump_all();
            assert_ne!(word(), unused);
            assert!(!generations.is_current(&snapshot));
        }
    }

    /// A bump that came between the mark and the load of a snapshot would be skipped by the next one.
    #[test]
    fn no_snapshot_survives_a_bump_that_began_after_it() {
        let global = GlobalGeneration::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let snapshot = global.snapshot();
                        global.bump();
                        assert!(!global.is_current(snapshot));
                    }
                });
            }
        });
    }

    #[test]
    fn no_snapshot_is_taken_within_the_unconfirmed_window() {
        let (generations, (session, user)) = (Generations::new(), ids());
        generations.bump(&Revocation::user(user.clone()).unconfirmed(), NOW);
        let confirmed = NOW.saturating_add(UNCONFIRMED_WINDOW);
        let before = Timestamp::from_micros(confirmed.as_micros() - 1);
        assert!(generations.snapshot(session, &user, NOW).is_none());
        assert!(generations.snapshot(session, &user, before).is_none());
        assert!(generations.snapshot(session, &user, confirmed).is_some());
    }

    #[test]
    fn an_unconfirmed_revocation_bumps_the_generation_too() {
        let (generations, (session, user)) = (Generations::new(), ids());
        let snapshot = generations.snapshot(session, &user, NOW).unwrap();
        generations.bump(&Revocation::session(session).unconfirmed(), NOW);
        assert!(!generations.is_current(&snapshot));
    }
}
