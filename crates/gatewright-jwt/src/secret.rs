//! Secrets for HMAC. Weak ones are rejected: empty, short, placeholders, key files, too few different
//! bytes.

use std::fmt;

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use crate::error::KeyError;

/// The minimal length of a secret for HS256, in bytes (RFC 7518 §3.2). HS384 needs 48, HS512 64.
pub const MIN_SECRET_BYTES: usize = 32;

/// The minimal number of different bytes. 32 random bytes have about 30, and 32 random hex digits
/// have about 14.
const MIN_DISTINCT_BYTES: usize = 8;

/// Placeholders that are rejected as the whole secret. Case and punctuation are ignored.
const PLACEHOLDERS: [&str; 7] =
    ["secret", "secretkey", "mysecret", "mysecretkey", "supersecret", "supersecretkey", "jwtsecret"];

/// Placeholders that are rejected anywhere in a secret.
const PLACEHOLDER_PARTS: [&str; 12] = [
    "yoursecret",
    "yourjwtsecret",
    "your256bitsecret",
    "changeme",
    "changethis",
    "replaceme",
    "replacethis",
    "placeholder",
    // The example secrets of jwt.io.
    "astringsecretatleast256bitslong",
    "avalidstringsecretthatisatleast",
    // The example secret of FastAPI's guide.
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    // The example secret of Gatewright's own documentation before it generated one.
    "fu8f0qtz1nqmx3vkd7rwyb2lhjc9psea",
];

/// The length of a generated secret: enough for each HMAC algorithm.
const GENERATED_BYTES: usize = 64;

/// A secret for HMAC that is not weak: at least [`MIN_SECRET_BYTES`], not a placeholder, not a key
/// file. It is wiped from memory on drop.
///
/// Applications read it from their environment, and all nodes use the same one. A generated secret
/// lasts as long as the process: all tokens become invalid with a restart.
///
/// ```
/// use gatewright::token::KeyError;
/// use gatewright::{HmacSecret, Jwt};
///
/// let builder = match std::env::var("AUTH_SECRET_KEY") {
///     Ok(text) => Jwt::hs256(text), // checked by `build`
///     Err(_) => Jwt::hs256(HmacSecret::generate()?),
/// };
/// let jwt = builder.issuer("https://issuer.example").audience("my-api").build()?;
/// assert_eq!(HmacSecret::new("changeme").unwrap_err(), KeyError::Placeholder);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias("secret key"))]
#[derive(Clone)]
pub struct HmacSecret(Zeroizing<Vec<u8>>);

impl HmacSecret {
    /// Uses these bytes, unchanged.
    ///
    /// # Errors
    /// If there are fewer than [`MIN_SECRET_BYTES`], or if the secret is a placeholder, is a key
    /// file, or has fewer than 8 different bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, KeyError> {
        let bytes = Zeroizing::new(bytes.into());
        check(&bytes, MIN_SECRET_BYTES)?;
        Ok(Self(bytes))
    }

    /// Generates 64 random bytes.
    ///
    /// # Errors
    /// [`KeyError::Unavailable`] if the random source fails.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new(vec![0; GENERATED_BYTES]);
        rand::fill(&mut bytes).map_err(|_| KeyError::Unavailable)?;
        Ok(Self(bytes))
    }

    /// Exposes the bytes, for [`SigningKey::from_secret`](crate::SigningKey::from_secret).
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for HmacSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacSecret(..)")
    }
}

impl TryFrom<String> for HmacSecret {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        Self::new(text)
    }
}

impl TryFrom<&str> for HmacSecret {
    type Error = KeyError;

    fn try_from(text: &str) -> Result<Self, KeyError> {
        Self::new(text)
    }
}

impl TryFrom<Vec<u8>> for HmacSecret {
    type Error = KeyError;

    fn try_from(bytes: Vec<u8>) -> Result<Self, KeyError> {
        Self::new(bytes)
    }
}

impl TryFrom<&[u8]> for HmacSecret {
    type Error = KeyError;

    fn try_from(bytes: &[u8]) -> Result<Self, KeyError> {
        Self::new(bytes)
    }
}

impl<const N: usize> TryFrom<[u8; N]> for HmacSecret {
    type Error = KeyError;

    fn try_from(bytes: [u8; N]) -> Result<Self, KeyError> {
        Self::new(Zeroizing::new(bytes).as_slice())
    }
}

/// An error if the secret is weak, or has fewer than `least` bytes.
pub(crate) fn check(secret: &[u8], least: usize) -> Result<(), KeyError> {
    if secret.is_empty() {
        return Err(KeyError::Missing);
    }
    if is_placeholder(secret) {
        return Err(KeyError::Placeholder);
    }
    if secret.len() < least {
        return Err(KeyError::Short);
    }
    if is_key_file(secret) {
        return Err(KeyError::KeyFile);
    }
    let mut distinct = Zeroizing::new(secret.to_vec());
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < MIN_DISTINCT_BYTES { Err(KeyError::LowEntropy) } else { Ok(()) }
}

fn is_placeholder(secret: &[u8]) -> bool {
    let letters = secret.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase);
    let plain: Zeroizing<Vec<u8>> = Zeroizing::new(letters.collect());
    PLACEHOLDERS.iter().any(|word| *plain == word.as_bytes())
        || PLACEHOLDER_PARTS.iter().any(|word| contains(&plain, word.as_bytes()))
}

/// If a public key were the secret, anyone who knows that key could sign (CVE-2015-9235).
fn is_key_file(secret: &[u8]) -> bool {
    let text = secret.strip_prefix(b"\xef\xbb\xbf").unwrap_or(secret).trim_ascii_start();
    let names = [&b"-----BEGIN"[..], b"ssh-", b"ecdsa-"];
    contains(text, b"-----BEGIN ")
        || contains(text, b"---- BEGIN SSH2")
        || names.iter().any(|name| text.starts_with(name))
        || is_json(text)
}

/// Random bytes may begin with a brace, so a brace alone is not enough.
fn is_json(text: &[u8]) -> bool {
    let braced = text.starts_with(b"{") || text.starts_with(b"[");
    braced && (contains(text, b"\"kty\"") || serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok())
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(secret: &[u8]) -> Option<KeyError> {
        check(secret, MIN_SECRET_BYTES).err()
    }

    #[test]
    fn short_secrets_placeholders_and_key_files_are_rejected() {
        assert_eq!(problem(b""), Some(KeyError::Missing));
        assert_eq!(problem(b"0123456789abcdef0123456789abcde"), Some(KeyError::Short));
        for text in [
            "secret",
            "Super-Secret-Key",
            "your-secret-key",
            "your_secret_key_that_is_long_enough_to_pass",
            "a-string-secret-at-least-256-bits-long",
            "a-valid-string-secret-that-is-at-least-384-bits-long",
            "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
            "please-CHANGE-ME-please-change-me-now",
            "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
            "fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEa",
        ] {
            assert_eq!(problem(text.as_bytes()), Some(KeyError::Placeholder), "{text}");
        }
        for text in [
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ",
            " \r\n-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ",
            "\u{feff}-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ",
            "# our key\n-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ",
            r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObw"}"#,
            r#"[{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObw"}]"#,
            "---- BEGIN SSH2 PUBLIC KEY ----\nAAAAB3NzaC1yc2EAAAADAQABAAABAQ",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6",
        ] {
            assert_eq!(problem(text.as_bytes()), Some(KeyError::KeyFile), "{text}");
        }
        assert_eq!(problem(&[0; 32]), Some(KeyError::LowEntropy));
        for first in 0..=u8::MAX {
            let random = [&[first], &b"\xc3(0F8u7zTq9mQn1kVv5wRd2LbY4cJh6sPa"[..]].concat();
            assert_eq!(problem(&random), None, "random bytes that begin with {first}");
        }
        for text in ["0123456789abcdef0123456789abcdef", "shop-production-secret-key-9f8e7d6c5b4a"] {
            assert_eq!(problem(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn generated_secrets_differ_and_pass_the_checks() {
        let (one, other) = (HmacSecret::generate().unwrap(), HmacSecret::generate().unwrap());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(check(one.expose(), GENERATED_BYTES), Ok(()));
        assert_eq!(format!("{one:?}"), "HmacSecret(..)");
    }

    #[test]
    fn every_conversion_checks_the_secret() {
        assert_eq!(HmacSecret::try_from("changeme").unwrap_err(), KeyError::Placeholder);
        assert_eq!(HmacSecret::try_from("changeme".to_owned()).unwrap_err(), KeyError::Placeholder);
        assert_eq!(HmacSecret::try_from(vec![7; 31]).unwrap_err(), KeyError::Short);
        assert_eq!(HmacSecret::try_from(&[7; 31][..]).unwrap_err(), KeyError::Short);
        assert_eq!(HmacSecret::try_from([7; 32]).unwrap_err(), KeyError::LowEntropy);
    }
}
