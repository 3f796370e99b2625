//! The service: its routes and their guards.

use std::sync::Arc;

use example_service::document;
use example_service::model::{ExternalData, Health, MAX_BODY_BYTES, Maybe, Me, TokenClaims, role, scope};
use example_service::service::{Json, Service};
use gatewright::error::{BodyProblem, RequestError};
use gatewright::http::Reply;
use gatewright::openapi::{Document, DocumentError};
use gatewright::poem::{
    ApiKey, Authorized, CurrentUser, Error, MaybeUser, Path, Rejection, StatelessClaims, guarded, install,
};
use gatewright::types::SessionId;
use gatewright::{AnyOf, Auth, UserId};
use poem::error::{MethodNotAllowedError, NotFoundError, ReadBodyError};
use poem::http::{HeaderMap, Uri};
use poem::middleware::AddData;
use poem::web::Data;
use poem::{Body, Endpoint, EndpointExt, IntoResponse, Response, Route, RouteMethod, delete, get, handler};

type AdminUser = Authorized<role::Admin>;
type Staff = Authorized<AnyOf<(role::Moderator, role::Admin)>>;
type Reader = Authorized<scope::ItemsRead>;
type Writer = Authorized<scope::ItemsWrite>;

type AppState<'a> = Data<&'a Arc<Service>>;
type Ids = Path<(UserId, SessionId)>;
type Answer = Result<Rejection, Error>;

/// The endpoint of the whole service.
///
/// # Errors
/// When the OpenAPI document and the guards of the routes do not match.
pub fn service(auth: &Auth) -> Result<impl Endpoint<Output = Response> + use<>, DocumentError> {
    let service = Arc::new(Service::new(auth, documented(auth))?);
    let at = |allow, methods| allowing(auth, allow, methods);
    let admin = Route::new().at("/stats", at("GET,HEAD", read(stats)));
    let admin = guarded(auth, role::Admin, admin);
    let routes = Route::new()
        .at("/openapi.json", at("GET,HEAD", read(page)))
        .at("/docs", at("GET,HEAD", read(page)))
        .at("/docs/", at("GET,HEAD", read(page)))
        .at("/docs/*path", at("GET,HEAD", read(page)))
        .at("/.well-known/jwks.json", at("GET,HEAD", read(public_keys)))
        .at("/health", at("GET,HEAD", read(health)))
        .at("/users/me", at("GET,HEAD", read(me)))
        .at("/users/:id", at("GET,HEAD,DELETE,PATCH", read(show_user).delete(delete_user).patch(change_user)))
        .at("/users/:id/sessions", at("GET,HEAD", read(user_sessions)))
        .at("/users/:id/sessions/:session", at("DELETE", delete(end_user_session)))
        .at("/items", at("GET,HEAD,POST", read(items).post(add_item)))
        .at("/external-data", at("GET,HEAD", read(external_data)))
        .at("/maybe", at("GET,HEAD", read(maybe)))
        .at("/stateless/me", at("GET,HEAD", read(stateless_me)));
    let not_found = auth.not_found().reply();
    let service = install(auth, "/auth", admin.under("/admin", routes))
        .with(AddData::new(service))
        .catch_error(move |_: NotFoundError| respond(not_found.clone()));
    Ok(service)
}

/// The OpenAPI document. It names the guard of each route: poem's `#[handler]` turns functions into
/// types, so the document cannot read the guards from the handlers.
fn documented(auth: &Auth) -> Document {
    document::draft(auth.endpoints())
        .guard::<CurrentUser>("GET", "/users/me")
        .guard::<Staff>("GET", "/users/{id}")
        .guard::<AdminUser>("DELETE", "/users/{id}")
        .guard::<AdminUser>("PATCH", "/users/{id}")
        .guard::<AdminUser>("GET", "/users/{id}/sessions")
        .guard::<AdminUser>("DELETE", "/users/{id}/sessions/{session}")
        .guard::<Reader>("GET", "/items")
        .guard::<Writer>("POST", "/items")
        .guard::<ApiKey>("GET", "/external-data")
        .guard::<MaybeUser>("GET", "/maybe")
        .guard::<StatelessClaims>("GET", "/stateless/me")
        .guarded("/admin", role::Admin)
}

/// A route for GET and HEAD. poem itself answers HEAD without the `content-length` of GET.
fn read(handler: impl Endpoint + 'static) -> RouteMethod {
    let handler = Arc::new(handler);
    get(Arc::clone(&handler)).head(handler)
}

/// A route of these methods. A request with another method gets 405 from Gatewright.
fn allowing(auth: &Auth, allow: &'static str, methods: RouteMethod) -> impl Endpoint + use<> {
    let not_allowed = auth.method_not_allowed(allow);
    methods.catch_error(move |_: MethodNotAllowedError| respond(not_allowed.clone()))
}

async fn respond(reply: Reply) -> Response {
    Rejection::from(reply).into_response()
}

#[handler]
fn page(service: AppState<'_>, uri: &Uri) -> Rejection {
    service.page(uri.path()).into()
}

#[handler]
fn public_keys(service: AppState<'_>) -> Rejection {
    service.auth.public_keys().into()
}

#[handler]
fn health() -> Rejection {
    Reply::json(200, &Health::OK).into()
}

#[handler]
fn me(caller: CurrentUser) -> Rejection {
    Reply::json(200, &Me::from(&caller.identity)).into()
}

#[handler]
async fn show_user(_: Staff, service: AppState<'_>, id: Path<UserId>) -> Answer {
    Ok(service.find_user(&id).await?.into())
}

#[handler]
async fn delete_user(admin: AdminUser, service: AppState<'_>, id: Path<UserId>) -> Answer {
    Ok(service.delete_user(&admin.identity, &id).await?.into())
}

#[handler]
async fn change_user(
    admin: AdminUser,
    service: AppState<'_>,
    id: Path<UserId>,
    headers: &HeaderMap,
    body: Body,
) -> Answer {
    Ok(service.change_user(&admin.identity, &id, json(headers, body).await).await?.into())
}

#[handler]
async fn user_sessions(_: AdminUser, service: AppState<'_>, id: Path<UserId>) -> Answer {
    Ok(service.list_sessions(&id).await?.into())
}

#[handler]
async fn end_user_session(admin: AdminUser, service: AppState<'_>, ids: Ids) -> Answer {
    Ok(service.end_session(&admin.identity, &ids).await?.into())
}

#[handler]
fn items(_: Reader, service: AppState<'_>) -> Rejection {
    service.list_items().into()
}

#[handler]
async fn add_item(_: Writer, service: AppState<'_>, headers: &HeaderMap, body: Body) -> Answer {
    Ok(service.add_item(json(headers, body).await)?.into())
}

#[handler]
fn external_data(_: ApiKey) -> Rejection {
    Reply::json(200, &ExternalData::ALL).into()
}

#[handler]
fn maybe(MaybeUser { user, .. }: MaybeUser) -> Rejection {
    Reply::json(200, &Maybe::from(user.as_ref().map(|user| &user.identity))).into()
}

#[handler]
fn stateless_me(StatelessClaims { claims, .. }: StatelessClaims) -> Rejection {
    Reply::json(200, &TokenClaims::from(&*claims)).into()
}

#[handler]
async fn stats(service: AppState<'_>) -> Answer {
    Ok(service.count_users().await?.into())
}

async fn json(headers: &HeaderMap, body: Body) -> Json<'_> {
    let body = body.into_bytes_limit(MAX_BODY_BYTES).await.map_err(|error| match error {
        ReadBodyError::PayloadTooLarge => RequestError::BodySize,
        _ => RequestError::Body(BodyProblem::Incomplete),
    });
    let content_type = headers.get("content-type").map(|value| value.as_bytes());
    Json { content_type, body }
}
