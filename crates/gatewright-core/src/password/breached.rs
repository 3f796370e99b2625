//! Passwords that are known from breaches.

use std::error::Error;

use async_trait::async_trait;

use crate::types::{ClientNetwork, Password};

/// Knows passwords that were disclosed in breaches of other services.
///
/// `gatewright-password` has two implementations that work offline: `PwnedPasswords` searches the sorted file of
/// Pwned Passwords, and `BreachFilter` a smaller file that is made of it.
///
/// # Contract
/// - `contains` finds every password that the list has. It may also find a few that the list does not have, at most
///   one in a million.
/// - It does not block the threads of the async runtime.
/// - It bounds how many calls wait, and how many of one network. Beyond that, calls fail at once with
///   [`BreachedPasswordsError::busy`]. So one network cannot take all places.
/// - It neither logs the password nor sends it to another service. A service that is asked with a part of a digest
///   (k-anonymity) learns that part.
///
/// # Cancel safety
/// A dropped call has no effect.
///
/// ```
/// use async_trait::async_trait;
/// use gatewright::Password;
/// use gatewright::password::{
///     BreachedPasswords, BreachedPasswordsError, PasswordCheckError, PasswordPolicyError, PasswordRules,
/// };
/// use gatewright::types::ClientNetwork;
///
/// /// The passwords of a breach that the application itself had.
/// struct Ours(Vec<&'static str>);
///
/// #[async_trait]
/// impl BreachedPasswords for Ours {
///     async fn contains(
///         &self,
///         password: &Password,
///         _network: Option<ClientNetwork>,
///     ) -> Result<bool, BreachedPasswordsError> {
///         Ok(self.0.contains(&password.expose()))
///     }
/// }
///
/// # gatewright_testkit::block_on(async {
/// let rules = PasswordRules::new().with_breached_passwords(Ours(vec!["a stolen passphrase"]));
/// let refused = rules.check(&Password::new("a stolen passphrase"), &[]).await.unwrap_err();
/// assert!(matches!(refused, PasswordCheckError::Policy(PasswordPolicyError::Breached)));
/// # })
/// ```
#[async_trait]
pub trait BreachedPasswords: Send + Sync + 'static {
    /// Whether the list has this password, in the form in which it will be hashed. `network` is that of the client,
    /// `None` if it is unknown or no client causes the call.
    ///
    /// # Errors
    /// Too many calls wait, or the list could not be read. The client gets 503, and no password is set.
    async fn contains(
        &self,
        password: &Password,
        network: Option<ClientNetwork>,
    ) -> Result<bool, BreachedPasswordsError>;
}

/// The list of breached passwords gave no answer. Clients get 503.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BreachedPasswordsError {
    /// Too many calls wait, or the call waited too long.
    #[error("too many passwords wait for the list of breached passwords, or one waited too long")]
    #[non_exhaustive]
    Busy {},
    /// The list could not be read.
    #[error("the list of breached passwords could not be read")]
    #[non_exhaustive]
    Failed {
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl BreachedPasswordsError {
    /// Creates [`BreachedPasswordsError::Busy`], for implementations of [`BreachedPasswords`].
    #[must_use]
    pub const fn busy() -> Self {
        Self::Busy {}
    }

    /// Creates [`BreachedPasswordsError::Failed`], for implementations of [`BreachedPasswords`].
    #[must_use]
    pub fn failed(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed { source: source.into() }
    }
}
