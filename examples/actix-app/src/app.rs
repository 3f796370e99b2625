//! The service: its routes, and who may call them.

use std::future::ready;

use actix_web::web::{self, Bytes, Data, Path, PayloadConfig, ServiceConfig};
use actix_web::{Error, Handler, HttpRequest, Resource, Responder, Route, guard};
use example_service::actions::{self, Json};
use example_service::document;
use example_service::model::{
    ExternalData, Health, Items, MAX_BODY_BYTES, Maybe, Me, Role, TokenClaims, role, scope,
};
use gatewright::actix_web::{
    ApiKey, Authorized, CurrentUser, MaybeUser, Rejection, StatelessClaims, guarded, install,
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
pub struct Service {
    auth: Auth,
    items: Items,
    pages: SwaggerUi,
}

type AppState = Data<Service>;
type Id = Result<Path<String>, Error>;
type Ids = Result<Path<(String, String)>, Error>;
type Body = Result<Bytes, Error>;

/// What the workers share.
///
/// # Errors
/// When the OpenAPI document does not fit the routes' guards.
pub fn service(auth: &Auth) -> Result<Data<Service>, DocumentError> {
    let pages = document::pages(documented(auth))?;
    Ok(Data::new(Service { auth: auth.clone(), items: Items::default(), pages }))
}

/// The whole service.
pub fn routes(service: &Data<Service>) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let (auth, service) = (service.auth.clone(), service.clone());
    move |app| {
        let (admin_auth, not_found) = (auth.clone(), auth.not_found());
        let admin = guarded(&auth, ADMINS, move |admin| {
            admin.service(resource(&admin_auth, "/stats", "GET,HEAD").route(get(stats)));
        });
        let user_methods = "GET,HEAD,DELETE,PATCH";
        app.app_data(service)
            .app_data(PayloadConfig::new(MAX_BODY_BYTES))
            .service(resource(&auth, "/openapi.json", "GET,HEAD").route(get(page)))
            .service(resource(&auth, "/docs{path:$|/.*}", "GET,HEAD").route(get(page)))
            .service(resource(&auth, "/.well-known/jwks.json", "GET,HEAD").route(get(public_keys)))
            .service(resource(&auth, "/health", "GET,HEAD").route(get(health)))
            .service(resource(&auth, "/users/me", "GET,HEAD").route(get(me)))
            .service(
                resource(&auth, "/users/{id}", user_methods)
                    .route(get(show_user))
                    .route(web::delete().to(delete_user))
                    .route(web::patch().to(change_user)),
            )
            .service(resource(&auth, "/users/{id}/sessions", "GET,HEAD").route(get(user_sessions)))
            .service(
                resource(&auth, "/users/{id}/sessions/{session}", "DELETE")
                    .route(web::delete().to(end_user_session)),
            )
            .service(
                resource(&auth, "/items", "GET,HEAD,POST").route(get(items)).route(web::post().to(add_item)),
            )
            .service(resource(&auth, "/external-data", "GET,HEAD").route(get(external_data)))
            .service(resource(&auth, "/maybe", "GET,HEAD").route(get(maybe)))
            .service(resource(&auth, "/stateless/me", "GET,HEAD").route(get(stateless_me)))
            .service(admin.under("/admin"))
            .configure(install(&auth, "/auth"))
            .default_service(web::to(move || ready(Rejection::from(not_found.clone()))));
    }
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

/// A path that answers other methods than those added to it in Gatewright's own words.
fn resource(auth: &Auth, path: &str, allow: &'static str) -> Resource {
    let not_allowed = auth.method_not_allowed(allow);
    web::resource(path).default_service(web::to(move || ready(Rejection::from(not_allowed.clone()))))
}

/// A route for GET, and for HEAD, which actix-web does not take for the same.
fn get<F, A>(handler: F) -> Route
where
    F: Handler<A>,
    A: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::route().guard(guard::Any(guard::Get()).or(guard::Head())).to(handler)
}

async fn page(service: AppState, request: HttpRequest) -> Rejection {
    service.pages.answer(request.path()).unwrap_or_else(|| service.auth.not_found()).into()
}

async fn public_keys(service: AppState) -> Rejection {
    service.auth.public_keys().into()
}

async fn health() -> Rejection {
    Reply::json(200, &Health::OK).into()
}

async fn me(caller: CurrentUser) -> Rejection {
    Reply::json(200, &Me::from(&caller.identity)).into()
}

async fn show_user(_: Staff, service: AppState, id: Id) -> Rejection {
    service.answer(actions::find_user(&service.auth, text(id)).await)
}

async fn delete_user(_: AdminUser, service: AppState, id: Id) -> Rejection {
    service.answer(actions::delete_user(&service.auth, text(id)).await)
}

async fn change_user(_: AdminUser, service: AppState, id: Id, request: HttpRequest, body: Body) -> Rejection {
    service.answer(actions::change_user(&service.auth, text(id), json(&request, body)).await)
}

async fn user_sessions(_: AdminUser, service: AppState, id: Id) -> Rejection {
    service.answer(actions::list_sessions(&service.auth, text(id)).await)
}

async fn end_user_session(_: AdminUser, service: AppState, ids: Ids) -> Rejection {
    service.answer(actions::end_session(&service.auth, ids.ok().map(Path::into_inner)).await)
}

async fn items(_: Reader, service: AppState) -> Rejection {
    Reply::json(200, &service.items.list()).into()
}

async fn add_item(_: Writer, service: AppState, request: HttpRequest, body: Body) -> Rejection {
    service.answer(actions::add_item(&service.items, json(&request, body)))
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

async fn stats(service: AppState) -> Rejection {
    service.answer(actions::count_users(&service.auth).await)
}

impl Service {
    fn answer(&self, done: Result<Reply, AuthError>) -> Rejection {
        done.unwrap_or_else(|error| self.auth.reply_to(&error)).into()
    }
}

fn text(id: Id) -> Option<String> {
    id.ok().map(Path::into_inner)
}

fn json(request: &HttpRequest, body: Body) -> Json<'_> {
    let body = body.map_err(|error| match error.as_response_error().status_code().as_u16() {
        413 => RequestError::BodySize,
        _ => RequestError::Malformed,
    });
    Json { content_type: request.headers().get("content-type").map(|value| value.as_bytes()), body }
}
