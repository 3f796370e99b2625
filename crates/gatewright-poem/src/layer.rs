//! Guards for routers and single routes.

use std::fmt;
use std::future::ready;

use gatewright_core::{AccessRule, Account, Auth, AuthUser, Caller, Guard};
use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::{Endpoint, EndpointExt, IntoResponse, Middleware, PathPattern, Request, Response, Result, Route};

use crate::extract::GuardAuth;
use crate::reject::{Head, fill_not_found, refuse, respond};

/// A router behind a guard. [`guarded`] makes it.
///
/// It has no method that adds a route, so every route in it is behind the guard:
///
/// ```compile_fail,E0599
/// # use gatewright::Auth;
/// # use gatewright::types::Requirement;
/// # use poem::{Route, endpoint::make_sync};
/// fn admin(auth: &Auth) -> Route {
///     let guarded = gatewright::poem::guarded(auth, Requirement::Role("admin"), Route::new());
///     guarded.at("/unguarded", make_sync(|_| "open")).under("/admin", Route::new())
/// }
/// ```
#[must_use]
pub struct GuardedRouter<U = Account> {
    guard: Guard<U>,
    router: Route,
}

/// Puts a router behind a guard. The `rule` is a role or scope type, a
/// [`Requirement`](gatewright_core::Requirement) of users, or an [`AccessRule`].
///
/// Mount the result with [`GuardedRouter::under`].
///
/// ```
/// use gatewright::Auth;
/// use gatewright::poem::guarded;
/// use gatewright::types::Requirement;
/// use poem::{Route, endpoint::make_sync, get};
///
/// fn app(auth: &Auth) -> Route {
///     let admin = Route::new().at("/stats", get(make_sync(|_| "42")));
///     guarded(auth, Requirement::Role("admin"), admin).under("/admin", Route::new())
/// }
/// ```
#[doc(alias("middleware"))]
pub fn guarded<U: AuthUser>(auth: &Auth<U>, rule: impl Into<AccessRule>, router: Route) -> GuardedRouter<U> {
    GuardedRouter { guard: Guard::new(auth, rule), router }
}

impl<U: AuthUser> GuardedRouter<U> {
    /// Mounts the router at `path` of the application's routes. The result can be nested below
    /// other paths.
    ///
    /// The guard protects `path` and every path below it, also those without a route: an
    /// unauthenticated request gets 401, and one that passes the guard 404. A 404 without a body gets
    /// Gatewright's body. A route `*` of the router, its fallback, runs behind the guard.
    ///
    /// The guard does not protect routes that the application itself adds below `path`, outside of
    /// this router: poem prefers the more specific route. poem itself answers 400, in front of the
    /// guard, to a path whose percent-encoding is not valid UTF-8.
    ///
    /// # Panics
    /// Like [`Route::nest`], if `path` is invalid or already taken. This happens while the
    /// application starts.
    pub fn under(self, path: &str, application: Route) -> Route {
        let (not_found, not_allowed) =
            (self.guard.auth().not_found().reply(), self.guard.auth().method_not_allowed(""));
        let inside = self.router.catch_error(move |_: NotFoundError| ready(respond(not_found.clone())));
        let inside = inside.catch_error(move |_: MethodNotAllowedError| ready(respond(not_allowed.clone())));
        let guard = RequireLayer { guard: self.guard, fills_not_found: true };
        application.nest(path, guard.transform(inside))
    }
}

impl<U> fmt::Debug for GuardedRouter<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedRouter").field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// A guard as middleware, for single routes and endpoints. For a whole router use [`guarded`].
///
/// ```
/// use gatewright::Auth;
/// use gatewright::poem::require;
/// use gatewright::types::Requirement;
/// use poem::{EndpointExt, Route, endpoint::make_sync, get};
///
/// fn app(auth: &Auth) -> Route {
///     let stats = get(make_sync(|_| "42")).with(require(auth, Requirement::Role("admin")));
///     Route::new().at("/stats", stats)
/// }
/// ```
#[doc(alias("middleware"))]
#[must_use]
pub fn require<U: AuthUser>(auth: &Auth<U>, rule: impl Into<AccessRule>) -> RequireLayer<U> {
    RequireLayer { guard: Guard::new(auth, rule), fills_not_found: false }
}

gatewright_core::guard_layer!();

impl<T: Endpoint, U: AuthUser> Middleware<T> for RequireLayer<U> {
    type Output = Require<T, U>;

    fn transform(&self, inner: T) -> Require<T, U> {
        Require { guard: self.guard.clone(), fills_not_found: self.fills_not_found, inner }
    }
}

impl<T: Endpoint, U: AuthUser> Endpoint for Require<T, U> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let earlier = request.extensions().get::<Caller<U>>();
        let authorized = self.guard.authorize(&Head(&request).view(), earlier);
        match authorized.await {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
                request.extensions_mut().insert(GuardAuth(self.guard.auth().clone()));
                let response = self.inner.call(request).await?.into_response();
                Ok(if self.fills_not_found { fill_not_found(self.guard.auth(), response) } else { response })
            }
            Err(error) => {
                if self.fills_not_found {
                    // The pattern is only the prefix of the router: the event gets the whole path.
                    request.extensions_mut().remove::<PathPattern>();
                }
                Ok(refuse(&request, &error).into_response())
            }
        }
    }
}
