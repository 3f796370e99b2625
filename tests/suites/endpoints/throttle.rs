//! The throttle of an `Auth`: logins.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use gatewright::auth::ThrottleFailure;
use gatewright::http::{Headers, RequestView};
use gatewright::throttle::{MemoryThrottle, NETWORK_FAILURES, ThrottleSettings};
use gatewright::types::ClientInfo;
use gatewright::{Error, Login, MemoryStore, Password, PasswordHash, TokenPair};
use gatewright_testkit::{FailingStore, Method};
use gatewright_tests::{PASSWORD, World};

use super::EMAIL;

pub(super) const WRONG: &str = "an entirely wrong guess";
const WAIT: Duration = Duration::from_secs(30);
/// Long enough for every wait.
pub(super) const QUARTER: Duration = Duration::from_secs(15 * 60);

/// A world in memory with a throttle of its own, and one user.
pub(super) async fn world() -> World<MemoryStore> {
    world_with(ThrottleSettings::default()).await
}

async fn world_with(settings: ThrottleSettings) -> World<MemoryStore> {
    let store = MemoryStore::new();
    let throttled = |builder: gatewright::auth::AuthBuilder<_>| {
        builder
            .with_throttle(store.clone())
            .with_throttle_settings(settings)
            .with_refresh_grace(Duration::ZERO)
    };
    let world = World::with(store.clone(), throttled);
    world.add(EMAIL).await;
    world
}

/// The client with address 192.0.2.`network`.
pub(super) fn client(network: u8) -> ClientInfo {
    ClientInfo::new(Some([192, 0, 2, network].into()), None)
}

pub(super) fn login(email: &str, password: &str, network: u8) -> Login {
    Login::new(email, Password::new(password)).with_client(client(network))
}

/// Logs in from a network. `Ok` if it was granted, else the status of the answer.
pub(super) async fn status<S>(
    world: &World<S>,
    email: &str,
    password: &str,
    network: u8,
) -> Result<TokenPair, u16> {
    world.auth.login(login(email, password, network)).await.map_err(|error| error.reply().status)
}

async fn fail_times<S>(world: &World<S>, times: u32, email: &str, network: u8) {
    for number in 0..times {
        assert_eq!(status(world, email, WRONG, network).await.err(), Some(401), "attempt {number}");
    }
}

pub(super) fn count(events: &[String], name: &str) -> usize {
    events.iter().filter(|event| event.starts_with(name)).count()
}

/// The status, the headers and the body.
pub(super) fn answer(error: &Error) -> (u16, Vec<(&'static str, String)>, Vec<u8>) {
    let reply = error.reply();
    (reply.status, reply.headers.clone(), reply.body.to_vec())
}

/// A right password, a wrong one and an unknown name get the same bytes before any hash.
#[tokio::test]
async fn the_eleventh_attempt_waits_before_any_hash() {
    let world = world().await;
    fail_times(&world, 10, EMAIL, 1).await;
    fail_times(&world, 10, "unknown@example.com", 1).await;
    let calls = world.hasher.calls();
    assert_eq!(calls, 20);
    let attempts =
        [(EMAIL, PASSWORD), (EMAIL, WRONG), ("ADA@Example.com ", WRONG), ("unknown@example.com", WRONG)];
    let mut answers = Vec::new();
    for (email, password) in attempts {
        answers.push(answer(&world.auth.login(login(email, password, 2)).await.unwrap_err()));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let (code, headers, body) = &answers[0];
    assert_eq!(
        (*code, &body[..]),
        (429, &br#"{"detail":"Too many attempts","error":"too_many_attempts"}"#[..])
    );
    assert!(headers.contains(&("retry-after", "30".to_owned())), "{headers:?}");
    assert_eq!(world.hasher.calls(), calls, "no hash was computed");
    assert_eq!(count(&world.events.take(), "Throttled"), 1, "at most once a minute");
    world.clock.advance(WAIT);
    assert!(status(&world, EMAIL, PASSWORD, 2).await.is_ok());
}

/// Through two nodes, from as many networks.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_wrong_logins_compute_at_most_ten_hashes() {
    let world = world().await;
    let other = world.node_with(world.store.clone(), |builder| builder.with_throttle(world.store.clone()));
    world.hasher.pause();
    other.hasher.pause();
    let calls: Vec<_> = (0..500_u32)
        .map(|number| {
            let auth = if number % 2 == 0 { world.auth.clone() } else { other.auth.clone() };
            let client =
                ClientInfo::new(Some(std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into()), None);
            let login = Login::new(EMAIL, Password::new(WRONG)).with_client(client);
            tokio::spawn(async move { auth.login(login).await.map(drop).unwrap_err().reply().status })
        })
        .collect();
    // The limited ones are answered while the others are hashed.
    let mut limited = 0;
    let mut waiting = Vec::new();
    for call in calls {
        waiting.push(call);
    }
    while world.hasher.paused() + other.hasher.paused() < 10 {
        tokio::task::yield_now().await;
    }
    world.hasher.resume();
    other.hasher.resume();
    let mut refused = 0;
    for call in waiting {
        match call.await.unwrap() {
            401 => refused += 1,
            429 => limited += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((refused, limited), (10, 490));
    assert_eq!(world.hasher.calls() + other.hasher.calls(), 10);
}

#[tokio::test]
async fn a_login_clears_the_failures_before_it() {
    let world = world().await;
    for _ in 0..3 {
        fail_times(&world, 9, EMAIL, 1).await;
        assert!(status(&world, EMAIL, PASSWORD, 1).await.is_ok());
    }
}

/// The address of another account looks alike: one of its letters is Cyrillic.
#[tokio::test]
async fn a_login_to_an_account_that_looks_alike_clears_no_failures() {
    let world = world().await;
    let twin = EMAIL.replacen('a', "\u{430}", 1);
    world.add(&twin).await;
    fail_times(&world, 9, EMAIL, 1).await;
    assert!(status(&world, &twin, PASSWORD, 1).await.is_ok());
    fail_times(&world, 1, EMAIL, 1).await;
    assert_eq!(status(&world, EMAIL, PASSWORD, 1).await.err(), Some(429));
    assert!(status(&world, &twin, PASSWORD, 2).await.is_ok(), "it does not wait for the other account");
}

/// A client that hangs up during the hash has used an attempt. The next call of the process stores that.
#[tokio::test]
async fn a_login_that_is_dropped_during_the_hash_is_a_failure() {
    let world = world().await;
    world.hasher.pause();
    for _ in 0..30 {
        let mut call = pin!(world.auth.login(login("many@example.com", WRONG, 1)));
        // Of 30 calls for one account, 10 are admitted.
        let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    for number in 0..20 {
        // With the first, 19 accounts: no stuffing.
        let email = format!("user{}@example.com", number % 18);
        let mut call = pin!(world.auth.login(login(&email, WRONG, 1)));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "{number}");
    }
    world.hasher.resume();
    assert_eq!(status(&world, EMAIL, PASSWORD, 1).await.err(), Some(429), "30 failures of the network");
    assert_eq!(world.hasher.calls(), 30);
    assert_eq!(status(&world, "many@example.com", WRONG, 2).await.err(), Some(429));
}

/// The client gets 503, and no failure is counted.
#[tokio::test]
async fn a_login_that_the_hasher_refuses_is_given_back() {
    let world = world().await;
    world.hasher.be_busy(50);
    for _ in 0..50 {
        assert_eq!(status(&world, EMAIL, PASSWORD, 1).await.err(), Some(503));
    }
    fail_times(&world, 10, EMAIL, 1).await;
    assert_eq!(status(&world, EMAIL, PASSWORD, 1).await.err(), Some(429));
}

/// 29 wrong logins over 18 accounts and one own login, repeated.
#[tokio::test]
async fn own_logins_do_not_free_a_network() {
    let world = world().await;
    world.add("mallory@example.com").await;
    for number in 0..29 {
        fail_times(&world, 1, &format!("user{}@example.com", number % 18), 1).await;
    }
    assert!(status(&world, "mallory@example.com", PASSWORD, 1).await.is_ok());
    fail_times(&world, 1, "user0@example.com", 1).await;
    assert_eq!(status(&world, "user1@example.com", PASSWORD, 1).await.err(), Some(429));
    assert!(status(&world, "mallory@example.com", PASSWORD, 1).await.is_ok(), "its network is known");
    assert_eq!(status(&world, "user1@example.com", PASSWORD, 1).await.err(), Some(429));
    assert!(status(&world, EMAIL, PASSWORD, 2).await.is_ok());
}

/// One wrong password for each of 1,000 users from one address. The 20th slows the network.
#[tokio::test]
async fn spraying_is_limited_and_reported() {
    let world = world().await;
    let mut hashed = 0;
    for number in 0..1_000 {
        match status(&world, &format!("user{number}@example.com"), WRONG, 1).await {
            Err(401) => hashed += 1,
            Err(429) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((hashed, world.hasher.calls()), (20, 20));
    let events = world.events.take();
    assert_eq!(count(&events, "StuffingSuspected"), 1, "{events:?}");
    assert!(status(&world, EMAIL, PASSWORD, 2).await.is_ok());
}

/// An attacker makes the account wait. Its owner logs in from a known network.
#[tokio::test]
async fn the_owner_logs_in_from_a_known_network_meanwhile() {
    let world = world().await;
    assert!(status(&world, EMAIL, PASSWORD, 1).await.is_ok());
    fail_times(&world, 10, EMAIL, 2).await;
    assert_eq!(status(&world, EMAIL, PASSWORD, 3).await.err(), Some(429));
    assert!(status(&world, EMAIL, PASSWORD, 1).await.is_ok());
    assert_eq!(status(&world, EMAIL, PASSWORD, 2).await.err(), Some(429), "the attacker still waits");
}

/// A text that cannot be a name has no account to wait for.
#[tokio::test]
async fn texts_that_are_no_names_count_for_the_network() {
    let world = world().await;
    let text = "a\0b";
    fail_times(&world, NETWORK_FAILURES, text, 1).await;
    assert_eq!(status(&world, text, WRONG, 1).await.err(), Some(429));
    assert_eq!(status(&world, text, WRONG, 2).await.err(), Some(401));
}

#[tokio::test]
async fn a_throttle_that_is_down_refuses_logins_unless_it_is_set_to_admit() {
    let (throttle, outage) = FailingStore::new(MemoryThrottle::new());
    let world = World::with(MemoryStore::new(), |builder| builder.with_throttle(throttle.clone()));
    world.add(EMAIL).await;
    let admitting = world.node_with(world.store.clone(), |builder| {
        builder.with_throttle(throttle.clone()).with_throttle_failure(ThrottleFailure::Admit)
    });
    outage.fail_method(Method::RunStep);
    assert_eq!(status(&world, EMAIL, PASSWORD, 1).await.err(), Some(503));
    assert_eq!(world.hasher.calls(), 0);
    assert_eq!(count(&world.events.take(), "Failed"), 1);
    assert!(status(&admitting, EMAIL, PASSWORD, 1).await.is_ok());
    assert!(count(&admitting.events.take(), "Failed") > 0);
    outage.recover();
    assert!(status(&world, EMAIL, PASSWORD, 1).await.is_ok());
}

/// Twenty times the budget, and no search for stuffing: the clients seem to have one address.
#[tokio::test]
async fn clients_behind_an_unknown_proxy_share_a_larger_budget() {
    struct Forwarded;
    impl Headers for Forwarded {
        fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
            if name == "x-forwarded-for" {
                see(b"198.51.100.7");
            }
        }
    }
    let mut settings = ThrottleSettings::default();
    settings.network_failures = 2;
    let world = world_with(settings).await;
    let proxied =
        world.auth.client(&RequestView::new("POST", &Forwarded).with_peer(Some([10, 0, 0, 1].into())));
    let other =
        world.auth.client(&RequestView::new("POST", &Forwarded).with_peer(Some([10, 0, 0, 2].into())));
    let attempt = async |number: u32, client: &ClientInfo| {
        let login = Login::new(&format!("user{number}@example.com"), Password::new(WRONG));
        world.auth.login(login.with_client(client.clone())).await.map(drop).unwrap_err().reply().status
    };
    for number in 0..40 {
        assert_eq!(attempt(number, &proxied).await, 401, "{number}");
    }
    assert_eq!(attempt(40, &other).await, 429);
    assert_eq!(count(&world.events.take(), "StuffingSuspected"), 0);
    assert!(status(&world, EMAIL, PASSWORD, 1).await.is_ok());
}

/// A disabled account, one without a password and one with an unusable hash wait as others do.
#[tokio::test]
async fn all_accounts_wait_alike() {
    let world = world().await;
    world.add_with_hash("unusable@example.com", PasswordHash::new("!")).await;
    let disabled = world.add("disabled@example.com").await;
    world.auth.accounts().unwrap().set_active(&disabled.id, false).await.unwrap();
    let mut waits = Vec::new();
    for (network, email) in
        [(1, "unusable@example.com"), (2, "disabled@example.com"), (3, "nobody@example.com"), (4, EMAIL)]
    {
        fail_times(&world, 10, email, network).await;
        waits.push(answer(&world.auth.login(login(email, PASSWORD, 9)).await.unwrap_err()));
    }
    assert!(waits.iter().all(|answer| *answer == waits[0] && answer.0 == 429), "{waits:?}");
}
