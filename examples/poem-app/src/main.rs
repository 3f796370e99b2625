//! The example service on poem: `cargo run -p poem-app`.

use std::error::Error;
use std::process::ExitCode;

use example_service::run::{self, GRACEFUL_STOP, Stop};
use poem::Server;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem_app::app;

#[tokio::main]
async fn main() -> ExitCode {
    run::to_exit(serve()).await
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let config = run::configure()?;
    let acceptor = TcpListener::bind(&config.bind_address).into_acceptor().await;
    let acceptor = acceptor.map_err(|error| run::cannot_listen(&config, &error))?;
    let auth = run::prepare(&config).await?;
    let service = app::service(&auth)?;
    let stop = Stop::listen()?;
    for address in acceptor.local_addr() {
        address.as_socket_addr().copied().into_iter().for_each(run::announce);
    }
    // Running requests may finish within `GRACEFUL_STOP`. Slower ones are dropped.
    let server = Server::new_with_acceptor(acceptor);
    Ok(server.run_with_graceful_shutdown(service, stop.received(), Some(GRACEFUL_STOP)).await?)
}
