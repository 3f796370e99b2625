//! Hashes that other projects publish, from the folder in `GATEWRIGHT_VECTORS`.

use std::path::Path;

use gatewright_core::PasswordVerdict;
use gatewright_password::MAX_ARGON2_MEMORY_KIB;
use serde_json::Value;

fn file(name: &str) -> Value {
    let folder = std::env::var("GATEWRIGHT_VECTORS").unwrap();
    serde_json::from_str(&std::fs::read_to_string(Path::new(&folder).join(name)).unwrap()).unwrap()
}

/// Checks every vector of a list and returns how many there were. A hash above the maximal memory,
/// or one that needs a key or associated data, must not match.
async fn check(file: &Value, list: &str, stored: &str) -> usize {
    let pool = crate::cheap().build().unwrap();
    let mut ran = 0;
    for vector in file[list].as_array().unwrap() {
        let Some(password) = vector["password_utf8"].as_str() else { continue };
        let too_large =
            vector["m_kib"].as_u64().is_some_and(|memory| memory > u64::from(MAX_ARGON2_MEMORY_KIB));
        let stored = vector[stored].as_str().unwrap();
        let keyed = stored.contains("keyid=") || stored.contains("data=");
        let expected = vector["expect"] == "match" && !too_large && !keyed;
        let verdict = crate::verify(&pool, password, stored).await;
        assert_eq!(verdict != PasswordVerdict::Mismatch, expected, "{vector}");
        ran += 1;
    }
    ran
}

mod needs_vectors {
    use super::{check, file};

    #[tokio::test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    async fn hashes_of_the_argon2_reference_implementation() {
        assert_eq!(check(&file("argon2_phc.json"), "vectors", "encoded").await, 34);
    }

    #[tokio::test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    async fn hashes_and_malformed_texts_of_the_argon2_crate() {
        let file = file("argon2_rust_crate.json");
        assert_eq!(check(&file, "vectors", "encoded").await, 7);
        assert_eq!(check(&file, "malformed", "encoded").await, 12);
    }

    #[tokio::test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    async fn bcrypt_hashes_of_two_libraries() {
        // Five further vectors of the first file, and one of the second, have passwords that are
        // not text.
        assert_eq!(check(&file("bcrypt_pyca.json"), "vectors", "hash").await, 23);
        assert_eq!(check(&file("bcrypt_rust_crate.json"), "vectors", "hash").await, 14);
    }
}
