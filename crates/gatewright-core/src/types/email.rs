//! Email addresses in one canonical form, for uniqueness, look-up and throttling.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;

/// The longest address: 254 bytes, before and after it is made canonical (RFC 5321 §4.5.3.1.3 without the
/// angle brackets).
pub const MAX_EMAIL_BYTES: usize = 254;

/// An email address in canonical form: trimmed, Unicode NFC, lower case.
///
/// It has exactly one `@` with text on both sides, and neither white space nor control characters.
/// Stores compare its bytes. serde reads it with [`Email::parse`] and writes the canonical text.
///
/// ```
/// use gatewright::Email;
///
/// let email = Email::parse(" Ada@Example.COM ")?;
/// assert_eq!(email.as_str(), "ada@example.com");
/// assert!(Email::parse("ada").is_err());
/// # Ok::<(), gatewright::types::InvalidEmail>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

/// The text is not a valid email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not a valid email address")]
pub struct InvalidEmail {}

impl Email {
    /// Parses an address and makes it canonical.
    ///
    /// # Errors
    /// The text is not an address as the type describes it, or is longer than [`MAX_EMAIL_BYTES`]. The
    /// length is checked before any other work.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        if text.len() > MAX_EMAIL_BYTES {
            return Err(InvalidEmail {});
        }
        let canonical = canonical(text);
        let halves = canonical.split_once('@');
        let shaped = halves
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
        let clean = !canonical.contains(|c: char| c.is_whitespace() || c.is_control());
        let fits = canonical.len() <= MAX_EMAIL_BYTES;
        if shaped && clean && fits { Ok(Self(canonical)) } else { Err(InvalidEmail {}) }
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// As [`Email::parse`].
impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        Self::parse(text)
    }
}

/// A text as addresses contain it: Unicode NFC, lower case.
pub(crate) fn canonical(text: &str) -> String {
    // Lower-casing may denormalise the text (U+0130), so it is normalised before and after.
    text.nfc().collect::<String>().to_lowercase().nfc().collect()
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Redacted: an address is personal data, and what people type into its field is at times their password.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_equal() {
        let composed = Email::parse("\u{e9}va@example.com").unwrap();
        assert_eq!(Email::parse("E\u{301}VA@EXAMPLE.com\n").unwrap(), composed);
    }

    #[test]
    fn malformed_addresses_are_rejected() {
        let refused = [
            "",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b\0",
            "a\u{a0}b@c",
            "a@\u{2028}c",
            "a\u{7f}@c",
            "a\u{85}b@c",
        ];
        for text in refused {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
        assert!(Email::parse(&format!("{}@b", "a".repeat(MAX_EMAIL_BYTES - 2))).is_ok());
        assert!(Email::parse(&format!("{}@b", "a".repeat(MAX_EMAIL_BYTES - 1))).is_err());
    }

    #[test]
    fn the_limit_applies_after_normalisation_too() {
        // U+0130 is two bytes and becomes three in lower case.
        let text = format!("{}@b", "\u{130}".repeat(126));
        assert_eq!(text.len(), MAX_EMAIL_BYTES);
        assert!(Email::parse(&text).is_err());
    }

    proptest::proptest! {
        #[test]
        fn the_canonical_form_of_a_canonical_form_is_itself(text in "\\PC{1,40}@\\PC{1,40}") {
            if let Ok(email) = Email::parse(&text) {
                proptest::prop_assert_eq!(Email::parse(email.as_str()), Ok(email));
            }
        }
    }
}
