//! Gatewright for poem.
//!
//! ```text
//! extract.rs   CurrentUser, MaybeUser, Authorized, StatelessClaims, ExtraClaims, ApiKey, Path: handler arguments
//! layer.rs     guarded, require: guards for routers and single routes
//! routes.rs    install; login, refresh, logout, …: the ready-made endpoints
//! reject.rs    Error; conversions between poem's types and those of the core
//! ```
//!
//! This crate only translates: it passes requests to `gatewright-core` and turns the core's replies
//! into responses.
//!
//! [`install`] mounts the endpoints and installs the [`Auth`](gatewright_core::Auth) that the
//! handler arguments use. Without it, requests to handlers with such arguments fail with 500, and
//! the log names the fix.
//!
//! ```
//! use gatewright::Auth;
//! use gatewright::poem::{CurrentUser, install};
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
//! Two properties of poem matter for the order of middleware and for security:
//!
//! - A guard rejects a request with a response. A handler argument rejects it with a
//!   [`poem::Error`], which [`install`] turns into a response. Middleware between the two that only
//!   handles responses does not see the error: put CORS and the like around what `install` returns.
//! - `Option<CurrentUser>` is `None` for an invalid token too. Use [`MaybeUser`], which rejects it.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod extract;
mod layer;
mod routes;
mod reject;

pub use extract::{ApiKey, Authorized, CurrentUser, ExtraClaims, MaybeUser, Path, StatelessClaims};
pub use layer::{GuardedRouter, Require, RequireLayer, guarded, require};
pub use reject::{Error, Rejection, for_request};
pub use routes::{
    change_password, end_session, install, introspect, login, logout, logout_all, refresh, register, revoke,
    routes, sessions,
};
