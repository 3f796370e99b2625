//! The example service on poem: `cargo run -p poem-app`.

use std::error::Error;
use std::process::ExitCode;

use example_service::run::{self, Stop};
use poem_app::serve_until;
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
