//! Gatewright for axum.
//!
//! ```text
//! extract.rs   CurrentUser, MaybeUser, Authorized, StatelessClaims, ApiKey: handler arguments
//! layer.rs     guarded, require: guards over routers and single routes
//! routes.rs    login, refresh, logout, …: the ready-made endpoints
//! reject.rs    replies as responses, headers as bytes
//! ```
//!
//! Nothing is decided here: requests become bytes for `gatewright-core`, and its replies become responses.
//!
//! ```
//! use axum::{Router, routing::get};
//! use gatewright_axum::{CurrentUser, routes};
//! # let tokens = gatewright_jwt::Jwt::hs256("fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEa", "https://issuer.example", "api");
//! # let (store, tokens) = (gatewright_memory::MemoryStore::new(), tokens.build().unwrap());
//! # let auth = gatewright_core::Auth::local(store, tokens, gatewright_testkit::TestHasher::new()).build().unwrap();
//!
//! async fn me(user: CurrentUser) -> String { user.email.to_string() }
//!
//! let app: Router = Router::new().route("/users/me", get(me)).nest("/auth", routes(&auth)).with_state(auth);
//! # let request = axum::extract::Request::get("/users/me").body(axum::body::Body::empty()).unwrap();
//! # let answer = gatewright_testkit::block_on(tower::ServiceExt::oneshot(app, request)).unwrap();
//! assert_eq!(answer.status(), 401, "without a token");
//! ```
//!
//! The router's state must hold the [`Auth`](gatewright_core::Auth); a state that does not is a compile error. axum itself
//! only says that the handler is none; under `#[axum::debug_handler(state = …)]` the compiler says that the state holds no
//! `Auth`, and what to do:
//!
//! ```compile_fail,E0277
//! use axum::{Router, routing::get};
//! use gatewright_axum::CurrentUser;
//! async fn me(user: CurrentUser) -> String { user.email.to_string() }
//!
//! let app: Router = Router::new().route("/me", get(me)).with_state(());
//! ```
//!
//! `Option<CurrentUser>`, which would have to say the same for nobody and for a bad token, is one as well. Use
//! [`MaybeUser`]:
//!
//! ```compile_fail,E0277
//! use axum::{Router, routing::get};
//! use gatewright_axum::CurrentUser;
//! use gatewright_core::Auth;
//! async fn greet(user: Option<CurrentUser>) {}
//!
//! fn app(auth: Auth) -> Router { Router::new().route("/", get(greet)).with_state(auth) }
//! ```

mod extract;
mod layer;
mod routes;
mod reject;

pub use extract::{ApiKey, Authorized, CurrentUser, HasAuth, MaybeUser, StatelessClaims};
pub use layer::{GuardedRouter, Require, RequireLayer, guarded, require};
pub use reject::Rejection;
pub use routes::{
    change_password, end_session, introspect, login, logout, logout_all, refresh, register, revoke, routes,
    sessions,
};
