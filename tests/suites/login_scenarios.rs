//! The project's login scenarios (`tests/vectors/login_scenarios.json`) on every storage. The name of a case is the id
//! of its scenario: `bcrypt_73` is `bcrypt-73`. `cargo xtask test` prints a table of the results.

mod attempts;
mod passwords;
mod records;
mod service;

use std::collections::BTreeSet;

use gatewright::{MySqlStore, PostgresStore, SqliteStore};
use gatewright_tests::storages::{InDatabase, InMemory, OnRedis};

/// The scenarios of the file that have no case here, and why.
const LEFT_OUT: [(&str, &str); 1] =
    [("api-key-cases", "API keys with an id, a secret and an end are not built yet")];

/// How many scenarios have a case.
const COUNT: usize = 20;

/// The only list of the scenarios that run on every storage, with their files.
macro_rules! on_every_storage {
    ($then:ident $arguments:tt) => {
        $then! { $arguments
            passwords::uniform_response
            passwords::bcrypt_73
            passwords::bcrypt_non_ascii_hash
            passwords::hash_cost_floor
            passwords::rehash_race
            passwords::empty_password
            passwords::unicode_normalise
            passwords::length_max
            passwords::long_username_dos
            passwords::blocklist
            attempts::throttle_atomic
            attempts::throttle_reset
            attempts::throttle_spraying
            attempts::throttle_xff_chain
            attempts::throttle_xff_garbage
            attempts::throttle_mapped_v4
            attempts::throttle_429
            records::audit_no_secrets
            records::audit_sink_fails
        }
    };
}

macro_rules! names {
    ([$first:literal] $($file:ident::$scenario:ident)+) => { [$first, $(stringify!($scenario)),+] };
}

macro_rules! cases {
    ([$attributes:tt $fresh:expr] $($file:ident::$scenario:ident)+) => { $(
        gatewright_testkit::case! { $attributes $scenario,
            gatewright_testkit::run_case(async || super::$file::$scenario($fresh().await).await)
        }
    )+ };
}

/// Expands the scenarios on one storage. The scenario `throttle-memory` is about a table in memory: elsewhere the case is
/// in the module `not_applicable`, which the table shows.
macro_rules! login_scenarios {
    ($attributes:tt $name:ident, $fresh:expr, in memory) => {
        mod $name {
            use super::*;

            on_every_storage! { cases [$attributes $fresh] }
            cases! { [$attributes $fresh] attempts::throttle_memory }
        }
    };
    ($attributes:tt $name:ident, $fresh:expr, beyond a process) => {
        mod $name {
            use super::*;

            on_every_storage! { cases [$attributes $fresh] }

            mod not_applicable {
                use super::*;

                gatewright_testkit::case! { $attributes throttle_memory, {
                    let case = async || super::super::attempts::keeps_no_table_in_memory($fresh().await).await;
                    gatewright_testkit::run_case(case);
                } }
            }
        }
    };
}

login_scenarios! { [] in_memory, InMemory::fresh, in memory }
login_scenarios! { [] in_sqlite, InDatabase::<SqliteStore>::fresh, beyond a process }
login_scenarios! {
    [#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]]
    on_postgres, InDatabase::<PostgresStore>::fresh, beyond a process
}
login_scenarios! {
    [#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]]
    on_mysql, InDatabase::<MySqlStore>::fresh, beyond a process
}
login_scenarios! {
    [#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]]
    on_redis, OnRedis::fresh, beyond a process
}

#[test]
fn every_scenario_of_the_file_has_a_case_and_no_case_is_without_one() {
    let file: serde_json::Value =
        serde_json::from_str(include_str!("../vectors/login_scenarios.json")).unwrap();
    let scenarios = file["scenarios"].as_array().unwrap();
    let in_file: BTreeSet<String> =
        scenarios.iter().map(|scenario| scenario["id"].as_str().unwrap().to_owned()).collect();
    let names = on_every_storage! { names ["throttle_memory"] };
    let mut cases: BTreeSet<String> = names.iter().map(|name| name.replace('_', "-")).collect();
    assert_eq!((names.len(), cases.len()), (COUNT, COUNT), "each once");
    for (left_out, reason) in LEFT_OUT {
        assert!(cases.insert(left_out.to_owned()), "{left_out} has a case, although {reason}");
    }
    assert_eq!((scenarios.len(), cases), (in_file.len(), in_file));
}
