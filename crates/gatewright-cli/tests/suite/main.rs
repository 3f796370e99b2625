//! The command `gatewright`, run as a child process.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed step fails the test")]

mod common;

#[cfg(feature = "audit")]
mod audit;
mod inspect;
mod keys;
mod password;
mod profiles;
mod verify;
