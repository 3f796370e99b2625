//! Every test.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::tools::{cargo, step};

/// The variable that names a folder of published test vectors, for tests that need them.
const VECTORS: &str = "GATEWRIGHT_VECTORS";

/// Runs the workspace's tests, its documentation's examples included.
pub(crate) fn run(repeat: u32) -> Result<(), String> {
    let mut tests = cargo(&["test", "--workspace", "--all-features", "--locked"]);
    tests.env("GATEWRIGHT_TEST_REPEAT", repeat.to_string());
    match vectors()? {
        Some(folder) => {
            println!("published test vectors: {}", folder.display());
            tests.env(VECTORS, folder).args(["--", "--include-ignored"]);
        }
        None => println!("\n=== NOT RUN: tests against published vectors. Set {VECTORS} to their folder."),
    }
    step("tests", &mut tests)?;
    let (cases, runs) = http_cases()?;
    println!(
        "\nHTTP suites: {cases} cases, run {runs} times: each against every application and store it is for."
    );
    Ok(())
}

/// How many cases the HTTP suites have and how often they ran, as the programs that run them say.
fn http_cases() -> Result<(usize, usize), String> {
    let listing = ["test", "--workspace", "--all-features", "--locked", "--test", "http", "--", "--list"];
    let output = cargo(&listing).output().map_err(|error| format!("listing the HTTP suites: {error}"))?;
    if !output.status.success() {
        return Err(format!("listing the HTTP suites: failed ({})", output.status));
    }
    Ok(count(&String::from_utf8_lossy(&output.stdout)))
}

/// A case is listed as `target::module::case: test`.
fn count(listed: &str) -> (usize, usize) {
    let tests = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    let cases = tests.filter_map(|test| test.split_once("::").map(|(_, case)| case));
    let runs: Vec<&str> = cases.filter(|case| case.contains("::")).collect();
    (runs.iter().collect::<BTreeSet<_>>().len(), runs.len())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_counts_once_and_runs_on_every_target() {
        let listed = "on_memory::a::x: test\non_memory::a::y: test\non_sqlite::a::x: test\nby_itself: test\n\n3 tests, 0 benchmarks\n";
        assert_eq!(count(listed), (2, 3));
    }
}
