//! Guards over routers and single routes.

use std::fmt;
use std::future::ready;

use gatewright_core::{Account, Auth, AuthUser, Caller, Demand, Guard};
use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::{Endpoint, EndpointExt, IntoResponse, Middleware, Request, Response, Result, Route};

use crate::extract::Guarding;
use crate::reject::{HeaderBytes, respond, view};

/// A router behind a guard: nothing can be added to it any more, and nothing in it can be reached past the guard.
///
/// ```compile_fail,E0599
/// # use gatewright_core::{Auth, Requirement};
/// # use poem::{Route, endpoint::make_sync};
/// fn admin(auth: &Auth) -> Route {
///     let guarded = gatewright_poem::guarded(auth, Requirement::Role("admin"), Route::new());
///     guarded.at("/behind-its-back", make_sync(|_| "open")).under("/admin", Route::new())
/// }
/// ```
#[must_use]
pub struct GuardedRouter<U = Account> {
    guard: Guard<U>,
    router: Route,
}

/// Puts a whole router behind a guard: a [`Requirement`](gatewright_core::Requirement) of users, or a [`Demand`]. Mount it
/// with [`GuardedRouter::under`].
///
/// ```
/// use gatewright_core::{Auth, Requirement};
/// use gatewright_poem::guarded;
/// use poem::{Route, endpoint::make_sync, get};
///
/// fn app(auth: &Auth) -> Route {
///     let admin = Route::new().at("/stats", get(make_sync(|_| "42")));
///     guarded(auth, Requirement::Role("admin"), admin).under("/admin", Route::new())
/// }
/// ```
pub fn guarded<U: AuthUser>(auth: &Auth<U>, demand: impl Into<Demand>, router: Route) -> GuardedRouter<U> {
    GuardedRouter { guard: Guard::new(auth, demand), router }
}

impl<U: AuthUser> GuardedRouter<U> {
    /// Mounts the router at `path` of an application's routes. That path and every path below it are behind the guard,
    /// those without a route included: 401 for nobody, 404 for who may pass. The result may be nested below other paths.
    ///
    /// What the application itself routes below `path`, outside this router, is the application's to guard: poem prefers the
    /// more specific route. A path whose percent codes are no text is poem's to refuse, with 400, in front of the guard.
    ///
    /// # Panics
    /// As [`Route::nest`] does, when `path` is no path or is taken; while the application starts.
    pub fn under(self, path: &str, application: Route) -> Route {
        let (not_found, not_allowed) =
            (self.guard.auth().not_found(), self.guard.auth().method_not_allowed(""));
        let inside = self.router.catch_error(move |_: NotFoundError| ready(respond(not_found.clone())));
        let inside = inside.catch_error(move |_: MethodNotAllowedError| ready(respond(not_allowed.clone())));
        application.nest(path, RequireLayer { guard: self.guard }.transform(inside))
    }
}

impl<U> fmt::Debug for GuardedRouter<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedRouter").field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// A guard as middleware, for single routes and endpoints: `get(stats).with(require(&auth, ..))`. For a whole router use
/// [`guarded`].
#[must_use]
pub fn require<U: AuthUser>(auth: &Auth<U>, demand: impl Into<Demand>) -> RequireLayer<U> {
    RequireLayer { guard: Guard::new(auth, demand) }
}

/// What [`require`] makes.
pub struct RequireLayer<U = Account> {
    guard: Guard<U>,
}

impl<T: Endpoint, U: AuthUser> Middleware<T> for RequireLayer<U> {
    type Output = Require<T, U>;

    fn transform(&self, inner: T) -> Require<T, U> {
        Require { guard: self.guard.clone(), inner }
    }
}

/// An endpoint behind a guard. It leaves the [`Caller`] in the request's extensions.
pub struct Require<T, U = Account> {
    guard: Guard<U>,
    inner: T,
}

impl<T: Endpoint, U: AuthUser> Endpoint for Require<T, U> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let admitted = {
            let headers = HeaderBytes(request.headers());
            self.guard.admit(&view(&request, &headers), request.extensions().get::<Caller<U>>())
        };
        match admitted.await {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
                request.extensions_mut().insert(Guarding(self.guard.auth().clone()));
                self.inner.call(request).await.map(IntoResponse::into_response)
            }
            Err(reply) => Ok(respond(reply)),
        }
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
