//! Gatewright for axum.
//!
//! ```text
//! extract.rs   CurrentUser, MaybeUser, Authorized, StatelessClaims, ExtraClaims, ApiKey, Path: handler arguments
//! layer.rs     guarded, require: guards for routers and single routes
//! routes.rs    login, refresh, logout, …: the ready-made endpoints
//! reject.rs    Error; conversions between axum's types and those of the core
//! ```
//!
//! This crate only translates: it passes requests to `gatewright-core` and turns the core's replies
//! into responses.
//!
//! ```
//! use axum::{Router, routing::get};
//! use gatewright::axum::{CurrentUser, routes};
//! # use gatewright::{Auth, MemoryStore};
//! # use gatewright_testkit::TestHasher;
//! # let secret = gatewright::HmacSecret::generate().unwrap();
//! # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
//! # let auth = Auth::local(MemoryStore::new(), tokens.build().unwrap(), TestHasher::new());
//! # let auth = auth.build().unwrap();
//!
//! async fn me(user: CurrentUser) -> String { user.email.to_string() }
//!
//! let app: Router = Router::new()
//!     .route("/users/me", get(me))
//!     .nest("/auth", routes(&auth))
//!     .with_state(auth);
//! # use axum::{body::Body, extract::Request};
//! # let request = Request::get("/users/me").body(Body::empty()).unwrap();
//! # let response = tower::ServiceExt::oneshot(app, request);
//! # let response = gatewright_testkit::block_on(response).unwrap();
//! assert_eq!(response.status(), 401, "without a token");
//! ```
//!
//! The router's state must hold the [`Auth`](gatewright_core::Auth). A state that does not is a
//! compile error. axum only reports that the handler does not implement `Handler`; with
//! `#[axum::debug_handler(state = …)]` the compiler reports that the state holds no `Auth`, and how
//! to fix it:
//!
//! ```compile_fail,E0277
//! use axum::{Router, routing::get};
//! use gatewright::axum::CurrentUser;
//! async fn me(user: CurrentUser) -> String { user.email.to_string() }
//!
//! let app: Router = Router::new().route("/me", get(me)).with_state(());
//! ```
//!
//! `Option<CurrentUser>` does not compile either: it could not distinguish a missing token from an invalid
//! one. Use [`MaybeUser`]:
//!
//! ```compile_fail,E0277
//! use axum::{Router, routing::get};
//! use gatewright::Auth;
//! use gatewright::axum::CurrentUser;
//! async fn greet(user: Option<CurrentUser>) {}
//!
//! fn app(auth: Auth) -> Router { Router::new().route("/", get(greet)).with_state(auth) }
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod extract;
mod layer;
mod routes;
mod reject;

pub use extract::{ApiKey, Authorized, CurrentUser, ExtraClaims, HasAuth, MaybeUser, Path, StatelessClaims};
pub use layer::{GuardedRouter, Require, RequireLayer, guarded, require};
pub use reject::{Error, Rejection, for_request};
pub use routes::{
    change_password, end_session, introspect, login, logout, logout_all, refresh, register, revoke, routes,
    sessions,
};
