//! The generation counters of the core's cache, compiled with the atomics of `loom`. A model in
//! `tests` runs them in every order that their steps can have on several threads.
//!
//! The counters and their messages are the core's own files. Only the atomics are replaced, so no feature and no `cfg` of
//! the core is needed. `cargo xtask loom` runs the models.

#![cfg(loom)]

mod atomics {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
}

#[path = "../../crates/gatewright-core/src/cache/generations.rs"]
#[allow(dead_code, reason = "a model uses a part of the file")]
mod generations;

#[path = "../../crates/gatewright-core/src/revocation/message.rs"]
#[allow(dead_code, missing_docs, unreachable_pub, reason = "a model uses a part of the file")]
mod revocation;

// Both files name it.
use gatewright_core::types;

use generations::{GenerationSnapshot, Generations};
use revocation::Revocation;
use types::{SessionId, Timestamp, UserId};

/// The time of a model.
const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// What a cache asks of the counters, for one session and its user.
pub trait Counters: Send + Sync + 'static {
    /// What a reader keeps with its cache entry.
    type Snapshot: Send;

    /// Takes a snapshot, before the stores are read. `None` if the result must not be cached.
    fn snapshot(&self) -> Option<Self::Snapshot>;

    /// Whether nothing was revoked since the snapshot.
    fn is_current(&self, snapshot: &Self::Snapshot) -> bool;

    /// The session was revoked. If it is not confirmed, the change may still take effect.
    fn bump(&self, is_confirmed: bool);

    /// Anything may have been revoked.
    fn bump_all(&self);
}

/// A snapshot of [`CoreCounters`].
#[derive(Debug)]
pub struct CoreSnapshot(GenerationSnapshot);

/// The counters of the core.
pub struct CoreCounters {
    generations: Generations,
    session: SessionId,
    user: UserId,
}

impl std::fmt::Debug for CoreCounters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CoreCounters").finish_non_exhaustive()
    }
}

impl CoreCounters {
    /// New counters of this session and user. All sessions and users share one counter: which of several
    /// they have depends on a random key, and a model must run the same in each repetition.
    #[must_use]
    pub fn new(session: SessionId, user: UserId) -> Self {
        Self { generations: Generations::with_slots(1), session, user }
    }
}

impl Counters for CoreCounters {
    type Snapshot = CoreSnapshot;

    fn snapshot(&self) -> Option<CoreSnapshot> {
        self.generations.snapshot(self.session, &self.user, NOW).map(CoreSnapshot)
    }

    fn is_current(&self, snapshot: &CoreSnapshot) -> bool {
        self.generations.is_current(&snapshot.0)
    }

    fn bump(&self, is_confirmed: bool) {
        let revocation = Revocation::session(self.session);
        let revocation = if is_confirmed { revocation } else { revocation.unconfirmed() };
        self.generations.bump(&revocation, NOW);
    }

    fn bump_all(&self) {
        self.generations.bump_all();
    }
}
