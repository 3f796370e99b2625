//! The example service on poem: `app.rs` is the service, `main.rs` its life. What the examples have in common stands in
//! `examples/service`.

pub mod app;

use std::io;
use std::net::TcpListener;

use gatewright::Auth;
use poem::Server;
use poem::listener::TcpAcceptor;

/// Serves on a listener that is bound, without an end: for tests. The program's own life stands in `main.rs`.
///
/// # Errors
/// When the system takes the listener away.
pub async fn serve(listener: TcpListener, auth: Auth) -> io::Result<()> {
    let service = app::service(&auth).map_err(io::Error::other)?;
    Server::new_with_acceptor(TcpAcceptor::from_std(listener)?).run(service).await
}
