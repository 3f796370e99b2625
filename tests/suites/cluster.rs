//! A simulated cluster: several nodes on one store, over a feed that delays, duplicates, reorders and
//! loses messages and whose connections are cut. Time is the fixed clock, and chance depends on a seed.
//!
//! A revoked session is never admitted after the stated bound:
//!
//! - by the node that revoked it: never again;
//! - by another node: for [`HEARTBEAT_TIMEOUT`] after the feed has taken the message;
//! - if the feed has not taken the message, because the node cannot send or has crashed, or if the feed
//!   loses single messages: for [`CACHE_TTL_WITH_FEED`] after the revocation.
//!
//! A session that lives is always admitted. A failure prints its seed: `GATEWRIGHT_TEST_SEED` runs that
//! seed alone.
//!
//! [`HEARTBEAT_TIMEOUT`]: gatewright::revocation::HEARTBEAT_TIMEOUT
//! [`CACHE_TTL_WITH_FEED`]: gatewright::revocation::CACHE_TTL_WITH_FEED

mod network;
mod random;
mod simulation;

use gatewright::revocation::{CACHE_TTL_WITH_FEED, HEARTBEAT_TIMEOUT};
use gatewright_testkit::block_on;

use network::Fault;
use simulation::{Outcome, Simulation};

/// How many seeds run without `--full`.
const SEEDS: u64 = 40;

/// The seed in the environment, which runs alone.
fn chosen_seed() -> Option<u64> {
    let seed = std::env::var("GATEWRIGHT_TEST_SEED").ok()?;
    Some(seed.parse().unwrap_or_else(|_| panic!("GATEWRIGHT_TEST_SEED: must be a number")))
}

fn run(seed: u64, fault: Fault) -> Result<Outcome, String> {
    block_on(async { Simulation::new(seed, fault).await.run().await })
}

/// Runs so many seeds, or the chosen one. Returns what happened in all of them.
fn expect_bound(seeds: u64, fault: Fault) -> Outcome {
    let seeds = chosen_seed().map_or(0..seeds, |seed| seed..seed + 1);
    let mut all = Outcome::default();
    for seed in seeds {
        let outcome = run(seed, fault);
        all.add(outcome.unwrap_or_else(|wrong| panic!("GATEWRIGHT_TEST_SEED={seed} {fault:?}: {wrong}")));
    }
    println!("{fault:?}: {all:?}");
    all
}

#[test]
fn no_node_admits_a_revoked_session_after_the_bound() {
    let all = expect_bound(SEEDS, Fault::None);
    // Otherwise the caches were hardly used, and the simulation shows nothing.
    assert!(chosen_seed().is_some() || all.late > 100 && all.latest > HEARTBEAT_TIMEOUT, "{all:?}");
}

#[test]
fn a_feed_that_loses_messages_delays_a_revocation_by_at_most_the_ttl() {
    let all = expect_bound(SEEDS, Fault::LosesMessages);
    assert!(chosen_seed().is_some() || all.latest > CACHE_TTL_WITH_FEED / 2, "{all:?}");
}

/// The simulation finds a feed that breaks the contract.
fn expect_caught(fault: Fault) {
    let caught = (0..SEEDS).find_map(|seed| Some((seed, run(seed, fault).err()?)));
    let (seed, wrong) = caught.unwrap_or_else(|| panic!("{fault:?} was not noticed"));
    println!("{fault:?} at seed {seed}: {wrong}");
    assert!(wrong.contains("after the revocation; the bound is Some"), "{wrong}");
}

#[test]
fn a_heartbeat_that_overtakes_a_revocation_is_caught() {
    expect_caught(Fault::HeartbeatOvertakes);
}

#[test]
fn a_feed_that_does_not_clear_after_a_cut_is_caught() {
    expect_caught(Fault::DoesNotClear);
}

mod full_product {
    use super::{Fault, expect_bound};

    #[test]
    #[ignore = "full product: cargo xtask test --full"]
    fn no_node_admits_a_revoked_session_after_the_bound() {
        expect_bound(2_000, Fault::None);
    }
}
