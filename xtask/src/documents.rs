//! The OpenAPI documents that the tests were served, held against the specification by somebody else's validator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::debian;
use xtask::tools::{root, step, target, works};

/// The variable that names the folder where tests leave the documents they were served.
pub(crate) const FOLDER: &str = "GATEWRIGHT_DOCUMENTS";

/// No document: it has no `info`. A validator that accepts it validates nothing.
const BROKEN: &str = r#"{"openapi":"3.1.0","paths":{}}"#;

/// An empty folder for the documents of one run.
pub(crate) fn folder() -> Result<PathBuf, String> {
    let folder = path();
    let fail = |error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(fail)?;
    }
    fs::create_dir_all(&folder).map_err(fail)?;
    Ok(folder)
}

/// Validates what the last run of the tests left.
pub(crate) fn validate() -> Result<(), String> {
    let validator = validator()?;
    let documents = documents()?;
    if documents.is_empty() {
        return Err("the tests left no document to validate".to_owned());
    }
    let broken = target().join("broken.json");
    fs::write(&broken, BROKEN).map_err(|error| format!("{}: {error}", broken.display()))?;
    if check(&validator, &[broken]).output().is_ok_and(|output| output.status.success()) {
        return Err("the validator accepts a document without `info`".to_owned());
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

/// `openapi-spec-validator` in an environment of its own below `target`.
fn validator() -> Result<PathBuf, String> {
    let home = target().join("tools/python");
    let validator = home.join("bin/openapi-spec-validator");
    if works(&validator) {
        return Ok(validator);
    }
    if !has_python() {
        debian::install(&["python3", "python3-venv"])?;
    }
    step("making a Python environment", Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
    let mut pip = Command::new(home.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"]);
    step("installing openapi-spec-validator", pip.arg(root().join("xtask/validator.txt")))?;
    Ok(validator)
}

/// Debian's Python comes without what makes environments.
fn has_python() -> bool {
    let ensured = Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
    ensured.is_ok_and(|output| output.status.success())
}
