//! Hashes that other projects publish, from the folder in `GATEWRIGHT_VECTORS`.

use std::path::Path;

use argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
use gatewright_core::{HashContext, HasherError, Password, PasswordHash, PasswordHasher, PasswordVerdict};
use gatewright_password::MAX_ARGON2_MEMORY_KIB;
use serde_json::Value;

fn file(name: &str) -> Value {
    let folder = std::env::var("GATEWRIGHT_VECTORS").unwrap();
    serde_json::from_str(&std::fs::read_to_string(Path::new(&folder).join(name)).unwrap()).unwrap()
}

/// Checks every vector of a list and returns how many there were. A hash above the maximal memory, or one that needs
/// associated data, must not match. One that names a key is an error: the pool has no pepper.
async fn check(file: &Value, list: &str, stored: &str) -> usize {
    let pool = crate::cheap().build().unwrap();
    let mut ran = 0;
    for vector in file[list].as_array().unwrap() {
        let Some(password) = vector["password_utf8"].as_str() else { continue };
        let too_large =
            vector["m_kib"].as_u64().is_some_and(|memory| memory > u64::from(MAX_ARGON2_MEMORY_KIB));
        let stored = vector[stored].as_str().unwrap();
        let is_usable = vector["expect"] == "match" && !too_large && !stored.contains("data=");
        let hash = Some(PasswordHash::new(stored));
        let verdict = pool.verify(Password::new(password), hash, &HashContext::new()).await;
        if stored.contains("keyid=") && !stored.contains("data=") {
            assert!(matches!(verdict, Err(HasherError::UnknownPepper { .. })), "{vector}");
        } else {
            assert_eq!(verdict.unwrap() != PasswordVerdict::Mismatch, is_usable, "{vector}");
        }
        ran += 1;
    }
    ran
}

/// Checks the vectors with a secret and returns how many there were.
fn check_secrets(file: &Value) -> usize {
    let mut ran = 0;
    for vector in file["kats"].as_array().unwrap() {
        let number = |name: &str| u32::try_from(vector[name].as_u64().unwrap()).unwrap();
        let bytes = |name: &str| hexadecimal(vector[name].as_str().unwrap());
        let algorithm: Algorithm = vector["type"].as_str().unwrap().parse().unwrap();
        let version = if vector["version"] == 16 { Version::V0x10 } else { Version::V0x13 };
        let mut params = ParamsBuilder::new();
        params.m_cost(number("m_kib")).t_cost(number("t")).p_cost(number("p"));
        params.data(AssociatedData::new(&bytes("ad_hex")).unwrap());
        let secret = bytes("secret_hex");
        let argon = Argon2::new_with_secret(&secret, algorithm, version, params.build().unwrap()).unwrap();
        let mut output = vec![0; 32];
        argon.hash_password_into(&bytes("password_hex"), &bytes("salt_hex"), &mut output).unwrap();
        assert_eq!(output, bytes("tag_hex"), "{vector}");
        ran += 1;
    }
    ran
}

fn hexadecimal(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

mod needs_vectors {
    use super::{check, check_secrets, file};

    #[tokio::test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    async fn hashes_of_the_argon2_reference_implementation() {
        assert_eq!(check(&file("argon2_phc.json"), "vectors", "encoded").await, 34);
    }

    /// Of the crate that the pool hashes with. They have associated data, which the pool does not support.
    #[test]
    #[ignore = "needs GATEWRIGHT_VECTORS"]
    fn secrets_of_the_argon2_reference_implementation() {
        assert_eq!(check_secrets(&file("argon2_phc.json")), 6);
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
