//! An event as a line of a log: its level, its words and its fields.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use super::context::RequestContext;
use super::events::{Actor, AttemptedName, Event};
use crate::error::AccessError;
use crate::throttle::{LockStage, Purpose};
use crate::types::{ClientInfo, SessionId, UserAgent, UserId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// A line. Fields that the event does not have are `None`.
pub(crate) struct Line<'a> {
    pub(crate) level: Level,
    /// The name of the variant of [`Event`].
    pub(crate) event: &'static str,
    pub(crate) words: &'static str,
    pub(crate) user: Option<&'a UserId>,
    pub(crate) session: Option<SessionId>,
    pub(crate) actor: Option<Actor<'a>>,
    pub(crate) cause: Option<&'a (dyn Error + 'static)>,
    /// The client that the event itself names.
    pub(crate) client: Option<&'a ClientInfo>,
    /// The login name that was sent, if it belongs to no account. It is a secret of the log.
    pub(crate) name: Option<AttemptedName<'a>>,
    pub(crate) credential: Option<&'static str>,
    pub(crate) missing_roles: &'a [&'static str],
    pub(crate) missing_scopes: &'a [&'static str],
    pub(crate) role: Option<&'a str>,
    pub(crate) pepper: Option<&'a str>,
    pub(crate) grace: Option<bool>,
    pub(crate) other_network: Option<bool>,
    pub(crate) session_ended: Option<bool>,
    pub(crate) floor: Option<Duration>,
    pub(crate) elapsed: Option<Duration>,
    pub(crate) count: Option<u64>,
    pub(crate) fix: Option<&'static str>,
}

impl<'a> Line<'a> {
    fn new(level: Level, event: &'static str, words: &'static str) -> Self {
        Self {
            level,
            event,
            words,
            user: None,
            session: None,
            actor: None,
            cause: None,
            client: None,
            name: None,
            credential: None,
            missing_roles: &[],
            missing_scopes: &[],
            role: None,
            pepper: None,
            grace: None,
            other_network: None,
            session_ended: None,
            floor: None,
            elapsed: None,
            count: None,
            fix: None,
        }
    }

    fn error(event: &'static str, words: &'static str) -> Self {
        Self::new(Level::Error, event, words)
    }

    fn warn(event: &'static str, words: &'static str) -> Self {
        Self::new(Level::Warn, event, words)
    }

    fn info(event: &'static str, words: &'static str) -> Self {
        Self::new(Level::Info, event, words)
    }

    fn user(self, user: impl Into<Option<&'a UserId>>) -> Self {
        Self { user: user.into(), ..self }
    }

    fn session(self, session: impl Into<Option<SessionId>>) -> Self {
        Self { session: session.into(), ..self }
    }

    fn actor(self, actor: Actor<'a>) -> Self {
        Self { actor: Some(actor), ..self }
    }

    fn cause(self, cause: &'a (dyn Error + 'static)) -> Self {
        Self { cause: Some(cause), ..self }
    }

    fn client(self, client: &'a ClientInfo) -> Self {
        Self { client: Some(client), ..self }
    }

    fn missing(
        self,
        credential: &'static str,
        roles: &'a [&'static str],
        scopes: &'a [&'static str],
    ) -> Self {
        Self { credential: Some(credential), missing_roles: roles, missing_scopes: scopes, ..self }
    }

    fn count(self, count: u64) -> Self {
        Self { count: Some(count), ..self }
    }

    fn fix(self, fix: &'static str) -> Self {
        Self { fix: Some(fix), ..self }
    }

    /// The client's address: that of the request, or else that of the client whom the event names.
    pub(crate) fn address(&self, request: &RequestContext) -> Option<IpAddr> {
        request.client_address().or_else(|| self.client.and_then(|client| client.address))
    }

    /// The user agent of the client whom the event names.
    pub(crate) fn user_agent(&self) -> Option<&'a UserAgent> {
        self.client.and_then(|client| client.user_agent.as_ref())
    }

    /// One arm for each event, so that a new event does not compile without a level and words.
    pub(crate) fn of(event: &'a Event<'_>) -> Self {
        match event {
            Event::Registered { user } => Self::info("Registered", "registered").user(*user),
            Event::AccountCreated { user, actor } => {
                Self::info("AccountCreated", "account created").user(*user).actor(*actor)
            }
            Event::RegistrationRepeated { user, client } => {
                Self::info("RegistrationRepeated", "registration with a taken address")
                    .user(*user)
                    .client(client)
            }
            Event::LoggedIn { user, session } => {
                Self::info("LoggedIn", "logged in").user(*user).session(*session)
            }
            Event::LoginRefused { user, cause, name } => {
                let line = Self::warn("LoginRefused", "login refused").user(*user).cause(cause);
                Self { name: *name, ..line }
            }
            Event::HashUpgraded { user } => Self::info("HashUpgraded", "password hash upgraded").user(*user),
            Event::HashNotUpgraded { user, cause: Some(cause) } => {
                Self::error("HashNotUpgraded", "password hash not upgraded").user(*user).cause(*cause)
            }
            Event::HashNotUpgraded { user, cause: None } => {
                Self::warn("HashNotUpgraded", "password hash not upgraded: hash or user changed meanwhile")
                    .user(*user)
            }
            Event::RefusalFloorExceeded { floor, elapsed, count } => {
                let fix = "raise with_refusal_floor; replace dear hashes with with_hash_upgrade(Upgrade::ToCurrent)";
                let line = Self::warn("RefusalFloorExceeded", "refusals took longer than the refusal floor");
                Self { floor: Some(*floor), elapsed: Some(*elapsed), ..line.count(*count).fix(fix) }
            }
            Event::Refreshed { user, session, grace } => {
                let line = Self::info("Refreshed", "refreshed").user(*user).session(*session);
                Self { grace: Some(*grace), ..line }
            }
            Event::RefreshRefused { user, session, cause } => {
                Self::warn("RefreshRefused", "refresh refused").user(*user).session(*session).cause(cause)
            }
            Event::TokenReused { user, session } => {
                Self::warn("TokenReused", "refresh token used twice, session ended")
                    .user(*user)
                    .session(*session)
            }
            Event::RotationUnconfirmed { user, session, client } => {
                let words = "outcome of a use of a refresh token unknown, session may have ended";
                Self::warn("RotationUnconfirmed", words).user(*user).session(*session).client(client)
            }
            Event::GraceFromAnotherClient { user, session, client, other_network, session_ended } => {
                let line =
                    Self::warn("GraceFromAnotherClient", "used refresh token came from another client");
                let line = line.user(*user).session(*session).client(client);
                Self { other_network: Some(*other_network), session_ended: Some(*session_ended), ..line }
            }
            Event::LoggedOut { user, session } => {
                Self::info("LoggedOut", "logged out").user(*user).session(*session)
            }
            Event::LoggedOutEverywhere { user } => {
                Self::info("LoggedOutEverywhere", "logged out of all sessions").user(*user)
            }
            Event::SessionEnded { user, session, actor } => {
                Self::info("SessionEnded", "session ended").user(*user).session(*session).actor(*actor)
            }
            Event::NothingRevoked { cause } => {
                Self::info("NothingRevoked", "nothing revoked, the token is invalid").cause(cause)
            }
            Event::SessionsEnded { user, actor } => {
                Self::info("SessionsEnded", "all sessions ended").user(*user).actor(*actor)
            }
            Event::PasswordChanged { user } => Self::info("PasswordChanged", "password changed").user(*user),
            Event::PasswordChangeRefused { user } => {
                Self::warn("PasswordChangeRefused", "password change refused, the current password is wrong")
                    .user(*user)
            }
            Event::PasswordSet { user, actor } => {
                Self::info("PasswordSet", "password set").user(*user).actor(*actor)
            }
            Event::AccountChanged { user, actor } => {
                Self::info("AccountChanged", "account changed").user(*user).actor(*actor)
            }
            Event::AccountDeleted { user, actor } => {
                Self::info("AccountDeleted", "account deleted").user(*user).actor(*actor)
            }
            Event::RequestRefused { cause } => Self::info("RequestRefused", "request refused").cause(cause),
            Event::ChangeRefused { cause } => {
                Self::info("ChangeRefused", "new account or change of an account refused").cause(*cause)
            }
            Event::AccessRefused {
                cause: cause @ (AccessError::NoCredential | AccessError::NoApiKey),
                ..
            } => Self::new(Level::Debug, "AccessRefused", "access refused, no credential").cause(cause),
            Event::AccessRefused { user, session, cause } => {
                Self::info("AccessRefused", "access refused").user(*user).session(*session).cause(cause)
            }
            Event::Forbidden { user, session, missing_roles, missing_scopes } => {
                Self::warn("Forbidden", "forbidden, the user lacks a role or scope")
                    .user(*user)
                    .session(*session)
                    .missing("access_token", missing_roles, missing_scopes)
            }
            Event::ApiKeyForbidden { missing_roles, missing_scopes } => Self::warn(
                "ApiKeyForbidden",
                "forbidden, the API key lacks a scope",
            )
            .missing("api_key", missing_roles, missing_scopes),
            Event::FeedMessagesRejected { count } => {
                let fix =
                    "all nodes need the same feed key (`with_feed_key`), and only they may write to the feed";
                let words = "rejected messages of the revocation feed, sessions are cached for 5 s at most";
                Self::warn("FeedMessagesRejected", words).count(*count).fix(fix)
            }
            Event::Overloaded { error, count } => {
                Self::warn("Overloaded", "too many passwords wait").cause(*error).count(*count)
            }
            Event::UnknownRole { user, role, count } => {
                let line =
                    Self::warn("UnknownRole", "the user has a role that the application does not have");
                Self { role: Some(role), ..line.user(*user).count(*count) }
            }
            Event::UnknownPepper { user, id, count } => {
                let words =
                    "the user cannot log in: the password was hashed with a pepper that is not configured";
                let fix = "add the pepper with with_previous_peppers; if it is lost, set new passwords";
                let line = Self::error("UnknownPepper", words);
                Self { pepper: Some(id), ..line.user(*user).count(*count).fix(fix) }
            }
            Event::Throttled { purpose, client, count, .. } => {
                let words = match purpose {
                    Purpose::Login => "logins limited",
                    Purpose::Register => "registrations limited",
                    Purpose::ChangePassword => "password changes limited",
                    Purpose::RefusedRequest => "refused requests limited",
                };
                Self::warn("Throttled", words).client(client).count(*count)
            }
            Event::StuffingSuspected { client } => {
                Self::warn("StuffingSuspected", "a network fails on many accounts, it is slowed")
                    .client(client)
            }
            Event::AccountLocked { user, stage } => {
                let words = match stage {
                    LockStage::KnownNetworksOnly => {
                        "many failed logins, only networks from which the user logged in may try"
                    }
                    LockStage::Locked => "account locked after many failed logins",
                };
                Self::warn("AccountLocked", words).user(*user)
            }
            Event::AccountUnlocked { user, actor } => {
                Self::info("AccountUnlocked", "account unlocked").user(*user).actor(*actor)
            }
            Event::SessionEndedByThrottle { user, session } => {
                let words = "session ended after wrong passwords at a password change";
                Self::warn("SessionEndedByThrottle", words).user(*user).session(*session)
            }
            Event::ThrottleRepaired { count } => {
                Self::warn("ThrottleRepaired", "corrupt states of the throttle repaired").count(*count)
            }
            Event::Failed { error } => Self::error("Failed", "request failed").cause(*error),
        }
    }
}
