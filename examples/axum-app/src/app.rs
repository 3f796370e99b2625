//! The service: its routes and their guards.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::{delete, get};
use example_service::document;
use example_service::model::{ExternalData, Health, MAX_BODY_BYTES, Maybe, Me, TokenClaims, role, scope};
use example_service::service::{Json, Service};
use gatewright::axum::{
    ApiKey, Authorized, CurrentUser, Error, HasAuth, MaybeUser, Path, Rejection, StatelessClaims, guarded,
    routes,
};
use gatewright::error::{BodyProblem, RequestError};
use gatewright::http::Reply;
use gatewright::openapi::{Document, DocumentError};
use gatewright::types::SessionId;
use gatewright::{AnyOf, Auth, UserId};

type AdminUser = Authorized<role::Admin>;
type Staff = Authorized<AnyOf<(role::Moderator, role::Admin)>>;
type Reader = Authorized<scope::ItemsRead>;
type Writer = Authorized<scope::ItemsWrite>;

/// The router's state. Guards find their `Auth` in it.
#[derive(Clone)]
struct App(Arc<Service>);

impl HasAuth for App {
    fn auth(&self) -> &Auth {
        &self.0.auth
    }
}

type AppState = State<App>;
type Ids = Path<(UserId, SessionId)>;
type Answer = Result<Rejection, Error>;
type Body = Result<Bytes, BytesRejection>;

/// The router of the service.
///
/// # Errors
/// When the OpenAPI document and the guards of the routes do not match.
pub fn router(auth: &Auth) -> Result<Router, DocumentError> {
    let app = App(Arc::new(Service::new(auth, documented(auth))?));
    let admin = Router::new().route("/stats", get(stats)).method_not_allowed_fallback(method_not_allowed);
    let admin = guarded(auth, role::Admin, admin.with_state(app.clone()));
    let router = Router::new()
        .route("/openapi.json", get(page))
        .route("/docs", get(page))
        .route("/docs/", get(page))
        .route("/docs/{*path}", get(page))
        .route("/.well-known/jwks.json", get(public_keys))
        .route("/health", get(health))
        .route("/users/me", get(me))
        .route("/users/{id}", get(show_user).delete(delete_user).patch(change_user))
        .route("/users/{id}/sessions", get(user_sessions))
        .route("/users/{id}/sessions/{session}", delete(end_user_session))
        .route("/items", get(items).post(add_item))
        .route("/external-data", get(external_data))
        .route("/maybe", get(maybe))
        .route("/stateless/me", get(stateless_me))
        .nest("/auth", routes(auth))
        .merge(admin.under("/admin"))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(app);
    Ok(router)
}

/// The OpenAPI document. It reads the guard of each route from the handler.
fn documented(auth: &Auth) -> Document {
    document::draft(auth.endpoints())
        .handler("GET", "/users/me", me)
        .handler("GET", "/users/{id}", show_user)
        .handler("DELETE", "/users/{id}", delete_user)
        .handler("PATCH", "/users/{id}", change_user)
        .handler("GET", "/users/{id}/sessions", user_sessions)
        .handler("DELETE", "/users/{id}/sessions/{session}", end_user_session)
        .handler("GET", "/items", items)
        .handler("POST", "/items", add_item)
        .handler("GET", "/external-data", external_data)
        .handler("GET", "/maybe", maybe)
        .handler("GET", "/stateless/me", stateless_me)
        .guarded("/admin", role::Admin)
}

async fn page(State(App(service)): AppState, uri: Uri) -> Rejection {
    service.page(uri.path()).into()
}

async fn public_keys(State(App(service)): AppState) -> Rejection {
    service.auth.public_keys().into()
}

async fn health() -> Rejection {
    Reply::json(200, &Health::OK).into()
}

async fn me(caller: CurrentUser) -> Rejection {
    Reply::json(200, &Me::from(&caller.identity)).into()
}

async fn show_user(_: Staff, State(App(service)): AppState, id: Path<UserId>) -> Answer {
    Ok(service.find_user(&id).await?.into())
}

async fn delete_user(admin: AdminUser, State(App(service)): AppState, id: Path<UserId>) -> Answer {
    Ok(service.delete_user(&admin.identity, &id).await?.into())
}

async fn change_user(
    admin: AdminUser,
    State(App(service)): AppState,
    id: Path<UserId>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    Ok(service.change_user(&admin.identity, &id, json(&headers, body)).await?.into())
}

async fn user_sessions(_: AdminUser, State(App(service)): AppState, id: Path<UserId>) -> Answer {
    Ok(service.list_sessions(&id).await?.into())
}

async fn end_user_session(admin: AdminUser, State(App(service)): AppState, ids: Ids) -> Answer {
    Ok(service.end_session(&admin.identity, &ids).await?.into())
}

async fn items(_: Reader, State(App(service)): AppState) -> Rejection {
    service.list_items().into()
}

async fn add_item(_: Writer, State(App(service)): AppState, headers: HeaderMap, body: Body) -> Answer {
    Ok(service.add_item(json(&headers, body))?.into())
}

async fn external_data(_: ApiKey) -> Rejection {
    Reply::json(200, &ExternalData::ALL).into()
}

async fn maybe(MaybeUser { user, .. }: MaybeUser) -> Rejection {
    Reply::json(200, &Maybe::from(user.as_ref().map(|user| &user.identity))).into()
}

async fn stateless_me(StatelessClaims { claims, .. }: StatelessClaims) -> Rejection {
    Reply::json(200, &TokenClaims::from(&*claims)).into()
}

async fn stats(State(App(service)): AppState) -> Answer {
    Ok(service.count_users().await?.into())
}

async fn not_found(State(App(service)): AppState) -> Error {
    service.auth.not_found().into()
}

/// axum adds the `Allow` header.
async fn method_not_allowed(State(App(service)): AppState) -> Rejection {
    service.auth.method_not_allowed("").into()
}

fn json(headers: &HeaderMap, body: Body) -> Json<'_> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => RequestError::BodySize,
        _ => RequestError::Body(BodyProblem::Incomplete),
    });
    Json { content_type: headers.get("content-type").map(|value| value.as_bytes()), body }
}
