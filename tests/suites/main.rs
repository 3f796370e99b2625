//! Tests that need more than one crate, in one test binary.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod stores;
mod feeds;
mod builder_validation;
mod endpoints;
mod scenarios;
mod tabs;
mod rotation_scenarios;
mod login_scenarios;
mod revocation;
mod cluster;
mod security;
mod adapters;
mod auth_routes;
mod published_vectors;
mod differences;
mod servers;
mod on_redis;
mod layering;
mod quick_starts;
