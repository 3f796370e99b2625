//! A fast password hasher.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use gatewright_core::{HasherError, Password, PasswordHash, PasswordHasher, PasswordVerdict};
use tokio::sync::Semaphore;

/// A password hasher for tests that does no hashing: the hash of a password is `today:` and the
/// password in clear. It counts its calls, and a test can pause it or make it busy.
///
/// A stored hash that begins with `weak:` also matches its password; the verdict asks for an
/// upgrade.
#[derive(Debug, Clone)]
pub struct TestHasher {
    calls: Arc<AtomicUsize>,
    busy: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl TestHasher {
    /// Creates a hasher that answers at once.
    #[must_use]
    pub fn new() -> Self {
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        Self { calls: Arc::default(), busy: Arc::default(), gate }
    }

    /// Returns the hash that [`PasswordHasher::hash`] makes of this password.
    #[must_use]
    pub fn stored(password: &str) -> PasswordHash {
        PasswordHash::new(format!("today:{password}"))
    }

    /// Returns a hash of this password that must be upgraded.
    #[must_use]
    pub fn stored_weakly(password: &str) -> PasswordHash {
        PasswordHash::new(format!("weak:{password}"))
    }

    /// Returns how many calls of `hash` and `verify` the hasher has accepted so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Makes the next `calls` calls fail because the hasher is busy.
    pub fn be_busy(&self, calls: usize) {
        self.busy.store(calls, Ordering::SeqCst);
    }

    /// Pauses every call from now on. A paused call is already counted.
    pub fn pause(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Resumes the paused calls and ends the pause.
    pub fn resume(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS - self.gate.available_permits());
    }

    async fn work(&self) -> Result<(), HasherError> {
        let busy = self.busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if busy.is_ok() {
            return Err(HasherError::busy());
        }
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.map(drop).map_err(HasherError::failed)
    }
}

impl Default for TestHasher {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl PasswordHasher for TestHasher {
    async fn hash(&self, password: Password) -> Result<PasswordHash, HasherError> {
        self.work().await?;
        Ok(Self::stored(password.expose()))
    }

    async fn verify(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<PasswordVerdict, HasherError> {
        self.work().await?;
        let stored = stored.as_ref().map_or("", PasswordHash::expose);
        Ok(match stored.split_once(':') {
            Some(("today", text)) if text == password.expose() => PasswordVerdict::Match,
            Some(("weak", text)) if text == password.expose() => PasswordVerdict::MatchUpgrade,
            _ => PasswordVerdict::Mismatch,
        })
    }
}
