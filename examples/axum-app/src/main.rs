//! The example service on axum: `cargo run -p axum-app`.

use std::error::Error;
use std::process::ExitCode;

use axum_app::serve_until;
use example_service::run::{self, Stop};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    run::to_exit(serve()).await
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let config = run::configure()?;
    let listener = TcpListener::bind(&config.bind_address).await;
    let listener = listener.map_err(|error| run::cannot_listen(&config, &error))?;
    let auth = run::prepare(&config).await?;
    let stop = Stop::listen()?;
    run::announce(listener.local_addr()?);
    let served = serve_until(stop.received(), listener, &auth).await;
    run::finish(&auth).await;
    Ok(served?)
}
