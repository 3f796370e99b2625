//! What the pool promises: verdicts, upgrades, ceilings, one hash's work in every case, and a bounded queue.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::task::{Context, Poll, Waker};

use gatewright_core::{HasherError, Password, PasswordHash, PasswordHasher, PasswordVerdict};
use gatewright_password::{Argon2Costs, HashingPool};

/// The cheapest hashes that may be made.
fn cheap() -> HashingPool {
    HashingPool::builder().with_costs(Argon2Costs::new(7 * 1024, 5, 1)).with_workers(1).build().unwrap()
}

async fn verdict(pool: &HashingPool, password: &str, stored: &str) -> PasswordVerdict {
    pool.verify(Password::new(password), Some(PasswordHash::new(stored))).await.unwrap()
}

#[tokio::test]
async fn a_hash_matches_its_password_and_no_other() {
    let pool = cheap();
    for password in ["correct horse", "", "pässword \u{1f600}", &"x".repeat(1024), "a\0b"] {
        let hash = pool.hash(Password::new(password)).await.unwrap();
        assert_eq!(verdict(&pool, password, hash.expose()).await, PasswordVerdict::Match);
        assert_eq!(verdict(&pool, &format!("{password} "), hash.expose()).await, PasswordVerdict::Mismatch);
    }
}

#[tokio::test]
async fn two_hashes_of_one_password_differ() {
    let pool = cheap();
    let first = pool.hash(Password::new("same")).await.unwrap();
    let second = pool.hash(Password::new("same")).await.unwrap();
    assert_ne!(first.expose(), second.expose());
}

#[tokio::test]
async fn a_hash_made_elsewhere_is_read_and_made_here_is_read_elsewhere() {
    use argon2::{Argon2, PasswordHasher as _, PasswordVerifier};
    let pool = HashingPool::builder().build().unwrap();
    let theirs = Argon2::default().hash_password(b"correct horse").unwrap().to_string();
    assert_eq!(verdict(&pool, "correct horse", &theirs).await, PasswordVerdict::Match);
    let ours = pool.hash(Password::new("correct horse")).await.unwrap();
    assert!(Argon2::default().verify_password(b"correct horse", ours.expose()).is_ok());
}

#[tokio::test]
async fn a_weaker_hash_is_to_be_upgraded_and_a_stronger_one_is_kept() {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
    let pool = cheap();
    let made = |algorithm, version, memory, passes, lanes| {
        let params = Params::new(memory, passes, lanes, Some(32)).unwrap();
        Argon2::new(algorithm, version, params).hash_password(b"pw").unwrap().to_string()
    };
    let (id, now) = (Algorithm::Argon2id, Version::V0x13);
    for (stored, expected) in [
        (made(id, now, 7 * 1024, 5, 1), PasswordVerdict::Match),
        (made(id, now, 19 * 1024, 6, 2), PasswordVerdict::Match),
        (made(id, now, 8, 1, 1), PasswordVerdict::MatchUpgrade),
        (made(id, now, 64 * 1024, 1, 1), PasswordVerdict::MatchUpgrade),
        (made(Algorithm::Argon2i, now, 7 * 1024, 5, 1), PasswordVerdict::MatchUpgrade),
        (made(id, Version::V0x10, 7 * 1024, 5, 1), PasswordVerdict::MatchUpgrade),
    ] {
        assert_eq!(verdict(&pool, "pw", &stored).await, expected, "{stored}");
        assert_eq!(verdict(&pool, "pW", &stored).await, PasswordVerdict::Mismatch, "{stored}");
    }
}

#[tokio::test]
async fn a_bcrypt_hash_matches_and_is_to_be_upgraded() {
    let pool = cheap();
    let stored = bcrypt::hash_with_salt("correct horse", 4, *b"0123456789abcdef").unwrap();
    for version in [bcrypt::Version::TwoA, bcrypt::Version::TwoB, bcrypt::Version::TwoY] {
        let text = stored.format_for_version(version);
        assert_eq!(verdict(&pool, "correct horse", &text).await, PasswordVerdict::MatchUpgrade, "{text}");
        assert_eq!(verdict(&pool, "correct hors", &text).await, PasswordVerdict::Mismatch, "{text}");
    }
}

#[tokio::test]
async fn bcrypt_is_never_fooled_by_what_it_cuts_off_or_repeats() {
    let pool = cheap();
    let stored = |password: &str| bcrypt::hash(password, 4).unwrap();
    let long = "a".repeat(72);
    assert_eq!(verdict(&pool, &long, &stored(&long)).await, PasswordVerdict::MatchUpgrade);
    assert_eq!(verdict(&pool, &format!("{long}x"), &stored(&long)).await, PasswordVerdict::Mismatch);
    assert_eq!(verdict(&pool, "a\0a", &stored("a")).await, PasswordVerdict::Mismatch);
    assert_eq!(
        verdict(&pool, &format!("{}\0", "a".repeat(71)), &stored(&"a".repeat(71))).await,
        PasswordVerdict::Mismatch
    );
}

#[tokio::test]
async fn what_is_no_hash_or_costs_too_much_never_matches_and_never_panics() {
    let pool = cheap();
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
        "$argon2id$v=19$m=19456,t=2,p=1,keyid=AAAA$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo".to_owned(),
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
        assert_eq!(verdict(&pool, "pw", &stored).await, PasswordVerdict::Mismatch, "{stored}");
    }
    assert_eq!(pool.verify(Password::new("pw"), None).await.unwrap(), PasswordVerdict::Mismatch);
}

#[tokio::test]
async fn beyond_the_queue_callers_are_told_at_once_and_those_inside_are_served() {
    let costs = Argon2Costs::new(64 * 1024, 4, 1);
    let pool = HashingPool::builder().with_costs(costs).with_workers(1).with_queue(2).build().unwrap();
    // Each call is polled once, in turn: the worker takes one, two wait, and there is no place for more.
    let mut calls: Vec<_> = (0..20).map(|_| pool.hash(Password::new("x"))).collect();
    let first: Vec<_> =
        calls.iter_mut().map(|call| call.as_mut().poll(&mut Context::from_waker(Waker::noop()))).collect();
    let busy = |answer: &Poll<_>| matches!(answer, Poll::Ready(Err(HasherError::Busy { .. })));
    let waiting: Vec<_> =
        first.iter().zip(calls).filter(|(answer, _)| answer.is_pending()).map(|(_, call)| call).collect();
    assert!((2..=3).contains(&waiting.len()), "{} wait", waiting.len());
    assert_eq!(first.iter().filter(|answer| busy(answer)).count(), 20 - waiting.len());
    for call in waiting {
        assert!(call.await.is_ok());
    }
    assert!(pool.hash(Password::new("x")).await.is_ok());
}

#[test]
fn unsafe_settings_are_refused_by_name() {
    let setting = |builder: gatewright_password::HashingPoolBuilder| builder.build().unwrap_err().setting;
    let builder = HashingPool::builder;
    for (memory, passes) in [(8, 1), (7_168, 4), (19_455, 2), (47_103, 1), (0, 0), (300_000, 2), (19_456, 11)]
    {
        assert_eq!(
            setting(builder().with_costs(Argon2Costs::new(memory, passes, 1))),
            "costs",
            "{memory} {passes}"
        );
    }
    assert_eq!(setting(builder().with_costs(Argon2Costs::new(19_456, 2, 9))), "costs");
    assert_eq!(setting(builder().with_costs(Argon2Costs::new(u32::MAX, 2, 1))), "costs");
    assert_eq!(setting(builder().with_workers(0)), "workers");
    assert_eq!(setting(builder().with_queue(0)), "queue");
}
