//! The example service on axum: `app.rs` is the service, `main.rs` its life. What the examples have in common stands in
//! `examples/service`.

pub mod app;

use std::io;
use std::net::TcpListener;

use gatewright::Auth;

/// Serves on a listener that is bound, without an end: for tests. The program's own life stands in `main.rs`.
///
/// # Errors
/// When the system takes the listener away.
pub async fn serve(listener: TcpListener, auth: Auth) -> io::Result<()> {
    axum::serve(tokio::net::TcpListener::from_std(listener)?, app::router(&auth).map_err(io::Error::other)?)
        .await
}
