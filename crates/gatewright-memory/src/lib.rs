//! Users, accounts, sessions, a throttle and an audit trail in memory: the reference implementation of Gatewright's stores.
//!
//! [`MemoryStore`] is for tests and first experiments: its data is lost when the process ends. It
//! is also the code to read before you write a store of your own, because it implements each
//! contract in the simplest way that is correct:
//!
//! - `accounts.rs` implements [`UserStore`](gatewright_core::UserStore) and
//!   [`AccountStore`](gatewright_core::AccountStore).
//! - `sessions.rs` implements [`SessionStore`](gatewright_core::SessionStore).
//! - `throttle.rs` implements [`Throttle`](gatewright_core::Throttle), with the core's own throttle in memory.
//! - `audit.rs` implements [`AuditStore`](gatewright_core::AuditStore).
//!
//! Every method is atomic: it takes one lock before its first read, and releases the lock
//! after its last write. A store on a database needs a transaction or a single statement instead of
//! the lock.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod accounts;
mod sessions;
mod throttle;
mod audit;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use accounts::Accounts;
use gatewright_core::MemoryThrottle;
use sessions::Sessions;

/// A user store, account store, session store, throttle and audit store in one. Its user type is
/// [`Account`](gatewright_core::Account).
///
/// Clones share their contents. Accounts and sessions have a lock each, so that a change of one
/// does not wait for the other.
///
/// ```
/// use gatewright::store::{SessionStore, StoreError};
/// use gatewright::{MemoryStore, UserId, UserStore};
///
/// # async fn example(id: UserId) -> Result<(), StoreError> {
/// let users = MemoryStore::new();
/// let sessions = users.clone(); // the same store
/// assert!(users.find_by_id(&id).await?.is_none());
/// assert!(sessions.list(&id).await?.is_empty());
/// # Ok(())
/// # }
/// ```
#[doc(alias("mock"))]
#[derive(Clone, Default)]
pub struct MemoryStore {
    accounts: Arc<Mutex<Accounts>>,
    sessions: Arc<Mutex<Sessions>>,
    throttle: MemoryThrottle,
    audit: Arc<Mutex<audit::Rows>>,
}

impl MemoryStore {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // A lock that another thread poisoned can be used: no method panics between two writes that
    // belong together, so the data is consistent.
    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn audit(&self) -> MutexGuard<'_, audit::Rows> {
        self.audit.lock().unwrap_or_else(PoisonError::into_inner)
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
