//! The example service on axum: `app.rs` is the service, `main.rs` its life. What the examples have in common stands in
//! `examples/service`.

pub mod app;

use std::io;
use std::net::{SocketAddr, TcpListener};

use gatewright::Auth;

/// Serves on a listener that is bound, without an end: for tests. The program's own life stands in `main.rs`.
///
/// # Errors
/// When the system takes the listener away.
pub async fn serve(listener: TcpListener, auth: Auth) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let router = app::router(&auth).map_err(io::Error::other)?;
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
}
