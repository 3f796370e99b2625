//! The refresh suite covers the project's table of refresh scenarios. The variable
//! `GATEWRIGHT_VECTORS` names the folder of the table.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use gatewright_testkit::refresh::{DIFFERENCES, SCENARIOS};

#[test]
fn differences_from_the_published_scenarios_name_a_scenario_once() {
    let ids: BTreeSet<&str> = DIFFERENCES.iter().map(|difference| difference.id).collect();
    assert_eq!(ids.len(), DIFFERENCES.len());
    for id in ids {
        assert!(SCENARIOS.contains(&&*id.replace('-', "_")), "{id}");
    }
}

mod needs_vectors {
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    fn published() -> Vec<Value> {
        let folder = std::env::var("GATEWRIGHT_VECTORS").unwrap();
        let table = std::fs::read_to_string(Path::new(&folder).join("refresh_scenarios.json")).unwrap();
        let table: Value = serde_json::from_str(&table).unwrap();
        table["scenarios"].as_array().unwrap().clone()
    }

    #[test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    fn the_suite_covers_exactly_the_published_refresh_scenarios() {
        let published: BTreeSet<_> =
            published().iter().map(|scenario| scenario["id"].as_str().unwrap().to_owned()).collect();
        let covered: BTreeSet<_> = SCENARIOS.iter().map(|name| name.replace('_', "-")).collect();
        assert_eq!(covered, published);
        assert_eq!(published.len(), 16);
    }

    /// The suite tests the results that are written here. So a changed result in the table fails, and so
    /// does a difference that no longer is one.
    #[test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    fn every_result_is_the_published_one_or_a_named_difference() {
        for scenario in published() {
            let (id, expected) = (scenario["id"].as_str().unwrap(), scenario["expect"].as_str().unwrap());
            let difference = DIFFERENCES.iter().find(|difference| difference.id == id);
            match difference {
                Some(difference) => {
                    println!("{id}: published: {expected}; here: {}; {}", difference.here, difference.rule);
                    assert_eq!(expected, difference.published, "{id}: the published result has changed");
                }
                None => {
                    let known = SAME.iter().find(|(known, _)| *known == id);
                    assert_eq!(
                        known.map(|(_, result)| *result),
                        Some(expected),
                        "{id}: an unnamed difference"
                    );
                }
            }
        }
    }

    /// The results that the suite tests as they are published.
    const SAME: [(&str, &str); 15] = [
        ("rotate-basic", "all succeed; R1,R2 dead"),
        ("thief-first", "user gets invalid_grant; attacker's R2 dead"),
        ("other-family-untouched", "S1 still works unless policy 'revoke all sessions on reuse' is on"),
        ("concurrent-two-nodes", "exactly 1 success"),
        ("restart", "invalid_grant and R2 revoked (persistent stores)"),
        (
            "lost-response",
            "invalid_grant + family revoked (documented cost of strict mode); with grace>0 retry succeeds",
        ),
        ("idle-expiry", "invalid_grant"),
        ("logout", "R1 invalid_grant; A1 401 when denylist on, else valid until exp (documented)"),
        ("user-disabled", "invalid_grant"),
        ("scope-bound", "invalid_scope and R1 not consumed"),
        ("access-as-refresh", "invalid_grant, no store look-up by jti of A1 that could revoke something"),
        ("stored-hashed", "R1 text not in the dump; a row value sent as a token is refused"),
        ("malformed", "invalid_grant/invalid_request, no 500, no store call above the length cap"),
        (
            "clock-back",
            "no panic, no underflow; token with iat in the future within leeway still works or a clean error",
        ),
        ("cross-issuer", "invalid_grant"),
    ];
}
