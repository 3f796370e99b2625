//! Ids of users and sessions, and the epoch that ties tokens to the current state of a user.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use uuid::Uuid;

use super::clock::Timestamp;
use super::random::{RandomError, SecureRandom, random_bytes};

/// The longest user id: 128 bytes.
pub const MAX_USER_ID_BYTES: usize = 128;

/// The text is not a valid id of the requested type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not a valid identifier")]
pub struct InvalidId {}

/// A user's id, as in the `sub` claim: 1 to [`MAX_USER_ID_BYTES`] bytes without control characters.
///
/// Gatewright's own accounts have UUIDv7 ids, and an id is never reused. An application's own users may
/// have any text, for example a number in decimal. Cloning is cheap. serde reads and writes it as text.
///
/// ```
/// use gatewright::UserId;
///
/// assert_eq!(UserId::new("42")?.as_str(), "42");
/// assert_eq!(UserId::from(42), UserId::new("42")?);
/// assert!(UserId::new("").is_err());
/// # Ok::<(), gatewright::types::InvalidId>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Arc<str>);

impl UserId {
    /// Creates an id from text, unchanged.
    ///
    /// # Errors
    /// The text is empty, longer than [`MAX_USER_ID_BYTES`], or contains control characters.
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidId> {
        let text = text.as_ref();
        let plain = text.bytes().all(|b| b.is_ascii_graphic()) || !text.contains(char::is_control);
        let fits = !text.is_empty() && text.len() <= MAX_USER_ID_BYTES && plain;
        if fits { Ok(Self(text.into())) } else { Err(InvalidId {}) }
    }

    /// Generates a UUIDv7 (RFC 9562 §5.7).
    ///
    /// # Errors
    /// The source of randomness failed.
    pub fn generate(now: Timestamp, source: &dyn SecureRandom) -> Result<Self, RandomError> {
        Ok(Self(uuid_v7(now, source)?.hyphenated().to_string().into()))
    }

    /// The text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Numeric ids, as databases generate them: the number in decimal is always a valid id.
macro_rules! from_numbers {
    ($($number:ty)+) => {
        $(
            impl From<$number> for UserId {
                fn from(number: $number) -> Self {
                    Self(number.to_string().into())
                }
            }
        )+
    };
}

from_numbers!(i32 i64 u32 u64);

impl FromStr for UserId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A session's id: a UUIDv7. Only its canonical spelling parses. serde reads and writes it as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(Uuid);

impl SessionId {
    const TEXT_BYTES: usize = 36;

    /// Generates a UUIDv7 (RFC 9562 §5.7).
    ///
    /// # Errors
    /// The source of randomness failed.
    pub fn generate(now: Timestamp, source: &dyn SecureRandom) -> Result<Self, RandomError> {
        Ok(Self(uuid_v7(now, source)?))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for SessionId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let canonical = text.len() == Self::TEXT_BYTES && !text.contains(|c: char| c.is_ascii_uppercase());
        let uuid = if canonical { Uuid::try_parse(text).ok() } else { None };
        uuid.map(Self).ok_or(InvalidId {})
    }
}

/// A user's epoch: a random value that the user's tokens and sessions carry.
///
/// Replacing the user's epoch invalidates all of them at once. Epochs are only compared for equality. A
/// counter would make old tokens valid again after a backup is restored.
///
/// ```
/// use gatewright::types::{Epoch, SystemRandom};
///
/// let epoch = Epoch::generate(&SystemRandom)?;
/// assert_eq!(Epoch::from_u64(epoch.as_u64()), epoch);
/// assert_ne!(Epoch::generate(&SystemRandom)?, epoch);
/// # Ok::<(), gatewright::types::RandomError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(u64);

impl Epoch {
    const TEXT_BYTES: usize = 16;

    /// Generates an epoch. It equals an earlier one with a probability of 2⁻⁶⁴.
    ///
    /// # Errors
    /// The source of randomness failed.
    pub fn generate(source: &dyn SecureRandom) -> Result<Self, RandomError> {
        Ok(Self(u64::from_be_bytes(random_bytes(source)?)))
    }

    /// Restores an epoch from the number that a store kept.
    #[must_use]
    pub const fn from_u64(value: u64) -> Self {
        Self(value)
    }

    /// The number, for a store to keep.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Epoch {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let canonical = text.len() == Self::TEXT_BYTES
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let value = if canonical { u64::from_str_radix(text, 16).ok() } else { None };
        value.map(Self).ok_or(InvalidId {})
    }
}

/// A UUIDv7: milliseconds, then random bits (RFC 9562 §5.7).
fn uuid_v7(now: Timestamp, source: &dyn SecureRandom) -> Result<Uuid, RandomError> {
    let millis = now.as_micros() / 1_000;
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random_bytes(source)?).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SystemRandom;

    #[test]
    fn epochs_parse_in_one_spelling_only() {
        let epoch = Epoch::from_u64(0xab);
        assert_eq!(epoch.to_string(), "00000000000000ab");
        assert_eq!("00000000000000ab".parse(), Ok(epoch));
        for other in ["ab", "00000000000000AB", "+0000000000000ab", "00000000000000ab ", ""] {
            assert!(other.parse::<Epoch>().is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_session_id_has_one_spelling_and_is_a_uuid_of_version_7() {
        let now = Timestamp::from_seconds(1_700_000_000);
        let id = SessionId::generate(now, &SystemRandom).unwrap();
        let text = id.to_string();
        assert_eq!(text.as_bytes()[14], b'7');
        assert_eq!(text.parse(), Ok(id));
        for other in
            [text.to_uppercase(), text.replace('-', ""), format!("{{{text}}}"), format!("urn:uuid:{text}")]
        {
            assert!(other.parse::<SessionId>().is_err(), "{other}");
        }
    }

    #[test]
    fn user_ids_have_a_limit_and_no_control_characters() {
        assert!(UserId::new("x".repeat(MAX_USER_ID_BYTES)).is_ok());
        assert!(UserId::new("x".repeat(MAX_USER_ID_BYTES + 1)).is_err());
        assert!(UserId::new("a\0b").is_err());
    }
}
