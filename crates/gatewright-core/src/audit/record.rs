//! What one row says, made of an event and its request.

use std::borrow::Cow;
use std::fmt;

use super::key::AuditKey;
use crate::event::{Actor, Event, Line, RequestContext, error_chain, printable};
use crate::types::{Timestamp, UserAgent, UserId};

/// The longest cause in a record: 512 bytes. The rest is cut off.
pub const MAX_CAUSE_BYTES: usize = 512;

/// The longest detail in a record: 1,024 bytes. The rest is cut off.
pub const MAX_DETAIL_BYTES: usize = 1_024;

/// How an action ended, or that it is about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditOutcome {
    /// A change is about to be made. The row is stored before the change. The row of its outcome has the same event,
    /// subject and request. If it is missing, the process ended in between, or more than [`CHANGE_ROWS`](super::CHANGE_ROWS) rows of
    /// changes waited: the change was made or not.
    Attempted,
    /// It was done.
    Succeeded,
    /// A rule refused it. Nothing was done.
    Refused,
    /// The service failed.
    Failed,
    /// The store failed during a change, or the request was cancelled. The change was made or not.
    Unknown,
    /// A text that this version does not know. A later version wrote it, or someone changed the row.
    Other(String),
}

impl AuditOutcome {
    /// The text in a store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Attempted => "attempted",
            Self::Succeeded => "succeeded",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Other(text) => text,
        }
    }

    /// Reads the text of a store.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        match text {
            "attempted" => Self::Attempted,
            "succeeded" => Self::Succeeded,
            "refused" => Self::Refused,
            "failed" => Self::Failed,
            "unknown" => Self::Unknown,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for AuditOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who acted, as text: `system` or `user:` and the id. A user's id cannot pass for the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditActor(String);

impl AuditActor {
    /// The application itself.
    #[must_use]
    pub fn system() -> Self {
        Self("system".to_owned())
    }

    /// A user.
    #[must_use]
    pub fn user(id: &UserId) -> Self {
        Self(format!("user:{id}"))
    }

    /// Reads the text of a store, unchanged.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text in a store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Actor<'_>> for AuditActor {
    fn from(actor: Actor<'_>) -> Self {
        match actor {
            Actor::System => Self::system(),
            Actor::User(id) => Self::user(id),
        }
    }
}

/// What one row says. A part that the event does not have is `None`.
///
/// All texts are as in the lines of [`TracingSink`](crate::TracingSink): limited, without a line break, a control
/// character or a character that changes the direction of text. A record that a store has read contains what is in
/// the store, also if it was changed there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditRecord {
    /// When.
    pub time: Timestamp,
    /// The name of the [`Event`], or of a row of the trail itself: `AuditStarted`, `AuditCheckpoint`,
    /// `AuditOverflow`, `AuditRetention`, `AuditErasure`.
    pub event: Cow<'static, str>,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// Why, with all sources: at most [`MAX_CAUSE_BYTES`].
    pub cause: Option<String>,
    /// Who acted. `None` is the client itself: the subject, or someone who is not authenticated.
    pub actor: Option<AuditActor>,
    /// The user whom it concerns: an id.
    pub subject: Option<String>,
    /// The session.
    pub session: Option<String>,
    /// The client's address. Personal: it can be erased.
    pub client_address: Option<String>,
    /// The client's user agent. Personal: it can be erased.
    pub user_agent: Option<String>,
    /// A keyed digest of a login name that belongs to no account. `None` without a key.
    pub login_name: Option<String>,
    /// The method of the request.
    pub method: Option<String>,
    /// The route of the request.
    pub route: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// Further parts as `name=value`, separated by spaces: at most [`MAX_DETAIL_BYTES`].
    pub detail: Option<String>,
}

impl AuditRecord {
    /// A record with these parts alone.
    #[must_use]
    pub fn new(time: Timestamp, event: impl Into<Cow<'static, str>>, outcome: AuditOutcome) -> Self {
        Self {
            time,
            event: event.into(),
            outcome,
            cause: None,
            actor: None,
            subject: None,
            session: None,
            client_address: None,
            user_agent: None,
            login_name: None,
            method: None,
            route: None,
            request_id: None,
            detail: None,
        }
    }

    /// The record of an event and its request.
    pub(super) fn of(
        event: &Event<'_>,
        request: &RequestContext,
        time: Timestamp,
        key: Option<&AuditKey>,
    ) -> Self {
        let line = Line::of(event);
        let user_agent = request.user_agent().or_else(|| line.user_agent());
        Self {
            cause: line.cause.map(|cause| cut(error_chain(cause), MAX_CAUSE_BYTES)),
            actor: line.actor.map(AuditActor::from),
            subject: line.user.map(|user| printable(user.as_str()).into_owned()),
            session: line.session.map(|session| session.to_string()),
            client_address: line.address(request).map(|address| address.to_string()),
            user_agent: user_agent.map(UserAgent::as_str).map(str::to_owned),
            login_name: line.name.zip(key).map(|(name, key)| key.name(name.as_str())),
            method: request.method().map(str::to_owned),
            route: request.route().map(str::to_owned),
            request_id: request.request_id().map(str::to_owned),
            detail: detail(&line),
            ..Self::new(time, line.event, outcome(event))
        }
    }
}

/// Whether the audit trail contains an event.
///
/// It contains all but those that anyone can cause without a limit, which would let anyone fill the table: malformed
/// requests, credentials that name no user, and revocations of invalid tokens. These are in the log.
#[must_use]
pub fn is_audited(event: &Event<'_>) -> bool {
    !matches!(
        event,
        Event::RequestRefused { .. } | Event::NothingRevoked { .. } | Event::AccessRefused { user: None, .. }
    )
}

/// Whether an event is the outcome of a change whose attempt was recorded. Only users can cause it.
pub(super) fn is_change(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::AccountCreated { .. }
            | Event::AccountChanged { .. }
            | Event::AccountDeleted { .. }
            | Event::AccountUnlocked { .. }
            | Event::PasswordChanged { .. }
            | Event::PasswordSet { .. }
            | Event::SessionEnded { .. }
            | Event::SessionsEnded { .. }
    )
}

/// One arm for each event, so that a new event does not compile without an outcome.
fn outcome(event: &Event<'_>) -> AuditOutcome {
    match event {
        Event::Registered { .. }
        | Event::AccountCreated { .. }
        | Event::LoggedIn { .. }
        | Event::HashUpgraded { .. }
        | Event::Refreshed { .. }
        | Event::GraceFromAnotherClient { .. }
        | Event::LoggedOut { .. }
        | Event::LoggedOutEverywhere { .. }
        | Event::SessionEnded { .. }
        | Event::SessionsEnded { .. }
        | Event::PasswordChanged { .. }
        | Event::PasswordSet { .. }
        | Event::AccountChanged { .. }
        | Event::AccountDeleted { .. }
        | Event::AccountLocked { .. }
        | Event::AccountUnlocked { .. }
        | Event::SessionEndedByThrottle { .. }
        | Event::ThrottleRepaired { .. } => AuditOutcome::Succeeded,
        Event::RegistrationRepeated { .. }
        | Event::LoginRefused { .. }
        | Event::RefreshRefused { .. }
        | Event::TokenReused { .. }
        | Event::NothingRevoked { .. }
        | Event::PasswordChangeRefused { .. }
        | Event::RequestRefused { .. }
        | Event::ChangeRefused { .. }
        | Event::AccessRefused { .. }
        | Event::Forbidden { .. }
        | Event::ApiKeyForbidden { .. }
        | Event::FeedMessagesRejected { .. }
        | Event::Throttled { .. }
        | Event::StuffingSuspected { .. } => AuditOutcome::Refused,
        Event::HashNotUpgraded { .. }
        | Event::RefusalFloorExceeded { .. }
        | Event::Overloaded { .. }
        | Event::UnknownRole { .. }
        | Event::UnknownPepper { .. }
        | Event::Failed { .. } => AuditOutcome::Failed,
        Event::RotationUnconfirmed { .. } => AuditOutcome::Unknown,
    }
}

/// The parts of a line that have no column. `None` without such a part.
fn detail(line: &Line<'_>) -> Option<String> {
    let mut detail = Detail::default();
    detail.add("credential", line.credential);
    detail.add("missing_roles", (!line.missing_roles.is_empty()).then(|| line.missing_roles.join(",")));
    detail.add("missing_scopes", (!line.missing_scopes.is_empty()).then(|| line.missing_scopes.join(",")));
    detail.add("role", line.role.map(printable));
    detail.add("pepper", line.pepper);
    detail.add("grace", line.grace);
    detail.add("other_network", line.other_network);
    detail.add("session_ended", line.session_ended);
    detail.add("count", line.count);
    detail.finish()
}

/// Parts as `name=value`, separated by spaces.
#[derive(Default)]
pub(super) struct Detail(String);

impl Detail {
    pub(super) fn add(&mut self, name: &str, value: Option<impl fmt::Display>) {
        let Some(value) = value else { return };
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(&format!("{name}={value}"));
    }

    pub(super) fn finish(self) -> Option<String> {
        (!self.0.is_empty()).then(|| cut(printable(&self.0).into_owned(), MAX_DETAIL_BYTES))
    }
}

/// The value of a part of a detail.
pub(super) fn part<'a>(detail: &'a str, name: &str) -> Option<&'a str> {
    detail.split(' ').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

/// The text up to the limit, cut between two characters.
pub(super) fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::LoginError;
    use crate::event::AttemptedName;
    use crate::types::{ClientInfo, SessionId, SystemRandom};

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn key() -> AuditKey {
        AuditKey::new(b"0123456789abcdef0123456789abcdef").unwrap()
    }

    #[test]
    fn a_record_has_the_parts_of_its_event_and_request() {
        let (user, admin) = (UserId::from(7), UserId::from(1));
        let agent = UserAgent::clean(b"curl/8.5.0");
        let client = ClientInfo::new("192.0.2.7".parse().ok(), agent);
        let request =
            RequestContext::new(client, "DELETE", Some("/users/{id}/sessions/{session}"), Some(b"r1"));
        let session = SessionId::generate(NOW, &SystemRandom).unwrap();
        let event = Event::SessionEnded { user: &user, session, actor: Actor::User(&admin) };
        let record = AuditRecord::of(&event, &request, NOW, Some(&key()));
        assert_eq!(
            record,
            AuditRecord {
                actor: Some(AuditActor::from_text("user:1")),
                subject: Some("7".to_owned()),
                session: Some(session.to_string()),
                client_address: Some("192.0.2.7".to_owned()),
                user_agent: Some("curl/8.5.0".to_owned()),
                method: Some("DELETE".to_owned()),
                route: Some("/users/{id}/sessions/{session}".to_owned()),
                request_id: Some("r1".to_owned()),
                ..AuditRecord::new(NOW, "SessionEnded", AuditOutcome::Succeeded)
            }
        );
    }

    #[test]
    fn an_unknown_login_name_is_a_digest_with_a_key_and_absent_without() {
        let name = AttemptedName::new("ada@example.com");
        let event = Event::LoginRefused { user: None, cause: LoginError::UserUnknown, name: Some(name) };
        let of = |key: Option<&AuditKey>| AuditRecord::of(&event, RequestContext::none(), NOW, key);
        let digest = of(Some(&key())).login_name.unwrap();
        assert_eq!((digest.len(), digest.contains("ada")), (32, false));
        assert_eq!(of(None).login_name, None);
        assert_eq!(of(None).cause.as_deref(), Some("the user does not exist"));
    }

    #[test]
    fn a_user_cannot_pass_for_the_application() {
        let impostor = UserId::new("system").unwrap();
        assert_ne!(AuditActor::user(&impostor), AuditActor::system());
    }

    #[test]
    fn long_texts_are_cut_between_two_characters() {
        assert_eq!(cut("aé".to_owned(), 2), "a");
        assert_eq!(cut("aé".to_owned(), 3), "aé");
        assert_eq!(cut(String::new(), 0), "");
    }

    #[test]
    fn parts_of_a_detail_are_found_by_their_whole_name() {
        let mut detail = Detail::default();
        detail.add("last_number", Some(5));
        detail.add("number", Some(7));
        detail.add("none", None::<u8>);
        let detail = detail.finish().unwrap();
        assert_eq!(detail, "last_number=5 number=7");
        assert_eq!((part(&detail, "number"), part(&detail, "none")), (Some("7"), None));
        assert_eq!(Detail::default().finish(), None);
    }

    #[test]
    fn outcomes_are_read_back() {
        for text in ["attempted", "succeeded", "refused", "failed", "unknown", "later"] {
            assert_eq!(AuditOutcome::from_text(text).as_str(), text);
        }
    }
}
