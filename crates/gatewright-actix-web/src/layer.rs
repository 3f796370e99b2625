//! Guards for scopes and single routes.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{HttpServiceFactory, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::web::{self, ServiceConfig};
use actix_web::{Error, HttpMessage, ResponseError};
use gatewright_core::{AccessRule, Account, Auth, AuthUser, Caller, Guard};

use crate::extract::GuardAuth;
use crate::reject::{Head, filled_not_found, is_empty_not_found, refuse, respond};

/// Routes behind a guard. [`guarded`] makes it.
///
/// It has no method that adds a route, so every route in it is behind the guard:
///
/// ```compile_fail,E0599
/// # use actix_web::web;
/// # use gatewright::Auth;
/// # use gatewright::types::Requirement;
/// fn admin(auth: &Auth) {
///     let guarded = gatewright::actix_web::guarded(auth, Requirement::Role("admin"), |_| {});
///     guarded.under("/admin").route("/unguarded", web::get().to(async || "open"));
/// }
/// ```
#[must_use]
pub struct GuardedRouter<F, U = Account> {
    guard: Guard<U>,
    routes: F,
}

/// Puts a set of routes behind a guard. The `rule` is a role or scope type, a
/// [`Requirement`](gatewright_core::Requirement) of users, or an [`AccessRule`].
///
/// Mount the result with [`GuardedRouter::under`].
///
/// ```
/// use actix_web::{App, web};
/// use gatewright::Auth;
/// use gatewright::actix_web::guarded;
/// use gatewright::types::Requirement;
///
/// fn app(auth: &Auth) {
///     let admin = guarded(auth, Requirement::Role("admin"), |routes| {
///         routes.route("/stats", web::get().to(async || "42"));
///     });
///     let _app = App::new().service(admin.under("/admin"));
/// }
/// ```
#[doc(alias("middleware"))]
pub fn guarded<F: FnOnce(&mut ServiceConfig) + 'static, U: AuthUser>(
    auth: &Auth<U>,
    rule: impl Into<AccessRule>,
    routes: F,
) -> GuardedRouter<F, U> {
    GuardedRouter { guard: Guard::new(auth, rule), routes }
}

impl<F: FnOnce(&mut ServiceConfig) + 'static, U: AuthUser> GuardedRouter<F, U> {
    /// Mounts the routes at `path`. The result can be mounted below other scopes.
    ///
    /// The guard protects `path` and every path below it, also those without a route: an
    /// unauthenticated request gets 401. One that passes the guard gets the answer of the default
    /// service that the routes set, or 404 if they set none. A 404 without a body gets Gatewright's
    /// body.
    ///
    /// The guard does not protect routes that the application itself registers below `path` before
    /// this one: actix-web prefers the earlier registration.
    pub fn under(self, path: &str) -> impl HttpServiceFactory + use<F, U> {
        let auth = self.guard.auth().clone();
        let not_found = move || ready(respond(auth.not_found().reply()));
        web::scope(path.trim_end_matches('/'))
            .default_service(web::to(not_found))
            .configure(self.routes)
            .wrap(RequireLayer { guard: self.guard, fills_not_found: true })
    }
}

impl<F, U> fmt::Debug for GuardedRouter<F, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedRouter").field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// A guard as middleware, for single routes, resources and scopes.
///
/// For a set of routes use [`guarded`]. In `App::wrap` it also guards the responses that the
/// application itself gives, such as 404.
///
/// ```
/// use actix_web::{App, web};
/// use gatewright::Auth;
/// use gatewright::actix_web::require;
/// use gatewright::types::Requirement;
///
/// fn app(auth: &Auth) {
///     let stats = web::resource("/stats").wrap(require(auth, Requirement::Role("admin")));
///     let _app = App::new().service(stats.route(web::get().to(async || "42")));
/// }
/// ```
#[doc(alias("middleware"))]
#[must_use]
pub fn require<U: AuthUser>(auth: &Auth<U>, rule: impl Into<AccessRule>) -> RequireLayer<U> {
    RequireLayer { guard: Guard::new(auth, rule), fills_not_found: false }
}

gatewright_core::guard_layer!();

impl<T, B, U> Transform<T, ServiceRequest> for RequireLayer<U>
where
    T: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
    U: AuthUser,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = Require<Rc<T>, U>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: T) -> Self::Future {
        let (guard, fills_not_found) = (self.guard.clone(), self.fills_not_found);
        ready(Ok(Require { guard, fills_not_found, inner: Rc::new(inner) }))
    }
}

impl<T, B, U> Service<ServiceRequest> for Require<Rc<T>, U>
where
    T: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
    U: AuthUser,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let earlier = request.extensions().get::<Caller<U>>().cloned();
        let authorized = self.guard.authorize(&Head(request.request()).view(), earlier.as_ref());
        let (inner, auth) = (Rc::clone(&self.inner), self.guard.auth().clone());
        let fills_not_found = self.fills_not_found;
        Box::pin(async move {
            match authorized.await {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                    request.extensions_mut().insert(GuardAuth(auth.clone()));
                    let response = inner.call(request).await?;
                    if !(fills_not_found && is_empty_not_found(response.response())) {
                        return Ok(response.map_into_left_body());
                    }
                    let filled = filled_not_found(&auth, response.headers());
                    Ok(response.into_response(filled).map_into_right_body())
                }
                Err(error) => {
                    let refusal = refuse(request.request(), &error).error_response();
                    Ok(request.into_response(refusal).map_into_right_body())
                }
            }
        })
    }
}
