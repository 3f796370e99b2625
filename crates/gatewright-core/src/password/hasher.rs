//! The trait that hashes and verifies passwords.

use std::error::Error;

use async_trait::async_trait;

use super::context::HashContext;
use super::policy::is_overlong;
use crate::types::{Password, PasswordHash};

/// Verifies a password against a stored hash: its normal form and, if that is another text, the password as it was
/// received. Other systems may have hashed it so. Such a match is an upgrade.
///
/// A refusal computes one hash for each form, whichever account it is about, also if the pepper of the stored hash is
/// unknown. `may_stop` says that a match is enough
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
    let first = match hasher.verify(normalized, stored.clone(), &context()).await {
        Err(unknown @ HasherError::UnknownPepper { .. }) => {
            if has_one_form {
                return Err(unknown);
            }
            // For a name that has no account, the second form can fail too.
            return hasher.verify(password.clone(), stored, &context()).await;
        }
        first => first?,
    };
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
/// - A usable stored hash that names a pepper which the hasher does not have is no mismatch: `verify` does the work of
///   a new hash and fails with [`HasherError::UnknownPepper`].
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
    /// Too many calls wait, the deadline passed, the pepper of the stored hash is unknown, or the hash could not be
    /// computed. A wrong password and a malformed stored hash are verdicts, not errors.
    async fn verify(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
        context: &HashContext,
    ) -> Result<PasswordVerdict, HasherError>;
}

/// The hasher failed: there is neither a verdict nor a hash. Clients get 503, but the answer to a wrong password at a
/// login for an account whose pepper is unknown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HasherError {
    /// The queue is full, or its share for the client or the account is, or the call waited until its deadline.
    #[error("the queue of passwords to hash is full, or the call waited in it too long")]
    #[non_exhaustive]
    Busy {},
    /// The stored hash was made with a pepper that the hasher does not have, so no password can be verified against it.
    /// The configuration is wrong: a pepper was removed, lost, or never given to this node.
    #[error(
        "the password was hashed with the pepper \"{id}\", which this service does not have; add it as a previous pepper"
    )]
    #[non_exhaustive]
    UnknownPepper {
        /// The id of the pepper, in printable ASCII.
        id: String,
    },
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

    /// Creates [`HasherError::UnknownPepper`], for implementations of [`PasswordHasher`]. Other characters than printable
    /// ASCII are escaped.
    #[must_use]
    pub fn unknown_pepper(id: &[u8]) -> Self {
        Self::UnknownPepper { id: id.escape_ascii().to_string() }
    }

    /// Creates [`HasherError::Failed`], for implementations of [`PasswordHasher`].
    #[must_use]
    pub fn failed(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed { source: source.into() }
    }
}
