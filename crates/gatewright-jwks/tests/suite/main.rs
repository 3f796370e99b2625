//! `RemoteIssuer` against a local HTTPS server.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed step fails the test")]

mod common;
mod server;

mod discovery;
mod fetching;
mod stale_keys;
mod tokens;
mod without_kid;
