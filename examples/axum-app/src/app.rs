//! The service: its routes, and who may call them.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use example_service::document;
use example_service::model::{
    Data, Health, Item, Items, MAX_BODY_BYTES, Maybe, Me, NewItem, Patch, Role, Stats, TokenClaims, User,
    read_json, role, scope,
};
use gatewright::axum::{
    ApiKey, Authorized, CurrentUser, HasAuth, MaybeUser, Rejection, StatelessClaims, guarded, routes,
};
use gatewright::openapi::{Document, DocumentError, SwaggerUi};
use gatewright::{AnyOf, Auth, AuthError, PolicyRefusal, Reply, RequestError, Requirement, UserId};
use serde::Serialize;
use serde::de::DeserializeOwned;

type AdminUser = Authorized<role::Admin>;
type Staff = Authorized<AnyOf<(role::Moderator, role::Admin)>>;
type Reader = Authorized<scope::ItemsRead>;
type Writer = Authorized<scope::ItemsWrite>;
const ADMINS: Requirement = Requirement::Role(Role::Admin.as_str());

type Answer = Result<Response, Rejection>;
type Id = Result<Path<String>, PathRejection>;
type Body = Result<Bytes, BytesRejection>;

/// What every handler may use.
#[derive(Debug)]
struct Service {
    auth: Auth,
    items: Items,
    pages: SwaggerUi,
}

impl HasAuth for Service {
    fn auth(&self) -> &Auth {
        &self.auth
    }
}

type AppState = State<Arc<Service>>;

/// The whole service.
///
/// # Errors
/// When the OpenAPI document does not fit the routes' guards.
pub fn router(auth: &Auth) -> Result<Router, DocumentError> {
    let pages = document::pages(documented())?;
    let state = Arc::new(Service { auth: auth.clone(), items: Items::default(), pages });
    let admin = Router::new().route("/stats", get(stats)).method_not_allowed_fallback(method_not_allowed);
    let router = Router::new()
        .route("/openapi.json", get(page))
        .route("/docs", get(page))
        .route("/docs/", get(page))
        .route("/docs/{*path}", get(page))
        .route("/health", get(health))
        .route("/users/me", get(me))
        .route("/users/{id}", get(user).delete(delete_user).patch(change_user))
        .route("/items", get(items).post(add_item))
        .route("/external-data", get(external_data))
        .route("/maybe", get(maybe))
        .route("/stateless/me", get(stateless_me))
        .nest("/auth", routes(auth))
        .merge(guarded(auth, ADMINS, admin).under("/admin", state.clone()))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(state);
    Ok(router)
}

/// Who may call what, read from the handlers that say so.
fn documented() -> Document {
    document::draft()
        .handler("GET", "/users/me", me)
        .handler("GET", "/users/{id}", user)
        .handler("DELETE", "/users/{id}", delete_user)
        .handler("PATCH", "/users/{id}", change_user)
        .handler("GET", "/items", items)
        .handler("POST", "/items", add_item)
        .handler("GET", "/external-data", external_data)
        .handler("GET", "/maybe", maybe)
        .handler("GET", "/stateless/me", stateless_me)
        .guarded("/admin", ADMINS)
}

async fn page(State(service): AppState, uri: Uri) -> Rejection {
    service.pages.answer(uri.path()).unwrap_or_else(|| service.auth.not_found()).into()
}

async fn health() -> Response {
    answer(200, &Health::OK)
}

async fn me(caller: CurrentUser) -> Response {
    answer(200, &Me::from(&caller.identity))
}

async fn maybe(MaybeUser { user, .. }: MaybeUser) -> Response {
    answer(200, &Maybe::from(user.as_ref().map(|user| &user.identity)))
}

async fn stateless_me(StatelessClaims { claims, .. }: StatelessClaims) -> Response {
    answer(200, &TokenClaims::from(&claims))
}

async fn user(_: Staff, State(service): AppState, id: Id) -> Answer {
    let found = service.accounts()?.find(&service.user_id(id)?).await;
    Ok(answer(200, &User::from(&found.map_err(|error| service.reject(&error))?)))
}

async fn delete_user(_: AdminUser, State(service): AppState, id: Id) -> Answer {
    let deleted = service.accounts()?.delete(&service.user_id(id)?).await;
    deleted.map_err(|error| service.reject(&error))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn change_user(
    _: AdminUser,
    State(service): AppState,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let id = service.user_id(id)?;
    let patch: Patch = service.read(&headers, body)?;
    let role = patch.role.map(|text| text.parse::<Role>().and_then(Role::name)).transpose();
    let role = role.map_err(|error| service.reject(&PolicyRefusal::from(error).into()))?;
    let changed = service.accounts()?.update(&id, role, patch.is_active).await;
    Ok(answer(200, &User::from(&changed.map_err(|error| service.reject(&error))?)))
}

async fn stats(State(service): AppState) -> Answer {
    let counts = service.accounts()?.count().await.map_err(|error| service.reject(&error))?;
    Ok(answer(200, &Stats { users: counts.total, active_users: counts.active }))
}

async fn items(_: Reader, State(service): AppState) -> Response {
    answer(200, &service.items.list())
}

async fn add_item(_: Writer, State(service): AppState, headers: HeaderMap, body: Body) -> Answer {
    let new: NewItem = service.read(&headers, body)?;
    let item: Item = service.items.add(new).map_err(|error| service.reject(&error.into()))?;
    Ok(answer(201, &item))
}

async fn external_data(_: ApiKey) -> Response {
    answer(200, &Data::FOR_SERVICES)
}

async fn not_found(State(service): AppState) -> Rejection {
    service.auth.not_found().into()
}

/// axum adds the methods that are allowed.
async fn method_not_allowed(State(service): AppState) -> Rejection {
    service.auth.method_not_allowed("").into()
}

impl Service {
    fn reject(&self, error: &AuthError) -> Rejection {
        self.auth.reply_to(error).into()
    }

    fn accounts(&self) -> Result<gatewright::Accounts, Rejection> {
        self.auth.accounts().map_err(|error| self.reject(&error))
    }

    /// An id that is none is the id of nobody.
    fn user_id(&self, id: Id) -> Result<UserId, Rejection> {
        let id = id.ok().and_then(|Path(text)| UserId::new(text).ok());
        id.ok_or_else(|| self.auth.not_found().into())
    }

    fn read<T: DeserializeOwned>(&self, headers: &HeaderMap, body: Body) -> Result<T, Rejection> {
        let body = body.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => RequestError::BodySize,
            _ => RequestError::Malformed,
        });
        let media = headers.get("content-type").map(|value| value.as_bytes());
        let read = body.and_then(|body| read_json(media, &body));
        read.map_err(|error| self.reject(&error.into()))
    }
}

fn answer<T: Serialize>(status: u16, body: &T) -> Response {
    Rejection::from(Reply::json(status, body)).into_response()
}
