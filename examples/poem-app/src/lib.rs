//! The example service on poem. `app.rs` contains the routes, `main.rs` the program. The code that
//! the examples share is in `examples/service`.

pub mod app;

use std::io;
use std::net::TcpListener;

use gatewright::Auth;
use poem::Server;
use poem::listener::TcpAcceptor;

/// Serves on a bound listener, without graceful shutdown. For tests.
///
/// # Errors
/// When the OpenAPI document cannot be built, or the listener fails.
pub async fn serve(listener: TcpListener, auth: Auth) -> io::Result<()> {
    let service = app::service(&auth).map_err(io::Error::other)?;
    Server::new_with_acceptor(TcpAcceptor::from_std(listener)?).run(service).await
}
