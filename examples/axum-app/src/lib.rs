//! The example service on axum. `app.rs` contains the routes, `main.rs` the program. The code that
//! the examples share is in `examples/service`.

pub mod app;

use std::future::{Future, pending};
use std::io;
use std::net::{SocketAddr, TcpListener};

use example_service::server;
use gatewright::Auth;

/// Serves on a bound listener. After `stop` it ends as [`server::new`] says.
///
/// # Errors
/// When the OpenAPI document cannot be built, or the listener fails.
pub async fn serve_until(
    stop: impl Future<Output = ()> + Send + 'static,
    listener: tokio::net::TcpListener,
    auth: &Auth,
) -> io::Result<()> {
    let router = app::router(auth).map_err(io::Error::other)?;
    server::new(listener, stop).serve(router.into_make_service_with_connect_info::<SocketAddr>()).await
}

/// Serves on a bound listener until it fails. For tests.
///
/// # Errors
/// As [`serve_until`].
pub async fn serve(listener: TcpListener, auth: Auth) -> io::Result<()> {
    serve_until(pending(), tokio::net::TcpListener::from_std(listener)?, &auth).await
}
