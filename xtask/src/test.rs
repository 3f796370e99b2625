//! Every test.

use std::collections::BTreeMap;
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
    step("tests", &mut tests)?;
    report()
}

/// The example applications: each runs the HTTP suites.
const APPLICATIONS: [&str; 3] = ["actix-app", "axum-app", "poem-app"];

/// Says how many cases the HTTP suites have, as the test programs list them, and how many requests were compared.
fn report() -> Result<(), String> {
    println!("\n=== HTTP suites, cases");
    for application in APPLICATIONS {
        let list =
            ["test", "-p", application, "--all-features", "--locked", "--test", "http", "--", "--list"];
        let listed = cargo(&list).output().map_err(|error| format!("{application}: {error}"))?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let mut suites = BTreeMap::<&str, usize>::new();
        for case in listed.lines().filter_map(|line| line.strip_suffix(": test")) {
            *suites.entry(case.split("::").next().unwrap_or(case)).or_default() += 1;
        }
        let counts: Vec<String> = suites.iter().map(|(suite, cases)| format!("{suite} {cases}")).collect();
        println!("{application}: {}", counts.join(", "));
    }
    let compare =
        ["test", "--quiet", "-p", "gatewright-tests", "--all-features", "--locked", "--test", "suites"];
    let mut differences = cargo(&compare);
    step("differences between them", differences.args(["differences", "--", "--nocapture"]))
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
