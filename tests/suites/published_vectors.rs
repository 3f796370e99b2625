//! The suites over HTTP cover the project's table of HTTP cases. The variable `GATEWRIGHT_VECTORS`
//! names its folder.

use std::collections::BTreeSet;
use std::path::Path;

use gatewright_testkit::auth_routes;
use gatewright_tests::http::cases;
use serde_json::Value;

/// The ids of the areas `resource` and `problem` in the table.
fn published() -> BTreeSet<String> {
    let folder = std::env::var("GATEWRIGHT_VECTORS").unwrap();
    let table = std::fs::read_to_string(Path::new(&folder).join("http_cases.json")).unwrap();
    let table: Value = serde_json::from_str(&table).unwrap();
    let cases = table["cases"].as_array().unwrap().iter();
    let ours = cases.filter(|case| ["resource", "problem"].contains(&case["area"].as_str().unwrap()));
    ours.map(|case| case["id"].as_str().unwrap().to_owned()).collect()
}

/// The ids of our cases: `published_vectors::rs_no_credentials` is `rs-no-credentials`.
fn covered() -> BTreeSet<String> {
    let cases = [auth_routes::CASES, cases::CASES].concat().concat();
    let names = cases.into_iter().filter_map(|case| case.split("::").last());
    let ids = names.filter(|name| name.starts_with("rs_") || name.starts_with("pd_"));
    ids.map(|name| name.replace('_', "-")).collect()
}

#[test]
fn twenty_three_published_cases_are_covered() {
    assert_eq!(covered().len(), 23);
}

mod needs_vectors {
    use super::{covered, published};

    #[test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    fn the_suites_cover_exactly_the_published_http_cases() {
        let published = published();
        assert_eq!(covered(), published);
        assert_eq!(published.len(), 23);
    }
}
