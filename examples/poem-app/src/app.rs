//! The service: its routes, and who may call them.

use std::sync::Arc;

use example_service::actions::{self, Json};
use example_service::document;
use example_service::model::{
    ExternalData, Health, Items, MAX_BODY_BYTES, Maybe, Me, Role, TokenClaims, role, scope,
};
use gatewright::openapi::{Document, DocumentError, SwaggerUi};
use gatewright::poem::{
    ApiKey, Authorized, CurrentUser, MaybeUser, Rejection, StatelessClaims, guarded, install,
};
use gatewright::{AnyOf, Auth, AuthError, Operation, Reply, RequestError, Requirement};
use poem::error::{MethodNotAllowedError, NotFoundError, ReadBodyError};
use poem::http::{HeaderMap, Uri};
use poem::middleware::AddData;
use poem::web::{Data, Path};
use poem::{Body, Endpoint, EndpointExt, IntoResponse, Response, Route, RouteMethod, delete, get, handler};

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

type AppState<'a> = Data<&'a Arc<Service>>;
type Id = poem::Result<Path<String>>;
type Ids = poem::Result<Path<(String, String)>>;

/// The whole service.
///
/// # Errors
/// When the OpenAPI document does not fit the routes' guards.
pub fn service(auth: &Auth) -> Result<impl Endpoint<Output = Response> + use<>, DocumentError> {
    let pages = document::pages(documented(auth))?;
    let service = Arc::new(Service { auth: auth.clone(), items: Items::default(), pages });
    let at = |allow, methods| allowing(auth, allow, methods);
    let admin = Route::new().at("/stats", at("GET,HEAD", read(stats)));
    let admin = guarded(auth, ADMINS, admin);
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
    let not_found = auth.not_found();
    let service = install(auth, "/auth", admin.under("/admin", routes))
        .with(AddData::new(service))
        .catch_error(move |_: NotFoundError| answer(not_found.clone()));
    Ok(service)
}

/// Who may call what, in the types of the handlers that say so: poem's handlers are no plain functions any more.
fn documented(auth: &Auth) -> Document {
    let endpoints: Vec<Operation> = auth.operations().collect();
    document::draft(&endpoints)
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
        .guarded("/admin", ADMINS)
}

/// A route for GET, and for HEAD with the length that GET would have: poem's own answer to HEAD has none.
fn read(handler: impl Endpoint + 'static) -> RouteMethod {
    let handler = Arc::new(handler);
    get(Arc::clone(&handler)).head(handler)
}

/// A path that answers other methods than its own in Gatewright's own words.
fn allowing(auth: &Auth, allow: &'static str, methods: RouteMethod) -> impl Endpoint + use<> {
    let not_allowed = auth.method_not_allowed(allow);
    methods.catch_error(move |_: MethodNotAllowedError| answer(not_allowed.clone()))
}

async fn answer(reply: Reply) -> Response {
    Rejection::from(reply).into_response()
}

#[handler]
fn page(service: AppState<'_>, uri: &Uri) -> Rejection {
    service.pages.answer(uri.path()).unwrap_or_else(|| service.auth.not_found()).into()
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
async fn show_user(_: Staff, service: AppState<'_>, id: Id) -> Rejection {
    service.answer(actions::find_user(&service.auth, text(id)).await)
}

#[handler]
async fn delete_user(_: AdminUser, service: AppState<'_>, id: Id) -> Rejection {
    service.answer(actions::delete_user(&service.auth, text(id)).await)
}

#[handler]
async fn change_user(
    _: AdminUser,
    service: AppState<'_>,
    id: Id,
    headers: &HeaderMap,
    body: Body,
) -> Rejection {
    service.answer(actions::change_user(&service.auth, text(id), json(headers, body).await).await)
}

#[handler]
async fn user_sessions(_: AdminUser, service: AppState<'_>, id: Id) -> Rejection {
    service.answer(actions::list_sessions(&service.auth, text(id)).await)
}

#[handler]
async fn end_user_session(_: AdminUser, service: AppState<'_>, ids: Ids) -> Rejection {
    service.answer(actions::end_session(&service.auth, ids.ok().map(|Path(ids)| ids)).await)
}

#[handler]
fn items(_: Reader, service: AppState<'_>) -> Rejection {
    Reply::json(200, &service.items.list()).into()
}

#[handler]
async fn add_item(_: Writer, service: AppState<'_>, headers: &HeaderMap, body: Body) -> Rejection {
    service.answer(actions::add_item(&service.items, json(headers, body).await))
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
    Reply::json(200, &TokenClaims::from(&claims)).into()
}

#[handler]
async fn stats(service: AppState<'_>) -> Rejection {
    service.answer(actions::count_users(&service.auth).await)
}

impl Service {
    fn answer(&self, done: Result<Reply, AuthError>) -> Rejection {
        done.unwrap_or_else(|error| self.auth.reply_to(&error)).into()
    }
}

fn text(id: Id) -> Option<String> {
    id.ok().map(|Path(text)| text)
}

async fn json(headers: &HeaderMap, body: Body) -> Json<'_> {
    let body = body.into_bytes_limit(MAX_BODY_BYTES).await.map_err(|error| match error {
        ReadBodyError::PayloadTooLarge => RequestError::BodySize,
        _ => RequestError::Malformed,
    });
    let content_type = headers.get("content-type").map(|value| value.as_bytes());
    Json { content_type, body }
}
