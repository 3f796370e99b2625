//! The latest messages of a feed, so that one that is sent again has no effect.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many messages are kept. One of them may replace another earlier; then a replay of the other one
/// invalidates once more, which is harmless.
const SLOTS: usize = 1024;

/// The ids of recent messages. The id is a part of the MAC, so an attacker cannot choose its slot.
pub(crate) struct RecentMessages(Box<[AtomicU64]>);

impl RecentMessages {
    pub(crate) fn new() -> Self {
        Self((0..SLOTS).map(|_| AtomicU64::new(0)).collect())
    }

    /// Whether the message is one of the recent ones.
    pub(crate) fn contains(&self, id: u64) -> bool {
        self.slot(id).is_some_and(|slot| slot.load(Ordering::SeqCst) == id)
    }

    /// Adds a message, after its effect. Before that, a copy on another thread would be ignored too
    /// early.
    pub(crate) fn insert(&self, id: u64) {
        if let Some(slot) = self.slot(id) {
            slot.store(id, Ordering::SeqCst);
        }
    }

    fn slot(&self, id: u64) -> Option<&AtomicU64> {
        self.0.get(usize::try_from(id % SLOTS as u64).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_recent_until_another_takes_its_slot() {
        let recent = RecentMessages::new();
        let (first, other) = (7, 7 + SLOTS as u64);
        assert!(!recent.contains(first));
        recent.insert(first);
        assert!(recent.contains(first) && !recent.contains(other) && !recent.contains(8));
        recent.insert(other);
        assert!(recent.contains(other) && !recent.contains(first));
    }
}
