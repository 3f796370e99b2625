//! Invalidation counters.
//!
//! Each revocation increments a counter, the *generation* of a session or a user. A reader takes a
//! snapshot of both generations before it queries the store, and stores the snapshot with the cache
//! entry. The entry is valid while neither generation has changed. So a read that began before a
//! revocation is never used after it, whichever of the two finishes first.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

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
    slots: Box<[Slot]>,
    // Randomly keyed, so that an attacker cannot choose which entries share a counter.
    hasher: RandomState,
}

/// The generations of a session and its user, taken before both were read. Each is the index of the
/// counter and its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GenerationSnapshot {
    session: (usize, u64),
    user: (usize, u64),
    pub(crate) taken_at: Timestamp,
}

impl Generations {
    pub(crate) fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| Slot::default()).collect(), hasher: RandomState::new() }
    }

    /// Takes a snapshot. `None` while an unconfirmed revocation may still take effect.
    pub(crate) fn snapshot(
        &self,
        session: SessionId,
        user: &UserId,
        now: Timestamp,
    ) -> Option<GenerationSnapshot> {
        let session = self.confirmed(self.index(&session), now)?;
        let user = self.confirmed(self.index(user), now)?;
        Some(GenerationSnapshot { session, user, taken_at: now })
    }

    /// Whether session and user were not revoked since the snapshot.
    pub(crate) fn is_current(&self, snapshot: &GenerationSnapshot) -> bool {
        [snapshot.session, snapshot.user].iter().all(|(index, generation)| {
            self.slots.get(*index).is_some_and(|slot| slot.generation.load(Ordering::SeqCst) == *generation)
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

    /// Invalidates every snapshot.
    pub(crate) fn bump_all(&self) {
        for slot in &self.slots {
            slot.generation.fetch_add(1, Ordering::SeqCst);
        }
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
        usize::try_from(hash % SLOTS as u64).unwrap_or_default()
    }
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
        let snapshot = generations.snapshot(session, &user, NOW).unwrap();
        generations.bump_all();
        assert!(!generations.is_current(&snapshot));
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
