//! A model of the rotation of refresh tokens, checked in every state that it can reach.
//!
//! `docs/rotation.md` has the rules [R1] to [R20] and the invariants [I1] to [I6] and [L1]. The model
//! drives the real `RotationState::rotate` and the real derivation of tokens. Each search ends only
//! when every reachable state was visited, for sessions of any length.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints what it counted"
)]

mod search;
mod rules;
mod state;
mod invariants;
mod world;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::Instant;

use gatewright_core::store::GracePolicy;

use rules::{Answer, Mistake, Network};
use search::{Found, search};
use state::MAX_TABS;
use world::{Setting, World};

/// A search with more states is too large for a test.
const MAX_STATES: usize = 10_000_000;

/// Two tabs of a client that keeps its rules.
const HONEST: Setting = Setting {
    tabs: 2,
    networks: [Network::Home; MAX_TABS],
    grace: 2,
    retention: 1,
    skew: 0,
    honest: true,
    thief: false,
    password_change: false,
    policy: GracePolicy::EndSession,
};
const HONEST_SKEW: Setting = Setting { skew: 1, ..HONEST };
const TWO_NETWORKS: Setting = Setting {
    networks: [Network::Home, Network::Elsewhere, Network::Home],
    policy: GracePolicy::Report,
    grace: 1,
    ..HONEST
};
const HONEST_CHANGE: Setting = Setting { grace: 1, password_change: true, ..HONEST };
/// The client keeps no rules, and the thief must still be stopped.
const THIEF: Setting = Setting { tabs: 1, grace: 1, honest: false, thief: true, ..HONEST };
const THIEF_SKEW: Setting = Setting { skew: 1, ..THIEF };
const THIEF_CHANGE: Setting = Setting { password_change: true, ..THIEF };

#[expect(clippy::disallowed_methods, reason = "prints how long the search took")]
fn run(name: &str, setting: Setting, mistake: Mistake) -> (Found, BTreeMap<Answer, usize>) {
    let started = Instant::now();
    let world = World::new(setting, mistake);
    let found = search(&world, MAX_STATES);
    let (seconds, answers) = (started.elapsed().as_secs_f64(), world.answers());
    let Found { states, steps, depth, .. } = found;
    report(&format!("{name}: {states} states, {steps} steps, depth {depth}, {seconds:.1} s, {answers:?}"));
    (found, answers)
}

/// Prints a line, and adds it to the report of `cargo xtask test`.
fn report(line: &str) {
    println!("{line}");
    if let Some(file) = std::env::var_os("GATEWRIGHT_REPORT") {
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        // One write, so that lines of concurrent tests are not mixed.
        file.write_all(format!("rotation model: {line}\n").as_bytes()).unwrap();
    }
}

/// Asserts that no step violates a rule, and that the search met exactly these answers.
fn expect_correct(name: &str, setting: Setting, expected: &[Answer]) {
    let (found, answers) = run(name, setting, Mistake::None);
    if let Some(violation) = &found.violation {
        panic!("{name}: {}\n  {}", violation.rule, violation.trace.join("\n  "));
    }
    assert_eq!(answers.into_keys().collect::<Vec<_>>(), expected, "{name}");
}

/// Asserts that the search finds the mistake, as a violation of this invariant.
fn expect_found(setting: Setting, mistake: Mistake, rule: &str) {
    let (found, _) = run(&format!("mistake {mistake:?}"), setting, mistake);
    let violation = found.violation.unwrap_or_else(|| panic!("{mistake:?} was not found"));
    println!("  {}\n    {}", violation.rule, violation.trace.join("\n    "));
    assert!(violation.rule.starts_with(rule), "{}", violation.rule);
}

/// The answers that an honest client in one network gets.
const GRANTED: &[Answer] = &[Answer::Rotated, Answer::Limit, Answer::Grace];
const REPORTED: &[Answer] = &[Answer::Rotated, Answer::Limit, Answer::Grace, Answer::ForeignGrace];
const ALL: &[Answer] = &[
    Answer::Rotated,
    Answer::Limit,
    Answer::Grace,
    Answer::ForeignGrace,
    Answer::Reused,
    Answer::GraceAbused,
];

#[test]
fn honest_tabs_stay_logged_in() {
    expect_correct("two honest tabs", HONEST, GRANTED);
}

#[test]
fn honest_tabs_stay_logged_in_although_clocks_differ() {
    expect_correct("two honest tabs, clocks differ", HONEST_SKEW, GRANTED);
}

#[test]
fn honest_tabs_in_two_networks_stay_logged_in_under_the_policy_report() {
    expect_correct("two honest tabs in two networks", TWO_NETWORKS, REPORTED);
}

#[test]
fn honest_tabs_stay_logged_in_after_their_password_change() {
    expect_correct("two honest tabs, password change", HONEST_CHANGE, GRANTED);
}

#[test]
fn thief_is_stopped_at_the_third_rotation() {
    expect_correct("thief", THIEF, ALL);
}

#[test]
fn thief_is_stopped_although_clocks_differ() {
    expect_correct("thief, clocks differ", THIEF_SKEW, ALL);
}

#[test]
fn password_change_ends_every_other_access() {
    expect_correct("thief, password change", THIEF_CHANGE, ALL);
}

/// The same with larger bounds.
mod full_product {
    use super::*;

    const THREE_TABS: Setting = Setting { tabs: 3, grace: 1, ..HONEST };
    const LONG_WINDOW: Setting = Setting { grace: 3, retention: 2, skew: 1, ..HONEST };
    const THIEF_TWO_TABS: Setting = Setting { tabs: 2, ..THIEF };
    const THIEF_LONG_WINDOW: Setting = Setting { grace: 2, skew: 1, ..THIEF };
    const TWO_NETWORKS_LONG_WINDOW: Setting = Setting { grace: 2, ..TWO_NETWORKS };

    #[test]
    #[ignore = "takes minutes"]
    fn three_honest_tabs_stay_logged_in() {
        expect_correct("three honest tabs", THREE_TABS, GRANTED);
    }

    #[test]
    #[ignore = "takes minutes"]
    fn honest_tabs_stay_logged_in_with_a_long_window() {
        expect_correct("two honest tabs, long window, clocks differ", LONG_WINDOW, GRANTED);
    }

    #[test]
    #[ignore = "takes minutes"]
    fn honest_tabs_in_two_networks_stay_logged_in_with_a_long_window() {
        expect_correct("two honest tabs in two networks, long window", TWO_NETWORKS_LONG_WINDOW, REPORTED);
    }

    #[test]
    #[ignore = "takes minutes"]
    fn thief_beside_two_tabs_is_stopped() {
        expect_correct("thief beside two tabs", THIEF_TWO_TABS, ALL);
    }

    #[test]
    #[ignore = "takes minutes"]
    fn thief_is_stopped_with_a_long_window() {
        expect_correct("thief, long window, clocks differ", THIEF_LONG_WINDOW, ALL);
    }
}

/// For each mistake, a test that the model finds it.
macro_rules! found {
    ($($name:ident $setting:ident $mistake:ident $rule:literal)+) => {
        mod mistakes {
            use super::*;

            $(
                #[test]
                fn $name() {
                    expect_found($setting, Mistake::$mistake, $rule);
                }
            )+
        }
    };
}

found! {
    window_compared_with_the_latest_rotation THIEF WindowOfTheLatestRotation "[I2]"
    no_digest_check HONEST NoDigestCheck "[I3]"
    old_session_kept_after_a_password_change THIEF_CHANGE OldSessionKept "[I6]"
    digests_dropped_early HONEST OneDigestKept "[I2]"
    no_limit_of_rotations HONEST NoLimitOfRotations "[L1]"
    row_ends_inside_the_window THIEF RowEndsInTheWindow "[I5]"
    row_ends_with_the_window_of_one_clock THIEF_SKEW RowEndsWithTheWindow "[I5]"
    foreign_graces_not_counted THIEF NoCount "[I5]"
}
