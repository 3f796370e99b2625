//! The suites cover the project's table of HTTP cases, read from the folder that `GATEWRIGHT_VECTORS` names.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::Path;

use gatewright_testkit::http::SUITES;
use gatewright_testkit::http::published::ELSEWHERE;
use serde_json::Value;

/// The ids of the table's areas `resource` and `problem`.
fn published() -> BTreeSet<String> {
    let folder = std::env::var("GATEWRIGHT_VECTORS").unwrap();
    let text = std::fs::read_to_string(Path::new(&folder).join("http_cases.json")).unwrap();
    let table: Value = serde_json::from_str(&text).unwrap();
    let cases = table["cases"].as_array().unwrap().iter();
    let ours = cases.filter(|case| ["resource", "problem"].contains(&case["area"].as_str().unwrap()));
    ours.map(|case| case["id"].as_str().unwrap().to_owned()).collect()
}

/// The ids of our cases: `published::rs_no_credentials` is `rs-no-credentials`.
fn covered() -> BTreeSet<String> {
    let names = SUITES.iter().flat_map(|suite| suite.cases).filter_map(|case| case.split("::").last());
    let ids = names.filter(|name| name.starts_with("rs_") || name.starts_with("pd_"));
    let elsewhere = ELSEWHERE.iter().map(|(id, _)| (*id).to_owned());
    ids.map(|name| name.replace('_', "-")).chain(elsewhere).collect()
}

mod needs_vectors {
    use super::{covered, published};

    #[test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    fn every_published_case_is_covered_and_no_other_bears_such_an_id() {
        let published = published();
        assert_eq!(covered(), published);
        assert_eq!(published.len(), 23);
    }
}

#[test]
fn twenty_three_published_cases_are_covered() {
    assert_eq!(covered().len(), 23);
}
