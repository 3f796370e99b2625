//! The state of the service, and what its routes do after their guards have passed. A service on a
//! single framework would do this in its handlers.

use gatewright::error::{AcceptedTypes, BodyProblem, PolicyError, RequestError};
use gatewright::http::{Bytes, Reply};
use gatewright::openapi::{Document, DocumentError, SwaggerUi};
use gatewright::types::SessionId;
use gatewright::{Auth, Error, Identity, UserId};
use serde::de::DeserializeOwned;

use crate::model::{Items, Patch, Stats, User};

/// The content types that the service's own routes accept.
const JSON: &[&str] = &["application/json"];

/// The state that all handlers share.
#[derive(Debug)]
pub struct Service {
    /// The handle to accounts and tokens.
    pub auth: Auth,
    items: Items,
    pages: SwaggerUi,
}

/// A request's body that should be JSON, as the framework read it.
#[derive(Debug)]
pub struct Json<'a> {
    /// The value of `content-type`, if the request has it.
    pub content_type: Option<&'a [u8]>,
    /// The body, or why it could not be read.
    pub body: Result<Bytes, RequestError>,
}

impl Service {
    /// A service without items. It serves the document at `/openapi.json` and Swagger UI at
    /// `/docs`.
    ///
    /// # Errors
    /// When the document and the guards that it declares do not match.
    pub fn new(auth: &Auth, document: Document) -> Result<Self, DocumentError> {
        let pages = SwaggerUi::new("/docs", "/openapi.json", &document.build()?);
        Ok(Self { auth: auth.clone(), items: Items::default(), pages })
    }

    /// `GET /openapi.json`, `GET /docs` and below.
    #[must_use]
    pub fn page(&self, path: &str) -> Reply {
        self.pages.handle(path).unwrap_or_else(|| self.auth.not_found().reply())
    }

    /// `GET /users/{id}`.
    ///
    /// # Errors
    /// When there is no such user, or the store fails.
    pub async fn find_user(&self, id: &UserId) -> Result<Reply, Error> {
        let user = self.auth.accounts()?.find(id).await?;
        Ok(Reply::json(200, &User::from(&user)))
    }

    /// `DELETE /users/{id}`. The event names the admin.
    ///
    /// # Errors
    /// When there is no such user, it is the last active admin, or the store fails.
    pub async fn delete_user(&self, admin: &Identity, id: &UserId) -> Result<Reply, Error> {
        self.auth.accounts()?.by(admin).delete(id).await?;
        Ok(Reply::no_content())
    }

    /// `PATCH /users/{id}`. The event names the admin.
    ///
    /// # Errors
    /// When the body is malformed, there is no such user or role, it is the last active admin, or the store
    /// fails.
    pub async fn change_user(&self, admin: &Identity, id: &UserId, body: Json<'_>) -> Result<Reply, Error> {
        let patch: Patch = self.read(body, AcceptedTypes::Patch(JSON))?;
        let roles = patch.new_roles().map_err(|unknown| self.auth.error(PolicyError::from(unknown)))?;
        let user = self.auth.accounts()?.by(admin).update(id, roles, patch.is_active).await?;
        Ok(Reply::json(200, &User::from(&user)))
    }

    /// `GET /users/{id}/sessions`.
    ///
    /// # Errors
    /// When there is no such user, or the store fails.
    pub async fn list_sessions(&self, id: &UserId) -> Result<Reply, Error> {
        Ok(self.auth.accounts()?.sessions(id).await?.to_reply())
    }

    /// `DELETE /users/{id}/sessions/{session}`. The event names the admin.
    ///
    /// # Errors
    /// When the user has no such session, or the store fails.
    pub async fn end_session(
        &self,
        admin: &Identity,
        (user, session): &(UserId, SessionId),
    ) -> Result<Reply, Error> {
        self.auth.accounts()?.by(admin).end_session(user, *session).await?;
        Ok(Reply::no_content())
    }

    /// `GET /admin/stats`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn count_users(&self) -> Result<Reply, Error> {
        let counts = self.auth.accounts()?.count().await?;
        Ok(Reply::json(200, &Stats { users: counts.total, active_users: counts.active }))
    }

    /// `GET /items`.
    #[must_use]
    pub fn list_items(&self) -> Reply {
        Reply::json(200, &self.items.list())
    }

    /// `POST /items`.
    ///
    /// # Errors
    /// When the body is malformed, or the name is empty or too long.
    pub fn add_item(&self, body: Json<'_>) -> Result<Reply, Error> {
        let new = self.read(body, AcceptedTypes::Post(JSON))?;
        let item = self.items.add(new).map_err(|refusal| self.auth.error(refusal))?;
        Ok(Reply::json(201, &item))
    }

    fn read<T: DeserializeOwned>(&self, body: Json<'_>, accepted: AcceptedTypes) -> Result<T, Error> {
        body.read(accepted).map_err(|refusal| self.auth.error(refusal))
    }
}

impl Json<'_> {
    fn read<T: DeserializeOwned>(self, accepted: AcceptedTypes) -> Result<T, RequestError> {
        if !self.content_type.is_some_and(is_json) {
            return Err(RequestError::MediaType(accepted));
        }
        serde_json::from_slice(&self.body?).map_err(|_| RequestError::Body(BodyProblem::Invalid))
    }
}

/// Ignores case. A charset other than UTF-8 is not accepted.
fn is_json(content_type: &[u8]) -> bool {
    let text = content_type.to_ascii_lowercase();
    let mut parts = text.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let is_json = parts.next() == Some(b"application/json");
    let mut charsets = parts.filter_map(|part| part.strip_prefix(b"charset="));
    is_json && charsets.all(|charset| matches!(charset, b"utf-8" | b"\"utf-8\""))
}
