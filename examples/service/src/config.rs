//! The environment, read once and refused by name.

use std::env::{self, VarError};
use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use gatewright::Prefix;

/// Where a generated key is kept.
const KEY_FILE: &str = "gatewright.key";

/// What the environment says.
#[derive(Clone)]
pub struct Config {
    /// `BIND_ADDR`.
    pub bind_address: String,
    /// `DATABASE_URL`.
    pub database_url: String,
    /// `REDIS_URL`, if set: where sessions are instead, and how nodes hear of revocations.
    pub redis_url: Option<String>,
    /// What all keys in Redis begin with.
    pub redis_prefix: Prefix,
    /// What signs tokens, and what verifies them.
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
    /// `AUTH_API_KEYS`.
    pub api_keys: String,
    /// `AUTH_TRUSTED_PROXIES`.
    pub trusted_proxies: String,
    /// `ADMIN_EMAIL`.
    pub admin_email: String,
    /// `ADMIN_PASSWORD`, if set.
    pub admin_password: Option<String>,
}

/// What signs tokens, and what verifies them.
#[derive(Clone)]
#[non_exhaustive]
pub enum Keys {
    /// A secret.
    Secret {
        /// `AUTH_SECRET_KEY`, or the generated key.
        secret: String,
        /// `AUTH_SECRET_KEY_PREVIOUS`: still verifies, never signs.
        previous: Option<String>,
    },
    /// The text of `AUTH_SIGNING_KEY_FILE`.
    Pair(String),
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
    /// When a variable cannot be read or parsed, or the key file cannot be read or made; the error names it.
    pub fn from_environment() -> Result<Self, Box<dyn Error>> {
        let database_url = text("DATABASE_URL")?.unwrap_or_else(|| "sqlite://gatewright.db".to_owned());
        let redis_url = text("REDIS_URL")?;
        Ok(Self {
            bind_address: text("BIND_ADDR")?.unwrap_or_else(|| "127.0.0.1:3000".to_owned()),
            keys: keys(redis_url.is_some() || is_shared(&database_url))?,
            database_url,
            redis_url,
            redis_prefix: Prefix::default(),
            issuer: text("AUTH_ISSUER")?.unwrap_or_else(|| "http://localhost".to_owned()),
            audience: text("AUTH_AUDIENCE")?.unwrap_or_else(|| "gatewright-example".to_owned()),
            access_lifetime: lifetime("AUTH_ACCESS_MINUTES", 15, 60)?,
            refresh_lifetime: lifetime("AUTH_REFRESH_DAYS", 7, 86_400)?,
            session_lifetime: lifetime("AUTH_SESSION_DAYS", 30, 86_400)?,
            refresh_grace: span("AUTH_REFRESH_GRACE_SECONDS", 10, 1)?,
            api_keys: text("AUTH_API_KEYS")?.unwrap_or_default(),
            trusted_proxies: text("AUTH_TRUSTED_PROXIES")?.unwrap_or_default(),
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

fn span(name: &str, default: u64, unit: u64) -> Result<Duration, Box<dyn Error>> {
    let number = match text(name)? {
        None => default,
        Some(text) => text.parse().map_err(|_| format!("{name}: is not a whole number"))?,
    };
    Ok(Duration::from_secs(number.saturating_mul(unit)))
}

fn lifetime(name: &str, default: u64, unit: u64) -> Result<Duration, Box<dyn Error>> {
    let lifetime = span(name, default, unit)?;
    if lifetime.is_zero() { Err(format!("{name}: must be 1 or more").into()) } else { Ok(lifetime) }
}

/// A key pair if one is named, or else a secret.
fn keys(is_shared: bool) -> Result<Keys, Box<dyn Error>> {
    let previous = text("AUTH_SECRET_KEY_PREVIOUS")?;
    let Some(file) = text("AUTH_SIGNING_KEY_FILE")? else {
        return Ok(Keys::Secret { secret: secret(is_shared)?, previous });
    };
    if previous.is_some() {
        return Err("AUTH_SECRET_KEY_PREVIOUS: means nothing beside AUTH_SIGNING_KEY_FILE".into());
    }
    let key = fs::read_to_string(&file);
    Ok(Keys::Pair(key.map_err(|error| format!("AUTH_SIGNING_KEY_FILE: {file} cannot be read: {error}"))?))
}

/// Whether other nodes may use the database too.
fn is_shared(database_url: &str) -> bool {
    ["postgres", "postgresql", "mysql", "mariadb"]
        .contains(&database_url.split(':').next().unwrap_or_default())
}

/// The key from the environment or, on a database of this process alone, from a file that is made if it is absent.
fn secret(shared: bool) -> Result<String, Box<dyn Error>> {
    if let Some(secret) = text("AUTH_SECRET_KEY")? {
        return Ok(secret);
    }
    if shared {
        return Err(
            "AUTH_SECRET_KEY: is not set; every node on a shared database or Redis needs the same one".into(),
        );
    }
    let path = Path::new(KEY_FILE);
    tracing::warn!(
        "AUTH_SECRET_KEY is not set: using the key in {KEY_FILE}; set it before more than one node runs"
    );
    if !path.exists() {
        generate_key(path).map_err(|error| format!("AUTH_SECRET_KEY: {KEY_FILE} cannot be made: {error}"))?;
    }
    if fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0) {
        tracing::warn!("{KEY_FILE} can be read by others than its owner");
    }
    let key = fs::read_to_string(path);
    let key = key.map_err(|error| format!("AUTH_SECRET_KEY: {KEY_FILE} cannot be read: {error}"))?;
    Ok(key.trim_end().to_owned())
}

/// Writes the key beside its place and links it there, so that nobody ever reads half a key or overwrites another's.
fn generate_key(path: &Path) -> Result<(), Box<dyn Error>> {
    let draft = path.with_extension(format!("key.{}", random_text()?));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let key = random_text()?;
    let kept =
        writeln!(file, "{key}").and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match kept {
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
