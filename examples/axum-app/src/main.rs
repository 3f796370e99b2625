//! The example service on axum: `cargo run -p axum-app`.

use std::error::Error;
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::process::ExitCode;

use axum_app::app;
use example_service::run::{self, GRACEFUL_STOP, Stop};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

#[tokio::main]
async fn main() -> ExitCode {
    run::to_exit(serve()).await
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let config = run::configure()?;
    let listener = TcpListener::bind(&config.bind_address).await;
    let listener = listener.map_err(|error| run::cannot_listen(&config, &error))?;
    let auth = run::prepare(&config).await?;
    let router = app::router(&auth)?;
    let stop = Stop::listen()?;
    run::announce(listener.local_addr()?);

    let (stopping, stopped) = oneshot::channel();
    let stop = async move {
        stop.received().await;
        let _ = stopping.send(());
    };
    let served = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>());
    let served = served.with_graceful_shutdown(stop).into_future();
    // Running requests may finish within `GRACEFUL_STOP`. Slower ones are dropped.
    #[expect(clippy::disallowed_methods, reason = "the deadline is in real time")]
    let deadline = async move {
        let _ = stopped.await;
        tokio::time::sleep(GRACEFUL_STOP).await;
    };
    tokio::select! {
        served = served => Ok(served?),
        () = deadline => Ok(()),
    }
}
