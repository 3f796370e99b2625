//! Gatewright for actix-web.
//!
//! ```text
//! extract.rs   CurrentUser, MaybeUser, Authorized, StatelessClaims, ExtraClaims, ApiKey, Path: handler arguments
//! layer.rs     guarded, require: guards for scopes and single routes
//! routes.rs    install; login, refresh, logout, …: the ready-made endpoints
//! reject.rs    Error; conversions between actix-web's types and those of the core
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
//! use actix_web::{App, web};
//! use gatewright::Auth;
//! use gatewright::actix_web::{CurrentUser, install};
//!
//! async fn me(user: CurrentUser) -> String { user.email.to_string() }
//!
//! fn app(auth: &Auth) {
//!     let _app = App::new()
//!         .configure(install(auth, "/auth"))
//!         .route("/users/me", web::get().to(me));
//! }
//! ```
//!
//! Two properties of actix-web matter for security:
//!
//! - `Option<CurrentUser>` is `None` for an invalid token too. Use [`MaybeUser`], which rejects it.
//! - actix-web extracts all arguments of a handler concurrently. The response to a malformed body
//!   can come before the rejection of an invalid token. Put [`guarded`] or [`require`] around
//!   routes that must read bodies only from authorized callers.

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
