//! The state of the service, and what its routes do after their guards have passed. A service on a
//! single framework would do this in its handlers.

use std::future::Future;

use gatewright::openapi::{Document, DocumentError, SwaggerUi};
use gatewright::{Auth, AuthError, Bytes, PolicyError, Reply, RequestError, SessionId, UserId};
use serde::de::DeserializeOwned;

use crate::model::{Items, NewItem, Patch, Stats, User};

/// The state that all handlers share. An `id` is `None` if the framework could not decode it from
/// the path.
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
        self.pages.handle(path).unwrap_or_else(|| self.auth.not_found())
    }

    /// `GET /users/{id}`.
    pub async fn find_user(&self, id: Option<String>) -> Reply {
        self.reply(async {
            let user = self.auth.accounts()?.find(&user_id(id)?).await?;
            Ok(Reply::json(200, &User::from(&user)))
        })
        .await
    }

    /// `DELETE /users/{id}`.
    pub async fn delete_user(&self, id: Option<String>) -> Reply {
        self.reply(async {
            self.auth.accounts()?.delete(&user_id(id)?).await?;
            Ok(Reply::no_content())
        })
        .await
    }

    /// `PATCH /users/{id}`.
    pub async fn change_user(&self, id: Option<String>, body: Json<'_>) -> Reply {
        self.reply(async {
            let patch: Patch = body.read()?;
            let roles = patch.new_roles().map_err(PolicyError::from)?;
            let user = self.auth.accounts()?.update(&user_id(id)?, roles, patch.is_active).await?;
            Ok(Reply::json(200, &User::from(&user)))
        })
        .await
    }

    /// `GET /users/{id}/sessions`.
    pub async fn list_sessions(&self, id: Option<String>) -> Reply {
        self.reply(async { Ok(self.auth.accounts()?.sessions(&user_id(id)?).await?.to_reply()) }).await
    }

    /// `DELETE /users/{id}/sessions/{session}`.
    pub async fn end_session(&self, ids: Option<(String, String)>) -> Reply {
        self.reply(async {
            let (user, session) = ids.ok_or(AuthError::not_found())?;
            let session: SessionId = session.parse().map_err(|_| AuthError::not_found())?;
            self.auth.accounts()?.end_session(&user_id(Some(user))?, session).await?;
            Ok(Reply::no_content())
        })
        .await
    }

    /// `GET /admin/stats`.
    pub async fn count_users(&self) -> Reply {
        self.reply(async {
            let counts = self.auth.accounts()?.count().await?;
            Ok(Reply::json(200, &Stats { users: counts.total, active_users: counts.active }))
        })
        .await
    }

    /// `GET /items`.
    #[must_use]
    pub fn list_items(&self) -> Reply {
        Reply::json(200, &self.items.list())
    }

    /// `POST /items`.
    #[must_use]
    pub fn add_item(&self, body: Json<'_>) -> Reply {
        let item = body.read().and_then(|new: NewItem| self.items.add(new));
        item.map_or_else(|error| self.auth.reply_to(&error.into()), |item| Reply::json(201, &item))
    }

    async fn reply(&self, action: impl Future<Output = Result<Reply, AuthError>>) -> Reply {
        action.await.unwrap_or_else(|error| self.auth.reply_to(&error))
    }
}

impl Json<'_> {
    fn read<T: DeserializeOwned>(self) -> Result<T, RequestError> {
        if !self.content_type.is_some_and(is_json) {
            return Err(RequestError::MediaType);
        }
        serde_json::from_slice(&self.body?).map_err(|_| RequestError::Malformed)
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

/// An id that is malformed is treated like the id of an unknown user.
fn user_id(id: Option<String>) -> Result<UserId, AuthError> {
    id.and_then(|text| UserId::new(text).ok()).ok_or(AuthError::not_found())
}
