//! The test vectors of the rotation on the rules alone, and on the store in memory.

#![allow(clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use gatewright_core::store::{
    MAX_FOREIGN_GRACES, MAX_USED_TOKENS, USE_DISCLOSURE_DELAY, USED_TOKEN_RETENTION,
};
use gatewright_testkit::rotation_vectors::{Document, SCENARIOS, run_on_rules};

#[test]
fn the_suite_has_every_scenario_of_the_document() {
    let document = Document::read();
    let names: Vec<&str> = document.scenarios().map(|scenario| scenario.name()).collect();
    assert_eq!(names, SCENARIOS);
}

#[test]
fn each_step_is_correct_on_the_rules_alone() {
    assert_eq!(run_on_rules(&Document::read()), (35, 202));
}

#[test]
fn the_constants_are_those_of_the_core() {
    let document = Document::read();
    let micros = |name| u128::from(document.constant(name));
    assert_eq!(usize::try_from(document.constant("max_used_tokens")), Ok(MAX_USED_TOKENS));
    assert_eq!(document.constant("max_foreign_graces"), u64::from(MAX_FOREIGN_GRACES));
    assert_eq!(micros("used_token_retention"), USED_TOKEN_RETENTION.as_micros());
    assert_eq!(micros("recent_use"), USE_DISCLOSURE_DELAY.as_micros());
}

#[test]
fn the_vectors_show_every_rule_of_the_store() {
    let document = Document::read();
    let steps = document.scenarios().flat_map(|scenario| scenario.steps());
    let shown: BTreeSet<&str> = steps.flat_map(|step| step.rules()).collect();
    // [R1] to [R3] are about every step.
    for rule in 4..=17 {
        assert!(shown.contains(&*format!("R{rule}")), "no vector shows [R{rule}]");
    }
}
