//! A service's life: logging, the handle, the first admin, the clean-up, and how long a stop may take.

use std::error::Error;
use std::future::Future;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use gatewright::Auth;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::start;

/// What is logged unless `RUST_LOG` says otherwise. PostgreSQL notes at every start that a table is there already.
const LOG_FILTER: &str = "info,sqlx::postgres::notice=warn";

/// How often expired sessions are forgotten.
const CLEAN_UP_INTERVAL: Duration = Duration::from_secs(600);

/// How long requests under way may take once the service is told to stop.
pub const GRACEFUL_STOP: Duration = Duration::from_secs(5);

/// Runs a service to its end and says how it ended.
pub async fn to_exit(service: impl Future<Output = Result<(), Box<dyn Error>>>) -> ExitCode {
    match service.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Begins to log and reads the environment.
///
/// # Errors
/// When a setting is missing or unsafe; the error names the variable.
pub fn configure() -> Result<Config, Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG_FILTER));
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_writer(std::io::stderr).init();

    Config::from_environment()
}

/// Opens the store, makes the first admin and begins the clean-up. The address is bound by then: a password that is shown
/// once must not be lost to a port that is taken.
///
/// # Errors
/// When a setting is unsafe, or the database cannot be opened; the error names the variable.
pub async fn prepare(config: &Config) -> Result<Auth, Box<dyn Error>> {
    let auth = start::open(config).await?;
    let email = &config.admin_email;
    let show = |password: &str| {
        let mut out = std::io::stdout();
        writeln!(out, "first admin: {email} password: {password} (shown this once)")?;
        out.flush()
    };
    start::first_admin(&auth, config, show).await?;
    tokio::spawn(clean_up(auth.clone()));
    Ok(auth)
}

async fn clean_up(auth: Auth) {
    let mut ticks = tokio::time::interval(CLEAN_UP_INTERVAL);
    loop {
        ticks.tick().await;
        if let Err(error) = auth.purge_expired_sessions().await {
            tracing::warn!(%error, "expired sessions were not forgotten");
        }
    }
}

/// Why the service does not listen.
#[must_use]
pub fn cannot_listen(config: &Config, error: &dyn Error) -> Box<dyn Error> {
    format!("BIND_ADDR: {}: {error}", config.bind_address).into()
}

/// Says where the service listens, once it does.
pub fn announce(address: SocketAddr) {
    println!("listening on http://{address}");
}

/// The wish that the service stop: SIGTERM or Ctrl-C. Made before [`announce`], so that nobody can know that the service
/// is there and not be heard.
#[derive(Debug)]
pub struct Stop(Signal);

impl Stop {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn listen() -> Result<Self, Box<dyn Error>> {
        Ok(Self(signal(SignalKind::terminate())?))
    }

    /// Waits for the wish.
    pub async fn wished(mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
}
