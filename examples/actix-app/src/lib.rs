//! The example service on actix-web: `app.rs` is the service, `main.rs` its life. What the examples have in common stands in
//! `examples/service`.

pub mod app;
