//! The example service in parts: `config.rs` reads the environment, `start.rs` opens the store and builds the
//! [`gatewright::Auth`], `app.rs` is the service itself.

pub mod config;
pub mod start;
pub mod app;
