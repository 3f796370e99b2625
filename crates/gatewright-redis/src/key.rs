//! The names of keys and channels.

use std::sync::Arc;

use gatewright_core::UserId;
use gatewright_core::throttle::ThrottleKey;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The default [`Prefix`] of all keys and channels: `gatewright:`.
pub const DEFAULT_PREFIX: &str = "gatewright:";

/// The maximum length of a [`Prefix`]: 64 bytes.
pub const MAX_PREFIX_BYTES: usize = 64;

/// Characters of a user id that are percent-encoded in a key. Ids of the usual kinds remain
/// readable.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// The beginning of the names of all keys and channels of one application.
///
/// It has 1 to [`MAX_PREFIX_BYTES`] characters: ASCII letters, digits, `:`, `-`, `.` and `_`.
/// Applications that share a Redis server must use different prefixes.
///
/// ```
/// use gatewright::store::Prefix;
///
/// assert_eq!(Prefix::new("shop:")?.as_str(), "shop:");
/// assert_eq!(Prefix::default().as_str(), "gatewright:");
/// assert!(Prefix::new("shop*").is_err());
/// # Ok::<(), gatewright::store::InvalidPrefix>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(Arc<str>);

/// The error of [`Prefix::new`]: the text is empty, too long, or contains a character that is not
/// allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "prefix: must be 1 to {MAX_PREFIX_BYTES} ASCII letters, digits, colons, hyphens, dots or underscores"
)]
pub struct InvalidPrefix {}

impl Prefix {
    /// Checks the text and uses it unchanged.
    ///
    /// # Errors
    /// If the text is empty, too long, or contains another character. Some of them would have a
    /// meaning in a key pattern or in the choice of a cluster slot.
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidPrefix> {
        let text = text.as_ref();
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":-._".contains(&byte);
        let is_valid = !text.is_empty() && text.len() <= MAX_PREFIX_BYTES && text.bytes().all(is_allowed);
        if is_valid { Ok(Self(text.into())) } else { Err(InvalidPrefix {}) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of all sessions of a user. A cluster chooses the slot by the part in braces, which
    /// is the user id; braces inside the id are percent-encoded.
    pub(crate) fn sessions_key(&self, user: &UserId) -> String {
        format!("{}sessions:{{{}}}", self.0, utf8_percent_encode(user.as_str(), ESCAPED))
    }

    /// The pattern that matches the session keys of all users.
    pub(crate) fn sessions_pattern(&self) -> String {
        format!("{}sessions:{{*}}", self.0)
    }

    /// The key of a state of the throttle, in hexadecimal digits. All of them are in one slot of a
    /// cluster, because a step changes several keys at once.
    pub(crate) fn throttle_key(&self, key: &ThrottleKey) -> String {
        let digits: String = key.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}{{throttle}}:{digits}", self.0)
    }

    pub(crate) fn channel(&self) -> String {
        format!("{}revocations", self.0)
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self(DEFAULT_PREFIX.into())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn prefixes_with_pattern_or_slot_characters_are_rejected() {
        assert_eq!(Prefix::new(DEFAULT_PREFIX).unwrap(), Prefix::default());
        for text in
            ["", "a{b}", "a*", "a?", "a[b]", "a\\", "a b", "é", "a\n", &"x".repeat(MAX_PREFIX_BYTES + 1)]
        {
            assert_eq!(Prefix::new(text), Err(InvalidPrefix {}), "{text:?}");
        }
    }

    #[test]
    fn each_user_has_a_different_key_with_one_pair_of_braces() {
        let ids = ["a", "A", "a ", "{a}", "a}", "}", "{", "}{", "%7D", "a%20", "a:b", "*", "é", "018f-a.b_c"];
        let keys: HashSet<String> =
            ids.iter().map(|id| Prefix::default().sessions_key(&UserId::new(id).unwrap())).collect();
        assert_eq!(keys.len(), ids.len());
        for key in keys {
            assert_eq!((key.matches('{').count(), key.matches('}').count()), (1, 1), "{key}");
            assert!(
                key.starts_with("gatewright:sessions:{") && key.ends_with('}') && key.is_ascii(),
                "{key}"
            );
            assert!(!key.contains("{}"), "an empty tag does not choose the slot: {key}");
        }
    }
}
