//! Guards over scopes and single routes.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{HttpServiceFactory, Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::web::{self, ServiceConfig};
use actix_web::{Error, HttpMessage};
use gatewright_core::{Account, Auth, AuthUser, Caller, Demand, Guard};

use crate::extract::Guarding;
use crate::reject::{HeaderBytes, respond, view};

/// Routes behind a guard: nothing can be added to them any more, and nothing of them can be reached past the guard.
///
/// ```compile_fail,E0599
/// # use actix_web::web;
/// # use gatewright_core::{Auth, Requirement};
/// fn admin(auth: &Auth) {
///     let guarded = gatewright_actix_web::guarded(auth, Requirement::Role("admin"), |_| {}).under("/admin");
///     guarded.route("/behind-its-back", web::get().to(async || "open"));
/// }
/// ```
#[must_use]
pub struct GuardedRouter<F, U = Account> {
    guard: Guard<U>,
    routes: F,
}

/// Puts a whole set of routes behind a guard: a [`Requirement`](gatewright_core::Requirement) of users, or a [`Demand`].
/// Mount it with [`GuardedRouter::under`].
///
/// ```
/// use actix_web::{App, web};
/// use gatewright_actix_web::guarded;
/// use gatewright_core::{Auth, Requirement};
///
/// fn app(auth: &Auth) {
///     let admin = guarded(auth, Requirement::Role("admin"), |routes| {
///         routes.route("/stats", web::get().to(async || "42"));
///     });
///     let _app = App::new().service(admin.under("/admin"));
/// }
/// ```
pub fn guarded<F: FnOnce(&mut ServiceConfig) + 'static, U: AuthUser>(
    auth: &Auth<U>,
    demand: impl Into<Demand>,
    routes: F,
) -> GuardedRouter<F, U> {
    GuardedRouter { guard: Guard::new(auth, demand), routes }
}

impl<F: FnOnce(&mut ServiceConfig) + 'static, U: AuthUser> GuardedRouter<F, U> {
    /// Mounts the routes at `path`. That path and every path below it are behind the guard, those without a route
    /// included: 401 for nobody, 404 for who may pass. A default service of the routes' own gives way to that 404. The
    /// result may be mounted below other scopes.
    ///
    /// What the application itself registers below `path` before this, is the application's to guard: actix-web prefers the
    /// earlier.
    pub fn under(self, path: &str) -> impl HttpServiceFactory + use<F, U> {
        let auth = self.guard.auth().clone();
        let not_found = move || ready(respond(auth.not_found()));
        web::scope(path.trim_end_matches('/'))
            .configure(self.routes)
            .default_service(web::to(not_found))
            .wrap(RequireLayer { guard: self.guard })
    }
}

impl<F, U> fmt::Debug for GuardedRouter<F, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedRouter").field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// A guard as middleware, for single routes and resources. `App::wrap` with it guards what the application answers itself
/// as well: use [`guarded`] for a set of routes.
#[must_use]
pub fn require<U: AuthUser>(auth: &Auth<U>, demand: impl Into<Demand>) -> RequireLayer<U> {
    RequireLayer { guard: Guard::new(auth, demand) }
}

/// What [`require`] makes.
pub struct RequireLayer<U = Account> {
    guard: Guard<U>,
}

impl<T, B, U> Transform<T, ServiceRequest> for RequireLayer<U>
where
    T: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
    U: AuthUser,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = Require<T, U>;
    type InitError = ();
    type Future = Ready<Result<Require<T, U>, ()>>;

    fn new_transform(&self, inner: T) -> Self::Future {
        ready(Ok(Require { guard: self.guard.clone(), inner: Rc::new(inner) }))
    }
}

/// A service behind a guard. It leaves the [`Caller`] in the request's extensions.
pub struct Require<T, U = Account> {
    guard: Guard<U>,
    inner: Rc<T>,
}

impl<T, B, U> Service<ServiceRequest> for Require<T, U>
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
        let headers = HeaderBytes(request.headers());
        let admitted = self.guard.admit(&view(request.request(), &headers), earlier.as_ref());
        let (inner, auth) = (Rc::clone(&self.inner), self.guard.auth().clone());
        Box::pin(async move {
            match admitted.await {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                    request.extensions_mut().insert(Guarding(auth));
                    inner.call(request).await.map(ServiceResponse::map_into_left_body)
                }
                Err(reply) => Ok(request.into_response(respond(reply)).map_into_right_body()),
            }
        })
    }
}

impl<U> Clone for RequireLayer<U> {
    fn clone(&self) -> Self {
        Self { guard: self.guard.clone() }
    }
}

impl<U> fmt::Debug for RequireLayer<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireLayer").field("guard", &self.guard).finish()
    }
}

impl<T, U> fmt::Debug for Require<T, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Require").field("guard", &self.guard).finish_non_exhaustive()
    }
}
