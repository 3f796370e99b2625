//! What the programs share from start to shutdown: logging, the first admin, the clean-up of
//! expired sessions, and the graceful shutdown.

use std::error::Error;
use std::future::Future;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use gatewright::Auth;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::audit;
use crate::config::Config;
use crate::start;

/// The default of `RUST_LOG`. It hides the notices of PostgreSQL that a table already exists.
const LOG_FILTER: &str = "info,sqlx::postgres::notice=warn";

/// How long running requests may take after the signal to stop.
pub const GRACEFUL_STOP: Duration = Duration::from_secs(5);

/// How long a client may take to send the headers of a request, and how long a connection may be
/// idle. Then the server closes the connection.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs a service until it ends. Prints an error, if it ends with one.
pub async fn to_exit(service: impl Future<Output = Result<(), Box<dyn Error>>>) -> ExitCode {
    match service.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts logging and reads the settings.
///
/// # Errors
/// When a setting is invalid or unsafe. The error names the variable.
pub fn configure() -> Result<Config, Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG_FILTER));
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_writer(std::io::stderr).init();

    Config::from_environment()
}

/// Opens the store, creates the first admin and starts the clean-up.
///
/// Bind the address before: the admin's password is shown only once, so the program must not fail
/// afterwards because the port is taken.
///
/// # Errors
/// When a setting is invalid or unsafe, or the database cannot be opened. The error names the
/// variable.
pub async fn prepare(config: &Config) -> Result<Auth, Box<dyn Error>> {
    let auth = start::open(config).await?;
    let email = &config.admin_email;
    let show = |password: &str| {
        let mut out = std::io::stdout();
        writeln!(out, "first admin: {email} password: {password} (shown this once)")?;
        out.flush()
    };
    start::first_admin(&auth, config, show).await?;
    Ok(auth)
}

/// Ends the service after its last request: the audit trail stores what waits.
pub async fn finish(auth: &Auth) {
    audit::flush(auth).await;
}

/// The error of a program that cannot bind its address.
#[must_use]
pub fn cannot_listen(config: &Config, error: &dyn Error) -> Box<dyn Error> {
    format!("BIND_ADDR: {}: {error}", config.bind_address).into()
}

/// Prints the address on which the service listens.
pub fn announce(address: SocketAddr) {
    println!("listening on http://{address}");
}

/// The signal to stop: SIGTERM or Ctrl-C. Make it before [`announce`]: a signal sent as soon as the
/// address is printed must not be lost.
#[derive(Debug)]
pub struct Stop(Signal);

impl Stop {
    /// Starts to listen for the signal.
    ///
    /// # Errors
    /// When the system does not allow a signal handler.
    pub fn listen() -> Result<Self, Box<dyn Error>> {
        Ok(Self(signal(SignalKind::terminate())?))
    }

    /// Waits for the signal.
    pub async fn received(mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
}
