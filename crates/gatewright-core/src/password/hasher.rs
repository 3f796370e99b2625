//! The trait that hashes and verifies passwords.

use std::error::Error;

use async_trait::async_trait;

use super::policy::is_overlong;
use crate::types::{Password, PasswordHash};

/// Verifies a password against a stored hash. A password that is too long takes the same time and is a
/// mismatch.
pub(crate) async fn verify_bounded(
    hasher: &dyn PasswordHasher,
    password: &Password,
    stored: Option<PasswordHash>,
) -> Result<PasswordVerdict, HasherError> {
    if is_overlong(password) {
        let _ = hasher.verify(Password::new(""), stored).await?;
        return Ok(PasswordVerdict::Mismatch);
    }
    hasher.verify(password.clone(), stored).await
}

/// The verdict on a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum PasswordVerdict {
    /// The password is correct.
    Match,
    /// The password is correct, and the stored hash is weaker than new ones: hash it again.
    MatchUpgrade,
    /// The password is wrong, or there is no usable hash.
    Mismatch,
}

/// Hashes and verifies passwords.
///
/// # Contract
/// - `verify` always does the work of a hash. With a usable stored hash, that is its own cost. With `None`,
///   malformed text, or a hash whose costs exceed the ceiling, it is the cost of a new hash, and the
///   verdict is [`PasswordVerdict::Mismatch`].
/// - It logs neither passwords nor hashes.
/// - It does not block the threads of the async runtime.
/// - It bounds how many calls wait. Beyond that, calls fail at once with [`HasherError::Busy`].
#[async_trait]
pub trait PasswordHasher: Send + Sync + 'static {
    /// Hashes a password with the configured costs and a new salt.
    ///
    /// # Errors
    /// Too many calls wait, or the hash could not be computed.
    async fn hash(&self, password: Password) -> Result<PasswordHash, HasherError>;

    /// Verifies a password against the stored hash.
    ///
    /// # Errors
    /// Too many calls wait, or the hash could not be computed. A wrong password and a malformed stored hash
    /// are verdicts, not errors.
    async fn verify(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<PasswordVerdict, HasherError>;
}

/// The hasher failed: there is neither a verdict nor a hash. Clients get 503.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HasherError {
    /// The queue is full.
    #[error("the queue of passwords to hash is full")]
    #[non_exhaustive]
    Busy {},
    /// The hash could not be computed: no memory, no randomness, or no worker.
    #[error("the password could not be hashed")]
    #[non_exhaustive]
    Failed {
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl HasherError {
    /// Creates [`HasherError::Busy`], for implementations of [`PasswordHasher`].
    #[must_use]
    pub const fn busy() -> Self {
        Self::Busy {}
    }

    /// Creates [`HasherError::Failed`], for implementations of [`PasswordHasher`].
    #[must_use]
    pub fn failed(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed { source: source.into() }
    }
}
