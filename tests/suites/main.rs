//! Tests that need more than one crate, in one program.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod stores;
mod feeds;
mod login;
mod clients;
mod sessions;
mod tokens;
mod refresh;
mod scenarios;
mod random_signatures;
mod revocation;
mod outages;
mod mistaken;
mod building;
mod redaction;
mod layering;
mod compile_errors;
mod differences;
mod guards;
mod own_users;
mod dumps;
mod servers;
mod upgrades;
mod bad_days;
mod on_redis;
mod other_issuers;
