//! Every test.

use std::path::PathBuf;

use crate::tools::{cargo, root, step};

/// The variable that names a folder of published test vectors, for tests that need them.
const VECTORS: &str = "GATEWRIGHT_VECTORS";

/// Runs the workspace's tests, its documentation's examples included.
pub(crate) fn run(repeat: u32) -> Result<(), String> {
    let mut tests = cargo(&["test", "--workspace", "--all-features", "--locked"]);
    tests.env("GATEWRIGHT_TEST_REPEAT", repeat.to_string());
    match vectors() {
        Some(folder) => {
            println!("published test vectors: {}", folder.display());
            tests.env(VECTORS, folder).args(["--", "--include-ignored"]);
        }
        None => println!("\n=== NOT RUN: tests against published vectors. Set {VECTORS} to their folder."),
    }
    step("tests", &mut tests)
}

/// The folder of published vectors: the variable's, or the one beside the checkout.
fn vectors() -> Option<PathBuf> {
    let named = std::env::var_os(VECTORS).map(PathBuf::from);
    let beside = root().parent().map(|parent| parent.join("shared/vectors"));
    named.or(beside).and_then(|folder| folder.canonicalize().ok()).filter(|folder| folder.is_dir())
}
