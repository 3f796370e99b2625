//! The ready-made endpoints, each mountable alone.

use std::future::Future;
use std::pin::Pin;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{MethodRouter, any, delete, get, post};
use gatewright_core::{Auth, AuthUser, BodyCollector, Operation};
use http_body_util::BodyExt;

use crate::reject::{HeaderBytes, respond, view};

/// All endpoints that the [`Auth`] was configured for ([`Auth::operations`]) at their usual paths: `/register`, `/login`,
/// `/refresh`, `/logout`, `/logout-all`, `/password`, `/sessions`, `/sessions/{id}`, `/revoke`, `/introspect`. Nest them below `/auth`. Another method than an
/// endpoint's own is answered 405 in Gatewright's own words.
///
/// A body is read for as long as the client sends it: put a time limit around the application.
pub fn routes<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> Router<S> {
    auth.operations().fold(Router::new(), |router, operation| {
        router.route(operation.path(), any(handler(auth, operation)))
    })
}

/// `POST`: JSON `email`, `password`; 201 whether or not the address is taken.
pub fn register<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> MethodRouter<S> {
    post(handler(auth, Operation::Register))
}

/// `POST`: the OAuth 2.0 password form; a pair of tokens.
pub fn login<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> MethodRouter<S> {
    post(handler(auth, Operation::Login))
}

/// `POST`: form or JSON `refresh_token`; the next pair.
pub fn refresh<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> MethodRouter<S> {
    post(handler(auth, Operation::Refresh))
}

/// `POST`: a bearer token, or a `refresh_token` in the body; 204.
pub fn logout<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> MethodRouter<S> {
    post(handler(auth, Operation::Logout))
}

/// `POST`: a bearer token; 204, and every session of the caller has ended.
pub fn logout_all<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> MethodRouter<S> {
    post(handler(auth, Operation::LogoutAll))
}

/// `POST`: a bearer token and JSON `current_password`, `new_password`; 204.
pub fn change_password<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> MethodRouter<S> {
    post(handler(auth, Operation::ChangePassword))
}

/// `GET`: a bearer token; the caller's own sessions.
pub fn sessions<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> MethodRouter<S> {
    get(handler(auth, Operation::Sessions))
}

/// `DELETE` at a path with `{id}`: a bearer token; 204, and this session of the caller has ended.
pub fn end_session<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> MethodRouter<S> {
    delete(handler(auth, Operation::EndSession))
}

/// `POST`: the form of RFC 7009; 200, and the token's session has ended if the token was valid.
pub fn revoke<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> MethodRouter<S> {
    post(handler(auth, Operation::Revoke))
}

/// `POST`: an API key with the scope `introspect` and the form of RFC 7662; what a token is worth.
pub fn introspect<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> MethodRouter<S> {
    post(handler(auth, Operation::Introspect))
}

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

fn handler<U: AuthUser>(
    auth: &Auth<U>,
    operation: Operation,
) -> impl Fn(Request) -> Answering + Clone + Send + Sync + 'static {
    let auth = auth.clone();
    move |request| {
        let auth = auth.clone();
        Box::pin(async move { answer(&auth, operation, request).await })
    }
}

async fn answer<U: AuthUser>(auth: &Auth<U>, operation: Operation, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let id = id(&mut parts).await;
    let empty = BodyCollector::new(&view(&parts, &HeaderBytes(&parts.headers)));
    let body = collect(empty, body).await;
    let headers = HeaderBytes(&parts.headers);
    let pending = auth.answer(operation, &view(&parts, &headers).with_id(id.as_deref()), body.finish());
    respond(pending.await)
}

/// What stands in the path for `{id}`: the last of that name, if an outer path has one too.
async fn id(parts: &mut Parts) -> Option<String> {
    let params = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    params.iter().filter(|(name, _)| *name == "id").last().map(|(_, value)| value.to_owned())
}

async fn collect(mut collected: BodyCollector, mut body: Body) -> BodyCollector {
    while collected.wants_more() {
        match body.frame().await {
            Some(Ok(frame)) => frame.data_ref().iter().for_each(|data| collected.push(data)),
            Some(Err(_)) => collected.fail(),
            None => break,
        }
    }
    collected
}
