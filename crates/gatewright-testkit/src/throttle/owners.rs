//! Cases for known networks and for locks after many consecutive failures.

use gatewright_core::throttle::{Attempt, LockStage, ThrottleDigests, ThrottleStep};
use gatewright_core::{Timestamp, UserId};

use super::{Bench, Cloned, HERE, START, after, seconds};

/// A day and a second: no failure of the account or the pair before it counts.
const LATER: u64 = 24 * 60 * 60 + 1;

/// An attacker elsewhere makes the account wait. The owner is bound by the pair alone.
pub async fn the_owner_gets_in_from_a_known_network<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let (own, foreign) = (bench.login("ada", HERE), bench.login("ada", 2));
    bench.log_in(&own, START).await;
    bench.fail_times(10, &foreign, after(1)).await;
    assert_eq!(bench.limited(&foreign, after(1)).await, seconds(30));
    assert_eq!(bench.limited(&bench.login("ada", 3), after(1)).await, seconds(30));
    bench.fail_times(10, &own, after(1)).await;
    assert_eq!(bench.limited(&own, after(1)).await, seconds(30), "the pair still waits");
    bench.log_in(&own, after(31)).await;
}

/// The latest five.
pub async fn five_networks_are_known_for_thirty_days<T: Cloned>(handles: [T; 2]) {
    const MONTH: u64 = 30 * 24 * 60 * 60;
    let bench = Bench::new(handles);
    for network in [1, 2, 3, 4, 5, 1, 6] {
        bench.log_in(&bench.login("ada", network), START).await;
    }
    bench.fail_times(10, &bench.login("ada", 9), START).await;
    for network in [1, 3, 4, 5, 6] {
        let admitted = bench.admitted(&bench.login("ada", network), START).await;
        bench.give_back(&admitted, START).await;
    }
    assert_eq!(bench.limited(&bench.login("ada", 2), START).await, seconds(30));
    bench.fail_times(10, &bench.login("ada", 10), after(MONTH - 1)).await;
    let admitted = bench.admitted(&bench.login("ada", 1), after(MONTH - 1)).await;
    bench.give_back(&admitted, after(MONTH - 1)).await;
    assert_eq!(bench.limited(&bench.login("ada", 1), after(MONTH)).await, seconds(29));
}

/// A network that is slowed because it fails on many accounts.
pub async fn known_networks_are_not_slowed<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::with(handles, |settings| settings.stuffing_accounts = 3);
    let own = bench.login("ada", HERE);
    bench.log_in(&own, START).await;
    for name in ["eve", "bob", "cyd"] {
        bench.fail_times(1, &bench.login(name, HERE), START).await;
    }
    assert_eq!(bench.limited(&bench.login("dan", HERE), START).await, seconds(30));
    bench.log_in(&own, START).await;
}

/// The failures of a network do not bind an account that logged in from it. The attempts in flight do.
pub async fn known_networks_do_not_wait_for_the_failures_of_others<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::with(handles, |settings| {
        settings.network_failures = 2;
        settings.network_in_flight = 3;
    });
    let own = bench.login("ada", HERE);
    bench.log_in(&own, START).await;
    bench.fail_times(1, &bench.login("eve", HERE), START).await;
    bench.fail_times(1, &bench.login("bob", HERE), START).await;
    assert_eq!(bench.limited(&bench.login("cyd", HERE), START).await, seconds(2));
    bench.fail_times(9, &own, START).await;
    bench.log_in(&own, START).await;
    for _ in 0..3 {
        bench.admitted(&own, START).await;
    }
    assert_eq!(bench.limited(&own, START).await, seconds(1));
}

/// Fails so many times from a network, each after the longest wait. Returns the stages that were reported, and
/// the time after the last failure.
async fn fail_slowly<T: Cloned>(
    bench: &Bench<T>,
    times: u32,
    attempt: &Attempt,
    mut now: Timestamp,
) -> (Vec<LockStage>, Timestamp) {
    let mut stages = Vec::new();
    for _ in 0..times {
        now = now.saturating_add(bench.settings.longest_wait);
        let admitted = bench.admitted(attempt, now).await;
        assert!(!admitted.is_locked);
        stages.extend(bench.failure(&admitted, now).await.lock);
    }
    (stages, now.saturating_add(bench.settings.longest_wait))
}

/// Expects an attempt to be admitted, and whether it is refused as a wrong password.
async fn expect_locked<T: Cloned>(bench: &Bench<T>, attempt: &Attempt, now: Timestamp, is_locked: bool) {
    let admitted = bench.admitted(attempt, now).await;
    assert_eq!(admitted.is_locked, is_locked, "at {now:?}");
    bench.give_back(&admitted, now).await;
}

/// A refused attempt does not bring the account nearer to the lock, so only known networks can lock it.
pub async fn only_known_networks_may_try_after_eighty_failures<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let (own, foreign) = (bench.login("ada", HERE), bench.login("ada", 2));
    bench.log_in(&own, START).await;
    let (stages, mut now) = fail_slowly(&bench, 80, &foreign, START).await;
    assert_eq!(stages, [LockStage::KnownNetworksOnly]);
    for _ in 0..30 {
        let admitted = bench.admitted(&foreign, now).await;
        assert!(admitted.is_locked);
        assert_eq!(bench.failure(&admitted, now).await.lock, None);
        now = now.saturating_add(bench.settings.longest_wait);
    }
    expect_locked(&bench, &own, now, false).await;
    bench.log_in(&own, now).await;
    let (stages, _) = fail_slowly(&bench, 80, &bench.login("ada", 3), now).await;
    assert_eq!(stages, [LockStage::KnownNetworksOnly], "a login starts the count again");
}

/// Also for known networks.
pub async fn an_account_is_locked_after_a_hundred_failures<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let own = bench.login("ada", HERE);
    bench.log_in(&own, START).await;
    let (stages, now) = fail_slowly(&bench, 100, &own, START).await;
    assert_eq!(stages, [LockStage::KnownNetworksOnly, LockStage::Locked]);
    expect_locked(&bench, &own, now, true).await;
    expect_locked(&bench, &bench.login("ada", 2), now, true).await;
    expect_locked(&bench, &bench.login("eve", HERE), now, false).await;
}

/// Then no network may try. The 30 days of a known network may be over.
pub async fn eighty_failures_lock_an_account_without_a_known_network<T: Cloned>(handles: [T; 2]) {
    const MONTH: u64 = 30 * 24 * 60 * 60;
    let bench = Bench::with(handles, |settings| settings.known_networks_only_after = 5);
    let owner = ThrottleDigests::owner(&UserId::new("ada").unwrap());
    let is_locked = async |now| bench.run(&ThrottleStep::look(&owner, &bench.settings, now)).await.is_locked;
    let (stages, now) = fail_slowly(&bench, 4, &bench.login("ada", 2), START).await;
    assert!(stages.is_empty() && !is_locked(now).await);
    let (stages, now) = fail_slowly(&bench, 1, &bench.login("ada", 3), now).await;
    assert_eq!(stages, [LockStage::KnownNetworksOnly]);
    assert!(is_locked(now).await);
    expect_locked(&bench, &bench.login("ada", HERE), now, true).await;
    assert!(bench.run(&ThrottleStep::unlock(&owner, &bench.settings, now)).await.is_locked);
    assert!(!is_locked(now).await);
    bench.log_in(&bench.login("ada", HERE), now).await;
    let (_, now) = fail_slowly(&bench, 5, &bench.login("ada", 2), now).await;
    assert!(!is_locked(now).await, "the known network may try");
    assert!(is_locked(now.saturating_add(seconds(MONTH))).await);
}

/// Two names of one user, such as an address and a user name, share the count.
pub async fn a_lock_does_not_expire_and_can_be_lifted<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::with(handles, |settings| {
        settings.lock_after = 6;
        settings.known_networks_only_after = 5;
    });
    let user = UserId::new("ada").unwrap();
    let owner = ThrottleDigests::owner(&user);
    let name = bench.digests.login("the other name", Some(&user), super::address(HERE));
    bench.log_in(&name, START).await;
    let (_, now) = fail_slowly(&bench, 3, &name, START).await;
    let (_, now) = fail_slowly(&bench, 3, &bench.login("ada", HERE), now).await;
    let years = now.saturating_add(seconds(10 * 365 * 24 * 60 * 60));
    // The failures of the names may be deleted, or have been.
    bench.handle(0).delete_expired_states(years, 1_000).await.unwrap();
    assert!(bench.run(&ThrottleStep::look(&owner, &bench.settings, years)).await.is_locked);
    expect_locked(&bench, &name, years, true).await;
    assert!(bench.run(&ThrottleStep::unlock(&owner, &bench.settings, years)).await.is_locked);
    assert!(!bench.run(&ThrottleStep::unlock(&owner, &bench.settings, years)).await.is_locked);
    expect_locked(&bench, &name, years, false).await;
    bench.log_in(&name, years).await;
    let (_, now) = fail_slowly(&bench, 5, &bench.login("ada", 2), years).await;
    expect_locked(&bench, &name, now, false).await;
    let outcome = bench.run(&ThrottleStep::forget(&owner, &bench.settings, now)).await;
    assert_eq!(outcome.limited, None);
    let (_, now) = fail_slowly(&bench, 5, &bench.login("ada", 2), now).await;
    expect_locked(&bench, &name, now, true).await;
}

/// So the answers do not show that an account exists. A day later the name is free again.
pub async fn names_without_an_account_are_locked_in_the_same_way<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::with(handles, |settings| {
        settings.lock_after = 6;
        settings.known_networks_only_after = 5;
    });
    let nobody = bench.digests.login("nobody", None, super::address(HERE));
    let (stages, now) = fail_slowly(&bench, 5, &nobody, START).await;
    assert_eq!(stages, [LockStage::KnownNetworksOnly]);
    expect_locked(&bench, &nobody, now, true).await;
    expect_locked(&bench, &nobody, now.saturating_add(seconds(LATER)), false).await;
}
