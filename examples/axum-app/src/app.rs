//! The service: its routes, and who may call them.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::{delete, get};
use example_service::actions::{self, Json};
use example_service::document;
use example_service::model::{
    ExternalData, Health, Items, MAX_BODY_BYTES, Maybe, Me, Role, TokenClaims, role, scope,
};
use gatewright::axum::{
    ApiKey, Authorized, CurrentUser, HasAuth, MaybeUser, Rejection, StatelessClaims, guarded, routes,
};
use gatewright::openapi::{Document, DocumentError, SwaggerUi};
use gatewright::{AnyOf, Auth, AuthError, Operation, Reply, RequestError, Requirement};

type AdminUser = Authorized<role::Admin>;
type Staff = Authorized<AnyOf<(role::Moderator, role::Admin)>>;
type Reader = Authorized<scope::ItemsRead>;
type Writer = Authorized<scope::ItemsWrite>;
const ADMINS: Requirement = Requirement::Role(Role::Admin.as_str());

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
type Id = Result<Path<String>, PathRejection>;
type Ids = Result<Path<(String, String)>, PathRejection>;
type Body = Result<Bytes, BytesRejection>;

/// The whole service.
///
/// # Errors
/// When the OpenAPI document does not fit the routes' guards.
pub fn router(auth: &Auth) -> Result<Router, DocumentError> {
    let pages = document::pages(documented(auth))?;
    let service = Arc::new(Service { auth: auth.clone(), items: Items::default(), pages });
    let admin = Router::new().route("/stats", get(stats)).method_not_allowed_fallback(method_not_allowed);
    let admin = guarded(auth, ADMINS, admin);
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
        .merge(admin.under("/admin", service.clone()))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(service);
    Ok(router)
}

/// Who may call what, read from the handlers that say so.
fn documented(auth: &Auth) -> Document {
    let endpoints: Vec<Operation> = auth.operations().collect();
    document::draft(&endpoints)
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
        .guarded("/admin", ADMINS)
}

async fn page(State(service): AppState, uri: Uri) -> Rejection {
    service.pages.answer(uri.path()).unwrap_or_else(|| service.auth.not_found()).into()
}

async fn public_keys(State(service): AppState) -> Rejection {
    service.auth.public_keys().into()
}

async fn health() -> Rejection {
    Reply::json(200, &Health::OK).into()
}

async fn me(caller: CurrentUser) -> Rejection {
    Reply::json(200, &Me::from(&caller.identity)).into()
}

async fn show_user(_: Staff, State(service): AppState, id: Id) -> Rejection {
    service.answer(actions::find_user(&service.auth, text(id)).await)
}

async fn delete_user(_: AdminUser, State(service): AppState, id: Id) -> Rejection {
    service.answer(actions::delete_user(&service.auth, text(id)).await)
}

async fn change_user(
    _: AdminUser,
    State(service): AppState,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Rejection {
    service.answer(actions::change_user(&service.auth, text(id), json(&headers, body)).await)
}

async fn user_sessions(_: AdminUser, State(service): AppState, id: Id) -> Rejection {
    service.answer(actions::list_sessions(&service.auth, text(id)).await)
}

async fn end_user_session(_: AdminUser, State(service): AppState, ids: Ids) -> Rejection {
    let ids = ids.ok().map(|Path(ids)| ids);
    service.answer(actions::end_session(&service.auth, ids).await)
}

async fn items(_: Reader, State(service): AppState) -> Rejection {
    Reply::json(200, &service.items.list()).into()
}

async fn add_item(_: Writer, State(service): AppState, headers: HeaderMap, body: Body) -> Rejection {
    service.answer(actions::add_item(&service.items, json(&headers, body)))
}

async fn external_data(_: ApiKey) -> Rejection {
    Reply::json(200, &ExternalData::ALL).into()
}

async fn maybe(MaybeUser { user, .. }: MaybeUser) -> Rejection {
    Reply::json(200, &Maybe::from(user.as_ref().map(|user| &user.identity))).into()
}

async fn stateless_me(StatelessClaims { claims, .. }: StatelessClaims) -> Rejection {
    Reply::json(200, &TokenClaims::from(&claims)).into()
}

async fn stats(State(service): AppState) -> Rejection {
    service.answer(actions::count_users(&service.auth).await)
}

async fn not_found(State(service): AppState) -> Rejection {
    service.auth.not_found().into()
}

/// axum adds the methods that are allowed.
async fn method_not_allowed(State(service): AppState) -> Rejection {
    service.auth.method_not_allowed("").into()
}

impl Service {
    fn answer(&self, done: Result<Reply, AuthError>) -> Rejection {
        done.unwrap_or_else(|error| self.auth.reply_to(&error)).into()
    }
}

fn text(id: Id) -> Option<String> {
    id.ok().map(|Path(text)| text)
}

fn json(headers: &HeaderMap, body: Body) -> Json<'_> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => RequestError::BodySize,
        _ => RequestError::Malformed,
    });
    Json { content_type: headers.get("content-type").map(|value| value.as_bytes()), body }
}
