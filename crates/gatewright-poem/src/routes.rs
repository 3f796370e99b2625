//! The ready-made endpoints, each mountable alone.

use std::future::poll_fn;
use std::pin::pin;

use futures_core::Stream;
use gatewright_core::{Auth, AuthUser, BodyCollector, Operation};
use poem::middleware::AddData;
use poem::{
    Body, Endpoint, EndpointExt, IntoResponse, Request, Response, Result, Route, RouteMethod, delete, get,
    post,
};

use crate::reject::{HeaderBytes, Rejection, respond, view};

/// Mounts all endpoints below `path` of an application's routes and gives the application's handlers their [`Auth`], which
/// they may also take as `Data<&Auth>`. What an argument refuses is an answer for all middleware around the result.
///
/// # Panics
/// As [`Route::at`] does, when a path is none or is taken; while the application starts.
pub fn install<U: AuthUser>(
    auth: &Auth<U>,
    path: &str,
    application: Route,
) -> impl Endpoint<Output = Response> + use<U> {
    let routes = mount(auth, path.trim_end_matches('/'), application);
    routes.with(AddData::new(auth.clone())).catch_error(async |refusal: Rejection| refusal.into_response())
}

/// All endpoints that the [`Auth`] was configured for ([`Auth::operations`]) at their usual paths: `/register`, `/login`,
/// `/refresh`, `/logout`, `/logout-all`, `/password`, `/sessions`, `/sessions/{id}`, `/revoke`, `/introspect`, for `Route::nest`. Another method than an
/// endpoint's own is answered 405 in Gatewright's own words.
///
/// This alone does not give handlers their `Auth`: use [`install`], or add it with `AddData`.
///
/// A body is read for as long as the client sends it: put a time limit around the application.
pub fn routes<U: AuthUser>(auth: &Auth<U>) -> Route {
    mount(auth, "", Route::new())
}

fn mount<U: AuthUser>(auth: &Auth<U>, path: &str, routes: Route) -> Route {
    auth.operations().fold(routes, |routes, operation| {
        // poem's own way to write `{id}`.
        let below = operation.path().replace("{id}", ":id");
        routes.at(format!("{path}{below}"), handler(auth, operation))
    })
}

/// `POST`: JSON `email`, `password`; 201 whether or not the address is taken.
pub fn register<U: AuthUser>(auth: &Auth<U>) -> RouteMethod {
    post(handler(auth, Operation::Register))
}

/// `POST`: the OAuth 2.0 password form; a pair of tokens.
pub fn login<U: AuthUser>(auth: &Auth<U>) -> RouteMethod {
    post(handler(auth, Operation::Login))
}

/// `POST`: form or JSON `refresh_token`; the next pair.
pub fn refresh<U: AuthUser>(auth: &Auth<U>) -> RouteMethod {
    post(handler(auth, Operation::Refresh))
}

/// `POST`: a bearer token, or a `refresh_token` in the body; 204.
pub fn logout<U: AuthUser>(auth: &Auth<U>) -> RouteMethod {
    post(handler(auth, Operation::Logout))
}

/// `POST`: a bearer token; 204, and every session of the caller has ended.
pub fn logout_all<U: AuthUser>(auth: &Auth<U>) -> RouteMethod {
    post(handler(auth, Operation::LogoutAll))
}

/// `POST`: a bearer token and JSON `current_password`, `new_password`; 204.
pub fn change_password<U: AuthUser>(auth: &Auth<U>) -> RouteMethod {
    post(handler(auth, Operation::ChangePassword))
}

/// `GET` and `HEAD`: a bearer token; the caller's own sessions.
pub fn sessions<U: AuthUser>(auth: &Auth<U>) -> RouteMethod {
    get(handler(auth, Operation::Sessions)).head(handler(auth, Operation::Sessions))
}

/// `DELETE` at a path with `:id`: a bearer token; 204, and this session of the caller has ended.
pub fn end_session<U: AuthUser>(auth: &Auth<U>) -> RouteMethod {
    delete(handler(auth, Operation::EndSession))
}

/// `POST`: the form of RFC 7009; 200, and the token's session has ended if the token was valid.
pub fn revoke<U: AuthUser>(auth: &Auth<U>) -> RouteMethod {
    post(handler(auth, Operation::Revoke))
}

/// `POST`: an API key with the scope `introspect` and the form of RFC 7662; what a token is worth.
pub fn introspect<U: AuthUser>(auth: &Auth<U>) -> RouteMethod {
    post(handler(auth, Operation::Introspect))
}

struct Answering<U> {
    auth: Auth<U>,
    operation: Operation,
}

fn handler<U: AuthUser>(auth: &Auth<U>, operation: Operation) -> Answering<U> {
    Answering { auth: auth.clone(), operation }
}

impl<U: AuthUser> Endpoint for Answering<U> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        Ok(answer(&self.auth, self.operation, request).await)
    }
}

async fn answer<U: AuthUser>(auth: &Auth<U>, operation: Operation, mut request: Request) -> Response {
    let body = request.take_body();
    let empty = BodyCollector::new(&view(&request, &HeaderBytes(request.headers())));
    let body = collect(empty, body).await;
    let pending = {
        let headers = HeaderBytes(request.headers());
        let view = view(&request, &headers).with_id(request.raw_path_param("id"));
        auth.answer(operation, &view, body.finish())
    };
    respond(pending.await)
}

async fn collect(mut collected: BodyCollector, body: Body) -> BodyCollector {
    let mut body = pin!(body.into_bytes_stream());
    while collected.wants_more() {
        match poll_fn(|context| body.as_mut().poll_next(context)).await {
            Some(Ok(data)) => collected.push(&data),
            Some(Err(_)) => collected.fail(),
            None => break,
        }
    }
    collected
}
