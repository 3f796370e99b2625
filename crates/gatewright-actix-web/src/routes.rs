//! The ready-made endpoints, each mountable alone.

use std::future::{Future, poll_fn};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route, guard};
use futures_core::Stream;
use gatewright_core::{Auth, AuthUser, BodyCollector, Operation};

use crate::reject::{HeaderBytes, respond, view};

/// Mounts all endpoints below `path` and gives the application's handlers their [`Auth`]: for `App::configure`. They
/// may also take it as `web::Data<Auth>`. Of two `Auth`s for one type of user, the one installed last is the application's.
pub fn install<U: AuthUser>(auth: &Auth<U>, path: &str) -> impl FnOnce(&mut ServiceConfig) + use<U> {
    let (auth, path) = (auth.clone(), path.trim_end_matches('/').to_owned());
    move |application| {
        mount(&auth, &path, application);
        application.app_data(web::Data::new(auth));
    }
}

/// All endpoints that the [`Auth`] was configured for ([`Auth::operations`]) at their usual paths: `/register`, `/login`,
/// `/refresh`, `/logout`, `/logout-all`, `/password`, `/sessions`, `/sessions/{id}`, `/revoke`, `/introspect`, for `web::scope("/auth").configure(..)`. Another
/// method than an endpoint's own is answered 405 in Gatewright's own words.
///
/// This alone does not give handlers their `Auth`: use [`install`], or add a `web::Data<Auth>` to the application.
///
/// A body is read for as long as the client sends it: put a time limit around the application.
pub fn routes<U: AuthUser>(auth: &Auth<U>) -> impl FnOnce(&mut ServiceConfig) + use<U> {
    let auth = auth.clone();
    move |scope| mount(&auth, "", scope)
}

/// Resources and no scope, which would answer for whatever else the application has below the path.
fn mount<U: AuthUser>(auth: &Auth<U>, path: &str, application: &mut ServiceConfig) {
    for operation in auth.operations() {
        let path = format!("{path}{}", operation.path());
        application.service(web::resource(path).to(handler(auth, operation)));
    }
}

/// `POST`: JSON `email`, `password`; 201 whether or not the address is taken.
pub fn register<U: AuthUser>(auth: &Auth<U>) -> Route {
    web::post().to(handler(auth, Operation::Register))
}

/// `POST`: the OAuth 2.0 password form; a pair of tokens.
pub fn login<U: AuthUser>(auth: &Auth<U>) -> Route {
    web::post().to(handler(auth, Operation::Login))
}

/// `POST`: form or JSON `refresh_token`; the next pair.
pub fn refresh<U: AuthUser>(auth: &Auth<U>) -> Route {
    web::post().to(handler(auth, Operation::Refresh))
}

/// `POST`: a bearer token, or a `refresh_token` in the body; 204.
pub fn logout<U: AuthUser>(auth: &Auth<U>) -> Route {
    web::post().to(handler(auth, Operation::Logout))
}

/// `POST`: a bearer token; 204, and every session of the caller has ended.
pub fn logout_all<U: AuthUser>(auth: &Auth<U>) -> Route {
    web::post().to(handler(auth, Operation::LogoutAll))
}

/// `POST`: a bearer token and JSON `current_password`, `new_password`; 204.
pub fn change_password<U: AuthUser>(auth: &Auth<U>) -> Route {
    web::post().to(handler(auth, Operation::ChangePassword))
}

/// `GET` and `HEAD`: a bearer token; the caller's own sessions.
pub fn sessions<U: AuthUser>(auth: &Auth<U>) -> Route {
    let methods = guard::Any(guard::Get()).or(guard::Head());
    web::route().guard(methods).to(handler(auth, Operation::Sessions))
}

/// `DELETE` at a path with `{id}`: a bearer token; 204, and this session of the caller has ended.
pub fn end_session<U: AuthUser>(auth: &Auth<U>) -> Route {
    web::delete().to(handler(auth, Operation::EndSession))
}

/// `POST`: the form of RFC 7009; 200, and the token's session has ended if the token was valid.
pub fn revoke<U: AuthUser>(auth: &Auth<U>) -> Route {
    web::post().to(handler(auth, Operation::Revoke))
}

/// `POST`: an API key with the scope `introspect` and the form of RFC 7662; what a token is worth.
pub fn introspect<U: AuthUser>(auth: &Auth<U>) -> Route {
    web::post().to(handler(auth, Operation::Introspect))
}

type Answering = Pin<Box<dyn Future<Output = HttpResponse>>>;

fn handler<U: AuthUser>(
    auth: &Auth<U>,
    operation: Operation,
) -> impl Fn(HttpRequest, web::Payload) -> Answering + Clone + 'static {
    let auth = auth.clone();
    move |request, body| {
        let auth = auth.clone();
        Box::pin(async move { answer(&auth, operation, request, body).await })
    }
}

async fn answer<U: AuthUser>(
    auth: &Auth<U>,
    operation: Operation,
    request: HttpRequest,
    body: web::Payload,
) -> HttpResponse {
    let empty = BodyCollector::new(&view(&request, &HeaderBytes(request.headers())));
    let body = collect(empty, body.into_inner()).await;
    let headers = HeaderBytes(request.headers());
    let pending = auth.answer(operation, &view(&request, &headers).with_id(id(&request)), body.finish());
    respond(pending.await)
}

/// What stands in the path for `{id}`: the last of that name, if an outer path has one too.
fn id(request: &HttpRequest) -> Option<&str> {
    request.match_info().iter().filter(|(name, _)| *name == "id").last().map(|(_, value)| value)
}

async fn collect(mut collected: BodyCollector, mut body: Payload) -> BodyCollector {
    while collected.wants_more() {
        match poll_fn(|context| Pin::new(&mut body).poll_next(context)).await {
            Some(Ok(data)) => collected.push(&data),
            Some(Err(_)) => collected.fail(),
            None => break,
        }
    }
    collected
}
