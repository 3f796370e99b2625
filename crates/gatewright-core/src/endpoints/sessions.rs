//! Sessions as users and administrators see them.

use std::net::IpAddr;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::auth::{Auth, Error, Inner};
use crate::error::AuthError;
use crate::guard::Identity;
use crate::http::Reply;
use crate::store::{AuthUser, Session};
use crate::types::{ClientInfo, Epoch, SessionId, Timestamp, UserAgent};

/// A live session as users see it: without its seed and digests.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// The id, for ending it.
    pub id: SessionId,
    /// The time of the login.
    pub created_at: Timestamp,
    /// The time of the latest refresh, or of the login. In the user's own list, refreshes of the latest two
    /// minutes are left out, and the time is rounded down to a minute. The list of a session that is
    /// refreshed more often shows a refresh that is at most five minutes old.
    pub last_used_at: Timestamp,
    /// When it expires unless it is refreshed before. In the user's own list, it follows from
    /// `last_used_at`, so the session may expire up to five minutes later.
    pub expires_at: Timestamp,
    /// Address and user agent of the login.
    pub client: ClientInfo,
}

/// A user's live sessions, the newest first.
#[doc(alias("active sessions", "devices"))]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionList {
    /// The sessions.
    pub sessions: Vec<SessionInfo>,
    /// The caller's current session. `None` in a list of another user's sessions.
    pub current: Option<SessionId>,
}

impl<U: AuthUser> Auth<U> {
    /// Lists the caller's own sessions.
    ///
    /// The list does not show when a session was used within the latest two minutes
    /// ([`USE_DISCLOSURE_DELAY`](crate::store::USE_DISCLOSURE_DELAY)). A thief with an access token would
    /// otherwise learn when to use a stolen refresh token inside the grace window.
    /// [`Accounts::sessions`](crate::Accounts::sessions) shows administrators all times exactly.
    ///
    /// # Errors
    /// The store failed, or another `Auth` made the identity.
    pub async fn sessions(&self, identity: &Identity<U>) -> Result<SessionList, Error> {
        let call = async {
            identity.must_be_of(self)?;
            let sessions = self.inner.live_sessions(&**identity.user()).await?.into_iter();
            let sessions = sessions.map(|session| self.inner.disclosed(session)).collect();
            Ok(SessionList { sessions, current: Some(identity.session()) })
        };
        self.inner.answerable(call).await
    }

    /// Ends one of the caller's own sessions. Ending the current one is a logout.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] if the caller has no live session with this id, even if another user has one.
    /// Any other error if the store failed: the session may still exist.
    pub async fn end_session(&self, identity: &Identity<U>, id: SessionId) -> Result<(), Error> {
        let call = async {
            identity.must_be_of(self)?;
            let user = identity.claims().subject();
            let (now, epoch) = (self.inner.now(), identity.user().epoch());
            let found = self.inner.sessions.find(user, id).await?;
            found.filter(|session| is_live(session, epoch, now)).ok_or(AuthError::NotFound {})?;
            self.inner.end_session(user, id).await
        };
        self.inner.answerable(call).await
    }
}

impl<U: AuthUser> Inner<U> {
    /// The user's live sessions with exact times, for administrators.
    pub(crate) async fn list_sessions(&self, user: &U) -> Result<SessionList, AuthError> {
        let sessions = self.live_sessions(user).await?.into_iter().map(SessionInfo::from).collect();
        Ok(SessionList { sessions, current: None })
    }

    /// The stored sessions of a user, without expired ones and those of an earlier epoch, newest first.
    async fn live_sessions(&self, user: &U) -> Result<Vec<Session>, AuthError> {
        let (now, epoch) = (self.now(), user.epoch());
        let kept = self.sessions.list(&user.id()).await?.into_iter().rev();
        Ok(kept.filter(|session| is_live(session, epoch, now)).collect())
    }

    /// The session as its own user sees it.
    ///
    /// `expires_at` is not derived from the stored idle expiry, which would disclose the latest use.
    fn disclosed(&self, session: Session) -> SessionInfo {
        let last_used_at = session.disclosed_use(self.now());
        let idle_expires_at = last_used_at.saturating_add(self.settings.refresh_lifetime);
        let expires_at = idle_expires_at.min(session.expires_at);
        SessionInfo { last_used_at, expires_at, ..SessionInfo::from(session) }
    }
}

fn is_live(session: &Session, epoch: Epoch, now: Timestamp) -> bool {
    session.epoch == epoch && !session.is_expired(now)
}

impl From<Session> for SessionInfo {
    fn from(session: Session) -> Self {
        Self {
            id: session.id,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.idle_expires_at.min(session.expires_at),
            client: session.client,
        }
    }
}

impl SessionList {
    /// The reply of the endpoint: 200 with `{"sessions":[…]}`, and `no-store`.
    #[must_use]
    pub fn to_reply(&self) -> Reply {
        Reply::json(200, self).with_no_store()
    }
}

/// The JSON of the endpoint. Times are whole seconds since 1970, as in tokens. `current` occurs only in a list
/// of the caller's own sessions.
impl Serialize for SessionList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows: Vec<Row<'_>> = self.sessions.iter().map(|session| Row::of(session, self.current)).collect();
        let mut list = serializer.serialize_struct("SessionList", 1)?;
        list.serialize_field("sessions", &rows)?;
        list.end()
    }
}

#[derive(Serialize)]
struct Row<'a> {
    id: String,
    created_at: u64,
    last_used_at: u64,
    expires_at: u64,
    address: Option<IpAddr>,
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<bool>,
}

impl<'a> Row<'a> {
    fn of(session: &'a SessionInfo, current: Option<SessionId>) -> Self {
        Self {
            id: session.id.to_string(),
            created_at: session.created_at.as_seconds(),
            last_used_at: session.last_used_at.as_seconds(),
            expires_at: session.expires_at.as_seconds(),
            address: session.client.address,
            user_agent: session.client.user_agent.as_ref().map(UserAgent::as_str),
            current: current.map(|current| current == session.id),
        }
    }
}
