//! Gatewright for poem.
//!
//! ```text
//! extract.rs   CurrentUser, MaybeUser, Authorized, StatelessClaims, ApiKey: handler arguments
//! layer.rs     guarded, require: guards over routers and single routes
//! routes.rs    install; login, refresh, logout, …: the ready-made endpoints
//! reject.rs    replies as responses, headers as bytes
//! ```
//!
//! Nothing is decided here: requests become bytes for `gatewright-core`, and its replies become responses.
//!
//! [`install`] mounts the endpoints and gives the handlers' arguments their [`Auth`](gatewright_core::Auth). An
//! application that forgets it has no login either; its arguments answer 500, and the log names the fix.
//!
//! ```
//! use gatewright_core::Auth;
//! use gatewright_poem::{CurrentUser, install};
//! use poem::{Endpoint, Response, Route, get, handler};
//!
//! #[handler]
//! async fn me(user: CurrentUser) -> String { user.email.to_string() }
//!
//! fn app(auth: &Auth) -> impl Endpoint<Output = Response> + use<> {
//!     install(auth, "/auth", Route::new().at("/users/me", get(me)))
//! }
//! ```
//!
//! A refusal by a guard is an answer, which every middleware around it sees. A refusal by a handler's argument travels as
//! a [`poem::Error`], as poem wants it, as far as [`install`], which makes an answer of it: put CORS and the like around
//! what `install` returns. Between the two, middleware that looks at answers alone does not see it.
//!
//! `Option<CurrentUser>` is `None` for a bad token too, as poem has it: use [`MaybeUser`].

mod extract;
mod layer;
mod routes;
mod reject;

pub use extract::{ApiKey, Authorized, CurrentUser, MaybeUser, StatelessClaims};
pub use layer::{GuardedRouter, Require, RequireLayer, guarded, require};
pub use reject::Rejection;
pub use routes::{
    change_password, end_session, install, introspect, login, logout, logout_all, refresh, register, revoke,
    routes, sessions,
};
