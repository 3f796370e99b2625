//! What can happen: one variant for each event.

use std::fmt;
use std::time::Duration;

use crate::error::{AccessError, AuthError, LoginError, RefreshError, RequestError};
use crate::throttle::{KeyKind, LockStage, Purpose};
use crate::types::{ClientInfo, SessionId, UserId};

/// Who made a change through [`Accounts`](crate::Accounts).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Actor<'a> {
    /// The application itself: a command, a migration, a start. It is the actor unless
    /// [`Accounts::by`](crate::Accounts::by) names a user.
    System,
    /// This user.
    User(&'a UserId),
}

/// `system`, or the user's id.
impl fmt::Display for Actor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::User(user) => user.fmt(f),
        }
    }
}

/// A login name that belongs to no account. It is often a password in the wrong field, so it cannot be read and is not
/// shown.
#[derive(Clone, Copy)]
pub struct AttemptedName<'a>(&'a str);

impl<'a> AttemptedName<'a> {
    pub(crate) const fn new(name: &'a str) -> Self {
        Self(name)
    }

    pub(crate) const fn as_str(&self) -> &'a str {
        self.0
    }
}

/// Redacted.
impl fmt::Debug for AttemptedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttemptedName(..)")
    }
}

/// Something that happened. It contains ids of users, but no email address, password, hash or token. Some
/// events contain the client: its network address and its cleaned user agent.
///
/// The [`RequestContext`](crate::RequestContext) beside it says in which request it happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Someone registered.
    #[non_exhaustive]
    Registered {
        /// The user.
        user: &'a UserId,
    },
    /// An administrator or the application created an account.
    #[non_exhaustive]
    AccountCreated {
        /// The user.
        user: &'a UserId,
        /// Who created it.
        actor: Actor<'a>,
    },
    /// A call of [`Auth::register`](crate::Auth::register) used a taken address. The client got the same answer as
    /// for a new one. An application may notify the user: perhaps the user does not know about the account any more, or someone else tries
    /// addresses.
    #[non_exhaustive]
    RegistrationRepeated {
        /// The user who has the address. `None` if the account was created or deleted at the same time.
        user: Option<&'a UserId>,
        /// The client that sent the registration.
        client: &'a ClientInfo,
    },
    /// A login succeeded.
    #[non_exhaustive]
    LoggedIn {
        /// The user.
        user: &'a UserId,
        /// The new session.
        session: SessionId,
    },
    /// A login was refused.
    #[non_exhaustive]
    LoginRefused {
        /// The user, if the name belongs to one.
        user: Option<&'a UserId>,
        /// The cause.
        cause: LoginError,
        /// The name that was sent, if it belongs to no user. The audit trail stores a keyed digest of it.
        name: Option<AttemptedName<'a>>,
    },
    /// A password hash was replaced by a new one of the same password.
    #[non_exhaustive]
    HashUpgraded {
        /// The user.
        user: &'a UserId,
    },
    /// A password hash could not be replaced by a new one. The login continued. If the reason is that too many
    /// passwords wait, [`Event::Overloaded`] counts it instead.
    #[non_exhaustive]
    HashNotUpgraded {
        /// The user.
        user: &'a UserId,
        /// The failure. `None` if the hash or the user changed meanwhile.
        cause: Option<&'a AuthError>,
    },
    /// Refusals took longer than the refusal floor, so their time may show whether an account exists. It is
    /// emitted at most once a minute.
    ///
    /// Raise `with_refusal_floor`. If old hashes are dearer than new ones, replace them at the next login with
    /// `with_hash_upgrade(Upgrade::ToCurrent)` of the hashing pool. If the pool is overloaded, give it more
    /// threads.
    #[non_exhaustive]
    RefusalFloorExceeded {
        /// The refusal floor of the last of the refusals: twice the one that was set if it computed two hashes.
        floor: Duration,
        /// How long the last of the refusals took.
        elapsed: Duration,
        /// How many refusals took longer since the last of these events.
        count: u64,
    },
    /// A refresh token was exchanged for the next pair.
    #[non_exhaustive]
    Refreshed {
        /// The user.
        user: &'a UserId,
        /// The session.
        session: SessionId,
        /// Whether nothing was rotated: the client got the token that was current already. It presented a
        /// token that was used inside the grace window, or the current one while the session has as many used
        /// tokens inside their windows as it may have
        /// ([`MAX_USED_TOKENS`](crate::store::MAX_USED_TOKENS)).
        grace: bool,
    },
    /// A refresh was refused.
    #[non_exhaustive]
    RefreshRefused {
        /// The user whom the token names, if the token is verified.
        user: Option<&'a UserId>,
        /// The session that the token names, if the token is verified.
        session: Option<SessionId>,
        /// The cause.
        cause: RefreshError,
    },
    /// A refresh token was used a second time, so someone else may have a copy. The session was ended.
    ///
    /// If the outcome of such a use is unknown, the event is [`RotationUnconfirmed`](Self::RotationUnconfirmed)
    /// instead: the session may have been ended for the same cause.
    #[non_exhaustive]
    TokenReused {
        /// The user.
        user: &'a UserId,
        /// The ended session.
        session: SessionId,
    },
    /// The outcome of a use of a refresh token is unknown: the store failed, or the call was cancelled. The
    /// token may have been rotated. Or the session was ended because it was used before, and no other event
    /// says so.
    #[non_exhaustive]
    RotationUnconfirmed {
        /// The user.
        user: &'a UserId,
        /// The session, which may have been ended.
        session: SessionId,
        /// The client that presented the token.
        client: &'a ClientInfo,
    },
    /// A used refresh token was accepted inside the grace window, from another client than the one that
    /// rotated last. This is a second device behind a changing address, or someone who has a copy.
    #[non_exhaustive]
    GraceFromAnotherClient {
        /// The user.
        user: &'a UserId,
        /// The session.
        session: SessionId,
        /// The client that presented the used token.
        client: &'a ClientInfo,
        /// Whether the client is in another network. Otherwise only its user agent is another one.
        other_network: bool,
        /// Whether the session was ended instead, because it happened after three rotations in a row.
        session_ended: bool,
    },
    /// A user ended one of their sessions.
    #[non_exhaustive]
    LoggedOut {
        /// The user.
        user: &'a UserId,
        /// The ended session.
        session: SessionId,
    },
    /// A user ended all of their sessions.
    #[non_exhaustive]
    LoggedOutEverywhere {
        /// The user.
        user: &'a UserId,
    },
    /// An administrator ended a session.
    #[non_exhaustive]
    SessionEnded {
        /// The user.
        user: &'a UserId,
        /// The ended session.
        session: SessionId,
        /// Who ended it.
        actor: Actor<'a>,
    },
    /// A revocation request contained an invalid token. The client got the same answer as for a valid one.
    #[non_exhaustive]
    NothingRevoked {
        /// Why the token is invalid.
        cause: AccessError,
    },
    /// An administrator ended all sessions of a user.
    #[non_exhaustive]
    SessionsEnded {
        /// The user.
        user: &'a UserId,
        /// Who ended them.
        actor: Actor<'a>,
    },
    /// A user changed the password, so all tokens issued before are rejected. It is emitted after the first of
    /// two steps. The second replaces all sessions with a new one of the caller. If it fails, the user has to
    /// log in again.
    #[non_exhaustive]
    PasswordChanged {
        /// The user.
        user: &'a UserId,
    },
    /// A password change was refused, because the current password was wrong.
    #[non_exhaustive]
    PasswordChangeRefused {
        /// The user.
        user: &'a UserId,
    },
    /// An administrator or the application set another user's password, so all tokens issued before are
    /// rejected. It is emitted after the first of two steps. The second deletes the sessions.
    #[non_exhaustive]
    PasswordSet {
        /// The user.
        user: &'a UserId,
        /// Who set it.
        actor: Actor<'a>,
    },
    /// An administrator changed an account.
    #[non_exhaustive]
    AccountChanged {
        /// The user.
        user: &'a UserId,
        /// Who changed it.
        actor: Actor<'a>,
    },
    /// An account was deleted.
    #[non_exhaustive]
    AccountDeleted {
        /// The user.
        user: &'a UserId,
        /// Who deleted it.
        actor: Actor<'a>,
    },
    /// An endpoint refused a malformed request. Usually a client is being developed.
    #[non_exhaustive]
    RequestRefused {
        /// The cause.
        cause: RequestError,
    },
    /// A new account, or a change of one, breaks a rule: for passwords, addresses, user names or roles, or the
    /// rule that the last active holder of the protected role remains.
    #[non_exhaustive]
    ChangeRefused {
        /// The cause.
        cause: &'a AuthError,
    },
    /// A guard or an endpoint rejected a credential, or the request has none
    /// ([`AccessError::NoCredential`], [`AccessError::NoApiKey`]).
    #[non_exhaustive]
    AccessRefused {
        /// The user whom the token names, if its signature, issuer, audience and times were verified.
        user: Option<&'a UserId>,
        /// The session that such a token names.
        session: Option<SessionId>,
        /// The cause.
        cause: AccessError,
    },
    /// A guard refused an authenticated user who lacks a role or scope. The credential was an access token.
    #[non_exhaustive]
    Forbidden {
        /// The user. `None` if an application answers an [`AuthError::Forbidden`] that it took out of its
        /// [`Error`](crate::Error).
        user: Option<&'a UserId>,
        /// The session.
        session: Option<SessionId>,
        /// The roles that the route requires and the user does not have. If one of several is enough, it is all
        /// of them.
        missing_roles: &'a [&'static str],
        /// The scopes that the route requires and the token does not have.
        missing_scopes: &'a [&'static str],
    },
    /// A guard refused a known API key that lacks a scope. The credential was a key in `X-API-Key`.
    #[non_exhaustive]
    ApiKeyForbidden {
        /// The roles that the route requires. A key has none.
        missing_roles: &'a [&'static str],
        /// The scopes that the route requires and the key does not have.
        missing_scopes: &'a [&'static str],
    },
    /// The revocation feed delivered messages that are not authentic. A node with another feed key or
    /// version sent them, or an attacker. Emitted once a minute at most. Meanwhile a session stays cached
    /// for 5 s at most.
    #[non_exhaustive]
    FeedMessagesRejected {
        /// How many there were since the last event.
        count: u64,
    },
    /// Passwords were not hashed because too many waited, or too many refusals waited for the refusal floor. The
    /// clients got 503; if only the upgrade of a hash was left out, the login continued. It is emitted at most
    /// once a minute.
    ///
    /// If this is no attack, give the hashing pool more threads.
    #[non_exhaustive]
    Overloaded {
        /// The last failure.
        error: &'a AuthError,
        /// How many such failures there were since the last of these events.
        count: u64,
    },
    /// A stored user has a role that is not one of [`with_roles`](crate::AuthBuilder::with_roles). It satisfies no
    /// guard for the application's own roles. It is emitted at most once a minute.
    #[non_exhaustive]
    UnknownRole {
        /// The user who was read last.
        user: &'a UserId,
        /// The role.
        role: &'a str,
        /// How many reads returned such a user since the last of these events.
        count: u64,
    },
    /// A user's password was hashed with a pepper that the hasher does not have, so the user cannot log in or change the
    /// password. A login was refused as with a wrong password, and counted as a failure of the account and the network,
    /// not of the user's consecutive ones. It is emitted at most once a minute for each pepper.
    ///
    /// The configuration is wrong: add the pepper to this node with `with_previous_peppers` of the hashing pool. If it
    /// is lost, these users need a new password.
    #[non_exhaustive]
    UnknownPepper {
        /// The user of the last of these attempts.
        user: &'a UserId,
        /// The id of the pepper that is missing, in printable ASCII.
        id: &'a str,
        /// How many attempts there were since the last of these events.
        count: u64,
    },
    /// Attempts were limited: logins, registrations, password changes or refused requests. It is emitted at most
    /// once a minute.
    #[non_exhaustive]
    Throttled {
        /// The purpose of the last one.
        purpose: Purpose,
        /// Which limit it met.
        kind: KeyKind,
        /// Its client.
        client: &'a ClientInfo,
        /// How many there were since the last of these events.
        count: u64,
    },
    /// A network failed on many accounts within a short time. It is slowed for an hour unless set
    /// ([`STUFFING_DURATION`](crate::throttle::STUFFING_DURATION)).
    #[non_exhaustive]
    StuffingSuspected {
        /// The client whose attempt was the last.
        client: &'a ClientInfo,
    },
    /// A user's consecutive failed logins have reached a stage of the lock. An application may notify the user. A
    /// reset of the password lifts the lock, and so does [`Accounts::unlock`](crate::Accounts::unlock).
    #[non_exhaustive]
    AccountLocked {
        /// The user.
        user: &'a UserId,
        /// The stage.
        stage: LockStage,
    },
    /// The lock of an account was lifted.
    #[non_exhaustive]
    AccountUnlocked {
        /// The user.
        user: &'a UserId,
        /// Who lifted it.
        actor: Actor<'a>,
    },
    /// Too many current passwords were wrong at a password change, so the session was ended.
    #[non_exhaustive]
    SessionEndedByThrottle {
        /// The user.
        user: &'a UserId,
        /// The ended session.
        session: SessionId,
    },
    /// States of the throttle were corrupt, or came from a clock that was far ahead. They count as a budget that is
    /// used up now, or were moved to the present time. A corrupt state of a user counts as half of the failures after
    /// which only known networks may try.
    #[non_exhaustive]
    ThrottleRepaired {
        /// How many.
        count: u64,
    },
    /// A request failed on the server, or the feed failed to take a revocation at once. A feed that queues
    /// messages and cannot send them logs that itself.
    #[non_exhaustive]
    Failed {
        /// The failure.
        error: &'a AuthError,
    },
}
