//! Verdicts, upgrades, maximal costs, and the queue.

use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};

use gatewright_core::{HashContext, HasherError, Password, PasswordHasher, PasswordVerdict};
use gatewright_password::{Argon2Costs, HashingPool, HashingPoolBuilder, MAX_QUEUE, Upgrade};

use crate::verify;

/// A pool with one thread and the lowest costs that are allowed.
fn pool() -> HashingPool {
    crate::cheap().with_workers(1).build().unwrap()
}

#[tokio::test]
async fn a_hash_matches_its_password_and_no_other() {
    let pool = pool();
    for password in ["correct horse", "", "pässword \u{1f600}", &"x".repeat(1024), "a\0b"] {
        let hash = pool.hash(Password::new(password), &HashContext::new()).await.unwrap();
        assert_eq!(verify(&pool, password, hash.expose()).await, PasswordVerdict::Match);
        assert_eq!(verify(&pool, &format!("{password} "), hash.expose()).await, PasswordVerdict::Mismatch);
    }
}

#[tokio::test]
async fn two_hashes_of_one_password_differ() {
    let pool = pool();
    let first = pool.hash(Password::new("same"), &HashContext::new()).await.unwrap();
    let second = pool.hash(Password::new("same"), &HashContext::new()).await.unwrap();
    assert_ne!(first.expose(), second.expose());
}

#[tokio::test]
async fn hashes_are_compatible_with_the_argon2_crate() {
    use argon2::{Argon2, PasswordHasher as _, PasswordVerifier};
    let pool = HashingPool::new().unwrap();
    let theirs = Argon2::default().hash_password(b"correct horse").unwrap().to_string();
    assert_eq!(verify(&pool, "correct horse", &theirs).await, PasswordVerdict::Match);
    let ours = pool.hash(Password::new("correct horse"), &HashContext::new()).await.unwrap();
    assert!(Argon2::default().verify_password(b"correct horse", ours.expose()).is_ok());
}

#[tokio::test]
async fn a_weaker_hash_is_upgraded_and_a_stronger_one_only_on_demand() {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
    let pool = pool();
    let to_current = crate::cheap().with_hash_upgrade(Upgrade::ToCurrent).build().unwrap();
    let hash = |algorithm, version, memory, passes, lanes| {
        let params = Params::new(memory, passes, lanes, Some(32)).unwrap();
        Argon2::new(algorithm, version, params).hash_password(b"pw").unwrap().to_string()
    };
    let (id, latest) = (Algorithm::Argon2id, Version::V0x13);
    for (stored, expected) in [
        (hash(id, latest, 7 * 1024, 5, 1), PasswordVerdict::Match),
        (hash(id, latest, 19 * 1024, 6, 2), PasswordVerdict::Match),
        (hash(id, latest, 8, 1, 1), PasswordVerdict::MatchUpgrade),
        (hash(id, latest, 64 * 1024, 1, 1), PasswordVerdict::MatchUpgrade),
        (hash(Algorithm::Argon2i, latest, 7 * 1024, 5, 1), PasswordVerdict::MatchUpgrade),
        (hash(id, Version::V0x10, 7 * 1024, 5, 1), PasswordVerdict::MatchUpgrade),
    ] {
        assert_eq!(verify(&pool, "pw", &stored).await, expected, "{stored}");
        assert_eq!(verify(&pool, "pW", &stored).await, PasswordVerdict::Mismatch, "{stored}");
        let is_current = stored.starts_with("$argon2id$v=19$m=7168,t=5,p=1$");
        let expected = if is_current { PasswordVerdict::Match } else { PasswordVerdict::MatchUpgrade };
        assert_eq!(verify(&to_current, "pw", &stored).await, expected, "{stored}");
    }
}

#[tokio::test]
async fn a_bcrypt_hash_matches_and_is_upgraded() {
    let pool = pool();
    let stored = bcrypt::hash_with_salt("correct horse", 4, *b"0123456789abcdef").unwrap();
    for version in [bcrypt::Version::TwoA, bcrypt::Version::TwoB, bcrypt::Version::TwoY] {
        let text = stored.format_for_version(version);
        assert_eq!(verify(&pool, "correct horse", &text).await, PasswordVerdict::MatchUpgrade, "{text}");
        assert_eq!(verify(&pool, "correct hors", &text).await, PasswordVerdict::Mismatch, "{text}");
    }
}

#[tokio::test]
async fn long_passwords_and_nul_bytes_never_match_a_bcrypt_hash() {
    let pool = pool();
    let long = "a".repeat(72);
    let shorter = "a".repeat(71);
    for (password, hashed, expected) in [
        (long.clone(), long.as_str(), PasswordVerdict::MatchUpgrade),
        (format!("{long}x"), long.as_str(), PasswordVerdict::Mismatch),
        ("a\0a".to_owned(), "a", PasswordVerdict::Mismatch),
        (format!("{shorter}\0"), shorter.as_str(), PasswordVerdict::Mismatch),
    ] {
        let stored = bcrypt::hash(hashed, 4).unwrap();
        assert_eq!(verify(&pool, &password, &stored).await, expected, "{password:?}");
    }
}

#[tokio::test]
async fn malformed_and_too_expensive_hashes_never_match() {
    let pool = pool();
    let bcrypt = bcrypt::hash("pw", 4).unwrap();
    let unusable = [
        String::new(),
        "!".to_owned(),
        "pw".to_owned(),
        "$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo".to_owned(),
        "$argon2id$v=19$m=262145,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo".to_owned(),
        "$argon2id$v=19$m=19456,t=4294967295,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo".to_owned(),
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ".to_owned(),
        "$argon2id$v=99$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo".to_owned(),
        "$argon2x$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo".to_owned(),
        "$argon2id$v=19$m=19456,t=2$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo".to_owned(),
        "$argon2id$v=19$m=19456,m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo".to_owned(),
        "$argon2id$v=19$m=19456,t=2,p=1,keyid=A$c2FsdHNhbHQ".to_owned(),
        "$argon2x$v=19$m=19456,t=2,p=1,keyid=A$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo".to_owned(),
        "$argon2id$v=19$m=19456,t=2,p=1,keyid=$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo".to_owned(),
        "$argon2id$v=19$m=19456,t=2,p=1,keyid=AAAA,keyid=AAAA$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo".to_owned(),
        "$argon2id$v=19$m=19456,t=2,keyid=AAAA,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo".to_owned(),
        "$argon2id$v=19$m=19456,t=2,p=1,data=AAAA$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo".to_owned(),
        "$argon2id$v=19$m=19456,t=2,p=1,keyid=AAAA,data=AAAA$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo".to_owned(),
        "$argon2id$v=19$m=262145,t=2,p=1,keyid=AAAA$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo".to_owned(),
        bcrypt.replace("$04$", "$31$"),
        bcrypt.replace("$04$", "$16$"),
        bcrypt.replace("$2b$", "$2x$"),
        bcrypt.replace("$04$", "$+4$"),
        format!("{}é", &bcrypt.chars().take(58).collect::<String>()),
        bcrypt.chars().take(59).collect(),
        "$2".to_owned(),
        "\u{1f600}".repeat(15),
    ];
    for stored in unusable {
        assert_eq!(verify(&pool, "pw", &stored).await, PasswordVerdict::Mismatch, "{stored}");
    }
    assert_eq!(
        pool.verify(Password::new("pw"), None, &HashContext::new()).await.unwrap(),
        PasswordVerdict::Mismatch
    );
}

/// Each call is polled once, in turn. The worker takes some, and two wait. The others have lost their place.
#[tokio::test]
async fn a_full_queue_serves_the_newest_calls_and_refuses_the_others() {
    let costs = Argon2Costs::new(64 * 1024, 4, 1);
    let pool = HashingPool::builder().with_costs(costs).with_workers(1).with_queue(2).build().unwrap();
    let client = HashContext::new();
    let mut calls: Vec<_> = (0..20).map(|_| pool.hash(Password::new("x"), &client)).collect();
    // On a busy machine the worker can be faster than a poll.
    let mut context = Context::from_waker(Waker::noop());
    let polled: Vec<_> = calls.iter_mut().map(|call| call.as_mut().poll(&mut context)).collect();
    let mut results = Vec::new();
    for (call, polled) in calls.into_iter().zip(polled) {
        results.push(if let Poll::Ready(result) = polled { result } else { call.await });
    }
    let refused = results.iter().filter(|result| matches!(result, Err(HasherError::Busy { .. }))).count();
    let hashed = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(refused + hashed, 20);
    assert!((2..20).contains(&hashed), "{hashed} hashed");
    assert!(results.iter().rev().take(2).all(Result::is_ok), "the newest two had a place");
    assert!(pool.hash(Password::new("x"), &client).await.is_ok());
}

/// Panics when a thread of the pool wakes it.
struct Explosive(mpsc::Sender<()>);

impl Wake for Explosive {
    fn wake(self: Arc<Self>) {
        self.0.send(()).unwrap();
        panic!("a foreign waker may panic");
    }
}

#[tokio::test]
async fn a_thread_survives_a_waker_that_panics() {
    let pool = pool();
    let (context, (woken, waking)) = (HashContext::new(), mpsc::channel());
    let waker = Waker::from(Arc::new(Explosive(woken)));
    let _call = loop {
        let mut call = pool.hash(Password::new("x"), &context);
        // On a busy machine the thread can be faster than the poll. Then it wakes nothing.
        if call.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            break call;
        }
    };
    waking.recv().unwrap();
    assert!(pool.hash(Password::new("x"), &context).await.is_ok());
}

#[test]
fn errors_name_the_setting_that_is_out_of_range() {
    let setting = |builder: HashingPoolBuilder| builder.build().unwrap_err().setting;
    let builder = HashingPool::builder;
    let weak = [(8, 1), (7_168, 4), (19_455, 2), (47_103, 1), (0, 0)];
    let expensive = [(300_000, 2), (19_456, 11), (u32::MAX, 2)];
    for (memory, passes) in weak.into_iter().chain(expensive) {
        let costs = Argon2Costs::new(memory, passes, 1);
        assert_eq!(setting(builder().with_costs(costs)), "costs", "{costs:?}");
    }
    assert_eq!(setting(builder().with_costs(Argon2Costs::new(19_456, 2, 9))), "costs");
    assert_eq!(setting(builder().with_workers(0)), "workers");
    assert_eq!(setting(builder().with_queue(0)), "queue");
    assert_eq!(setting(builder().with_queue(MAX_QUEUE + 1)), "queue");
    assert_eq!(setting(builder().with_network_share(0)), "network_share");
    assert_eq!(setting(builder().with_account_share(0)), "account_share");
}
