//! Reads the settings from environment variables. Errors name the variable.

use std::env::{self, VarError};
use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use gatewright::store::Prefix;

use crate::audit;

/// The file of a generated secret.
const KEY_FILE: &str = "gatewright.key";

/// The settings.
#[derive(Clone)]
pub struct Config {
    /// `BIND_ADDR`.
    pub bind_address: String,
    /// `DATABASE_URL`.
    pub database_url: String,
    /// `REDIS_URL`, if set: the store of sessions, and the feed of revocations between nodes.
    pub redis_url: Option<String>,
    /// The prefix of all keys in Redis.
    pub redis_prefix: Prefix,
    /// The keys that sign and verify tokens.
    pub keys: Keys,
    /// `AUTH_ISSUER`.
    pub issuer: String,
    /// `AUTH_AUDIENCE`.
    pub audience: String,
    /// `AUTH_ACCESS_MINUTES`.
    pub access_lifetime: Duration,
    /// `AUTH_REFRESH_DAYS`.
    pub refresh_lifetime: Duration,
    /// `AUTH_SESSION_DAYS`.
    pub session_lifetime: Duration,
    /// `AUTH_REFRESH_GRACE_SECONDS`.
    pub refresh_grace: Duration,
    /// `AUTH_REFUSAL_FLOOR_MILLISECONDS`.
    pub refusal_floor: Duration,
    /// `AUTH_API_KEYS`.
    pub api_keys: String,
    /// `AUTH_TRUSTED_PROXIES`.
    pub trusted_proxies: String,
    /// `AUTH_BREACHED_PASSWORDS_FILE`, if set.
    pub breached_passwords: Option<String>,
    /// `AUTH_PEPPER_FILE`, if set.
    pub pepper_file: Option<String>,
    /// `AUTH_PREVIOUS_PEPPERS_FILE`, if set.
    pub previous_peppers_file: Option<String>,
    /// `AUTH_AUDIT`: whether the SQL database of the accounts has an audit trail.
    pub audit: bool,
    /// `AUTH_AUDIT_KEY_FILE`, if set.
    pub audit_key_file: Option<String>,
    /// `ADMIN_EMAIL`.
    pub admin_email: String,
    /// `ADMIN_PASSWORD`, if set.
    pub admin_password: Option<String>,
}

/// The keys that sign and verify tokens.
#[derive(Clone)]
#[non_exhaustive]
pub enum Keys {
    /// A secret.
    Secret {
        /// `AUTH_SECRET_KEY`, or the generated secret.
        secret: String,
        /// `AUTH_SECRET_KEY_PREVIOUS`: verifies tokens and does not sign.
        previous: Option<String>,
    },
    /// The text of `AUTH_SIGNING_KEY_FILE`.
    Pair(String),
}

impl Keys {
    /// The secrets that sign or verify tokens.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &String> {
        let (secret, previous) = match self {
            Self::Secret { secret, previous } => (Some(secret), previous.as_ref()),
            Self::Pair(_) => (None, None),
        };
        secret.into_iter().chain(previous)
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("bind_address", &self.bind_address).finish_non_exhaustive()
    }
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable is invalid, or the key file cannot be read or created. The error names the
    /// variable.
    pub fn from_environment() -> Result<Self, Box<dyn Error>> {
        let database_url = text("DATABASE_URL")?.unwrap_or_else(|| "sqlite://gatewright.db".to_owned());
        let redis_url = text("REDIS_URL")?;
        Ok(Self {
            bind_address: text("BIND_ADDR")?.unwrap_or_else(|| "127.0.0.1:3000".to_owned()),
            keys: keys(redis_url.is_some() || is_shared(&database_url))?,
            database_url,
            redis_url,
            redis_prefix: Prefix::default(),
            issuer: name("AUTH_ISSUER", "http://localhost")?,
            audience: name("AUTH_AUDIENCE", "gatewright-example")?,
            access_lifetime: lifetime("AUTH_ACCESS_MINUTES", 15, 60)?,
            refresh_lifetime: lifetime("AUTH_REFRESH_DAYS", 7, 86_400)?,
            session_lifetime: lifetime("AUTH_SESSION_DAYS", 30, 86_400)?,
            refresh_grace: span("AUTH_REFRESH_GRACE_SECONDS", 10, 1)?,
            refusal_floor: Duration::from_millis(number("AUTH_REFUSAL_FLOOR_MILLISECONDS", 400)?),
            api_keys: text("AUTH_API_KEYS")?.unwrap_or_default(),
            trusted_proxies: text("AUTH_TRUSTED_PROXIES")?.unwrap_or_default(),
            breached_passwords: text("AUTH_BREACHED_PASSWORDS_FILE")?,
            pepper_file: text("AUTH_PEPPER_FILE")?,
            previous_peppers_file: text("AUTH_PREVIOUS_PEPPERS_FILE")?,
            audit: switch(audit::SWITCH)?,
            audit_key_file: text(audit::KEY_FILE)?,
            admin_email: text("ADMIN_EMAIL")?.unwrap_or_else(|| "admin@example.com".to_owned()),
            admin_password: text("ADMIN_PASSWORD")?,
        })
    }
}

fn text(name: &str) -> Result<Option<String>, Box<dyn Error>> {
    match env::var(name) {
        Ok(text) => Ok(Some(text)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name}: is not UTF-8").into()),
    }
}

fn name(variable: &str, default: &str) -> Result<String, Box<dyn Error>> {
    let name = text(variable)?.unwrap_or_else(|| default.to_owned());
    if name.is_empty() { Err(format!("{variable}: is empty").into()) } else { Ok(name) }
}

/// `on` unless set.
fn switch(name: &str) -> Result<bool, Box<dyn Error>> {
    match text(name)?.as_deref() {
        None | Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(_) => Err(format!("{name}: must be on or off").into()),
    }
}

fn number(name: &str, default: u64) -> Result<u64, Box<dyn Error>> {
    match text(name)? {
        None => Ok(default),
        Some(text) => Ok(text.parse().map_err(|_| format!("{name}: is not a whole number"))?),
    }
}

fn span(name: &str, default: u64, unit: u64) -> Result<Duration, Box<dyn Error>> {
    Ok(Duration::from_secs(number(name, default)?.saturating_mul(unit)))
}

fn lifetime(name: &str, default: u64, unit: u64) -> Result<Duration, Box<dyn Error>> {
    let lifetime = span(name, default, unit)?;
    if lifetime.is_zero() { Err(format!("{name}: must be 1 or more").into()) } else { Ok(lifetime) }
}

/// The key pair in `AUTH_SIGNING_KEY_FILE`, if it is set, and otherwise a secret.
fn keys(is_shared: bool) -> Result<Keys, Box<dyn Error>> {
    let previous = text("AUTH_SECRET_KEY_PREVIOUS")?;
    let Some(file) = text("AUTH_SIGNING_KEY_FILE")? else {
        return Ok(Keys::Secret { secret: secret(is_shared)?, previous });
    };
    if previous.is_some() {
        return Err(
            "AUTH_SECRET_KEY_PREVIOUS: cannot be used with AUTH_SIGNING_KEY_FILE; unset one of them".into()
        );
    }
    let key = fs::read_to_string(&file);
    Ok(Keys::Pair(key.map_err(|error| format!("AUTH_SIGNING_KEY_FILE: {file} cannot be read: {error}"))?))
}

/// Whether other processes can use the database too.
fn is_shared(database_url: &str) -> bool {
    ["postgres", "postgresql", "mysql", "mariadb"]
        .contains(&database_url.split(':').next().unwrap_or_default())
}

/// The secret from the environment. If the database is not shared, a generated secret in a file is
/// the default.
fn secret(is_shared: bool) -> Result<String, Box<dyn Error>> {
    if let Some(secret) = text("AUTH_SECRET_KEY")? {
        return Ok(secret);
    }
    if is_shared {
        return Err(
            "AUTH_SECRET_KEY: is not set; every node on a shared database or Redis needs the same value"
                .into(),
        );
    }
    let path = Path::new(KEY_FILE);
    tracing::warn!(
        "AUTH_SECRET_KEY is not set: using the secret in {KEY_FILE}; set it before you run several nodes"
    );
    if !path.exists() {
        generate_key(path)
            .map_err(|error| format!("AUTH_SECRET_KEY: {KEY_FILE} cannot be created: {error}"))?;
    }
    warn_if_others_can_read(path);
    let key = fs::read_to_string(path);
    let key = key.map_err(|error| format!("AUTH_SECRET_KEY: {KEY_FILE} cannot be read: {error}"))?;
    Ok(key.trim_end().to_owned())
}

pub(crate) fn warn_if_others_can_read(path: &Path) {
    if fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0) {
        let path = path.display();
        tracing::warn!("{path}: other users can read it; run \"chmod 600 {path}\"");
    }
}

/// Writes the secret to a draft file and links that to `path`. Another process never reads a
/// partial secret, and never overwrites an existing one.
fn generate_key(path: &Path) -> Result<(), Box<dyn Error>> {
    let draft = path.with_extension(format!("key.{}", random_text()?));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let key = random_text()?;
    let linked =
        writeln!(file, "{key}").and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

/// 256 random bits in hexadecimal.
pub(crate) fn random_text() -> Result<String, Box<dyn Error>> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
