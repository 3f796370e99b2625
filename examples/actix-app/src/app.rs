//! The service: its routes and their guards.

use std::future::ready;

use actix_web::web::{self, Bytes, Data, PayloadConfig, ServiceConfig};
use actix_web::{Handler, HttpRequest, Resource, Responder, Route, guard};
use example_service::document;
use example_service::model::{ExternalData, Health, MAX_BODY_BYTES, Maybe, Me, TokenClaims, role, scope};
use example_service::service::{Json, Service};
use gatewright::actix_web::{
    ApiKey, Authorized, CurrentUser, Error, MaybeUser, Path, Rejection, StatelessClaims, guarded, install,
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

type AppState = Data<Service>;
type Ids = Path<(UserId, SessionId)>;
type Body = Result<Bytes, actix_web::Error>;
type Answer = Result<Rejection, Error>;

/// The state that all worker threads share.
///
/// # Errors
/// When the OpenAPI document and the guards of the routes do not match.
pub fn service(auth: &Auth) -> Result<Data<Service>, DocumentError> {
    Ok(Data::new(Service::new(auth, documented(auth))?))
}

/// The routes of the service.
pub fn routes(service: &Data<Service>) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let (auth, service) = (service.auth.clone(), service.clone());
    move |app| {
        let (admin_auth, not_found) = (auth.clone(), auth.not_found().reply());
        let admin = guarded(&auth, role::Admin, move |admin| {
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

/// A resource at this path. A request with a method that is not added to it gets 405 from
/// Gatewright.
fn resource(auth: &Auth, path: &str, allow: &'static str) -> Resource {
    let not_allowed = auth.method_not_allowed(allow);
    web::resource(path).default_service(web::to(move || ready(Rejection::from(not_allowed.clone()))))
}

/// A route for GET and HEAD. actix-web does not treat HEAD as GET.
fn get<F, A>(handler: F) -> Route
where
    F: Handler<A>,
    A: actix_web::FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::route().guard(guard::Any(guard::Get()).or(guard::Head())).to(handler)
}

async fn page(service: AppState, request: HttpRequest) -> Rejection {
    service.page(request.path()).into()
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

async fn show_user(_: Staff, service: AppState, id: Path<UserId>) -> Answer {
    Ok(service.find_user(&id).await?.into())
}

async fn delete_user(admin: AdminUser, service: AppState, id: Path<UserId>) -> Answer {
    Ok(service.delete_user(&admin.identity, &id).await?.into())
}

async fn change_user(
    admin: AdminUser,
    service: AppState,
    id: Path<UserId>,
    request: HttpRequest,
    body: Body,
) -> Answer {
    Ok(service.change_user(&admin.identity, &id, json(&request, body)).await?.into())
}

async fn user_sessions(_: AdminUser, service: AppState, id: Path<UserId>) -> Answer {
    Ok(service.list_sessions(&id).await?.into())
}

async fn end_user_session(admin: AdminUser, service: AppState, ids: Ids) -> Answer {
    Ok(service.end_session(&admin.identity, &ids).await?.into())
}

async fn items(_: Reader, service: AppState) -> Rejection {
    service.list_items().into()
}

async fn add_item(_: Writer, service: AppState, request: HttpRequest, body: Body) -> Answer {
    Ok(service.add_item(json(&request, body))?.into())
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

async fn stats(service: AppState) -> Answer {
    Ok(service.count_users().await?.into())
}

fn json(request: &HttpRequest, body: Body) -> Json<'_> {
    let body = body.map_err(|error| match error.as_response_error().status_code().as_u16() {
        413 => RequestError::BodySize,
        _ => RequestError::Body(BodyProblem::Incomplete),
    });
    Json { content_type: request.headers().get("content-type").map(|value| value.as_bytes()), body }
}
