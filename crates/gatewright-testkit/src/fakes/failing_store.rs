//! A store that fails on demand.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gatewright_core::StoreError;

use super::intercepted::{Hook, Intercepted, Method};

/// A store of users, sessions or both. Its methods fail while its [`Outage`] says so.
///
/// ```
/// use gatewright::store::SessionStore;
/// use gatewright::types::Timestamp;
/// use gatewright_testkit::FailingStore;
///
/// # async fn example(store: impl SessionStore) {
/// let (store, outage) = FailingStore::new(store);
/// outage.fail_sessions();
/// assert!(store.delete_expired(Timestamp::from_seconds(0)).await.is_err());
/// outage.recover();
/// # }
/// ```
pub type FailingStore<S> = Intercepted<S, Outage>;

/// Makes the methods of a [`FailingStore`] fail. Clones control the same store.
#[derive(Debug, Clone, Default)]
pub struct Outage {
    users: Arc<AtomicBool>,
    sessions: Arc<AtomicBool>,
    method: Arc<Mutex<Option<Method>>>,
}

impl Outage {
    /// Makes every method of `UserStore`, `AccountStore`, `Throttle` and `AuditStore` fail.
    pub fn fail_users(&self) {
        self.users.store(true, Ordering::SeqCst);
    }

    /// Makes every method of `SessionStore` fail.
    pub fn fail_sessions(&self) {
        self.sessions.store(true, Ordering::SeqCst);
    }

    /// Makes this method alone fail.
    ///
    /// # Panics
    /// Never: the lock is not held across a panic.
    pub fn fail_method(&self, method: Method) {
        *self.method.lock().expect("no panic") = Some(method);
    }

    /// Ends all outages.
    ///
    /// # Panics
    /// Never: the lock is not held across a panic.
    pub fn recover(&self) {
        *self.method.lock().expect("no panic") = None;
        self.users.store(false, Ordering::SeqCst);
        self.sessions.store(false, Ordering::SeqCst);
    }
}

impl<S> FailingStore<S> {
    /// Wraps `store` and returns the control of its outages. At first no method fails.
    #[must_use]
    pub fn new(store: S) -> (Self, Outage) {
        let outage = Outage::default();
        (Self::with_hook(store, outage.clone()), outage)
    }
}

#[async_trait]
impl Hook for Outage {
    async fn before(&self, method: Method) -> Result<(), StoreError> {
        let is_down = if method.is_of_sessions() { &self.sessions } else { &self.users };
        let fails = *self.method.lock().expect("no panic") == Some(method);
        if fails || is_down.load(Ordering::SeqCst) {
            return Err(StoreError::new("answer", "connection refused"));
        }
        Ok(())
    }
}
