//! The trait that hashes and verifies passwords.

use std::error::Error;

use async_trait::async_trait;

use super::context::HashContext;
use super::policy::is_overlong;
use crate::types::{Password, PasswordHash};

/// Verifies a password against a stored hash: its normal form and, if that is another text, the password as it was
/// received. Other systems may have hashed it so. Such a match is an upgrade.
///
/// A refusal computes one hash for each form, whichever account it is about. `may_stop` says that a match is enough
/// for the login: then the second form is not tried after a match. A password that is too long takes the time of one
/// hash and is a mismatch.
///
/// `context` makes the context of one hash. Each form has its own deadline: with a common one, only an account whose
/// stored hash takes long would get [`HasherError::Busy`] for the second form.
pub(crate) async fn verify_bounded(
    hasher: &dyn PasswordHasher,
    password: &Password,
    stored: Option<PasswordHash>,
    context: impl Fn() -> HashContext,
    may_stop: bool,
) -> Result<PasswordVerdict, HasherError> {
    if is_overlong(password) {
        let _ = hasher.verify(Password::new(""), stored, &context()).await?;
        return Ok(PasswordVerdict::Mismatch);
    }
    let normalized = password.normalized();
    let has_one_form = has_one_form(password);
    let first = hasher.verify(normalized, stored.clone(), &context()).await?;
    let is_match = first != PasswordVerdict::Mismatch;
    if has_one_form || (is_match && may_stop) {
        return Ok(first);
    }
    let second = hasher.verify(password.clone(), stored, &context()).await?;
    Ok(match second {
        _ if is_match => first,
        PasswordVerdict::Mismatch => PasswordVerdict::Mismatch,
        PasswordVerdict::Match | PasswordVerdict::MatchUpgrade => PasswordVerdict::MatchUpgrade,
    })
}

/// Whether a password is its own normal form, so that it is tried once.
pub(crate) fn has_one_form(password: &Password) -> bool {
    is_overlong(password) || password.normalized().expose() == password.expose()
}

/// How many hashes a refused attempt computes. It depends on the password alone.
pub(crate) fn hashes_of_refusal(password: &Password) -> u32 {
    if has_one_form(password) { 1 } else { 2 }
}

/// The verdict on a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum PasswordVerdict {
    /// The password is correct.
    Match,
    /// The password is correct, and the stored hash is to be replaced by a new one of the same password.
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
/// - It bounds how many calls wait. Beyond that, calls fail at once with [`HasherError::Busy`]. It may let
///   fewer calls of one network or one account wait, as the [`HashContext`] names them.
/// - A call whose work has not begun at its [deadline](HashContext::deadline) fails with
///   [`HasherError::Busy`].
///
/// # Cancel safety
/// A call whose future is dropped before its work has begun gives its place in the queue free at once, and
/// computes nothing.
#[async_trait]
pub trait PasswordHasher: Send + Sync + 'static {
    /// Hashes a password with the configured costs and a new salt.
    ///
    /// # Errors
    /// Too many calls wait, the deadline passed, or the hash could not be computed.
    async fn hash(&self, password: Password, context: &HashContext) -> Result<PasswordHash, HasherError>;

    /// Verifies a password against the stored hash.
    ///
    /// # Errors
    /// Too many calls wait, the deadline passed, or the hash could not be computed. A wrong password and a
    /// malformed stored hash are verdicts, not errors.
    async fn verify(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
        context: &HashContext,
    ) -> Result<PasswordVerdict, HasherError>;
}

/// The hasher failed: there is neither a verdict nor a hash. Clients get 503.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HasherError {
    /// The queue is full, or its share for the client or the account is, or the call waited until its deadline.
    #[error("the queue of passwords to hash is full, or the call waited in it too long")]
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
