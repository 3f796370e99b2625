//! Reads the peppers of password hashes. An error names the variable and the line, and never repeats a secret.

use std::error::Error;
use std::fs;
use std::path::Path;

use gatewright::HashingPool;
use gatewright::password::Pepper;

use crate::config::{Config, warn_if_others_can_read};

const CURRENT: &str = "AUTH_PEPPER_FILE";
const PREVIOUS: &str = "AUTH_PREVIOUS_PEPPERS_FILE";

/// The pool that hashes passwords, with the peppers of the files.
///
/// # Errors
/// When a file cannot be read, or a pepper is invalid or unsafe. The error names the variable.
pub fn pool(config: &Config) -> Result<HashingPool, Box<dyn Error>> {
    let mut pool = HashingPool::builder();
    if let Some(path) = &config.previous_peppers_file {
        pool = pool.with_previous_peppers(read(PREVIOUS, path)?);
    }
    if let Some(path) = &config.pepper_file {
        let [pepper] = <[Pepper; 1]>::try_from(read(CURRENT, path)?).map_err(|peppers| {
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

/// A line is an id, a colon and a secret.
fn read(variable: &str, path: &str) -> Result<Vec<Pepper>, Box<dyn Error>> {
    let text = fs::read_to_string(path);
    let text = text.map_err(|error| format!("{variable}: {path} cannot be read: {error}"))?;
    warn_if_others_can_read(Path::new(path));
    let lines = text.lines().zip(1..).map(|(line, number)| {
        let pepper = line.parse::<Pepper>();
        pepper.map_err(|error| format!("{variable}: line {number} of {path}: {}", error.explain()).into())
    });
    lines.collect()
}
