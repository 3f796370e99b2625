//! Opens the database that `DATABASE_URL` names. A URL may contain a password, so the command takes it
//! from no argument and never prints it.

use std::env;
use std::error::Error;
use std::path::Path;

use gatewright_core::StoreError;
use gatewright_core::audit::AuditStore;
use gatewright_sqlx::{MySqlStore, PostgresStore, SqliteStore};

use crate::output::Failure;

const VARIABLE: &str = "DATABASE_URL";

/// Opens the store. A database that does not exist is not created.
pub(super) async fn open() -> Result<Box<dyn AuditStore>, Failure> {
    let url = env::var(VARIABLE).map_err(|_| {
        format!("{VARIABLE}: is not set; set it to the database, for example sqlite://gatewright.db")
    })?;
    Ok(match url.split(':').next() {
        Some("sqlite") => {
            must_exist(&url)?;
            Box::new(opened(SqliteStore::connect(&url).await)?)
        }
        Some("postgres" | "postgresql") => Box::new(opened(PostgresStore::connect(&url).await)?),
        Some("mysql" | "mariadb") => Box::new(opened(MySqlStore::connect(&url).await)?),
        _ => return Err(format!("{VARIABLE}: must begin with sqlite:, postgres:, mysql: or mariadb:")),
    })
}

/// The store would create the file.
fn must_exist(url: &str) -> Result<(), Failure> {
    let path =
        url.trim_start_matches("sqlite:").trim_start_matches("//").split('?').next().unwrap_or_default();
    if Path::new(path).is_file() { Ok(()) } else { Err(format!("{VARIABLE}: there is no file {path}")) }
}

fn opened<S>(store: Result<S, StoreError>) -> Result<S, Failure> {
    store.map_err(|error| format!("{VARIABLE}: {}", explained(&error)))
}

/// The error and its cause in one line.
pub(super) fn explained(error: &StoreError) -> Failure {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
