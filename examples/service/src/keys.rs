//! From what the configuration says to the keys of the tokens.

use std::error::Error;

use gatewright::{Algorithm, KeyError, KeyRing, SigningKey, VerifyingKey};

use crate::config::Keys;

/// The algorithm of a PEM file is that of its key, and RS256 for RSA; a JWK names its own.
const PEM_ALGORITHMS: [Algorithm; 4] =
    [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Es384, Algorithm::Rs256];

/// The ring: one key that signs and, if there is one, the secret that did before.
///
/// # Errors
/// When a key is missing or unsafe; the error names the variable.
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

/// A private JWK, or the PEM text of a private key.
fn pair(text: &str) -> Result<SigningKey, KeyError> {
    if text.trim_start().starts_with('{') {
        return SigningKey::from_jwk(text);
    }
    let read = PEM_ALGORITHMS.map(|algorithm| SigningKey::from_pem(algorithm, text));
    let mut worst = KeyError::Format;
    for key in read {
        match key {
            Ok(key) => return Ok(key),
            // What is wrong for every algorithm is wrong with the file.
            Err(KeyError::Algorithm | KeyError::Invalid) => worst = KeyError::Invalid,
            Err(error) => return Err(error),
        }
    }
    Err(worst)
}

fn named(variable: &str, error: KeyError) -> String {
    match error {
        KeyError::Short if variable != "AUTH_SIGNING_KEY_FILE" => {
            format!("{variable}: is shorter than 32 bytes")
        }
        other => format!("{variable}: {}", other.problem()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatewright::NewKey;

    #[test]
    fn a_key_file_is_pem_or_jwk_of_any_algorithm_and_private() {
        for algorithm in PEM_ALGORITHMS {
            let key = NewKey::generate(algorithm).unwrap();
            for text in [key.pem().unwrap(), key.jwk()] {
                let ring = ring(&Keys::Pair(text.to_owned())).unwrap();
                assert!(ring.jwks().contains(ring.active_id().unwrap().as_str()), "{algorithm:?}");
            }
        }
        for text in ["", "{}", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            let error = ring(&Keys::Pair(text.to_owned())).err().unwrap().to_string();
            assert!(error.starts_with("AUTH_SIGNING_KEY_FILE: "), "{error}");
        }
    }

    #[test]
    fn a_previous_secret_verifies_and_is_published_as_little_as_the_new_one() {
        let secret = |text: &str| text.to_owned();
        let keys = Keys::Secret {
            secret: secret("fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEa"),
            previous: Some(secret("k9J2mQ7xVb4TzW8LcR5nYp3HdF6sGaE1")),
        };
        let ring = ring(&keys).unwrap();
        assert_eq!(ring.ids().len(), 2);
        assert_eq!(&*ring.jwks(), r#"{"keys":[]}"#);
    }
}
