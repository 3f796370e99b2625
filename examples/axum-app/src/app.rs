//! The service: its routes, and who may call them.

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use gatewright::axum::{Authorized, CurrentUser, MaybeUser, Rejection, StatelessClaims, guarded, routes};
use gatewright::{
    Account, AnyOf, Auth, AuthError, PolicyRefusal, Reply, RequestError, Requirement, RoleName, UserId,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

gatewright::roles! {
    /// Who may do what.
    pub enum Role: role { User = "user", Moderator = "moderator", Admin = "admin" }
}

type AdminUser = Authorized<role::Admin>;
type Staff = Authorized<AnyOf<(role::Moderator, role::Admin)>>;
type Answer = Result<Response, Rejection>;
type Id = Result<Path<String>, PathRejection>;

/// The largest body of a request to the service's own routes.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// The whole service.
pub fn router(auth: &Auth) -> Router {
    let admin = Router::new().route("/stats", get(stats)).method_not_allowed_fallback(method_not_allowed);
    Router::new()
        .route("/health", get(health))
        .route("/users/me", get(me))
        .route("/users/{id}", get(user).delete(delete_user).patch(change_user))
        .route("/maybe", get(maybe))
        .route("/stateless/me", get(stateless_me))
        .nest("/auth", routes(auth))
        .merge(guarded(auth, Requirement::Role(Role::Admin.as_str()), admin).under("/admin", auth.clone()))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(auth.clone())
}

async fn health() -> Response {
    answer(200, &json!({"status": "ok"}))
}

async fn me(caller: CurrentUser) -> Response {
    answer(200, &Me::from(&caller))
}

async fn maybe(MaybeUser { user, .. }: MaybeUser) -> Response {
    answer(200, &json!({"user": user.as_ref().map(Me::from)}))
}

async fn stateless_me(StatelessClaims { claims, .. }: StatelessClaims) -> Response {
    answer(
        200,
        &json!({
            "sub": claims.subject.as_str(),
            "scope": claims.scopes.as_str(),
            "sid": claims.session.map(|id| id.to_string()),
            "iat": claims.issued_at.as_seconds(),
            "exp": claims.expires_at.as_seconds(),
        }),
    )
}

async fn user(_: Staff, State(auth): State<Auth>, id: Id) -> Answer {
    let found = auth.accounts().map_err(|error| reject(&auth, &error))?.find(&user_id(&auth, id)?).await;
    Ok(answer(200, &User::from(&found.map_err(|error| reject(&auth, &error))?)))
}

async fn delete_user(_: AdminUser, State(auth): State<Auth>, id: Id) -> Answer {
    let accounts = auth.accounts().map_err(|error| reject(&auth, &error))?;
    accounts.delete(&user_id(&auth, id)?).await.map_err(|error| reject(&auth, &error))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What an admin may change.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    role: Option<String>,
    is_active: Option<bool>,
}

async fn change_user(
    _: AdminUser,
    State(auth): State<Auth>,
    id: Id,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let id = user_id(&auth, id)?;
    let patch = Patch::read(&headers, body).map_err(|error| reject(&auth, &error.into()))?;
    let role = patch.role.map(|text| text.parse::<Role>().and_then(Role::name)).transpose();
    let role: Option<RoleName> = role.map_err(|error| reject(&auth, &PolicyRefusal::from(error).into()))?;
    let accounts = auth.accounts().map_err(|error| reject(&auth, &error))?;
    let changed = accounts.update(&id, role, patch.is_active).await.map_err(|error| reject(&auth, &error))?;
    Ok(answer(200, &User::from(&changed)))
}

async fn stats(State(auth): State<Auth>) -> Answer {
    let accounts = auth.accounts().map_err(|error| reject(&auth, &error))?;
    let counts = accounts.count().await.map_err(|error| reject(&auth, &error))?;
    Ok(answer(200, &json!({"users": counts.total, "active_users": counts.active})))
}

async fn not_found(State(auth): State<Auth>) -> Rejection {
    auth.not_found().into()
}

/// axum adds the methods that are allowed.
async fn method_not_allowed() -> Response {
    answer(405, &json!({"detail": "Method not allowed"}))
}

impl Patch {
    fn read(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Self, RequestError> {
        let media = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !media.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
        {
            return Err(RequestError::MediaType);
        }
        let body = body.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => RequestError::BodySize,
            _ => RequestError::Malformed,
        })?;
        serde_json::from_slice(&body).map_err(|_| RequestError::Malformed)
    }
}

/// A user as an administrator sees one.
#[derive(Serialize)]
struct User<'a> {
    id: &'a str,
    email: &'a str,
    role: &'a str,
    is_active: bool,
}

impl<'a> From<&'a Account> for User<'a> {
    fn from(account: &'a Account) -> Self {
        let (id, email, role) = (account.id.as_str(), account.email.as_str(), account.role.as_str());
        Self { id, email, role, is_active: account.is_active }
    }
}

/// A user as that user sees it, with what the token at hand may do.
#[derive(Serialize)]
struct Me<'a> {
    id: &'a str,
    email: &'a str,
    role: &'a str,
    scopes: Vec<&'a str>,
}

impl<'a> From<&'a CurrentUser> for Me<'a> {
    fn from(caller: &'a CurrentUser) -> Self {
        let User { id, email, role, .. } = User::from(&*caller.user);
        Self { id, email, role, scopes: caller.identity.scopes().iter().collect() }
    }
}

/// An id that is none is the id of nobody.
fn user_id(auth: &Auth, id: Id) -> Result<UserId, Rejection> {
    let id = id.ok().and_then(|Path(text)| UserId::new(text).ok());
    id.ok_or_else(|| auth.not_found().into())
}

fn reject(auth: &Auth, error: &AuthError) -> Rejection {
    auth.reply_to(error).into()
}

fn answer<T: Serialize>(status: u16, body: &T) -> Response {
    Rejection::from(Reply::json(status, body)).into_response()
}
