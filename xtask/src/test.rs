//! Every test.

use std::path::PathBuf;

use crate::documents;
use crate::tools::{cargo, step};

/// The variable that names a folder of published test vectors, for tests that need them.
const VECTORS: &str = "GATEWRIGHT_VECTORS";

/// Runs the workspace's tests, its documentation's examples included.
pub(crate) fn run(repeat: u32) -> Result<(), String> {
    let mut tests = cargo(&["test", "--workspace", "--all-features", "--locked"]);
    tests.env("GATEWRIGHT_TEST_REPEAT", repeat.to_string());
    tests.env(documents::FOLDER, documents::folder()?);
    match vectors()? {
        Some(folder) => {
            println!("published test vectors: {}", folder.display());
            tests.env(VECTORS, folder).args(["--", "--include-ignored"]);
        }
        None => println!("\n=== NOT RUN: tests against published vectors. Set {VECTORS} to their folder."),
    }
    step("tests", &mut tests)
}

/// The folder of published vectors. One that is named and not there is a mistake.
fn vectors() -> Result<Option<PathBuf>, String> {
    let Some(folder) = std::env::var_os(VECTORS).filter(|folder| !folder.is_empty()) else { return Ok(None) };
    let folder = PathBuf::from(folder);
    match folder.canonicalize() {
        Ok(folder) => Ok(Some(folder)),
        Err(error) => Err(format!("{VECTORS}: {}: {error}", folder.display())),
    }
}
