//! The example service on actix-web: `app.rs` is the service, `main.rs` its life. What the examples have in common stands in
//! `examples/service`.

pub mod app;

use std::io;
use std::net::TcpListener;

use actix_web::{App, HttpServer};
use gatewright::Auth;

/// Serves on a listener that is bound, without an end: for tests. The program's own life stands in `main.rs`.
///
/// # Errors
/// When the system takes the listener away.
pub async fn serve(listener: TcpListener, auth: Auth) -> io::Result<()> {
    let service = app::service(&auth).map_err(io::Error::other)?;
    let server = HttpServer::new(move || App::new().configure(app::routes(&service)));
    server.workers(2).disable_signals().listen(listener)?.run().await
}
