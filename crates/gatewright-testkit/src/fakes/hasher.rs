//! A fast password hasher.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use gatewright_core::{HashContext, HasherError, Password, PasswordHash, PasswordHasher, PasswordVerdict};
use tokio::sync::Semaphore;

/// A password hasher for tests that does no hashing: the hash of a password is `today:` and the
/// password in clear. It counts its calls, and a test can pause it or make it busy.
///
/// A stored hash that begins with `weak:` also matches its password; the verdict asks for an
/// upgrade. One that begins with `pepper:` and an id names a pepper that the hasher does not have.
#[derive(Debug, Clone)]
pub struct TestHasher {
    calls: Arc<AtomicUsize>,
    busy: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
    paused: Arc<AtomicUsize>,
    last_context: Arc<Mutex<Option<HashContext>>>,
}

impl TestHasher {
    /// Creates a hasher that answers at once.
    #[must_use]
    pub fn new() -> Self {
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let (calls, busy, paused) = (Arc::default(), Arc::default(), Arc::default());
        Self { calls, busy, gate, paused, last_context: Arc::default() }
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

    /// Returns a hash whose pepper the hasher does not have: verifying it fails with
    /// [`HasherError::UnknownPepper`].
    #[must_use]
    pub fn stored_with_unknown_pepper(id: &str) -> PasswordHash {
        PasswordHash::new(format!("pepper:{id}"))
    }

    /// Returns how many calls of `hash` and `verify` the hasher has accepted so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Returns how many calls are paused. A call that is dropped is not paused any more.
    #[must_use]
    pub fn paused(&self) -> usize {
        self.paused.load(Ordering::SeqCst)
    }

    /// Returns the context of the last call.
    #[must_use]
    pub fn last_context(&self) -> Option<HashContext> {
        self.last_context.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

    async fn work(&self, context: &HashContext) -> Result<(), HasherError> {
        *self.last_context.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.clone());
        let busy = self.busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if busy.is_ok() {
            return Err(HasherError::busy());
        }
        self.calls.fetch_add(1, Ordering::SeqCst);
        let _paused = Paused::new(&self.paused);
        self.gate.acquire().await.map(drop).map_err(HasherError::failed)
    }
}

/// Counts a call as paused until it is dropped.
struct Paused<'a>(&'a AtomicUsize);

impl<'a> Paused<'a> {
    fn new(paused: &'a AtomicUsize) -> Self {
        paused.fetch_add(1, Ordering::SeqCst);
        Self(paused)
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Default for TestHasher {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl PasswordHasher for TestHasher {
    async fn hash(&self, password: Password, context: &HashContext) -> Result<PasswordHash, HasherError> {
        self.work(context).await?;
        Ok(Self::stored(password.expose()))
    }

    async fn verify(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
        context: &HashContext,
    ) -> Result<PasswordVerdict, HasherError> {
        self.work(context).await?;
        let stored = stored.as_ref().map_or("", PasswordHash::expose);
        Ok(match stored.split_once(':') {
            Some(("today", text)) if text == password.expose() => PasswordVerdict::Match,
            Some(("weak", text)) if text == password.expose() => PasswordVerdict::MatchUpgrade,
            Some(("pepper", id)) => return Err(HasherError::unknown_pepper(id.as_bytes())),
            _ => PasswordVerdict::Mismatch,
        })
    }
}
