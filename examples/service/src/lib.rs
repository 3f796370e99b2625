//! What the example applications share, independent of their framework.
//!
//! ```text
//! config.rs    reads the settings from the environment
//! model.rs     roles, scopes, and the JSON that the service takes and sends
//! document.rs  the OpenAPI document, except for the guards
//! service.rs   the state, and what each route does after its guard
//! keys.rs      reads the keys that sign and verify tokens
//! peppers.rs   reads the peppers of password hashes
//! audit.rs     the settings of the audit trail, and what is stored at the end
//! start.rs     opens the store, builds the Auth and creates the first admin
//! run.rs       logging, clean-up and graceful shutdown
//! server.rs    the server of the examples on axum and poem
//! ```

pub mod config;
pub mod model;
pub mod document;
pub mod service;
pub mod keys;
pub mod peppers;
pub mod audit;
pub mod start;
pub mod run;
pub mod server;
#[cfg(feature = "testing")]
pub mod testing;
