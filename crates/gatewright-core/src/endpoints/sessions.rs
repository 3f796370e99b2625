//! Sessions as users and administrators see them.

use std::net::IpAddr;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::auth::{Auth, Inner};
use crate::error::AuthError;
use crate::guard::Identity;
use crate::http::Reply;
use crate::store::{AuthUser, Session};
use crate::types::{ClientInfo, Epoch, SessionId, Timestamp, UserAgent};

/// A session that is alive, without what its tokens are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its id, by which it can be ended.
    pub id: SessionId,
    /// When it began.
    pub created_at: Timestamp,
    /// When a token was last refreshed.
    pub last_used_at: Timestamp,
    /// When it ends unless it is refreshed before.
    pub expires_at: Timestamp,
    /// Where the login came from.
    pub client: ClientInfo,
}

/// A user's sessions that are alive, the youngest first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionList {
    /// The sessions.
    pub sessions: Vec<SessionInfo>,
    /// The one that the caller is recognised by, where the sessions are the caller's own.
    pub current: Option<SessionId>,
}

impl<U: AuthUser> Auth<U> {
    /// The caller's own sessions.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn sessions(&self, identity: &Identity<U>) -> Result<SessionList, AuthError> {
        identity.must_be_of(self)?;
        let list = self.inner.list_sessions(&**identity.user()).await?;
        Ok(SessionList { current: Some(identity.session()), ..list })
    }

    /// Ends one of the caller's own sessions. Ending the current one is a logout.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] when no such session of the caller is alive, whoever else may have one; anything else when
    /// the store does not answer: the session may then still stand.
    pub async fn end_session(&self, identity: &Identity<U>, id: SessionId) -> Result<(), AuthError> {
        identity.must_be_of(self)?;
        let user = &identity.claims().subject;
        let (now, epoch) = (self.inner.now(), identity.user().epoch());
        let found = self.inner.sessions.find(user, id).await?;
        found.filter(|session| is_alive(session, epoch, now)).ok_or(AuthError::NotFound {})?;
        self.inner.end_session(user, id).await
    }
}

impl<U: AuthUser> Inner<U> {
    /// What the store has of a user's sessions, less those that are over and those of an earlier epoch.
    pub(crate) async fn list_sessions(&self, user: &U) -> Result<SessionList, AuthError> {
        let (now, epoch) = (self.now(), user.epoch());
        let kept = self.sessions.list(&user.id()).await?.into_iter().rev();
        let alive = kept.filter(|session| is_alive(session, epoch, now));
        Ok(SessionList { sessions: alive.map(SessionInfo::from).collect(), current: None })
    }
}

fn is_alive(session: &Session, epoch: Epoch, now: Timestamp) -> bool {
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
    /// The endpoint's answer: `{"sessions":[…]}`, which nobody may keep.
    #[must_use]
    pub fn to_reply(&self) -> Reply {
        Reply::json(200, self).with_no_store()
    }
}

/// As the endpoint answers it: times in whole seconds since 1970, as in tokens; `current` only in a list of the caller's
/// own.
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
