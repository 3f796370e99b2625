//! Where things stand in Redis.

use std::sync::Arc;

use gatewright_core::UserId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What all keys and channels of Gatewright begin with, unless set.
pub const DEFAULT_PREFIX: &str = "gatewright:";

/// The longest prefix, in bytes.
pub const MAX_PREFIX_BYTES: usize = 64;

/// What stands for itself in a key: enough that ids of the usual kinds can be read.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// What all keys and channels of one application begin with: 1 to [`MAX_PREFIX_BYTES`] letters, digits and `:`, `-`, `.`,
/// `_`. Applications that share a server need one each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(Arc<str>);

/// The text is no prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not a prefix: 1 to {MAX_PREFIX_BYTES} letters, digits, colons, hyphens, dots and underscores")]
pub struct InvalidPrefix {}

impl Prefix {
    /// Takes the text as it is.
    ///
    /// # Errors
    /// When it is empty, too long, or has another character: one that means something in a pattern or chooses a slot.
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidPrefix> {
        let text = text.as_ref();
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-._".contains(&byte));
        let fits = !text.is_empty() && text.len() <= MAX_PREFIX_BYTES && plain;
        if fits { Ok(Self(text.into())) } else { Err(InvalidPrefix {}) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of all of a user's sessions. The braces make the user alone choose the slot, and a user's id has none in
    /// here, whatever it is.
    pub(crate) fn sessions(&self, user: &UserId) -> String {
        format!("{}sessions:{{{}}}", self.0, utf8_percent_encode(user.as_str(), ESCAPED))
    }

    /// The pattern of the keys of all users' sessions.
    pub(crate) fn all_sessions(&self) -> String {
        format!("{}sessions:{{*}}", self.0)
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
    fn a_prefix_has_nothing_that_a_pattern_or_a_slot_would_be_made_of() {
        assert_eq!(Prefix::new(DEFAULT_PREFIX).unwrap(), Prefix::default());
        for text in
            ["", "a{b}", "a*", "a?", "a[b]", "a\\", "a b", "é", "a\n", &"x".repeat(MAX_PREFIX_BYTES + 1)]
        {
            assert_eq!(Prefix::new(text), Err(InvalidPrefix {}), "{text:?}");
        }
    }

    #[test]
    fn each_user_has_a_key_of_its_own_with_one_pair_of_braces() {
        let ids = ["a", "A", "a ", "{a}", "a}", "}", "{", "}{", "%7D", "a%20", "a:b", "*", "é", "018f-a.b_c"];
        let keys: HashSet<String> =
            ids.iter().map(|id| Prefix::default().sessions(&UserId::new(id).unwrap())).collect();
        assert_eq!(keys.len(), ids.len());
        for key in keys {
            assert_eq!((key.matches('{').count(), key.matches('}').count()), (1, 1), "{key}");
            assert!(
                key.starts_with("gatewright:sessions:{") && key.ends_with('}') && key.is_ascii(),
                "{key}"
            );
            assert!(!key.contains("{}"), "an empty tag is none: {key}");
        }
    }
}
