//! Reads the peppers of password hashes. An error names the variable and the line, and never repeats a secret.

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gatewright::HashingPool;
use gatewright::password::Pepper;
use zeroize::Zeroizing;

use crate::config::{Config, Keys, warn_if_others_can_read};

const CURRENT: &str = "AUTH_PEPPER_FILE";
const PREVIOUS: &str = "AUTH_PREVIOUS_PEPPERS_FILE";

/// The longest file: 8 peppers of the greatest length have less.
const MAX_FILE_BYTES: u64 = 16 * 1024;

/// The pool that hashes passwords, with the peppers of the files.
///
/// # Errors
/// When a file cannot be read, or a pepper is invalid or unsafe. The error names the variable.
pub fn pool(config: &Config) -> Result<HashingPool, Box<dyn Error>> {
    let mut pool = HashingPool::builder();
    if let Some(path) = &config.previous_peppers_file {
        pool = pool.with_previous_peppers(peppers(PREVIOUS, path, &config.keys)?);
    }
    if let Some(path) = &config.pepper_file {
        let [pepper] = <[Pepper; 1]>::try_from(peppers(CURRENT, path, &config.keys)?).map_err(|peppers| {
            let lines = peppers.len();
            format!(
                "{CURRENT}: {path} must have one line, has {lines}; the file of {PREVIOUS} has the others"
            )
        })?;
        pool = pool.with_pepper(pepper);
    }
    Ok(pool.build().map_err(|error| match error.setting {
        "previous_peppers" => format!("{PREVIOUS}: {}", error.explain()),
        _ => error.to_string(),
    })?)
}

/// The peppers of a file. The log has a fingerprint of each, so that nodes can be compared: with another secret under the
/// same id every password is wrong.
fn peppers(variable: &str, path: &str, keys: &Keys) -> Result<Vec<Pepper>, Box<dyn Error>> {
    let text = read(path).map_err(|problem| format!("{variable}: {path} {problem}"))?;
    let lines = text.lines().zip(1..).map(|(line, number)| {
        let pepper = line.parse::<Pepper>().map_err(|error| error.explain());
        let pepper = pepper.and_then(|pepper| {
            let is_key = keys.secrets().any(|secret| pepper.has_secret(secret.as_bytes()));
            if is_key {
                Err("a pepper must not be a secret that signs tokens".to_owned())
            } else {
                Ok(pepper)
            }
        });
        pepper.map_err(|problem| format!("{variable}: line {number} of {path}: {problem}").into())
    });
    let peppers = lines.collect::<Result<Vec<Pepper>, Box<dyn Error>>>()?;
    if peppers.is_empty() {
        return Err(format!(
            "{variable}: {path} must have a line, has none; without peppers, unset the variable"
        )
        .into());
    }
    for pepper in &peppers {
        let (id, fingerprint) = (pepper.id(), pepper.fingerprint());
        tracing::info!(id, fingerprint, "{variable}: all nodes need this pepper");
    }
    Ok(peppers)
}

/// The text of a file that only its owner can change.
fn read(path: &str) -> Result<Zeroizing<String>, String> {
    let failed = |error: std::io::Error| format!("cannot be read: {error}");
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.permissions().mode() & 0o022 != 0 {
        return Err(format!("must not be writable by other users; run \"chmod 600 {path}\""));
    }
    warn_if_others_can_read(Path::new(path));
    let mut text = Zeroizing::new(String::new());
    let read = file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if read as u64 > MAX_FILE_BYTES {
        return Err(format!("must have at most {MAX_FILE_BYTES} bytes"));
    }
    Ok(text)
}
