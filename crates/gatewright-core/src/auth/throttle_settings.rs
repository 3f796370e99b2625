//! The builder's methods for the throttle.

use std::sync::Arc;

use super::builder::AuthBuilder;
use super::throttle_parts::ThrottleFailure;
use crate::store::AuthUser;
use crate::throttle::{Throttle, ThrottleSettings};
use crate::types::DerivedKey;

impl<U: AuthUser> AuthBuilder<U> {
    /// Sets where attempts are counted, for example the SQL store or Redis. [`Auth::local`](crate::Auth::local) uses its own store.
    /// [`Auth::builder`](crate::Auth::builder) counts in the memory of this process, unless set: a restart loses all failures.
    ///
    /// All nodes need one throttle. [`build`](Self::build) refuses one in memory beside a feed between nodes.
    pub fn with_throttle(self, throttle: impl Throttle) -> Self {
        self.with_shared_throttle(Arc::new(throttle))
    }

    pub(super) fn with_shared_throttle(mut self, throttle: Arc<dyn Throttle>) -> Self {
        self.throttle.set(throttle);
        self
    }

    /// Limits no attempts: for tests that fail logins on purpose, or an application with a throttle of its own.
    ///
    /// Without limits an attacker guesses passwords as fast as the hashing pool computes.
    pub fn without_throttle(mut self) -> Self {
        self.throttle.turn_off();
        self
    }

    pub(super) fn with_unshared_throttle(mut self) -> Self {
        self.throttle.allow_memory();
        self
    }

    /// Sets the numbers of the throttle. All nodes need the same.
    pub fn with_throttle_settings(mut self, settings: ThrottleSettings) -> Self {
        self.throttle.settings = settings;
        self
    }

    /// Sets the key of the digests under which attempts are counted. All nodes need the same one.
    ///
    /// Unless set, it is derived from the issuer's secret or private key. A new key starts all counts again, but
    /// lifts no lock. Set one if the issuer cannot derive any (a key management service).
    pub fn with_throttle_key(mut self, key: DerivedKey) -> Self {
        self.throttle.key = Some(key);
        self
    }

    /// Sets what happens to an attempt if the throttle's store is down; [`ThrottleFailure::Refuse`] unless set.
    pub const fn with_throttle_failure(mut self, failure: ThrottleFailure) -> Self {
        self.throttle.failure = failure;
        self
    }
}
