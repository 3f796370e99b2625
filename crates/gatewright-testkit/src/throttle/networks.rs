//! Cases for the failures and the attempts in flight of networks.

use std::net::IpAddr;

use gatewright_core::throttle::{Attempt, ClientOrigin, KeyKind, ThrottleStep};

use super::{Bench, Cloned, HERE, START, address, after, seconds};
use crate::store::{RACERS, race};

/// Names in turn, each less often than an account may fail.
fn name(number: u32, accounts: u32) -> String {
    format!("user{}", number % accounts)
}

/// 30 at once, then one every two seconds.
pub async fn a_network_is_limited_by_its_completed_failures<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    for number in 0..30 {
        bench.fail_times(1, &bench.login(&name(number, 18), HERE), START).await;
    }
    let next = bench.login("ada", HERE);
    let limit = bench.acquire(&next, START).await.err().unwrap();
    assert_eq!((limit.retry_after, limit.kind), (seconds(2), KeyKind::Network));
    assert_eq!(bench.limited(&next, after(1)).await, seconds(1));
    bench.admitted(&bench.login("ada", 2), START).await;
    bench.fail_times(1, &next, after(2)).await;
    assert_eq!(bench.limited(&next, after(2)).await, seconds(2));
}

/// 29 wrong logins and one own login, repeated. The own account is bound by its pair alone, the others are limited.
pub async fn own_logins_do_not_free_a_network<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let own = bench.login("mallory", HERE);
    for number in 0..29 {
        bench.fail_times(1, &bench.login(&name(number, 18), HERE), START).await;
    }
    bench.log_in(&own, START).await;
    bench.fail_times(1, &bench.login(&name(29, 18), HERE), START).await;
    assert_eq!(bench.limited(&bench.login(&name(30, 18), HERE), START).await, seconds(2));
    bench.log_in(&own, START).await;
    assert_eq!(bench.limited(&bench.login(&name(30, 18), HERE), START).await, seconds(2));
}

/// 64 of colleagues who log in at nine; the next waits a second. Outcomes free places at once.
pub async fn attempts_in_flight_are_limited<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let mut reserved = Vec::new();
    for number in 0..64 {
        reserved.push(bench.admitted(&bench.login(&name(number, 64), HERE), START).await);
    }
    let next = bench.login("ada", HERE);
    let limit = bench.acquire(&next, START).await.err().unwrap();
    assert_eq!((limit.retry_after, limit.kind), (seconds(1), KeyKind::Network));
    for admitted in &reserved {
        bench.succeed(admitted, after(1)).await;
    }
    bench.log_in(&next, after(1)).await;
}

/// On two handles.
pub async fn parallel_attempts_do_not_exceed_those_in_flight<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::with(handles.clone(), |settings| settings.network_in_flight = 20);
    let admitted = race(&handles, |throttle, number| {
        let attempt = bench.login(&format!("user{number}"), HERE);
        let step = ThrottleStep::acquire(&attempt, bench.next(), &bench.settings, START);
        async move { throttle.run_step(&step).await.unwrap().limited.is_none() }
    })
    .await;
    assert_eq!(admitted.len(), RACERS);
    assert_eq!(admitted.into_iter().filter(|admitted| *admitted).count(), 20);
}

/// For the network it is no failure, until its outcome arrives.
pub async fn an_attempt_in_flight_is_forgotten_after_thirty_seconds<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::with(handles, |settings| {
        settings.network_in_flight = 1;
        settings.network_failures = 1;
    });
    let lost = bench.admitted(&bench.login("ada", HERE), START).await;
    let next = bench.login("eve", HERE);
    assert_eq!(bench.limited(&next, after(29)).await, seconds(1));
    let admitted = bench.admitted(&next, after(30)).await;
    bench.give_back(&admitted, after(30)).await;
    bench.fail(&lost, after(31)).await;
    assert_eq!(bench.limited(&next, after(31)).await, seconds(2), "a late failure counts");
}

/// With eight times the budget of a /64.
pub async fn addresses_of_an_ipv6_48_share_a_budget<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::with(handles, |settings| settings.network_failures = 2);
    let login = |network: u32, name: u32| {
        let address: IpAddr = format!("2001:db8:7:{network:x}::{name:x}").parse().unwrap();
        bench.digests.login(&format!("user{name}"), None, ClientOrigin::Address(address))
    };
    for number in 0..16 {
        bench.fail_times(1, &login(number, number), START).await;
    }
    let limit = bench.acquire(&login(99, 99), START).await.err().unwrap();
    assert_eq!(limit.kind, KeyKind::WideNetwork);
    assert_eq!(limit.retry_after, std::time::Duration::from_millis(250));
    let elsewhere: IpAddr = "2001:db8:8::1".parse().unwrap();
    bench.admitted(&bench.digests.login("ada", None, ClientOrigin::Address(elsewhere)), START).await;
}

/// The twentieth account within ten minutes. Then one failure every 30 s, for an hour.
pub async fn a_network_that_fails_on_many_accounts_is_slowed<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let mut now = START;
    let mut fail = async |number: u32| {
        now = now.saturating_add(seconds(2));
        let admitted = bench.admitted(&bench.login(&format!("user{number}"), HERE), now).await;
        (bench.failure(&admitted, now).await.stuffing, now)
    };
    assert!(!fail(0).await.0);
    for number in [1, 1, 2, 2].into_iter().chain(3..19) {
        assert!(!fail(number).await.0, "user{number}");
    }
    let (stuffing, at) = fail(19).await;
    assert!(stuffing);
    let next = bench.login("ada", HERE);
    assert_eq!(bench.limited(&next, at).await, seconds(30));
    let slowed = at.saturating_add(seconds(30));
    let pending = bench.admitted(&next, slowed).await;
    assert_eq!(bench.limited(&bench.login("eve", HERE), slowed).await, seconds(1), "one in flight may fail");
    assert!(!bench.failure(&pending, slowed).await.stuffing);
    assert_eq!(bench.limited(&bench.login("eve", HERE), slowed).await, seconds(30));
    let later = at.saturating_add(seconds(60 * 60));
    bench.fail_times(3, &bench.login("eve", HERE), later).await;
    bench.admitted(&bench.login("eve", 2), at).await;
}

/// With twenty times the budget, and without a search for stuffing.
pub async fn clients_behind_an_unknown_proxy_share_a_larger_budget<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::with(handles, |settings| settings.network_failures = 2);
    let login = |name: u32| bench.digests.login(&format!("user{name}"), None, ClientOrigin::UnknownProxy);
    for number in 0..40 {
        let admitted = bench.admitted(&login(number), START).await;
        assert!(!bench.failure(&admitted, START).await.stuffing);
    }
    let limit = bench.acquire(&login(99), START).await.err().unwrap();
    assert_eq!(
        (limit.kind, limit.retry_after),
        (KeyKind::SharedNetwork, std::time::Duration::from_millis(100))
    );
    bench.admitted(&bench.login("user99", HERE), START).await;
}

/// Accounts are.
pub async fn without_an_address_no_network_is_limited<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::with(handles, |settings| settings.network_failures = 1);
    let login = |name: u32| bench.digests.login(&format!("user{name}"), None, ClientOrigin::Unknown);
    for number in 0..25 {
        let admitted = bench.admitted(&login(number), START).await;
        assert!(!bench.failure(&admitted, START).await.stuffing);
    }
    bench.fail_times(9, &login(0), START).await;
    assert_eq!(bench.limited(&login(0), START).await, seconds(30));
    assert!(bench.acquire(&bench.digests.register(ClientOrigin::Unknown), START).await.is_ok());
}

/// Twenty at once, then one every three minutes. Their outcome does not matter.
pub async fn registrations_of_a_network_are_limited<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let register: Attempt = bench.digests.register(address(HERE));
    for number in 0..20 {
        let admitted = bench.admitted(&register, START).await;
        match number % 3 {
            0 => bench.give_back(&admitted, START).await,
            1 => bench.succeed(&admitted, START).await,
            _ => bench.fail(&admitted, START).await,
        }
    }
    assert_eq!(bench.limited(&register, after(60)).await, seconds(120));
    bench.admitted(&register, after(180)).await;
    assert_eq!(bench.limited(&register, after(180)).await, seconds(180));
    bench.admitted(&bench.digests.register(address(2)), START).await;
}
