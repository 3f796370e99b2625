//! Revocations: the messages between nodes, and the times within which they take effect.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::types::{SessionId, UserId};

/// How old a cache entry may be if no feed reaches all writers of the stores: 5 seconds.
pub const CACHE_TTL_WITHOUT_FEED: Duration = Duration::from_secs(5);
/// How old a cache entry may be if a feed reaches all writers: 30 seconds. It bounds the case that a
/// node changes a store and crashes before it publishes the revocation.
pub const CACHE_TTL_WITH_FEED: Duration = Duration::from_secs(30);
/// How often a feed between nodes sends a heartbeat: every second.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// How old the latest heartbeat that came back may be: 3 seconds. After that, guards read the stores
/// until the next heartbeat.
pub const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a node distrusts a feed after a message that it rejected: 60 seconds. Meanwhile a cache entry
/// may be [`CACHE_TTL_WITHOUT_FEED`] old, because a revocation may have been among the rejected messages.
pub const DISTRUST_WINDOW: Duration = Duration::from_secs(60);
/// How long a change whose outcome is unknown may still take effect: 5 seconds, within which every store
/// method returns. For that long, the sessions and users that it concerns are not cached.
pub const UNCONFIRMED_WINDOW: Duration = Duration::from_secs(5);

/// How guards check that a session still exists and its user is unchanged.
///
/// To skip the check for one handler, take `StatelessClaims` as its argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum RevocationCheck {
    /// From a cache in front of the stores.
    ///
    /// A revocation takes effect at once in the `Auth` that made it, and in others when the feed
    /// delivers it: after [`CACHE_TTL_WITHOUT_FEED`] or [`CACHE_TTL_WITH_FEED`] at the latest. If the
    /// clock is set back, these bounds grow by as much.
    ///
    /// Cached user records stay in memory meanwhile, with their password hashes.
    #[default]
    Cached,
    /// From the stores, on every request.
    ReadThrough,
}

/// What a revocation invalidates.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Revoked {
    /// One session: it was deleted.
    Session(SessionId),
    /// A user and all of the user's sessions: the role, activity, epoch or password changed, the user was
    /// deleted, or sessions were deleted.
    User(UserId),
}

/// A revocation: what other nodes must invalidate. A feed carries it in a
/// [`FeedMessage`](super::FeedMessage), which contains its text form.
///
/// ```
/// use gatewright::UserId;
/// use gatewright::revocation::Revocation;
///
/// let message = Revocation::user(UserId::new("42")?);
/// assert_eq!(message.to_string(), "user 42");
/// assert_eq!("user 42".parse(), Ok(message));
/// # Ok::<(), gatewright::types::InvalidId>(())
/// ```
#[doc(alias("blacklist", "logout"))]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Revocation {
    revoked: Revoked,
    confirmed: bool,
}

impl Revocation {
    /// A session was deleted.
    #[must_use]
    pub const fn session(id: SessionId) -> Self {
        Self { revoked: Revoked::Session(id), confirmed: true }
    }

    /// A user changed or was deleted, or sessions of the user were deleted.
    #[must_use]
    pub const fn user(id: UserId) -> Self {
        Self { revoked: Revoked::User(id), confirmed: true }
    }

    /// The same revocation for a change whose outcome is unknown. The change may still take effect within
    /// the next [`UNCONFIRMED_WINDOW`].
    #[must_use]
    pub fn unconfirmed(self) -> Self {
        Self { confirmed: false, ..self }
    }

    /// The session or user to invalidate.
    #[must_use]
    pub const fn revoked(&self) -> &Revoked {
        &self.revoked
    }

    /// Whether the change has taken effect.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        self.confirmed
    }
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.confirmed { "" } else { "?" };
        match &self.revoked {
            Revoked::Session(id) => write!(f, "session{mark} {id}"),
            Revoked::User(id) => write!(f, "user{mark} {id}"),
        }
    }
}

/// The text cannot be parsed, for example because a newer version sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not a revocation of this version")]
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
    use crate::types::{SystemRandom, Timestamp};

    #[test]
    fn every_message_survives_a_round_trip_through_text() {
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
    fn malformed_messages_are_rejected() {
        for text in ["", "user", "user ", "session 42", "users 42", "user\n42", "User 42", "heartbeat 1 2"] {
            assert_eq!(text.parse::<Revocation>(), Err(InvalidRevocation {}), "{text:?}");
        }
    }
}
