//! Users, accounts and sessions in memory: for tests, for trying things out, and for whoever writes a store and wants
//! to see each contract kept in the plainest way. Everything is gone when the process ends.
//!
//! [`MemoryStore`] holds both; its clones share their contents. `accounts.rs` and `sessions.rs` implement the seams,
//! each verb under one lock from its first look to its last change.

mod accounts;
mod sessions;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use accounts::Accounts;
use sessions::Sessions;

/// Accounts and sessions, behind one lock each.
#[derive(Clone, Default)]
pub struct MemoryStore {
    accounts: Arc<Mutex<Accounts>>,
    sessions: Arc<Mutex<Sessions>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        // No verb leaves its data half changed, so a poisoned lock hides nothing.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}
