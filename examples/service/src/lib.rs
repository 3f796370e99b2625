//! What the example applications have in common, whatever their framework: `config.rs` reads the environment, `start.rs`
//! opens the store and builds the [`gatewright::Auth`], `model.rs` is what they keep and answer, `document.rs` describes
//! it, `actions.rs` is what they do once a guard has let a request in, `run.rs` their life from the first log line to a
//! graceful stop.

pub mod config;
pub mod model;
pub mod document;
pub mod actions;
pub mod keys;
pub mod start;
pub mod run;
#[cfg(feature = "testing")]
pub mod testing;
