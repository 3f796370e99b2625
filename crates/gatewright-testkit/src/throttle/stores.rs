//! Cases for what a store does: atomic steps, no writes for refused attempts, expiry.

use gatewright_core::throttle::{Throttle, ThrottleStep};

use super::{Bench, Cloned, HERE, START, address, after, seconds};
use crate::store::cancellation::{at_once, cancel_after_each_wake, finishes_within};
use crate::store::race;

/// Limited attempts take nothing from the keys that would have admitted them.
pub async fn a_limited_attempt_writes_nothing<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::with(handles, |settings| settings.network_in_flight = 2);
    let attempt = bench.login("ada", HERE);
    bench.fail_times(10, &attempt, START).await;
    for _ in 0..20 {
        assert_eq!(bench.limited(&attempt, after(1)).await, seconds(29), "the wait is not extended");
    }
    bench.admitted(&bench.login("eve", HERE), after(1)).await;
    bench.admitted(&bench.login("bob", HERE), after(1)).await;
    let full = bench.login("cyd", HERE);
    for _ in 0..20 {
        bench.limited(&full, after(1)).await;
    }
    bench.fail_times(10, &bench.login("cyd", 2), after(1)).await;
}

/// A login, a registration and a password change of one client.
pub async fn purposes_have_budgets_of_their_own<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::with(handles, |settings| {
        settings.registrations = 1;
        settings.network_failures = 1;
    });
    let register = bench.digests.register(address(HERE));
    bench.admitted(&register, START).await;
    bench.limited(&register, START).await;
    bench.fail_times(1, &bench.login("ada", HERE), START).await;
    bench.limited(&bench.login("ada", HERE), START).await;
    bench.admitted(&bench.digests.register(address(2)), START).await;
}

/// From their expiry on, at most as many as asked for.
pub async fn only_expired_states_are_deleted<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let delete = async |seconds: u64, limit: u32| {
        bench.handle(bench.next()).delete_expired_states(after(seconds), limit).await.unwrap()
    };
    assert_eq!(delete(0, 10).await, 0);
    for number in 0..3 {
        // The pair, the account and the name for a day.
        let attempt = bench.digests.login(
            &format!("user{number}"),
            None,
            gatewright_core::throttle::ClientOrigin::Unknown,
        );
        bench.fail_times(9, &attempt, START).await;
    }
    assert_eq!(delete(24 * 60 * 60 - 1, 10).await, 0);
    let attempt = bench.digests.login("user0", None, gatewright_core::throttle::ClientOrigin::Unknown);
    bench.fail_times(1, &attempt, after(60)).await;
    assert_eq!(bench.limited(&attempt, after(60)).await, seconds(30));
    let first = delete(24 * 60 * 60 + 1, 4).await;
    let second = delete(24 * 60 * 60 + 1, 4).await;
    // A store may delete expired states itself.
    assert!(first <= 4 && second <= 2, "{first} and {second}");
    assert_eq!(delete(24 * 60 * 60 + 1, 4).await, 0);
    assert_eq!(bench.limited(&attempt, after(61)).await, seconds(29), "the other states are there");
}

/// In both orders of accounts and networks, on two handles: no deadlock, and no lost reservation.
pub async fn parallel_steps_on_overlapping_keys_complete<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::with(handles.clone(), |settings| settings.account_failures = 100);
    let outcomes = race(&handles, |throttle, number| {
        let attempt = bench.login(["ada", "eve", "bob"][number % 3], u8::try_from(number % 4).unwrap());
        let id = bench.next();
        let acquire = ThrottleStep::acquire(&attempt, id, &bench.settings, START);
        let fail = ThrottleStep::fail(&attempt, id, &bench.settings, START);
        async move {
            let limited = throttle.run_step(&acquire).await.unwrap().limited;
            let failed = throttle.run_step(&fail).await.unwrap();
            limited.is_none() && failed.limited.is_none()
        }
    })
    .await;
    assert!(outcomes.into_iter().all(|admitted| admitted));
    // 50 attempts of 3 accounts: 17, 17 and 16.
    for (name, failures) in [("ada", 17), ("eve", 17), ("bob", 16)] {
        let mut settings = (*bench.settings).clone();
        settings.account_failures = failures;
        let attempt = bench.login(name, 200);
        let step =
            |settings| ThrottleStep::acquire(&attempt, bench.next(), &std::sync::Arc::new(settings), START);
        assert!(bench.run(&step(settings.clone())).await.limited.is_some(), "{name}");
        settings.account_failures = failures + 1;
        assert!(bench.run(&step(settings)).await.limited.is_none(), "{name}");
    }
}

/// Such calls cannot be cancelled midway.
pub async fn steps_complete_at_first_poll<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let attempt = bench.login("ada", HERE);
    let throttle = bench.handle(0);
    let acquire = ThrottleStep::acquire(&attempt, 1, &bench.settings, START);
    assert_eq!(at_once(throttle.run_step(&acquire)).unwrap().limited, None);
    let fail = ThrottleStep::fail(&attempt, 1, &bench.settings, START);
    assert_eq!(at_once(throttle.run_step(&fail)).unwrap().limited, None);
    assert_eq!(at_once(throttle.delete_expired_states(START, 10)).unwrap(), 0);
}

/// A cancelled reservation is there under all keys or under none. Other steps are not blocked.
pub async fn cancelled_steps_are_atomic<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::with(handles, |settings| {
        settings.account_failures = 1;
        settings.network_in_flight = 1;
    });
    cancel_after_each_wake(async |number, wakes| {
        let (name, network) = (format!("user{number}"), ClientNumber::of(number));
        let attempt = bench.digests.login(&name, None, network.origin());
        let step = ThrottleStep::acquire(&attempt, bench.next(), &bench.settings, START);
        let finished = finishes_within(wakes, bench.handle(0).run_step(&step)).await;
        let limited = async |attempt| bench.acquire(&attempt, START).await.is_err();
        let elsewhere = bench.digests.login(&name, None, ClientNumber::of(number + 100_000).origin());
        let other = bench.digests.login(&format!("other{number}"), None, network.origin());
        let [account, network] = [limited(elsewhere).await, limited(other).await];
        assert_eq!(account, network, "after {wakes} wakes");
        assert!(!finished || account, "a step that returned was made");
        finished
    })
    .await;
}

/// A client of its own for each attempt.
struct ClientNumber(u32);

impl ClientNumber {
    fn of(number: usize) -> Self {
        Self(u32::try_from(number).unwrap())
    }

    fn origin(&self) -> gatewright_core::throttle::ClientOrigin {
        gatewright_core::throttle::ClientOrigin::Address(
            std::net::Ipv4Addr::from_bits(0x0a00_0000 + self.0).into(),
        )
    }
}

/// No attempt is admitted or limited.
pub async fn broken_throttle_returns_errors(broken: impl Throttle) {
    let digests =
        gatewright_core::throttle::ThrottleDigests::new(&gatewright_core::types::DerivedKey::new([7; 32]));
    let settings = std::sync::Arc::new(gatewright_core::throttle::ThrottleSettings::default());
    let attempt = digests.login("ada", None, address(HERE));
    for step in [
        ThrottleStep::acquire(&attempt, 1, &settings, START),
        ThrottleStep::succeed(&attempt, 1, &settings, START),
        ThrottleStep::fail(&attempt, 1, &settings, START),
        ThrottleStep::give_back(&attempt, 1, &settings, START),
        ThrottleStep::look(&attempt, &settings, START),
    ] {
        assert!(broken.run_step(&step).await.is_err());
    }
    assert!(broken.delete_expired_states(START, 10).await.is_err());
}
