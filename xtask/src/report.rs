//! What a run of the tests says beyond its verdict: counts of HTTP cases, and differences between
//! the frameworks.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use xtask::tools::target;

use crate::cases::Cases;

/// The environment variable that names a file to which tests append lines for this report.
pub(crate) const FILE: &str = "GATEWRIGHT_REPORT";

/// The example applications. Each runs the HTTP suites.
const APPLICATIONS: [&str; 3] = ["actix-app", "axum-app", "poem-app"];

/// Creates an empty file for the lines of one run.
pub(crate) fn new_file() -> Result<PathBuf, String> {
    let file = target().join("report.txt");
    fs::write(&file, "").map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(file)
}

/// The counts of HTTP cases, and the lines that tests wrote.
pub(crate) fn text(cases: &Cases) -> String {
    let mut text = "\n=== HTTP suites, cases\n".to_owned();
    for application in APPLICATIONS {
        text += &format!("{application}: {}\n", http_counts(cases, application));
    }
    let lines = fs::read_to_string(target().join("report.txt")).unwrap_or_default();
    text + "\n=== differences between the frameworks\n" + &lines
}

/// The suites of one application, each with the number of its cases that ran.
fn http_counts(cases: &Cases, application: &str) -> String {
    let mut suites = BTreeMap::<&str, usize>::new();
    let program = format!("{application}::app");
    for test in cases.of(&program).filter_map(|(test, _)| test.strip_prefix("http::")) {
        let path = test.strip_prefix("full_product::").unwrap_or(test);
        *suites.entry(path.split("::").next().unwrap_or(path)).or_default() += 1;
    }
    let counts: Vec<String> = suites.iter().map(|(suite, count)| format!("{suite} {count}")).collect();
    counts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::Reader;

    #[test]
    fn http_cases_are_counted_for_each_suite() {
        let mut reader = Reader::Nextest(Cases::default());
        let tests = ["http::on_memory::login", "http::on_memory::logout", "journey::in_memory::login"];
        for test in tests.into_iter().chain(["http::full_product::on_sqlite::login"]) {
            reader.line(&format!("PASS [   0.005s] (1/3) poem-app::app {test}"));
        }
        reader.line("PASS [   0.005s] (1/3) axum-app::app http::on_mysql::login");
        let cases = reader.into_cases();
        assert_eq!(http_counts(&cases, "poem-app"), "on_memory 2, on_sqlite 1");
        assert_eq!(http_counts(&cases, "axum-app"), "on_mysql 1");
    }
}
