//! Gatewright for actix-web.
//!
//! ```text
//! extract.rs   CurrentUser, MaybeUser, Authorized, StatelessClaims, ApiKey: handler arguments
//! layer.rs     guarded, require: guards over scopes and single routes
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
//! use actix_web::{App, web};
//! use gatewright_actix_web::{CurrentUser, install};
//! use gatewright_core::Auth;
//!
//! async fn me(user: CurrentUser) -> String { user.email.to_string() }
//!
//! fn app(auth: &Auth) {
//!     let _app = App::new().configure(install(auth, "/auth")).route("/users/me", web::get().to(me));
//! }
//! ```
//!
//! Two things are actix-web's own. `Option<CurrentUser>` is `None` for a bad token too: use [`MaybeUser`]. And it begins
//! all arguments of a handler at once, so a body that cannot be read may be answered before a token is refused: put
//! [`guarded`] or [`require`] around what nobody else may send bodies to.

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
