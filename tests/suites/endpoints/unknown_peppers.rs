//! Accounts whose hash names a pepper that the hasher does not have: a mistake of the configuration.

use std::time::Duration;

use gatewright::endpoints::PasswordChange;
use gatewright::error::LoginError;
use gatewright::password::{Argon2Costs, HasherError, Pepper};
use gatewright::store::{AccountStore, UserStore};
use gatewright::throttle::{LOCK_AFTER, LONGEST_WAIT, MemoryThrottle, PASSWORD_CHANGE_FAILURES};
use gatewright::{
    Account, Auth, AuthError, Email, HashingPool, Login, MemoryStore, Password, Registration, RoleName,
};
use gatewright_testkit::{EventRecorder, FixedClock, ManualTimer, TestHasher, shared_secret};
use gatewright_tests::{PASSWORD, World, jwt};

use super::{EMAIL, NEW_PASSWORD, authenticate, world};

/// A password in two forms.
const TWO_FORMS: &str = "cafe\u{301} au lait, s'il te plait";

async fn account(store: &MemoryStore) -> Account {
    store.find_by_email(&Email::parse(EMAIL).unwrap()).await.unwrap().unwrap()
}

async fn refusal(world: &World<MemoryStore>, email: &str, password: &str) -> gatewright::Error {
    world.auth.login(Login::new(email, Password::new(password))).await.unwrap_err()
}

/// The client cannot tell such an account from one that does not exist: not by the answer, nor by the work, nor by the
/// attempts that are left.
#[tokio::test]
async fn the_answer_the_work_and_the_limit_are_those_of_an_unknown_account() {
    let world = World::with(MemoryStore::new(), |builder| builder.with_throttle(MemoryThrottle::new()));
    world.add_with_hash("eve@example.com", TestHasher::stored_with_unknown_pepper("2025-01")).await;
    for (password, hashes) in [(PASSWORD, 1), ("wrong", 1), (TWO_FORMS, 2)] {
        let mut answers = Vec::new();
        for (email, cause) in
            [("eve@example.com", LoginError::UnknownPepper), ("nobody@example.com", LoginError::UserUnknown)]
        {
            let before = world.hasher.calls();
            let error = refusal(&world, email, password).await;
            assert!(matches!(error.kind(), AuthError::Login(found) if *found == cause), "{error:?}");
            assert_eq!(world.hasher.calls() - before, hashes, "{email} {password}");
            answers.push(error.reply());
        }
        assert_eq!((answers[0].status, &answers[0]), (401, &answers[1]));
    }
    let mut limited = Vec::new();
    for email in ["eve@example.com", "nobody@example.com"] {
        let is_limited =
            |error: &gatewright::Error| matches!(error.kind(), AuthError::TooManyAttempts { .. });
        let mut attempts = 3;
        while !is_limited(&refusal(&world, email, "wrong").await) {
            attempts += 1;
        }
        limited.push(attempts);
    }
    assert_eq!(limited, [10, 10]);
}

#[tokio::test]
async fn an_event_names_the_pepper_once_a_minute_with_a_count() {
    let timer = ManualTimer::new();
    let world = World::with(MemoryStore::new(), |builder| {
        builder.with_timer(timer.clone()).with_refusal_floor(Duration::ZERO)
    });
    let user = world.add_with_hash(EMAIL, TestHasher::stored_with_unknown_pepper("2025-01")).await;
    let events =
        |count: u64| format!("UnknownPepper {{ user: {:?}, id: \"2025-01\", count: {count} }}", user.id);
    let found = || {
        let events = world.events.take();
        events.into_iter().filter(|event| event.starts_with("UnknownPepper")).collect::<Vec<_>>()
    };
    refusal(&world, EMAIL, PASSWORD).await;
    assert_eq!(found(), [events(1)]);
    refusal(&world, EMAIL, PASSWORD).await;
    assert_eq!(found(), [""; 0]);
    timer.advance(Duration::from_secs(60));
    refusal(&world, EMAIL, PASSWORD).await;
    assert_eq!(found(), [events(2)]);
}

/// The passwords may be right, so no account is locked when the pepper is there again.
#[tokio::test]
async fn a_missing_pepper_does_not_lock_an_account() {
    let world = World::with(MemoryStore::new(), |builder| builder.with_throttle(MemoryThrottle::new()));
    let user = world.add_with_hash(EMAIL, TestHasher::stored_with_unknown_pepper("2025-01")).await;
    for _ in 0..LOCK_AFTER + 10 {
        let error = refusal(&world, EMAIL, PASSWORD).await;
        assert!(matches!(error.kind(), AuthError::Login(LoginError::UnknownPepper)), "{error:?}");
        world.clock.advance(LONGEST_WAIT);
    }
    let (unknown, today) = (user.password_hash.clone(), TestHasher::stored(PASSWORD));
    let _ = world.store.replace_password_hash(&user.id, &unknown, &today).await.unwrap();
    world.login(EMAIL).await;
    assert!(world.events.take().iter().all(|event| !event.starts_with("AccountLocked")));
}

/// Of two forms, the second may find the queue full, whichever account it is about.
#[tokio::test]
async fn a_busy_hasher_gives_every_name_the_same_answer() {
    let world = world().await;
    world.add_with_hash("eve@example.com", TestHasher::stored_with_unknown_pepper("2025-01")).await;
    for email in ["eve@example.com", "nobody@example.com"] {
        let (auth, calls) = (world.auth.clone(), world.hasher.calls());
        world.hasher.pause();
        let call = tokio::spawn(async move { auth.login(Login::new(email, Password::new(TWO_FORMS))).await });
        while world.hasher.calls() == calls {
            tokio::task::yield_now().await;
        }
        world.hasher.be_busy(1);
        world.hasher.resume();
        let error = call.await.unwrap().unwrap_err();
        assert!(matches!(error.kind(), AuthError::Hasher(HasherError::Busy { .. })), "{email}: {error:?}");
        assert_eq!(error.reply().status, 503);
    }
}

/// The caller is authenticated, so nothing about the account is secret: the failure is answered as one. It costs a hash,
/// so a session has as few as of wrong passwords.
#[tokio::test]
async fn a_password_change_fails_and_counts_as_an_attempt_of_its_session() {
    let world = World::with(MemoryStore::new(), |builder| builder.with_throttle(MemoryThrottle::new()));
    world.add(EMAIL).await;
    let me = authenticate(&world, &world.login(EMAIL).await.access_token).await;
    let account = account(&world.store).await;
    let unknown = TestHasher::stored_with_unknown_pepper("2025-01");
    let _ = world.store.replace_password_hash(&account.id, &account.password_hash, &unknown).await.unwrap();
    let change = || {
        let [old, new] = [PASSWORD, NEW_PASSWORD].map(Password::new);
        world.auth.change_password(&me, PasswordChange::new(old, new).unwrap())
    };
    for _ in 0..PASSWORD_CHANGE_FAILURES {
        let error = change().await.unwrap_err();
        assert!(
            matches!(error.kind(), AuthError::Hasher(HasherError::UnknownPepper { id, .. }) if id == "2025-01")
        );
        assert_eq!(error.reply().status, 503);
    }
    let hashes = world.hasher.calls();
    assert_eq!(change().await.unwrap_err().reply().status, 401);
    assert_eq!(world.hasher.calls(), hashes, "no further hash");
    let events = world.events.take();
    let reported = events.iter().filter(|event| event.starts_with("UnknownPepper")).count();
    assert_eq!(reported, 1, "{events:?}");
}

/// An attacker who knows one account with a missing pepper hides no other pepper.
#[tokio::test]
async fn each_missing_pepper_is_reported() {
    let world = world().await;
    for (email, id) in [("a@example.com", "2024-01"), ("b@example.com", "2025-01")] {
        world.add_with_hash(email, TestHasher::stored_with_unknown_pepper(id)).await;
    }
    for email in ["a@example.com", "a@example.com", "b@example.com"] {
        refusal(&world, email, PASSWORD).await;
    }
    let events = world.events.take();
    let reported: Vec<&String> = events.iter().filter(|event| event.starts_with("UnknownPepper")).collect();
    assert_eq!(reported.len(), 2);
    assert!(reported[0].contains("2024-01") && reported[1].contains("2025-01"), "{reported:?}");
}

/// The real pool: a first pepper, the next one, and one that is lost.
#[tokio::test]
async fn a_login_gives_the_stored_hash_the_current_pepper() {
    let (store, events, clock) = (MemoryStore::new(), EventRecorder::new(), FixedClock::default());
    let pepper = |id: &str| Pepper::new(id, shared_secret(id)).unwrap();
    let auth = |current: Option<&str>, previous: &[&str]| {
        let pool = HashingPool::builder().with_costs(Argon2Costs::new(7 * 1024, 5, 1)).with_workers(1);
        let pool = pool.with_previous_peppers(previous.iter().map(|id| pepper(id)));
        let pool = current.into_iter().fold(pool, |pool, id| pool.with_pepper(pepper(id))).build().unwrap();
        let auth =
            Auth::local(store.clone(), jwt(), pool).with_clock(clock.clone()).with_events(events.clone());
        auth.with_refusal_floor(Duration::ZERO).build().unwrap()
    };
    let login = || Login::new(EMAIL, Password::new(PASSWORD));
    let registration = Registration::new(EMAIL, Password::new(PASSWORD)).unwrap();
    let _ = auth(None, &[])
        .accounts()
        .unwrap()
        .create(registration, [RoleName::from_static("user")])
        .await
        .unwrap();
    for (current, previous, keyid, upgrades) in [
        (None, &["a"][..], None, 0),
        (Some("a"), &[], Some(",keyid=YQ$"), 1),
        (Some("a"), &["b"], Some(",keyid=YQ$"), 0),
        (Some("b"), &["a"], Some(",keyid=Yg$"), 1),
        (Some("b"), &[], Some(",keyid=Yg$"), 0),
    ] {
        auth(current, previous).login(login()).await.unwrap();
        let stored = account(&store).await.password_hash;
        let has = stored.expose().contains("keyid=");
        assert_eq!(keyid.is_some(), has);
        assert!(keyid.is_none_or(|keyid| stored.expose().contains(keyid)), "{current:?} {previous:?}");
        let upgraded = events.take().iter().filter(|event| event.starts_with("HashUpgraded")).count();
        assert_eq!(upgraded, upgrades, "{current:?} {previous:?}");
    }
    let lost = auth(Some("c"), &["a"]).login(login()).await.unwrap_err();
    assert!(matches!(lost.kind(), AuthError::Login(LoginError::UnknownPepper)));
    assert!(events.take().iter().any(|event| event.starts_with("UnknownPepper") && event.contains("\"b\"")));
}
