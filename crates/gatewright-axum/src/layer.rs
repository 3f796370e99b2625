//! Guards over routers and single routes.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use gatewright_core::{Account, Auth, AuthUser, Caller, Demand, Guard};
use tower_layer::Layer;
use tower_service::Service;

use crate::reject::{HeaderBytes, Rejection, respond, view};

/// A router behind a guard: nothing can be added to it any more, and nothing in it can be reached past the guard.
///
/// ```compile_fail,E0599
/// # use axum::{Router, routing::get};
/// # use gatewright_core::{Auth, Requirement};
/// fn admin(auth: &Auth) -> Router {
///     let guarded = gatewright_axum::guarded(auth, Requirement::Role("admin"), Router::new());
///     guarded.route("/behind-its-back", get(|| async {})).under("/admin", ())
/// }
/// ```
#[must_use]
pub struct GuardedRouter<S = (), U = Account> {
    guard: Guard<U>,
    router: Router<S>,
}

/// Puts a whole router behind a guard: a [`Requirement`](gatewright_core::Requirement) of users, or a [`Demand`]. Mount it
/// with [`GuardedRouter::under`].
///
/// ```
/// use axum::{Router, routing::get};
/// use gatewright_core::{Auth, Requirement};
///
/// fn app(auth: &Auth) -> Router {
///     let admin: Router<Auth> = Router::new().route("/stats", get(|| async { "42" }));
///     gatewright_axum::guarded(auth, Requirement::Role("admin"), admin).under("/admin", auth.clone())
/// }
/// ```
pub fn guarded<S, U: AuthUser>(
    auth: &Auth<U>,
    demand: impl Into<Demand>,
    router: Router<S>,
) -> GuardedRouter<S, U> {
    GuardedRouter { guard: Guard::new(auth, demand), router }
}

impl<S: Clone + Send + Sync + 'static, U: AuthUser> GuardedRouter<S, U> {
    /// Mounts the router with its state at `path`. That path and every path below it are behind the guard, those
    /// without a route included: 401 for nobody, 404 for who may pass. A fallback of the router's own gives way to that
    /// 404. The result may be nested below other paths.
    ///
    /// What the application itself routes below `path`, outside this router, is the application's to guard: axum prefers the
    /// more specific route.
    ///
    /// # Panics
    /// As [`Router::nest_service`] does, when `path` is no path; while the application starts.
    pub fn under<T: Clone + Send + Sync + 'static>(self, path: &str, state: S) -> Router<T> {
        let auth = self.guard.auth().clone();
        let not_found = move || {
            let reply = auth.not_found();
            async move { Rejection::from(reply) }
        };
        // A service of its own, not nested routes: axum merges those, and drops their fallback when they are nested again.
        let inside = self.router.fallback(not_found).with_state(state);
        let service = RequireLayer { guard: self.guard }.layer(inside);
        match path.trim_end_matches('/') {
            "" => Router::new().route_service("/", service.clone()).route_service("/{*path}", service),
            path => Router::new().nest_service(path, service),
        }
    }
}

/// For merging into a router that has other routes at the same level: each route is behind the guard, and what has no
/// route, or no such method where the other router has a `method_not_allowed_fallback`, is the other router's to answer.
/// Fallbacks of the guarded router are dropped: they would answer outside the guard.
impl<S: Clone + Send + Sync + 'static, U: AuthUser> From<GuardedRouter<S, U>> for Router<S> {
    fn from(guarded: GuardedRouter<S, U>) -> Self {
        let router = guarded.router.reset_fallback();
        if router.has_routes() { router.route_layer(RequireLayer { guard: guarded.guard }) } else { router }
    }
}

impl<S, U> fmt::Debug for GuardedRouter<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedRouter").field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// A guard as a layer, for single routes and middleware stacks. On a whole router `.layer` misses routes that are added
/// later: use [`guarded`] there.
#[must_use]
pub fn require<U: AuthUser>(auth: &Auth<U>, demand: impl Into<Demand>) -> RequireLayer<U> {
    RequireLayer { guard: Guard::new(auth, demand) }
}

/// What [`require`] makes.
pub struct RequireLayer<U = Account> {
    guard: Guard<U>,
}

impl<U: AuthUser, T> Layer<T> for RequireLayer<U> {
    type Service = Require<T, U>;

    fn layer(&self, inner: T) -> Require<T, U> {
        Require { guard: self.guard.clone(), inner }
    }
}

/// A service behind a guard. It leaves the [`Caller`] in the request's extensions.
pub struct Require<T, U = Account> {
    guard: Guard<U>,
    inner: T,
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
        // The service that was polled ready is the one to call.
        let ready = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, ready);
        let (mut parts, body) = request.into_parts();
        let headers = HeaderBytes(&parts.headers);
        let admitted = self.guard.admit(&view(&parts, &headers), parts.extensions.get::<Caller<U>>());
        Box::pin(async move {
            match admitted.await {
                Ok(caller) => {
                    parts.extensions.insert(caller);
                    inner.call(Request::from_parts(parts, body)).await.map(IntoResponse::into_response)
                }
                Err(reply) => Ok(respond(reply)),
            }
        })
    }
}

impl<U> Clone for RequireLayer<U> {
    fn clone(&self) -> Self {
        Self { guard: self.guard.clone() }
    }
}

impl<T: Clone, U> Clone for Require<T, U> {
    fn clone(&self) -> Self {
        Self { guard: self.guard.clone(), inner: self.inner.clone() }
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
