//! Passwords: the policy a new one must meet, and the seam that hashes and verifies them.

use std::error::Error;

use async_trait::async_trait;

use super::policy::is_overlong;
use crate::types::{Password, PasswordHash};

/// Holds `password` against a stored hash. One that is too long costs the same, and is a mismatch.
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

/// What the hasher says of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum PasswordVerdict {
    /// It is the password.
    Match,
    /// It is the password, and its hash is weaker than those made today: hash it again.
    MatchUpgrade,
    /// It is not the password, or there is no hash, or none that can be used.
    Mismatch,
}

/// Hashes and verifies passwords.
///
/// # Contract
/// - `verify` never returns without a hash's work: a usable stored hash costs what it costs; for `None`, for a text that
///   is no hash and for one whose costs are beyond the ceiling, it is a hash at today's costs, and the verdict
///   `Mismatch`.
/// - Nothing of a password or a hash is logged.
/// - It does not block the async threads, and bounds how many calls wait: beyond that, [`HasherError::Busy`] at once.
#[async_trait]
pub trait PasswordHasher: Send + Sync + 'static {
    /// Hashes a password at today's costs, with a fresh salt.
    ///
    /// # Errors
    /// When too many calls wait, or the hash cannot be computed.
    async fn hash(&self, password: Password) -> Result<PasswordHash, HasherError>;

    /// Judges a password.
    ///
    /// # Errors
    /// When too many calls wait, or the hash cannot be computed. Never for a wrong password or a bad stored hash.
    async fn verify(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<PasswordVerdict, HasherError>;
}

/// No verdict and no hash. Clients see 503.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HasherError {
    /// As many calls wait as may.
    #[error("too many passwords wait to be hashed")]
    #[non_exhaustive]
    Busy {},
    /// The hash could not be computed: no memory, no randomness, no worker.
    #[error("the password could not be hashed")]
    #[non_exhaustive]
    Failed {
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl HasherError {
    /// As many calls wait as may.
    #[must_use]
    pub const fn busy() -> Self {
        Self::Busy {}
    }

    /// The hash could not be computed.
    #[must_use]
    pub fn failed(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed { source: source.into() }
    }
}
