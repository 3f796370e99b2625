//! The suites cover the project's tables of HTTP cases and of refresh scenarios. The variable
//! `GATEWRIGHT_VECTORS` names the folder of the tables.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

use gatewright_testkit::http::SUITES;
use gatewright_testkit::http::published::ELSEWHERE;
use gatewright_testkit::refresh::SCENARIOS;
use serde_json::Value;

fn table(file: &str) -> Value {
    let folder = std::env::var("GATEWRIGHT_VECTORS").unwrap();
    serde_json::from_str(&std::fs::read_to_string(Path::new(&folder).join(file)).unwrap()).unwrap()
}

fn id(case: &Value) -> String {
    case["id"].as_str().unwrap().to_owned()
}

/// Reads the ids of the areas `resource` and `problem` from the table.
fn published() -> BTreeSet<String> {
    let table = table("http_cases.json");
    let cases = table["cases"].as_array().unwrap().iter();
    let ours = cases.filter(|case| ["resource", "problem"].contains(&case["area"].as_str().unwrap()));
    ours.map(id).collect()
}

/// Returns the ids of our cases: `published::rs_no_credentials` is `rs-no-credentials`.
fn covered() -> BTreeSet<String> {
    let names = SUITES.iter().flat_map(|suite| suite.cases).filter_map(|case| case.split("::").last());
    let ids = names.filter(|name| name.starts_with("rs_") || name.starts_with("pd_"));
    let elsewhere = ELSEWHERE.iter().map(|(id, _)| (*id).to_owned());
    ids.map(|name| name.replace('_', "-")).chain(elsewhere).collect()
}

mod needs_vectors {
    use std::collections::BTreeSet;

    use super::{SCENARIOS, covered, id, published, table};

    #[test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    fn the_suites_cover_exactly_the_published_http_cases() {
        let published = published();
        assert_eq!(covered(), published);
        assert_eq!(published.len(), 23);
    }

    #[test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    fn the_suites_cover_exactly_the_published_refresh_scenarios() {
        let table = table("refresh_scenarios.json");
        let published: BTreeSet<String> = table["scenarios"].as_array().unwrap().iter().map(id).collect();
        let covered: BTreeSet<String> = SCENARIOS.iter().map(|name| name.replace('_', "-")).collect();
        assert_eq!(covered, published);
        assert_eq!(published.len(), 16);
    }
}

#[test]
fn the_suites_cover_23_published_http_cases() {
    assert_eq!(covered().len(), 23);
}
