//! What the service does once a guard has let a request in. An application of one framework alone would write this into
//! its handlers.

use gatewright::{Auth, AuthError, Bytes, PolicyRefusal, Reply, RequestError, SessionId, UserId};
use serde::de::DeserializeOwned;

use crate::model::{Items, NewItem, Patch, Role, Stats, User};

/// A body that should be JSON, as a framework read it.
#[derive(Debug)]
pub struct Json<'a> {
    /// The `content-type`, if there is one.
    pub content_type: Option<&'a [u8]>,
    /// The body, or why there is none.
    pub body: Result<Bytes, RequestError>,
}

impl Json<'_> {
    fn read<T: DeserializeOwned>(self) -> Result<T, RequestError> {
        if !self.content_type.is_some_and(is_json) {
            return Err(RequestError::MediaType);
        }
        serde_json::from_slice(&self.body?).map_err(|_| RequestError::Malformed)
    }
}

/// In any case, and in UTF-8 if a charset is named.
fn is_json(content_type: &[u8]) -> bool {
    let text = content_type.to_ascii_lowercase();
    let mut parts = text.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let is_json = parts.next() == Some(b"application/json");
    is_json
        && parts
            .filter_map(|part| part.strip_prefix(b"charset="))
            .all(|set| matches!(set, b"utf-8" | b"\"utf-8\""))
}

/// `GET /users/{id}`.
///
/// # Errors
/// When there is no such user, or the store does not answer.
pub async fn find_user(auth: &Auth, id: Option<String>) -> Result<Reply, AuthError> {
    let user = auth.accounts()?.find(&user_id(id)?).await?;
    Ok(Reply::json(200, &User::from(&user)))
}

/// `DELETE /users/{id}`.
///
/// # Errors
/// When there is no such user, it is the last admin, or the store does not answer.
pub async fn delete_user(auth: &Auth, id: Option<String>) -> Result<Reply, AuthError> {
    auth.accounts()?.delete(&user_id(id)?).await?;
    Ok(Reply::no_content())
}

/// `PATCH /users/{id}`.
///
/// # Errors
/// When there is no such user or role, the body is none, the last admin would go, or the store does not answer.
pub async fn change_user(auth: &Auth, id: Option<String>, body: Json<'_>) -> Result<Reply, AuthError> {
    let Patch { role, is_active } = body.read()?;
    let role = role.map(|text| text.parse::<Role>().and_then(Role::name)).transpose();
    let role = role.map_err(PolicyRefusal::from)?;
    let user = auth.accounts()?.update(&user_id(id)?, role, is_active).await?;
    Ok(Reply::json(200, &User::from(&user)))
}

/// `GET /users/{id}/sessions`.
///
/// # Errors
/// When there is no such user, or a store does not answer.
pub async fn list_sessions(auth: &Auth, id: Option<String>) -> Result<Reply, AuthError> {
    Ok(auth.accounts()?.sessions(&user_id(id)?).await?.to_reply())
}

/// `DELETE /users/{id}/sessions/{session}`.
///
/// # Errors
/// When the user has no such session, or the store does not answer.
pub async fn end_session(auth: &Auth, ids: Option<(String, String)>) -> Result<Reply, AuthError> {
    let (user, session) = ids.ok_or(AuthError::not_found())?;
    let session: SessionId = session.parse().map_err(|_| AuthError::not_found())?;
    auth.accounts()?.end_session(&user_id(Some(user))?, session).await?;
    Ok(Reply::no_content())
}

/// `GET /admin/stats`.
///
/// # Errors
/// When the store does not answer.
pub async fn count_users(auth: &Auth) -> Result<Reply, AuthError> {
    let counts = auth.accounts()?.count().await?;
    Ok(Reply::json(200, &Stats { users: counts.total, active_users: counts.active }))
}

/// `POST /items`.
///
/// # Errors
/// When the body is no item.
pub fn add_item(items: &Items, body: Json<'_>) -> Result<Reply, AuthError> {
    let new: NewItem = body.read()?;
    Ok(Reply::json(201, &items.add(new)?))
}

/// An id that is none is the id of nobody.
fn user_id(id: Option<String>) -> Result<UserId, AuthError> {
    id.and_then(|text| UserId::new(text).ok()).ok_or(AuthError::not_found())
}
