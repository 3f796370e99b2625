//! Hashes published by other projects, read from the folder that `GATEWRIGHT_VECTORS` names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use gatewright_core::{Password, PasswordHash, PasswordHasher, PasswordVerdict};
use gatewright_password::{Argon2Costs, HashingPool, MAX_ARGON2_MEMORY_KIB};
use serde_json::Value;

fn file(name: &str) -> Value {
    let folder = std::env::var("GATEWRIGHT_VECTORS").unwrap();
    serde_json::from_str(&std::fs::read_to_string(Path::new(&folder).join(name)).unwrap()).unwrap()
}

async fn matches(pool: &HashingPool, password: &str, stored: &str) -> bool {
    let verdict = pool.verify(Password::new(password), Some(PasswordHash::new(stored))).await.unwrap();
    matches!(verdict, PasswordVerdict::Match | PasswordVerdict::MatchUpgrade)
}

/// Holds every vector of a list against its expectation and returns how many there were. What is beyond our ceilings,
/// or was made with a key or data that we do not have, must not match.
async fn check(file: &Value, list: &str, stored: &str) -> usize {
    let pool = HashingPool::builder().with_costs(Argon2Costs::new(7 * 1024, 5, 1)).build().unwrap();
    let mut ran = 0;
    for vector in file[list].as_array().unwrap() {
        let Some(password) = vector["password_utf8"].as_str() else { continue };
        let beyond = vector["m_kib"].as_u64().is_some_and(|memory| memory > u64::from(MAX_ARGON2_MEMORY_KIB));
        let stored = vector[stored].as_str().unwrap();
        let keyed = stored.contains("keyid=") || stored.contains("data=");
        let expected = vector["expect"] == "match" && !beyond && !keyed;
        assert_eq!(matches(&pool, password, stored).await, expected, "{vector}");
        ran += 1;
    }
    ran
}

mod needs_vectors {
    use super::{check, file};

    #[tokio::test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    async fn the_argon2_reference_implementations_hashes() {
        assert_eq!(check(&file("argon2_phc.json"), "vectors", "encoded").await, 34);
    }

    #[tokio::test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    async fn the_argon2_crates_hashes_and_malformed_texts() {
        let file = file("argon2_rust_crate.json");
        assert_eq!(check(&file, "vectors", "encoded").await, 7);
        assert_eq!(check(&file, "malformed", "encoded").await, 12);
    }

    #[tokio::test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    async fn the_bcrypt_hashes_of_two_libraries() {
        // Five more of these, and one of those, have passwords that are no text.
        assert_eq!(check(&file("bcrypt_pyca.json"), "vectors", "hash").await, 23);
        assert_eq!(check(&file("bcrypt_rust_crate.json"), "vectors", "hash").await, 14);
    }
}
