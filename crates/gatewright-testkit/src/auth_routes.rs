//! The suite for the ready-made endpoints: requests and exact answers, over a real socket.
//!
//! [`auth_routes_suite!`](crate::auth_routes_suite) runs it against a running application,
//! whichever framework that uses. The application mounts the endpoints below one path and has one
//! route that every logged-in user may call. It must:
//!
//! - sign tokens with an HS256 key that the [`Target`] knows, so that the suite can make tokens
//!   that must be refused;
//! - keep the default renderer, token endpoint and realm, and a refresh grace window of at least 10
//!   seconds;
//! - pass the address of the peer on, and trust no proxy.
//!
//! A case is a function that takes a [`Target`]. It compares status, headers and body to the byte
//! and panics at the first difference. [`CASES`] lists the cases.

mod client;
mod response;
mod expect;
mod target;
mod suite;
pub mod guarded_route;
pub mod published_vectors;
pub mod login;
pub mod refresh;
pub mod logout;
pub mod sessions;
pub mod revoke;
pub mod bodies;
pub mod methods;
pub mod accounts;
pub mod usernames;
pub mod introspection;

pub use client::{FORM, JSON, Request};
pub use expect::NO_STORE;
pub use response::Response;
pub use suite::CASES;
#[doc(hidden)]
pub use suite::assert_all_listed;
pub use target::{PASSWORD, Target, Tokens, claims, expect_same_token, session_id};
