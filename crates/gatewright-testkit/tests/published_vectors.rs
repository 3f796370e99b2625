//! The refresh suite covers the project's table of refresh scenarios. The variable
//! `GATEWRIGHT_VECTORS` names the folder of the table.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod needs_vectors {
    use std::collections::BTreeSet;
    use std::path::Path;

    use gatewright_testkit::refresh::SCENARIOS;
    use serde_json::Value;

    #[test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    fn the_suite_covers_exactly_the_published_refresh_scenarios() {
        let folder = std::env::var("GATEWRIGHT_VECTORS").unwrap();
        let table = std::fs::read_to_string(Path::new(&folder).join("refresh_scenarios.json")).unwrap();
        let table: Value = serde_json::from_str(&table).unwrap();
        let scenarios = table["scenarios"].as_array().unwrap().iter();
        let published: BTreeSet<_> =
            scenarios.map(|scenario| scenario["id"].as_str().unwrap().to_owned()).collect();
        let covered: BTreeSet<_> = SCENARIOS.iter().map(|name| name.replace('_', "-")).collect();
        assert_eq!(covered, published);
        assert_eq!(published.len(), 16);
    }
}
