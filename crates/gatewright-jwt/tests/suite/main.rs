//! Tokens, keys and key rings through the public API, with the vectors of `tests/vectors`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed step fails the test"
)]

mod common;

mod algorithms;
mod cache;
#[cfg(feature = "jsonwebtoken")]
mod conversions;
mod derived_keys;
mod differential;
mod exceptions;
mod hostile;
mod issuers;
mod key_numbers;
mod key_sets;
mod keys;
mod profiles;
mod published_vectors;
mod rings;
mod strict;
