//! The ready-made endpoints, all together or each alone.

use std::future::poll_fn;
use std::pin::pin;

use futures_core::Stream;
use gatewright_core::{Auth, AuthUser, BodyCollector, Endpoint};
use poem::middleware::AddData;
use poem::{
    Body, Endpoint as PoemEndpoint, EndpointExt, IntoResponse, Request, Response, Result, Route, RouteMethod,
    delete, get, post,
};

use crate::reject::{Error, Head, Rejection, respond};

/// Mounts all endpoints below `path` of the application's routes, and installs the [`Auth`] that
/// the handler arguments use.
///
/// Handlers can also take the `Auth` itself, as `Data<&Auth>`. Rejections by handler arguments
/// become responses, which middleware around the result sees.
///
/// ```
/// use gatewright::Auth;
/// use gatewright::poem::{CurrentUser, install};
/// use poem::{Endpoint, EndpointExt, Response, Route, get, handler, middleware::Cors, web::Data};
///
/// #[handler]
/// async fn sessions(user: CurrentUser, auth: Data<&Auth>) -> String {
///     let sessions = auth.sessions(&user.identity).await;
///     sessions.map_or_else(|error| error.to_string(), |list| list.sessions.len().to_string())
/// }
///
/// fn app(auth: &Auth) -> impl Endpoint + use<> {
///     install(auth, "/auth", Route::new().at("/count", get(sessions))).with(Cors::new())
/// }
/// ```
///
/// # Panics
/// Like [`Route::at`], if a path is invalid or already taken. This happens while the application
/// starts.
pub fn install<U: AuthUser>(
    auth: &Auth<U>,
    path: &str,
    application: Route,
) -> impl PoemEndpoint<Output = Response> + use<U> {
    let routes = mount(auth, path.trim_end_matches('/'), application);
    routes
        .with(AddData::new(auth.clone()))
        .catch_error(async |rejection: Rejection| rejection.into_response())
        .catch_error(async |error: Error| error.into_response())
}

/// All endpoints for which the [`Auth`] is configured ([`Auth::endpoints`]), to nest below `/auth`.
///
/// Their paths are `/register`, `/login`, `/refresh`, `/logout`, `/logout-all`, `/password`,
/// `/sessions`, `/sessions/{id}`, `/revoke` and `/introspect`. A request with another method gets
/// 405 from Gatewright.
///
/// This does not install the `Auth` for handler arguments: use [`install`], or add it with
/// `AddData`.
///
/// There is no time limit on reading a body: add a request timeout around the application.
pub fn routes<U: AuthUser>(auth: &Auth<U>) -> Route {
    mount(auth, "", Route::new())
}

fn mount<U: AuthUser>(auth: &Auth<U>, path: &str, routes: Route) -> Route {
    auth.endpoints().fold(routes, |routes, endpoint| {
        // poem writes `:id` for `{id}`.
        let below = endpoint.path().replace("{id}", ":id");
        routes.at(format!("{path}{below}"), handler(auth, endpoint))
    })
}

gatewright_core::endpoint_routes!(route -> RouteMethod);

fn route<U: AuthUser>(auth: &Auth<U>, endpoint: Endpoint) -> RouteMethod {
    let handler = || handler(auth, endpoint);
    match endpoint.method() {
        "GET" => get(handler()).head(handler()),
        "DELETE" => delete(handler()),
        _ => post(handler()),
    }
}

struct Handler<U> {
    auth: Auth<U>,
    endpoint: Endpoint,
}

fn handler<U: AuthUser>(auth: &Auth<U>, endpoint: Endpoint) -> Handler<U> {
    Handler { auth: auth.clone(), endpoint }
}

impl<U: AuthUser> PoemEndpoint for Handler<U> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let body = request.take_body();
        let empty = BodyCollector::new(&Head(&request).view());
        let body = collect(empty, body).await;
        let pending = {
            let head = Head(&request);
            let view = head.view().with_id(request.raw_path_param("id"));
            self.auth.handle(self.endpoint, &view, body.finish())
        };
        Ok(respond(pending.await))
    }
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
