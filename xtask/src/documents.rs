//! Checks the OpenAPI documents that the examples served in the tests, with an independent
//! validator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::debian;
use xtask::tools::{root, step, succeeds, target, tools, works};

/// The environment variable that names the folder in which tests store the documents they receive.
pub(crate) const FOLDER: &str = "GATEWRIGHT_DOCUMENTS";

/// An invalid document: `info` is missing. A validator that accepts it checks nothing.
const BROKEN: &str = r#"{"openapi":"3.1.0","paths":{}}"#;

/// The validator and everything it needs, with versions.
const REQUIREMENTS: &str = include_str!("../validator.txt");

const PROGRAM: &str = "openapi-spec-validator";

/// Creates an empty folder for the documents of one run.
pub(crate) fn folder() -> Result<PathBuf, String> {
    let folder = path();
    let fail = |error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(fail)?;
    }
    fs::create_dir_all(&folder).map_err(fail)?;
    Ok(folder)
}

/// Validates the documents of the last run.
pub(crate) fn validate() -> Result<(), String> {
    let validator = validator()?;
    let documents = documents()?;
    if documents.is_empty() {
        return Err("OpenAPI: the tests stored no document to validate".to_owned());
    }
    let broken = target().join("broken.json");
    fs::write(&broken, BROKEN).map_err(|error| format!("{}: {error}", broken.display()))?;
    if succeeds(&mut check(&validator, &[broken])) {
        return Err("OpenAPI: the validator accepts a document without `info`".to_owned());
    }
    let name = format!("{} documents as OpenAPI 3.1", documents.len());
    step(&name, &mut check(&validator, &documents))
}

fn path() -> PathBuf {
    target().join("documents")
}

fn documents() -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(path()).map_err(|error| format!("{}: {error}", path().display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn check(validator: &Path, documents: &[PathBuf]) -> Command {
    let mut command = Command::new(validator);
    command.args(["--schema", "3.1", "--validation-errors", "all"]).args(documents);
    command
}

/// Finds or installs the validator, in a Python environment of its own.
pub(crate) fn validator() -> Result<PathBuf, String> {
    let version = version(REQUIREMENTS).ok_or("xtask/validator.txt names no version of the validator")?;
    let home = tools().join(format!("{PROGRAM}-{version}"));
    let validator = home.join("bin").join(PROGRAM);
    // Written last: an interrupted installation lacks it, and one for other requirements differs.
    let installed = home.join("requirements.txt");
    if works(&validator) && fs::read_to_string(&installed).is_ok_and(|text| text == REQUIREMENTS) {
        return Ok(validator);
    }
    if !has_python() {
        debian::install(PACKAGES)?;
    }
    let mut python = Command::new("python3");
    step("creating a Python environment", python.args(["-m", "venv", "--clear"]).arg(&home))?;
    let mut pip = Command::new(home.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"]);
    step("installing openapi-spec-validator", pip.arg(root().join("xtask/validator.txt")))?;
    fs::write(&installed, REQUIREMENTS).map_err(|error| format!("{}: {error}", installed.display()))?;
    Ok(validator)
}

fn version(requirements: &str) -> Option<&str> {
    requirements.lines().find_map(|line| line.strip_prefix(PROGRAM)?.strip_prefix("=="))
}

/// The Debian packages of Python and `venv`.
pub(crate) const PACKAGES: &[&str] = &["python3", "python3-venv"];

/// Whether Python can create environments. Debian's package of Python alone cannot.
pub(crate) fn has_python() -> bool {
    succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_validator_is_found_in_its_requirements() {
        assert_eq!(version("six==1.17.0\nopenapi-spec-validator==0.9.0\n"), Some("0.9.0"));
        assert_eq!(version("openapi-spec-validator>=0.9\n"), None);
        assert!(version(REQUIREMENTS).is_some());
    }
}
