//! The example service on poem: `app.rs` is the service, `main.rs` its life. What the examples have in common stands in
//! `examples/service`.

pub mod app;
