//! Peppers through the public API, against other implementations.

use argon2::password_hash::PasswordVerifier;
use argon2::{Algorithm, Argon2, Params, Version};
use gatewright_core::{HashContext, HasherError, Password, PasswordHash, PasswordHasher, PasswordVerdict};
use gatewright_password::{HashingPool, Pepper};

use crate::{cheap, verify};

const SECRET: &str = "qX3vKd7RwYb2LhJc9PsEafu8F0qTz1nQ";

fn pepper(id: &str, secret: impl Into<Vec<u8>>) -> Pepper {
    Pepper::new(id, secret).unwrap()
}

fn pool(current: Option<Pepper>, previous: Vec<Pepper>) -> HashingPool {
    let builder = cheap().with_workers(1).with_previous_peppers(previous);
    current.into_iter().fold(builder, |builder, pepper| builder.with_pepper(pepper)).build().unwrap()
}

/// Made with Argon2id of OpenSSL 3.5, and written as text by hand.
#[tokio::test]
async fn hashes_with_the_secret_of_another_implementation_match() {
    let bytes: Vec<u8> = (200..240).collect();
    let pool = pool(None, vec![pepper("2026-11", SECRET), pepper("v1", bytes)]);
    for (password, stored) in [
        (
            "correct horse",
            "$argon2id$v=19$m=7168,t=5,p=1,keyid=MjAyNi0xMQ$MDEyMzQ1Njc4OWFiY2RlZg$Nl7FRXQ90nKR/mzvlxYGRclAeORI//N8VIKOQ5N0mKA",
        ),
        (
            "p\u{e4}ssword \u{1f600}",
            "$argon2id$v=19$m=19456,t=2,p=1,keyid=djE$AAECAwQFBgcICQoLDA0ODw$iChq6W3oujxZsF4xYcEnsPJ0FKPnjtMHiGenmTGaebE",
        ),
        (
            "",
            "$argon2id$v=19$m=64,t=1,p=2,keyid=MjAyNi0xMQ$c2FsdHNhbHRzYWx0c2FsdA$9sWjype2kjTAiaxbrfjAViuydfYRbBH6",
        ),
    ] {
        assert_ne!(verify(&pool, password, stored).await, PasswordVerdict::Mismatch, "{stored}");
        assert_eq!(verify(&pool, &format!("{password}x"), stored).await, PasswordVerdict::Mismatch);
    }
}

/// The argon2 crate ignores `keyid`: the secret decides.
#[tokio::test]
async fn a_hash_with_a_pepper_is_one_of_the_argon2_crate_with_a_secret() {
    let pool = pool(Some(pepper("2026-11", SECRET)), Vec::new());
    let hash = pool.hash(Password::new("correct horse"), &HashContext::new()).await.unwrap();
    let of = |secret| Argon2::new_with_secret(secret, Algorithm::Argon2id, Version::V0x13, Params::DEFAULT);
    let theirs = of(SECRET.as_bytes()).unwrap();
    assert!(theirs.verify_password(b"correct horse", hash.expose()).is_ok());
    assert!(theirs.verify_password(b"correct hors", hash.expose()).is_err());
    assert!(of(b"another secret").unwrap().verify_password(b"correct horse", hash.expose()).is_err());
    assert!(Argon2::default().verify_password(b"correct horse", hash.expose()).is_err(), "without a pepper");
}

/// Of a hash that another system made with a key of its own.
#[tokio::test]
async fn a_foreign_key_id_is_an_unknown_pepper_and_no_wrong_password() {
    let pool = pool(Some(pepper("a", SECRET)), Vec::new());
    for id in ["A", "AAAAAAAAAAAA", "dummy", "a+b.c-d"] {
        let stored = format!("$argon2id$v=19$m=19456,t=2,p=1,keyid={id}$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo");
        let stored = Some(PasswordHash::new(stored));
        let error = pool.verify(Password::new("pw"), stored, &HashContext::new()).await.unwrap_err();
        assert!(
            matches!(&error, HasherError::UnknownPepper { id: found, .. } if found == id),
            "{id}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_bcrypt_hash_has_no_pepper_and_is_replaced_by_one_that_has() {
    let pool = pool(Some(pepper("a", SECRET)), Vec::new());
    let stored = bcrypt::hash("correct horse", 4).unwrap();
    assert_eq!(verify(&pool, "correct horse", &stored).await, PasswordVerdict::MatchUpgrade);
    let new = pool.hash(Password::new("correct horse"), &HashContext::new()).await.unwrap();
    assert!(new.expose().starts_with("$argon2id$v=19$m=7168,t=5,p=1,keyid=YQ$"), "{}", new.expose());
    assert_eq!(verify(&pool, "correct horse", new.expose()).await, PasswordVerdict::Match);
}

#[tokio::test]
async fn a_hash_with_an_unknown_pepper_is_an_error_that_names_it() {
    let made = pool(Some(pepper("2025-01", SECRET)), Vec::new());
    let hash = made.hash(Password::new("correct horse"), &HashContext::new()).await.unwrap();
    let other = pool(Some(pepper("2026-11", SECRET)), Vec::new());
    for password in ["correct horse", "wrong"] {
        let stored = Some(PasswordHash::new(hash.expose()));
        let error = other.verify(Password::new(password), stored, &HashContext::new()).await.unwrap_err();
        assert!(matches!(&error, HasherError::UnknownPepper { id, .. } if id == "2025-01"), "{error:?}");
        let text = format!("{error} {error:?}");
        assert!(text.contains("2025-01") && !text.contains(SECRET) && !text.contains("argon2id"), "{text}");
    }
    assert!(other.hash(Password::new("x"), &HashContext::new()).await.is_ok(), "the thread continues");
}

/// A pepper of a new id, step by step on two nodes, as the guide says.
#[tokio::test]
async fn a_rotation_in_two_steps_refuses_nobody() {
    let old = || pepper("old", SECRET);
    let new = || pepper("new", "fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEb");
    let first = [pool(Some(old()), vec![]), pool(Some(old()), vec![new()])];
    let second = [pool(Some(old()), vec![new()]), pool(Some(new()), vec![old()])];
    let last = [pool(Some(new()), vec![old()]), pool(Some(new()), vec![])];
    for nodes in [&first, &second] {
        for (one, other) in [(&nodes[0], &nodes[1]), (&nodes[1], &nodes[0])] {
            let hash = one.hash(Password::new("correct horse"), &HashContext::new()).await.unwrap();
            assert_ne!(verify(other, "correct horse", hash.expose()).await, PasswordVerdict::Mismatch);
        }
    }
    let stored = first[0].hash(Password::new("correct horse"), &HashContext::new()).await.unwrap();
    assert_eq!(verify(&last[0], "correct horse", stored.expose()).await, PasswordVerdict::MatchUpgrade);
    let upgraded = last[0].hash(Password::new("correct horse"), &HashContext::new()).await.unwrap();
    assert_eq!(verify(&last[1], "correct horse", upgraded.expose()).await, PasswordVerdict::Match);
}

#[test]
fn errors_name_the_setting_of_the_peppers() {
    let twice = cheap().with_pepper(pepper("a", SECRET)).with_previous_peppers([pepper("a", SECRET)]);
    assert_eq!(twice.build().unwrap_err().setting, "previous_peppers");
    let one_secret = cheap().with_pepper(pepper("a", SECRET)).with_previous_peppers([pepper("b", SECRET)]);
    assert_eq!(one_secret.build().unwrap_err().setting, "previous_peppers");
    let many = (0..8).map(|number| pepper(&number.to_string(), format!("{SECRET}{number}")));
    assert_eq!(cheap().with_previous_peppers(many).build().unwrap_err().setting, "previous_peppers");
    let text = format!("{:?}", cheap().with_pepper(pepper("a", SECRET)));
    assert!(text.contains("Pepper(\"a\", ..)") && !text.contains(SECRET), "{text}");
}
