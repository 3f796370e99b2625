//! Checks secrets that a person or a deployment chose: placeholders, key files, too few bytes.

use std::fmt;

use zeroize::Zeroizing;

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

/// Why a secret is rejected. It contains no part of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WeakSecret {
    /// The secret is empty.
    Missing,
    /// The secret is a placeholder, such as `changeme`.
    Placeholder,
    /// The secret has fewer bytes than the minimum.
    Short,
    /// The secret is a PEM, SSH or JSON text. Others may have the file.
    KeyFile,
    /// The secret has fewer than 8 different bytes.
    LowEntropy,
}

impl WeakSecret {
    /// The problem, as a phrase that follows the name of the secret's setting: "is a placeholder".
    #[must_use]
    pub const fn problem(self) -> &'static str {
        match self {
            Self::Missing => "is missing",
            Self::Placeholder => "is a placeholder; use at least 32 random bytes",
            Self::Short => "is too short; use at least 32 random bytes",
            Self::KeyFile => "looks like a key file; a secret must be random bytes",
            Self::LowEntropy => "has too few different bytes; use at least 32 random bytes",
        }
    }
}

impl fmt::Display for WeakSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the secret {}", self.problem())
    }
}

impl std::error::Error for WeakSecret {}

/// Checks a secret, for crates whose settings contain one.
///
/// ```
/// use gatewright::types::{WeakSecret, check_secret};
///
/// assert_eq!(check_secret(b"changeme", 32), Err(WeakSecret::Placeholder));
/// assert_eq!(check_secret(b"0123456789abcdef", 32), Err(WeakSecret::Short));
/// assert_eq!(check_secret(&[7; 32], 32), Err(WeakSecret::LowEntropy));
/// ```
///
/// # Errors
/// If the secret is empty, is a placeholder, has fewer than `least` bytes, is a key file, or has fewer than 8
/// different bytes. The first of these problems is the error.
pub fn check_secret(secret: &[u8], least: usize) -> Result<(), WeakSecret> {
    if secret.is_empty() {
        return Err(WeakSecret::Missing);
    }
    if is_placeholder(secret) {
        return Err(WeakSecret::Placeholder);
    }
    if secret.len() < least {
        return Err(WeakSecret::Short);
    }
    if is_key_file(secret) {
        return Err(WeakSecret::KeyFile);
    }
    let mut distinct = Zeroizing::new(secret.to_vec());
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < MIN_DISTINCT_BYTES { Err(WeakSecret::LowEntropy) } else { Ok(()) }
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

    fn problem(secret: &[u8]) -> Option<WeakSecret> {
        check_secret(secret, 32).err()
    }

    #[test]
    fn short_secrets_placeholders_and_key_files_are_rejected() {
        assert_eq!(problem(b""), Some(WeakSecret::Missing));
        assert_eq!(problem(b"0123456789abcdef0123456789abcde"), Some(WeakSecret::Short));
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
            assert_eq!(problem(text.as_bytes()), Some(WeakSecret::Placeholder), "{text}");
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
            assert_eq!(problem(text.as_bytes()), Some(WeakSecret::KeyFile), "{text}");
        }
        assert_eq!(problem(&[0; 32]), Some(WeakSecret::LowEntropy));
        for first in 0..=u8::MAX {
            let random = [&[first], &b"\xc3(0F8u7zTq9mQn1kVv5wRd2LbY4cJh6sPa"[..]].concat();
            assert_eq!(problem(&random), None, "random bytes that begin with {first}");
        }
        for text in ["0123456789abcdef0123456789abcdef", "shop-production-secret-key-9f8e7d6c5b4a"] {
            assert_eq!(problem(text.as_bytes()), None, "{text}");
        }
    }
}
