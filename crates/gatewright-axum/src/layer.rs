//! Guards for routers and single routes.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use gatewright_core::{AccessRule, Account, Auth, AuthUser, Caller, Guard};
use tower_layer::Layer;
use tower_service::Service;

use crate::reject::{Head, fill_not_found, refuse};

/// A router behind a guard. [`guarded`] makes it.
///
/// It has no method that adds a route, so every route in it is behind the guard:
///
/// ```compile_fail,E0599
/// # use axum::{Router, routing::get};
/// # use gatewright::Auth;
/// # use gatewright::types::Requirement;
/// fn admin(auth: &Auth) -> Router {
///     let guarded = gatewright::axum::guarded(auth, Requirement::Role("admin"), Router::new());
///     guarded.route("/unguarded", get(|| async {})).under("/admin")
/// }
/// ```
#[must_use]
pub struct GuardedRouter<S = (), U = Account> {
    guard: Guard<U>,
    router: Router<S>,
}

/// Puts a router behind a guard. The `rule` is a role or scope type, a
/// [`Requirement`](gatewright_core::Requirement) of users, or an [`AccessRule`].
///
/// Give the router its state first, and mount the result with [`GuardedRouter::under`]:
///
/// ```
/// use axum::{Router, routing::get};
/// use gatewright::Auth;
/// use gatewright::axum::guarded;
/// use gatewright::types::Requirement;
///
/// fn app(auth: &Auth) -> Router {
///     let admin = Router::new().route("/stats", get(|| async { "42" }));
///     let admin = guarded(auth, Requirement::Role("admin"), admin.with_state(auth.clone()));
///     Router::new().merge(admin.under("/admin"))
/// }
/// ```
#[doc(alias("middleware"))]
pub fn guarded<S, U: AuthUser>(
    auth: &Auth<U>,
    rule: impl Into<AccessRule>,
    router: Router<S>,
) -> GuardedRouter<S, U> {
    GuardedRouter { guard: Guard::new(auth, rule), router }
}

impl<U: AuthUser> GuardedRouter<(), U> {
    /// Mounts the router at `path`. The result can be merged with any router and nested below other
    /// paths. The router needs its state before: see [`guarded`].
    ///
    /// The guard protects `path` and every path below it, also those without a route: an
    /// unauthenticated request gets 401. One that passes the guard gets the answer of the router's
    /// fallback, or 404 if it has none. A 404 without a body gets Gatewright's body.
    ///
    /// The guard does not protect routes that the application itself adds below `path`, outside of
    /// this router: axum prefers the more specific route.
    ///
    /// # Panics
    /// Like [`Router::nest_service`], if `path` is invalid. This happens while the application
    /// starts.
    pub fn under<T: Clone + Send + Sync + 'static>(self, path: &str) -> Router<T> {
        // A service, not nested routes: axum merges nested routes, and drops their fallback when
        // they are nested again.
        let service = RequireLayer { guard: self.guard, fills_not_found: true }.layer(self.router);
        match path.trim_end_matches('/') {
            "" => Router::new().route_service("/", service.clone()).route_service("/{*path}", service),
            path => Router::new().nest_service(path, service),
        }
    }
}

/// For merging with a router that has other routes at the same level.
///
/// The guard protects every route. The other router answers requests that match no route. It also
/// answers those whose method the route lacks, if it has a `method_not_allowed_fallback`. The
/// fallbacks of the guarded router are dropped, since they would answer outside of the guard.
impl<S: Clone + Send + Sync + 'static, U: AuthUser> From<GuardedRouter<S, U>> for Router<S> {
    fn from(guarded: GuardedRouter<S, U>) -> Self {
        let router = guarded.router.reset_fallback();
        if router.has_routes() {
            router.route_layer(RequireLayer { guard: guarded.guard, fills_not_found: false })
        } else {
            router
        }
    }
}

impl<S, U> fmt::Debug for GuardedRouter<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedRouter").field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// A guard as a layer, for single routes and middleware stacks.
///
/// For a whole router use [`guarded`]: `Router::layer` does not cover routes that are added after
/// it.
///
/// ```
/// use axum::{Router, routing::get};
/// use gatewright::Auth;
/// use gatewright::axum::require;
/// use gatewright::types::Requirement;
///
/// fn app(auth: &Auth) -> Router {
///     let admin = require(auth, Requirement::Role("admin"));
///     Router::new().route("/stats", get(|| async { "42" }).layer(admin))
/// }
/// ```
#[doc(alias("middleware"))]
#[must_use]
pub fn require<U: AuthUser>(auth: &Auth<U>, rule: impl Into<AccessRule>) -> RequireLayer<U> {
    RequireLayer { guard: Guard::new(auth, rule), fills_not_found: false }
}

gatewright_core::guard_layer!();

impl<U: AuthUser, T> Layer<T> for RequireLayer<U> {
    type Service = Require<T, U>;

    fn layer(&self, inner: T) -> Require<T, U> {
        Require { guard: self.guard.clone(), fills_not_found: self.fills_not_found, inner }
    }
}

impl<T, U> Service<Request> for Require<T, U>
where
    T: Service<Request, Response: IntoResponse, Future: Send> + Clone + Send + 'static,
    U: AuthUser,
{
    type Response = Response;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, T::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // Calls the service that was polled ready, and keeps its clone for the next request.
        let next = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, next);
        let (mut parts, body) = request.into_parts();
        let authorized = self.guard.authorize(&Head(&parts).view(), parts.extensions.get::<Caller<U>>());
        let auth = self.fills_not_found.then(|| self.guard.auth().clone());
        Box::pin(async move {
            match authorized.await {
                Ok(caller) => {
                    parts.extensions.insert(caller);
                    let response = inner.call(Request::from_parts(parts, body)).await?.into_response();
                    Ok(match auth {
                        Some(auth) => fill_not_found(&auth, response),
                        None => response,
                    })
                }
                Err(error) => Ok(refuse(&parts, &error).into_response()),
            }
        })
    }
}
