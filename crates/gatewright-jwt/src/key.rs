//! Keys: parsed once, for one algorithm, known by one id.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::{BuildError, TokenRefusal};

/// The shortest secret for HS256, in bytes (RFC 7518 §3.2).
pub const MIN_SECRET_BYTES: usize = 32;

/// The longest key id, in bytes.
pub(crate) const MAX_KEY_ID_BYTES: usize = 128;

/// Fewer different bytes than this are no secret: 32 random bytes have about 30, 32 hex digits about 14.
const MIN_DISTINCT_BYTES: usize = 8;

/// What people leave in configuration files, without case and punctuation: as the whole secret, …
const PLACEHOLDERS: [&str; 7] =
    ["secret", "secretkey", "mysecret", "mysecretkey", "supersecret", "supersecretkey", "jwtsecret"];

/// … or anywhere in it, since these ask to be replaced.
const REQUESTS: [&str; 9] = [
    "yoursecret",
    "yourjwtsecret",
    "your256bitsecret",
    "changeme",
    "changethis",
    "replaceme",
    "replacethis",
    "placeholder",
    // The key in the guide whose readers this library serves.
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
];

/// An HMAC-SHA-256 key with its id.
pub(crate) struct HmacKey {
    id: String,
    key: hmac::Key,
}

impl HmacKey {
    pub(crate) const ALGORITHM: &'static str = "HS256";
    /// A signature's length in base64url.
    const SIGNATURE_CHARACTERS: usize = 43;
    const SIGNATURE_BYTES: usize = 32;

    /// From exactly the bytes given, never decoded or derived.
    pub(crate) fn new(secret: &[u8], id: Option<String>) -> Result<Self, BuildError> {
        check_secret(secret)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let id = id.unwrap_or_else(|| derive_id(&key));
        if id.is_empty() || id.len() > MAX_KEY_ID_BYTES {
            return Err(BuildError::new("key_id", "must have 1 to 128 bytes"));
        }
        Ok(Self { id, key })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The signature of `message`, in base64url.
    pub(crate) fn sign(&self, message: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, message))
    }

    /// Whether `signature`, in base64url, is that of `message`; in constant time for a signature of the right form.
    pub(crate) fn verify(&self, message: &[u8], signature: &str) -> Result<(), TokenRefusal> {
        // The decoder asks for room by an estimate that is one too high.
        let mut buffer = [0; Self::SIGNATURE_BYTES + 1];
        if signature.len() != Self::SIGNATURE_CHARACTERS {
            return Err(if is_base64url(signature) { TokenRefusal::Signature } else { TokenRefusal::Format });
        }
        let decoded =
            URL_SAFE_NO_PAD.decode_slice(signature, &mut buffer).map_err(|_| TokenRefusal::Format)?;
        let mac = buffer.get(..decoded).unwrap_or_default();
        hmac::verify(&self.key, message, mac).map_err(|_| TokenRefusal::Signature)
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacKey").field("id", &self.id).finish_non_exhaustive()
    }
}

fn is_base64url(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok()
}

/// An id that is the same after every start, and says no more about the secret than any token does.
fn derive_id(key: &hmac::Key) -> String {
    let tag = hmac::sign(key, b"gatewright key id");
    URL_SAFE_NO_PAD.encode(tag.as_ref().get(..9).unwrap_or_default())
}

fn check_secret(secret: &[u8]) -> Result<(), BuildError> {
    let refuse = |problem| Err(BuildError::new("secret", problem));
    let plain: Vec<u8> =
        secret.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
    let is = |word: &&str| plain == word.as_bytes();
    let holds = |word: &&str| plain.windows(word.len()).any(|window| window == word.as_bytes());
    let start = secret.trim_ascii_start();
    if secret.is_empty() {
        return refuse("is missing");
    }
    if PLACEHOLDERS.iter().any(is) || REQUESTS.iter().any(holds) {
        return refuse("is a placeholder: draw at least 32 random bytes");
    }
    if secret.len() < MIN_SECRET_BYTES {
        return refuse("is shorter than 32 bytes");
    }
    if start.starts_with(b"-----BEGIN") || start.starts_with(b"{") {
        return refuse("looks like a key file: an HMAC secret is random bytes");
    }
    let mut distinct = secret.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < MIN_DISTINCT_BYTES {
        return refuse("repeats a few bytes: draw at least 32 random ones");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(secret: &[u8]) -> Option<&'static str> {
        HmacKey::new(secret, None).err().map(|error| {
            assert_eq!(error.setting, "secret");
            error.problem
        })
    }

    #[test]
    fn short_secrets_placeholders_and_key_files_are_refused() {
        assert_eq!(problem(b""), Some("is missing"));
        assert_eq!(problem(b"0123456789abcdef0123456789abcde"), Some("is shorter than 32 bytes"));
        for text in [
            "secret",
            "Super-Secret-Key",
            "your-secret-key",
            "your_secret_key_that_is_long_enough_to_pass",
            "please-CHANGE-ME-please-change-me-now",
            "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        ] {
            assert_eq!(
                problem(text.as_bytes()),
                Some("is a placeholder: draw at least 32 random bytes"),
                "{text}"
            );
        }
        assert!(problem(b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ").is_some());
        assert!(problem(br#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObw"}"#).is_some());
        assert!(problem(&[0; 32]).is_some());
        for text in ["0123456789abcdef0123456789abcdef", "shop-production-secret-key-9f8e7d6c5b4a"] {
            assert_eq!(problem(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn an_id_is_derived_the_same_each_time_and_another_for_another_secret() {
        let id = |secret: &[u8; 32]| HmacKey::new(secret, None).unwrap().id().to_owned();
        assert_eq!(id(b"0123456789abcdef0123456789abcdef"), id(b"0123456789abcdef0123456789abcdef"));
        assert_ne!(id(b"0123456789abcdef0123456789abcdef"), id(b"0123456789abcdef0123456789abcdeF"));
    }
}
