//! The key of a feed: the nodes that share it accept each other's messages.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::types::{DerivedKey, RandomError, SecureRandom, random_bytes};

/// The length of a [`FeedKey`]: 32 bytes.
pub const FEED_KEY_BYTES: usize = 32;

/// The fewest different bytes of a key. 32 random bytes have about 30.
const MIN_DISTINCT_BYTES: usize = 8;

/// The secret key under which nodes authenticate the messages of a feed.
///
/// An [`Auth`](crate::Auth) derives it from the key that signs tokens. If it cannot, or if `Auth`s with
/// different signing keys share a feed, give all of them one key:
/// [`with_feed_key`](crate::AuthBuilder::with_feed_key).
///
/// Make a key once with `openssl rand -hex 32`, keep it with the service's other secrets, and give it to
/// every node:
///
/// ```
/// use gatewright::revocation::FeedKey;
///
/// # let text = gatewright_testkit::shared_secret("feed");
/// let key: FeedKey = text.parse()?; // for example from the environment
/// assert_eq!(format!("{key:?}"), "FeedKey(..)");
/// # Ok::<(), gatewright::revocation::InvalidFeedKey>(())
/// ```
#[derive(Clone)]
pub struct FeedKey(Zeroizing<[u8; FEED_KEY_BYTES]>);

impl FeedKey {
    /// Uses these bytes, which must be random.
    #[must_use]
    pub fn from_bytes(bytes: [u8; FEED_KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Generates a key. It cannot be read back, so only `Auth`s of this process can share it.
    ///
    /// # Errors
    /// If the source of randomness failed.
    pub fn generate(source: &dyn SecureRandom) -> Result<Self, RandomError> {
        random_bytes(source).map(Self::from_bytes)
    }

    pub(super) fn bytes(&self) -> &[u8; FEED_KEY_BYTES] {
        &self.0
    }

    /// Whether the key has too few different bytes to be random.
    pub(crate) fn is_weak(&self) -> bool {
        self.0.iter().collect::<BTreeSet<_>>().len() < MIN_DISTINCT_BYTES
    }
}

impl From<DerivedKey> for FeedKey {
    fn from(key: DerivedKey) -> Self {
        Self::from_bytes(*key.expose())
    }
}

/// Redacted.
impl fmt::Debug for FeedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FeedKey(..)")
    }
}

/// The text is not a feed key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("a feed key must have 64 hexadecimal digits; generate one with `openssl rand -hex 32`")]
pub struct InvalidFeedKey {}

/// Reads 64 hexadecimal digits.
impl FromStr for FeedKey {
    type Err = InvalidFeedKey;

    fn from_str(text: &str) -> Result<Self, InvalidFeedKey> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return Err(InvalidFeedKey {}) };
        if pairs.len() != FEED_KEY_BYTES {
            return Err(InvalidFeedKey {});
        }
        let mut bytes = Zeroizing::new([0; FEED_KEY_BYTES]);
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

fn digit(text: u8) -> Result<u8, InvalidFeedKey> {
    let digit = char::from(text).to_digit(16).ok_or(InvalidFeedKey {})?;
    u8::try_from(digit).map_err(|_| InvalidFeedKey {})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SystemRandom;

    #[test]
    fn a_key_is_read_from_64_hexadecimal_digits_only() {
        let bytes: [u8; FEED_KEY_BYTES] = std::array::from_fn(|index| u8::try_from(index * 8).unwrap());
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        for text in [text.clone(), text.to_uppercase()] {
            assert_eq!(text.parse::<FeedKey>().unwrap().bytes(), &bytes);
        }
        let spaced = format!("{text} ");
        let (_, odd) = text.split_at(1);
        let (_, short) = text.split_at(2);
        let signed = format!("+{odd}");
        for text in ["", "00", odd, short, &spaced, &signed, &"é".repeat(32)] {
            assert_eq!(text.parse::<FeedKey>().unwrap_err(), InvalidFeedKey {}, "{text:?}");
        }
    }

    #[test]
    fn generated_keys_differ_and_are_not_weak() {
        let keys = [FeedKey::generate(&SystemRandom).unwrap(), FeedKey::generate(&SystemRandom).unwrap()];
        assert_ne!(keys[0].bytes(), keys[1].bytes());
        assert!(!keys[0].is_weak());
        assert!(FeedKey::from_bytes([0; FEED_KEY_BYTES]).is_weak());
        assert!(FeedKey::from_bytes(*b"01234560123456012345601234560123").is_weak());
    }
}
