//! Secrets for HMAC. Weak ones are rejected: empty, short, placeholders, key files, too few different
//! bytes.

use std::fmt;

use aws_lc_rs::rand;
use gatewright_core::types::{WeakSecret, check_secret};
use zeroize::Zeroizing;

use crate::error::KeyError;

/// The minimal length of a secret for HS256, in bytes (RFC 7518 §3.2). HS384 needs 48, HS512 64.
pub const MIN_SECRET_BYTES: usize = 32;

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
    check_secret(secret, least).map_err(|weak| match weak {
        WeakSecret::Missing => KeyError::Missing,
        WeakSecret::Placeholder => KeyError::Placeholder,
        WeakSecret::Short => KeyError::Short,
        WeakSecret::KeyFile => KeyError::KeyFile,
        _ => KeyError::LowEntropy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tests of `check_secret` have all placeholders and key files.
    #[test]
    fn short_secrets_placeholders_and_key_files_are_rejected() {
        for (secret, expected) in [
            (&b""[..], KeyError::Missing),
            (b"0123456789abcdef0123456789abcde", KeyError::Short),
            (b"your_secret_key_that_is_long_enough_to_pass", KeyError::Placeholder),
            (b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ", KeyError::KeyFile),
            (&[0; 32], KeyError::LowEntropy),
        ] {
            assert_eq!(check(secret, MIN_SECRET_BYTES), Err(expected));
        }
        assert_eq!(check(b"0123456789abcdef0123456789abcdef", MIN_SECRET_BYTES), Ok(()));
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
