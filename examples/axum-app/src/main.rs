//! The example service: `cargo run -p axum-app`.

use std::error::Error;
use std::future::IntoFuture;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use axum_app::{app, config::Config, start};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

/// How often expired sessions are forgotten.
const CLEAN_UP_INTERVAL: Duration = Duration::from_secs(600);

/// How long requests under way may take once the service is told to stop.
const GRACEFUL_STOP: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_writer(std::io::stderr).init();

    let config = Config::from_environment()?;
    let auth = start::open(&config).await?;
    let email = &config.admin_email;
    let show = |password: &str| {
        let mut out = std::io::stdout();
        writeln!(out, "first admin: {email} password: {password} (shown this once)")?;
        out.flush()
    };
    start::first_admin(&auth, &config, show).await?;

    let janitor = auth.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(CLEAN_UP_INTERVAL);
        loop {
            ticks.tick().await;
            if let Err(error) = janitor.purge_expired_sessions().await {
                tracing::warn!(%error, "expired sessions were not forgotten");
            }
        }
    });

    // Before anybody can know that the service is there, and tell it to stop.
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(&config.bind_address).await;
    let listener = listener.map_err(|error| format!("BIND_ADDR: {}: {error}", config.bind_address))?;
    println!("listening on http://{}", listener.local_addr()?);
    let (stopping, stopped) = oneshot::channel();
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        let _ = stopping.send(());
    };
    let serve = axum::serve(listener, app::router(&auth)).with_graceful_shutdown(stop).into_future();
    // Requests under way are served to their end; a client that never ends its own is not waited for.
    #[expect(clippy::disallowed_methods, reason = "a deadline in real time is the point")]
    let deadline = async move {
        let _ = stopped.await;
        tokio::time::sleep(GRACEFUL_STOP).await;
    };
    tokio::select! {
        served = serve => Ok(served?),
        () = deadline => Ok(()),
    }
}
