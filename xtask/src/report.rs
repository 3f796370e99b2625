//! What a run of the tests says beyond its verdict: counts of HTTP cases, differences between the
//! frameworks, and the size of the rotation's model.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use xtask::tools::target;

use crate::cases::Cases;

/// The environment variable that names a file to which tests append lines for this report.
pub(crate) const FILE: &str = "GATEWRIGHT_REPORT";

/// The start of the lines about the model of the rotation.
const MODEL: &str = "rotation model: ";

/// The test programs of the example applications. Each runs the HTTP suites.
const PROGRAMS: [&str; 3] = ["actix_suites", "axum_suites", "poem_suites"];

/// Creates an empty file for the lines of one run.
pub(crate) fn new_file() -> Result<PathBuf, String> {
    let file = target().join("report.txt");
    fs::write(&file, "").map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(file)
}

/// The counts of HTTP cases, and the lines that tests wrote.
pub(crate) fn text(cases: &Cases) -> String {
    let mut text = "\n=== HTTP suites, cases\n".to_owned();
    for program in PROGRAMS {
        text += &format!("{program}: {}\n", http_counts(cases, program));
    }
    let lines = fs::read_to_string(target().join("report.txt")).unwrap_or_default();
    let (models, differences) = by_topic(&lines);
    text + "\n=== differences between the frameworks\n"
        + &differences
        + "\n=== model of the rotation\n"
        + &models
}

/// The lines about the model of the rotation without their prefix, and the other lines.
fn by_topic(lines: &str) -> (String, String) {
    let (mut models, mut others) = (String::new(), String::new());
    for line in lines.lines() {
        match line.strip_prefix(MODEL) {
            Some(line) => models += &format!("{line}\n"),
            None => others += &format!("{line}\n"),
        }
    }
    (models, others)
}

/// Fails if an application ran no HTTP case.
pub(crate) fn check(cases: &Cases) -> Result<(), String> {
    match PROGRAMS.into_iter().find(|program| http_counts(cases, program).is_empty()) {
        Some(program) => Err(format!(
            "HTTP suites: the test program {program} ran no case; its name must be that in xtask/src/report.rs"
        )),
        None => Ok(()),
    }
}

/// The suites of one application, each with the number of its cases that ran.
fn http_counts(cases: &Cases, program: &str) -> String {
    let mut suites = BTreeMap::<&str, usize>::new();
    for test in cases.of(program).filter_map(|(test, _)| test.strip_prefix("http::")) {
        let path = test.strip_prefix("full_product::").unwrap_or(test);
        *suites.entry(path.split("::").next().unwrap_or(path)).or_default() += 1;
    }
    let counts: Vec<String> = suites.iter().map(|(suite, count)| format!("{suite} {count}")).collect();
    counts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(tests: &[&str]) -> Cases {
        let mut cases = Cases::default();
        tests.iter().for_each(|test| cases.line(&format!("PASS [   0.005s] (1/3) package::{test}")));
        cases
    }

    #[test]
    fn lines_about_the_model_have_their_own_heading() {
        let (models, others) = by_topic("9 requests: 0 differences\nrotation model: thief: 7 states\n");
        assert_eq!((&*models, &*others), ("thief: 7 states\n", "9 requests: 0 differences\n"));
    }

    #[test]
    fn http_cases_are_counted_for_each_suite() {
        let cases = cases(&[
            "poem_suites http::on_memory::login",
            "poem_suites http::on_memory::logout",
            "poem_suites http::full_product::on_sqlite::login",
            "poem_suites journeys::in_memory::login",
            "axum_suites http::on_mysql::login",
        ]);
        assert_eq!(http_counts(&cases, "poem_suites"), "on_memory 2, on_sqlite 1");
        assert_eq!(http_counts(&cases, "axum_suites"), "on_mysql 1");
    }

    #[test]
    fn an_application_without_http_cases_is_an_error() {
        let tests = PROGRAMS.map(|program| format!("{program} http::on_memory::login"));
        let mut tests = tests.each_ref().map(String::as_str);
        assert_eq!(check(&cases(&tests)), Ok(()));
        tests[0] = "actix_suites journeys::in_memory::login";
        assert!(check(&cases(&tests)).unwrap_err().contains("actix_suites"));
    }
}
