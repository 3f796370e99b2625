//! Invalidation counters.
//!
//! A revocation increments a counter. Whoever reads a store records the counters first, and what was read is valid only
//! while they are unchanged: so it does not matter whether the read or the revocation finishes first.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::revocation::{Revocation, Revoked, UNCONFIRMED_WINDOW};
use crate::types::{SessionId, Timestamp, UserId};

/// How many counters there are. Sessions and users share them; a revocation costs those that share its counter a read.
const SLOTS: usize = 4096;

#[derive(Default)]
struct Slot {
    generation: AtomicU64,
    /// In microseconds; until then a change may still take place.
    unconfirmed_until: AtomicU64,
}

pub(crate) struct Generations {
    slots: Box<[Slot]>,
    // Keyed at random: nobody can choose whose counter to share.
    hasher: RandomState,
}

/// Where the counters of a session and its user stood before both were read.
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

    /// Notes where the counters stand; `None` while a change may still take place.
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

    /// Whether nothing was revoked since.
    pub(crate) fn holds(&self, snapshot: &GenerationSnapshot) -> bool {
        [snapshot.session, snapshot.user].iter().all(|(index, generation)| {
            self.slots.get(*index).is_some_and(|slot| slot.generation.load(Ordering::SeqCst) == *generation)
        })
    }

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

    pub(crate) fn bump_all(&self) {
        for slot in &self.slots {
            slot.generation.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn confirmed(&self, index: usize, now: Timestamp) -> Option<(usize, u64)> {
        let slot = self.slots.get(index)?;
        // The counter first: a doubt that comes between the two looks has raised it, or is seen.
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
    fn a_stamp_holds_until_its_session_or_its_user_is_revoked() {
        let (generations, (session, user)) = (Generations::new(), ids());
        for revocation in [Revocation::session(session), Revocation::user(user.clone())] {
            let snapshot = generations.snapshot(session, &user, NOW).unwrap();
            assert!(generations.holds(&snapshot));
            generations.bump(&revocation, NOW);
            assert!(!generations.holds(&snapshot), "{revocation}");
        }
        let snapshot = generations.snapshot(session, &user, NOW).unwrap();
        generations.bump_all();
        assert!(!generations.holds(&snapshot));
    }

    #[test]
    fn there_is_no_stamp_while_a_change_may_still_take_place() {
        let (generations, (session, user)) = (Generations::new(), ids());
        generations.bump(&Revocation::user(user.clone()).unconfirmed(), NOW);
        let confirmed = NOW.saturating_add(UNCONFIRMED_WINDOW);
        let before = Timestamp::from_micros(confirmed.as_micros() - 1);
        assert!(generations.snapshot(session, &user, NOW).is_none());
        assert!(generations.snapshot(session, &user, before).is_none());
        assert!(generations.snapshot(session, &user, confirmed).is_some());
    }

    #[test]
    fn an_unsettled_change_raises_the_counter_too() {
        let (generations, (session, user)) = (Generations::new(), ids());
        let snapshot = generations.snapshot(session, &user, NOW).unwrap();
        generations.bump(&Revocation::session(session).unconfirmed(), NOW);
        assert!(!generations.holds(&snapshot));
    }
}
