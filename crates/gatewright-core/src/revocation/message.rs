//! Revocations: the messages between nodes, and the bounds within which they are seen.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::types::{SessionId, UserId};

/// The maximum age of a cached entry when no feed reaches all who write to the stores: 5 seconds.
pub const CACHE_TTL_WITHOUT_FEED: Duration = Duration::from_secs(5);
/// The maximum age of a cached entry when a feed does: 30 seconds. It is the bound for a revocation whose node changed a
/// store and failed before it announced it.
pub const CACHE_TTL_WITH_FEED: Duration = Duration::from_secs(30);
/// How often a feed between nodes sends a heartbeat: every second.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// How old the latest heartbeat to come back may be: 3 seconds. From then on guards ask the stores, until the next one.
pub const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a change whose outcome is unknown may still take place: 5 seconds, within which every verb of a store returns.
/// For that long, nothing that it concerns is cached.
pub const UNCONFIRMED_WINDOW: Duration = Duration::from_secs(5);

/// How guards learn that a session has ended or a user has changed. (To skip the check altogether, take `StatelessClaims` in
/// a handler.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum RevocationCheck {
    /// From a cache of the stores. A revocation is seen at once by the `Auth` that made it, by others when the feed brings
    /// it, and after [`CACHE_TTL_WITHOUT_FEED`] or [`CACHE_TTL_WITH_FEED`] at the latest. A clock that is set back adds to these bounds
    /// what it is set back by.
    ///
    /// A cached user's record, its password hash included, stays in memory meanwhile.
    #[default]
    Cached,
    /// From the stores, at every request.
    ReadThrough,
}

/// What a revocation invalidates.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Revoked {
    /// One session: it has ended.
    Session(SessionId),
    /// A user and all of the user's sessions: role, activity, epoch or password changed, the user is gone, or sessions
    /// have ended.
    User(UserId),
}

/// A message between nodes: something was revoked. Feeds carry its text form.
///
/// ```
/// use gatewright_core::revocation::Revocation;
/// use gatewright_core::UserId;
///
/// let message = Revocation::user(UserId::new("42")?);
/// assert_eq!(message.to_string(), "user 42");
/// assert_eq!("user 42".parse(), Ok(message));
/// # Ok::<(), gatewright_core::InvalidId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Revocation {
    revoked: Revoked,
    confirmed: bool,
}

impl Revocation {
    /// A session has ended.
    #[must_use]
    pub const fn session(id: SessionId) -> Self {
        Self { revoked: Revoked::Session(id), confirmed: true }
    }

    /// A user changed, is gone, or has sessions that ended.
    #[must_use]
    pub const fn user(id: UserId) -> Self {
        Self { revoked: Revoked::User(id), confirmed: true }
    }

    /// The same of a change whose outcome is unknown: it may take place within the next [`UNCONFIRMED_WINDOW`].
    #[must_use]
    pub fn unconfirmed(self) -> Self {
        Self { confirmed: false, ..self }
    }

    /// What is revoked.
    #[must_use]
    pub const fn revoked(&self) -> &Revoked {
        &self.revoked
    }

    /// Whether the change has taken place.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        self.confirmed
    }
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doubt = if self.confirmed { "" } else { "?" };
        match &self.revoked {
            Revoked::Session(id) => write!(f, "session{doubt} {id}"),
            Revoked::User(id) => write!(f, "user{doubt} {id}"),
        }
    }
}

/// The text is no message of this version. Whoever receives one knows less than was said, and must forget everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not a revocation")]
pub struct InvalidRevocation {}

impl FromStr for Revocation {
    type Err = InvalidRevocation;

    fn from_str(text: &str) -> Result<Self, InvalidRevocation> {
        let (kind, id) = text.split_once(' ').ok_or(InvalidRevocation {})?;
        let session = || id.parse().map(Self::session).map_err(|_| InvalidRevocation {});
        let user = || UserId::new(id).map(Self::user).map_err(|_| InvalidRevocation {});
        match kind {
            "session" => session(),
            "session?" => session().map(Self::unconfirmed),
            "user" => user(),
            "user?" => user().map(Self::unconfirmed),
            _ => Err(InvalidRevocation {}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SystemRandom;
    use crate::types::Timestamp;

    #[test]
    fn every_message_is_read_as_it_was_written() {
        let session = SessionId::generate(Timestamp::from_seconds(1), &SystemRandom).unwrap();
        let user = Revocation::user(UserId::new("a b").unwrap());
        for message in [
            Revocation::session(session),
            Revocation::session(session).unconfirmed(),
            user.clone(),
            user.unconfirmed(),
        ] {
            assert_eq!(message.to_string().parse(), Ok(message));
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for text in ["", "user", "user ", "session 42", "users 42", "user\n42", "User 42", "heartbeat 1 2"] {
            assert_eq!(text.parse::<Revocation>(), Err(InvalidRevocation {}), "{text:?}");
        }
    }
}
