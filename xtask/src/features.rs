//! Checks that each feature of `gatewright` compiles alone.

use std::fs;
use std::process::Command;

use xtask::tools::{cargo, root, step};

/// Checks every feature in the manifest, each without the others.
pub(crate) fn check() -> Result<(), String> {
    let manifest = read("crates/gatewright/Cargo.toml")?;
    let names = features(&manifest);
    if names.is_empty() {
        return Err("crates/gatewright/Cargo.toml: has no [features]".to_owned());
    }
    let without_c = without_c_code()?;
    for feature in names {
        let mut check = cargo(&["check", "--package", "gatewright", "--no-default-features", "--locked"]);
        check.args(["--features", feature]).args(&without_c);
        step(&format!("feature {feature} alone"), &mut check)?;
    }
    Ok(())
}

/// The names in the section `[features]`.
fn features(manifest: &str) -> Vec<&str> {
    let section = manifest.lines().skip_while(|line| *line != "[features]").skip(1);
    let lines = section.take_while(|line| !line.starts_with('['));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim())
        .filter(|name| *name != "default")
        .collect()
}

/// Options that replace the build script of `aws-lc-sys`. A check links nothing, so that it does
/// not need the C code, which would be compiled again for several features and take half of the
/// time. The key contains the version: if it does not match the crate, Cargo ignores it, and the
/// checks are slower.
fn without_c_code() -> Result<Vec<String>, String> {
    let lock = read("Cargo.lock")?;
    let Some(version) = version(&lock, "aws-lc-sys") else { return Ok(Vec::new()) };
    let printed = Command::new("rustc").arg("-vV").output().map_err(|error| format!("rustc: {error}"))?;
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    let Some(host) = printed.lines().find_map(|line| line.strip_prefix("host: ")) else {
        return Ok(Vec::new());
    };
    let key = format!("target.{host}.aws_lc_{}", version.replace('.', "_"));
    let options = [format!("{key}.include=''"), format!("{key}.rustc-cfg=['universal']")];
    Ok(options.into_iter().flat_map(|option| ["--config".to_owned(), option]).collect())
}

fn version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    rest.split('"').next()
}

fn read(file: &str) -> Result<String, String> {
    fs::read_to_string(root().join(file)).map_err(|error| format!("{file}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_read_from_the_manifest() {
        let manifest = "[package]\nname = \"x\"\n\n[features]\ndefault = []\naxum = [\"dep:x\"]\nswagger-ui = []\n\n[dependencies]\ny = \"1\"\n";
        assert_eq!(features(manifest), ["axum", "swagger-ui"]);
        assert!(features(&read("crates/gatewright/Cargo.toml").unwrap()).contains(&"sqlite"));
    }

    #[test]
    fn versions_are_read_from_the_lockfile() {
        let lock = "[[package]]\nname = \"aws-lc-rs\"\nversion = \"1.19.0\"\n\n[[package]]\nname = \"aws-lc-sys\"\nversion = \"0.47.0\"\n";
        assert_eq!(version(lock, "aws-lc-sys"), Some("0.47.0"));
        assert_eq!(version(lock, "aws-lc"), None);
    }
}
