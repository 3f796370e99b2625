//! A hasher for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use gatewright_core::{HasherError, Password, PasswordHash, PasswordHasher, PasswordVerdict};
use tokio::sync::Semaphore;

/// "Hashes" by writing `today:` in front of the password, at once. It counts its calls and can be made to wait, busy
/// or broken. A stored text that begins with `weak:` matches and is to be upgraded. Never for anything but tests.
#[derive(Debug, Clone)]
pub struct TestHasher {
    calls: Arc<AtomicUsize>,
    busy: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl TestHasher {
    /// A hasher that answers at once.
    #[must_use]
    pub fn new() -> Self {
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        Self { calls: Arc::default(), busy: Arc::default(), gate }
    }

    /// What a store would hold for this password.
    #[must_use]
    pub fn stored(password: &str) -> PasswordHash {
        PasswordHash::new(format!("today:{password}"))
    }

    /// What a store would hold for this password since the days of weaker hashes.
    #[must_use]
    pub fn stored_weakly(password: &str) -> PasswordHash {
        PasswordHash::new(format!("weak:{password}"))
    }

    /// How many hashes' work was done so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// The next `calls` calls are told that the hasher is busy.
    pub fn be_busy(&self, calls: usize) {
        self.busy.store(calls, Ordering::SeqCst);
    }

    /// Makes every call wait from now on, once it has been counted.
    pub fn pause(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Lets waiting and later calls go on.
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
