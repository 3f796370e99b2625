//! The example service on actix-web. `app.rs` contains the routes, `main.rs` the program. The code
//! that the examples share is in `examples/service`.

pub mod app;

use std::io;
use std::net::TcpListener;

use actix_web::{App, HttpServer};
use gatewright::Auth;

/// Serves on a bound listener, without graceful shutdown. For tests.
///
/// # Errors
/// When the OpenAPI document cannot be built, or the listener fails.
pub async fn serve(listener: TcpListener, auth: Auth) -> io::Result<()> {
    let service = app::service(&auth).map_err(io::Error::other)?;
    let server = HttpServer::new(move || App::new().configure(app::routes(&service)));
    server.h1_allow_half_closed(false).workers(2).disable_signals().listen(listener)?.run().await
}
