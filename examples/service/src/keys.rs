//! Reads the keys that sign and verify tokens.

use std::error::Error;
use std::sync::Arc;

use gatewright::token::{Algorithm, KeyError, KeyRing, SigningKey, VerifyingKey};

use crate::config::Keys;

/// The algorithms to try for a PEM file, whose key determines the algorithm. For RSA it is RS256. A
/// JWK names its algorithm.
const PEM_ALGORITHMS: [Algorithm; 4] =
    [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Es384, Algorithm::Rs256];

/// The key that signs, and the previous secret, if there is one.
///
/// # Errors
/// When a key is invalid or unsafe. The error names the variable.
pub fn ring(keys: &Keys) -> Result<KeyRing, Box<dyn Error>> {
    match keys {
        Keys::Pair(text) => {
            Ok(KeyRing::new(pair(text).map_err(|error| named("AUTH_SIGNING_KEY_FILE", error))?))
        }
        Keys::Secret { secret, previous } => {
            let key = SigningKey::from_secret(Algorithm::Hs256, secret.as_bytes());
            let ring = KeyRing::new(key.map_err(|error| named("AUTH_SECRET_KEY", error))?);
            if let Some(previous) = previous {
                let key = VerifyingKey::from_secret(Algorithm::Hs256, previous.as_bytes());
                let key = key.map_err(|error| named("AUTH_SECRET_KEY_PREVIOUS", error))?;
                ring.trust(key).map_err(|error| format!("AUTH_SECRET_KEY_PREVIOUS: {error}"))?;
            }
            Ok(ring)
        }
    }
}

/// A private JWK, the PEM text of a private key, or both as `gatewright keys generate` writes them.
fn pair(text: &str) -> Result<SigningKey, KeyError> {
    let (pem, jwk) = split(text);
    match (pem.trim().is_empty(), jwk) {
        (true, Some(jwk)) => SigningKey::from_jwk(jwk),
        (false, Some(jwk)) => one_of_both(pem, jwk),
        (_, None) => from_pem(pem),
    }
}

/// Splits the text before the first `{` from the JWK. PEM contains no brace.
fn split(text: &str) -> (&str, Option<&str>) {
    let at = text.find('{').and_then(|start| text.split_at_checked(start));
    at.map_or((text, None), |(pem, jwk)| (pem, Some(jwk)))
}

/// The key of the JWK, which names its algorithm and id, if the PEM text contains the same key.
fn one_of_both(pem: &str, jwk: &str) -> Result<SigningKey, KeyError> {
    let key = SigningKey::from_jwk(jwk)?;
    let from_pem = SigningKey::from_pem(key.algorithm(), pem)?.with_id(key.id())?;
    if public_half(&from_pem) == public_half(&key) { Ok(key) } else { Err(KeyError::Format) }
}

fn public_half(key: &SigningKey) -> Option<Arc<str>> {
    KeyRing::verifying([key.verifying_key().clone()]).ok().map(|ring| ring.jwks())
}

fn from_pem(text: &str) -> Result<SigningKey, KeyError> {
    let read = PEM_ALGORITHMS.map(|algorithm| SigningKey::from_pem(algorithm, text));
    let mut problem = KeyError::Format;
    for key in read {
        match key {
            Ok(key) => return Ok(key),
            // The file is invalid if it is invalid for every algorithm.
            Err(KeyError::Algorithm | KeyError::Invalid) => problem = KeyError::Invalid,
            Err(error) => return Err(error),
        }
    }
    Err(problem)
}

fn named(variable: &str, error: KeyError) -> String {
    match error {
        KeyError::Short if variable != "AUTH_SIGNING_KEY_FILE" => {
            format!("{variable}: must be at least 32 bytes; generate one with \"openssl rand -base64 32\"")
        }
        other => format!("{variable}: {}", other.problem()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright::token::NewKey;

    #[test]
    fn a_key_file_is_a_private_pem_or_jwk_of_any_algorithm() {
        for algorithm in PEM_ALGORITHMS {
            let key = NewKey::generate(algorithm).unwrap();
            for text in [key.pem().unwrap(), key.jwk()] {
                let ring = ring(&Keys::Pair(text.to_owned())).unwrap();
                assert!(ring.jwks().contains(ring.active_id().unwrap().as_str()), "{algorithm:?}");
            }
        }
        for text in ["", "{}", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert_rejected(text);
        }
    }

    #[test]
    fn a_file_of_the_command_keeps_its_algorithm_and_id() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es384, Algorithm::Ps256] {
            let key = NewKey::generate(algorithm).unwrap();
            let both = format!("{}{}\n", key.pem().unwrap(), key.jwk());
            let read = pair(&both).unwrap();
            assert_eq!((read.algorithm(), read.id()), (algorithm, key.id()));
        }
    }

    #[test]
    fn a_file_with_two_keys_or_other_content_is_rejected() {
        let [one, other] = [(); 2].map(|()| NewKey::generate(Algorithm::EdDsa).unwrap());
        let (pem, jwk) = (one.pem().unwrap(), one.jwk());
        for text in [
            format!("{pem}{}\n", other.jwk()),
            format!("{pem}{}", other.pem().unwrap()),
            format!("{pem}{pem}{jwk}"),
            format!("{pem}{jwk}{jwk}"),
            format!("{pem}more"),
            format!("{pem}{{}}"),
            format!("more {jwk}"),
            format!("{jwk}{pem}"),
        ] {
            assert_rejected(&text);
        }
    }

    fn assert_rejected(text: &str) {
        let error = ring(&Keys::Pair(text.to_owned())).err().unwrap().to_string();
        assert!(error.starts_with("AUTH_SIGNING_KEY_FILE: "), "{error}");
    }

    #[test]
    fn a_previous_secret_verifies_and_is_not_published() {
        let keys = Keys::Secret {
            secret: "the current secret of this unit test".to_owned(),
            previous: Some("the previous secret of this unit test".to_owned()),
        };
        let ring = ring(&keys).unwrap();
        assert_eq!(ring.ids().len(), 2);
        assert_eq!(&*ring.jwks(), r#"{"keys":[]}"#);
    }
}
