//! The ready-made endpoints, all together or each alone.

use std::future::{Future, poll_fn};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route, guard};
use futures_core::Stream;
use gatewright_core::{Auth, AuthUser, BodyCollector, Endpoint};

use crate::reject::{Head, respond};

/// Mounts all endpoints below `path`, and installs the [`Auth`] that the handler arguments use.
///
/// Pass it to `App::configure`. Handlers can also take the `Auth` itself, as `web::Data<Auth>`. If
/// two `Auth`s for the same type of user are installed, the handlers use the last one.
///
/// ```
/// use actix_web::{App, HttpResponse, web};
/// use gatewright::Auth;
/// use gatewright::actix_web::{CurrentUser, Rejection, install};
///
/// async fn leave(user: CurrentUser, auth: web::Data<Auth>) -> Result<HttpResponse, Rejection> {
///     auth.logout_all(&user.identity).await.map_err(|error| error.reply())?;
///     Ok(HttpResponse::NoContent().finish())
/// }
///
/// fn app(auth: &Auth) {
///     let _app = App::new()
///         .configure(install(auth, "/auth"))
///         .route("/leave", web::post().to(leave));
/// }
/// ```
pub fn install<U: AuthUser>(auth: &Auth<U>, path: &str) -> impl FnOnce(&mut ServiceConfig) + use<U> {
    let (auth, path) = (auth.clone(), path.trim_end_matches('/').to_owned());
    move |application| {
        mount(&auth, &path, application);
        application.app_data(web::Data::new(auth));
    }
}

/// All endpoints for which the [`Auth`] is configured ([`Auth::endpoints`]), for the `configure` of
/// a scope: `web::scope("/auth").configure(routes(&auth))`.
///
/// Their paths are `/register`, `/login`, `/refresh`, `/logout`, `/logout-all`, `/password`,
/// `/sessions`, `/sessions/{id}`, `/revoke` and `/introspect`. A request with another method gets
/// 405 from Gatewright.
///
/// This does not install the `Auth` for handler arguments: use [`install`], or add a
/// `web::Data<Auth>` to the application.
///
/// There is no time limit on reading a body: add a request timeout around the application.
pub fn routes<U: AuthUser>(auth: &Auth<U>) -> impl FnOnce(&mut ServiceConfig) + use<U> {
    let auth = auth.clone();
    move |scope| mount(&auth, "", scope)
}

/// Mounts a resource for each endpoint. A scope would also answer for the application's own routes
/// below `path`.
fn mount<U: AuthUser>(auth: &Auth<U>, path: &str, application: &mut ServiceConfig) {
    for endpoint in auth.endpoints() {
        let path = format!("{path}{}", endpoint.path());
        application.service(web::resource(path).to(handler(auth, endpoint)));
    }
}

gatewright_core::endpoint_routes!(route -> Route);

fn route<U: AuthUser>(auth: &Auth<U>, endpoint: Endpoint) -> Route {
    let allowed = guard::fn_guard(move |context| {
        endpoint.allow().split(',').any(|method| context.head().method == method)
    });
    web::route().guard(allowed).to(handler(auth, endpoint))
}

type Handling = Pin<Box<dyn Future<Output = HttpResponse>>>;

fn handler<U: AuthUser>(
    auth: &Auth<U>,
    endpoint: Endpoint,
) -> impl Fn(HttpRequest, web::Payload) -> Handling + Clone + 'static {
    let auth = auth.clone();
    move |request, body| {
        let auth = auth.clone();
        Box::pin(async move { handle(&auth, endpoint, request, body).await })
    }
}

async fn handle<U: AuthUser>(
    auth: &Auth<U>,
    endpoint: Endpoint,
    request: HttpRequest,
    body: web::Payload,
) -> HttpResponse {
    let empty = BodyCollector::new(&Head(&request).view());
    let body = collect(empty, body.into_inner()).await;
    let pending = auth.handle(endpoint, &Head(&request).view().with_id(id(&request)), body.finish());
    respond(pending.await)
}

/// The value of `{id}` in the path. If an outer path has a parameter of that name too, the last one
/// counts.
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
