//! The example service on axum. `app.rs` contains the routes, `main.rs` the program. The code that
//! the examples share is in `examples/service`.

pub mod app;

use std::io;
use std::net::{SocketAddr, TcpListener};

use gatewright::Auth;

/// Serves on a bound listener, without graceful shutdown. For tests.
///
/// # Errors
/// When the OpenAPI document cannot be built, or the listener fails.
pub async fn serve(listener: TcpListener, auth: Auth) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let router = app::router(&auth).map_err(io::Error::other)?;
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
}
