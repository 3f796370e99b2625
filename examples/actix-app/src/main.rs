//! The example service on actix-web: `cargo run -p actix-app`.

use std::error::Error;
use std::net::TcpListener;
use std::process::ExitCode;

use actix_app::app;
use actix_web::{App, HttpServer, rt};
use example_service::run::{self, CLIENT_TIMEOUT, GRACEFUL_STOP, Stop};

#[actix_web::main]
async fn main() -> ExitCode {
    run::to_exit(serve()).await
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let config = run::configure()?;
    let listener = TcpListener::bind(&config.bind_address);
    let listener = listener.map_err(|error| run::cannot_listen(&config, &error))?;
    let auth = run::prepare(&config).await?;
    let service = app::service(&auth)?;
    let stop = Stop::listen()?;
    run::announce(listener.local_addr()?);

    // A handler whose client has closed the connection is dropped, so that nothing is hashed for it.
    // Running requests may finish within `GRACEFUL_STOP`. Slower ones are dropped.
    let server = HttpServer::new(move || App::new().configure(app::routes(&service)))
        .h1_allow_half_closed(false)
        .disable_signals()
        .client_request_timeout(CLIENT_TIMEOUT)
        .keep_alive(CLIENT_TIMEOUT)
        .shutdown_timeout(GRACEFUL_STOP.as_secs())
        .listen(listener)?
        .run();
    let handle = server.handle();
    rt::spawn(async move {
        stop.received().await;
        handle.stop(true).await;
    });
    let served = server.await;
    run::finish(&auth).await;
    Ok(served?)
}
