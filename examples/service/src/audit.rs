//! The audit trail: its settings, and its end.

use std::error::Error;
use std::fs;
use std::path::Path;

use gatewright::audit::{AuditKey, AuditSettings};
use gatewright::auth::AuthBuilder;
use gatewright::{Account, Auth};

use crate::config::{Config, warn_if_others_can_read};

/// The variable that turns the audit trail off.
pub const SWITCH: &str = "AUTH_AUDIT";

/// The variable with the file of its key.
pub const KEY_FILE: &str = "AUTH_AUDIT_KEY_FILE";

/// Applies the settings. The trail is in the SQL database of the accounts. Accounts in memory have none.
///
/// # Errors
/// When the file of the key cannot be read, or has no key. The error names the variable.
pub(crate) fn apply(
    builder: AuthBuilder<Account>,
    config: &Config,
) -> Result<AuthBuilder<Account>, Box<dyn Error>> {
    match &config.audit_key_file {
        Some(_) if !config.audit => {
            Err(format!("{KEY_FILE}: cannot be used with {SWITCH}=off; unset one of them").into())
        }
        Some(file) => Ok(builder.with_audit_settings(AuditSettings::new().with_key(key(file)?))),
        None if config.audit => Ok(builder),
        None => Ok(builder.without_audit()),
    }
}

fn key(file: &str) -> Result<AuditKey, Box<dyn Error>> {
    let bytes = fs::read(file).map_err(|error| format!("{KEY_FILE}: {file} cannot be read: {error}"))?;
    warn_if_others_can_read(Path::new(file));
    Ok(AuditKey::new(bytes).map_err(|error| format!("{KEY_FILE}: {file}: {error}"))?)
}

/// Stores what waits, after the last request.
pub(crate) async fn flush(auth: &Auth) {
    let Ok(audit) = auth.audit() else { return };
    if let Err(error) = audit.flush().await {
        tracing::error!(error = %error.kind(), "the audit trail could not be stored completely");
    }
}
