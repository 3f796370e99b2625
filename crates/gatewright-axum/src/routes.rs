//! The ready-made endpoints, all together or each alone.

use std::future::Future;
use std::pin::Pin;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{MethodRouter, any, delete, get, post};
use gatewright_core::{Auth, AuthUser, BodyCollector, Endpoint};
use http_body_util::BodyExt;

use crate::reject::{Head, respond};

/// All endpoints for which the [`Auth`] is configured ([`Auth::endpoints`]), to nest below `/auth`.
///
/// Their paths are `/register`, `/login`, `/refresh`, `/logout`, `/logout-all`, `/password`,
/// `/sessions`, `/sessions/{id}`, `/revoke` and `/introspect`. A request with another method gets
/// 405 from Gatewright.
///
/// There is no time limit on reading a body: add a request timeout around the application.
///
/// ```
/// use axum::Router;
/// use gatewright::Auth;
/// use gatewright::axum::{login, refresh, routes};
///
/// fn all(auth: &Auth) -> Router {
///     Router::new().nest("/auth", routes(auth))
/// }
///
/// fn two_of_them(auth: &Auth) -> Router {
///     Router::new().route("/token", login(auth)).route("/token/refresh", refresh(auth))
/// }
/// ```
pub fn routes<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> Router<S> {
    auth.endpoints()
        .fold(Router::new(), |router, endpoint| router.route(endpoint.path(), any(handler(auth, endpoint))))
}

gatewright_core::endpoint_routes!(route -> MethodRouter<S> where S: Clone + Send + Sync + 'static);

fn route<S: Clone + Send + Sync + 'static, U: AuthUser>(
    auth: &Auth<U>,
    endpoint: Endpoint,
) -> MethodRouter<S> {
    let handler = handler(auth, endpoint);
    match endpoint.method() {
        "GET" => get(handler),
        "DELETE" => delete(handler),
        _ => post(handler),
    }
}

type Handling = Pin<Box<dyn Future<Output = Response> + Send>>;

fn handler<U: AuthUser>(
    auth: &Auth<U>,
    endpoint: Endpoint,
) -> impl Fn(Request) -> Handling + Clone + Send + Sync + 'static {
    let auth = auth.clone();
    move |request| {
        let auth = auth.clone();
        Box::pin(async move { handle(&auth, endpoint, request).await })
    }
}

async fn handle<U: AuthUser>(auth: &Auth<U>, endpoint: Endpoint, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let id = id(&mut parts).await;
    let empty = BodyCollector::new(&Head(&parts).view());
    let body = collect(empty, body).await;
    let pending = auth.handle(endpoint, &Head(&parts).view().with_id(id.as_deref()), body.finish());
    respond(pending.await)
}

/// The value of `{id}` in the path. If an outer path has a parameter of that name too, the last one
/// counts.
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
