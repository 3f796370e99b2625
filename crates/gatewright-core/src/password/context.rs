//! On whose behalf a password is hashed.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::types::{ClientNetwork, Deadline, Email, LoginName, UserId};

/// On whose behalf a password is hashed, and how long the call may wait. A hasher with a queue shares it
/// fairly with this.
///
/// An empty context has no share and no deadline. It is for calls that no client causes, such as an import.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use gatewright::password::{AccountKey, HashContext};
/// use gatewright::types::{ClientNetwork, Deadline, SystemTimer};
///
/// let context = HashContext::new()
///     .with_network(ClientNetwork::of("192.0.2.1".parse()?))
///     .with_account(AccountKey::of_name("ada@example.com"))
///     .with_deadline(Deadline::after(Arc::new(SystemTimer), Duration::from_secs(2)));
/// assert!(!context.deadline.unwrap().has_passed());
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct HashContext {
    /// The network of the client. `None` if the framework provides no address.
    pub network: Option<ClientNetwork>,
    /// The account that the call is about, whether it exists or not.
    pub account: Option<AccountKey>,
    /// When the call stops waiting. A call whose work has begun is not interrupted.
    pub deadline: Option<Deadline>,
}

impl HashContext {
    /// Creates an empty context.
    #[must_use]
    pub const fn new() -> Self {
        Self { network: None, account: None, deadline: None }
    }

    /// Sets the network of the client.
    #[must_use]
    pub const fn with_network(mut self, network: ClientNetwork) -> Self {
        self.network = Some(network);
        self
    }

    /// Sets the account.
    #[must_use]
    pub const fn with_account(mut self, account: AccountKey) -> Self {
        self.account = Some(account);
        self
    }

    /// Sets the deadline.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = Some(deadline);
        self
    }
}

/// An account as a hasher sees it: calls for the same name have equal keys. It is a digest of the name, so it
/// has the same size for all names and says nothing about whether the account exists.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountKey([u8; 16]);

impl AccountKey {
    /// The key of the account with this name.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(name.as_bytes()).into();
        let (key, _) = digest.split_at(16);
        Self(key.try_into().unwrap_or_default())
    }

    pub(crate) fn of_login(name: &LoginName) -> Self {
        Self::of_name(&name.throttle_key())
    }

    /// The key of logins with this address.
    pub(crate) fn of_email(email: &Email) -> Self {
        Self::of_name(email.key())
    }

    pub(crate) fn of_user(user: &UserId) -> Self {
        Self::of_name(user.as_str())
    }
}

/// Redacts the key: a reader of a log who knows an address could search for it.
impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_a_name_have_one_key_and_two_names_have_two() {
        let key = |text: &str| AccountKey::of_login(&LoginName::parse(text).unwrap());
        assert_eq!(key("Ada@Example.com"), key("ada@example.com"));
        assert_eq!(key("Ada"), key("ada"));
        assert_ne!(key("ada@example.com"), key("eve@example.com"));
        assert_eq!(key("Ada@Example.com"), AccountKey::of_email(&Email::parse("ada@example.com").unwrap()));
    }
}
