//! User names: public names of accounts, unique without their case.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::client::is_printable;
use super::fold::fold;

/// The longest user name: 64 bytes, in Unicode NFC.
pub const MAX_USERNAME_BYTES: usize = 64;

/// The longest [`Username::key`]: 254 bytes.
pub const MAX_USERNAME_KEY_BYTES: usize = 254;

/// The name of an account beside its address: trimmed, in Unicode NFC, with its case kept.
///
/// It has 1 to [`MAX_USERNAME_BYTES`] bytes, without white space and unprintable characters. It has no `@`:
/// at a login, a text with an `@` is an address. User names are public, so a registration says if a
/// name is taken.
///
/// ```
/// use gatewright::types::Username;
///
/// let name = Username::parse(" Ada ")?;
/// assert_eq!((name.as_str(), name.key()), ("Ada", "ada"));
/// assert!(Username::parse("ada@example.com").is_err());
/// # Ok::<(), gatewright::types::InvalidUsername>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Username {
    text: String,
    key: String,
}

/// The text is not a user name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not a user name: must have 1 to 64 bytes, no white space and no \"@\"")]
pub struct InvalidUsername {}

impl Username {
    /// Trims a text and normalises it.
    ///
    /// # Errors
    /// The text is not a user name as the type describes it, or its [`key`](Self::key) is longer than
    /// [`MAX_USERNAME_KEY_BYTES`]. The length is checked before any other work.
    pub fn parse(text: &str) -> Result<Self, InvalidUsername> {
        let text = text.trim();
        if text.len() > MAX_USERNAME_BYTES {
            return Err(InvalidUsername {});
        }
        let text: String = text.nfc().collect();
        let key = fold(&text);
        let fits = (1..=MAX_USERNAME_BYTES).contains(&text.len()) && key.len() <= MAX_USERNAME_KEY_BYTES;
        // Compatible characters can hide an `@` or a space, which only the key shows.
        let clean = [&text, &key].into_iter().all(|text| text.chars().all(is_allowed));
        if fits && clean { Ok(Self { text, key }) } else { Err(InvalidUsername {}) }
    }

    /// The name with its case, to show it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name without the differences that do not make another name: case, and other ways to write a
    /// character (Unicode NFKC). Stores compare it byte for byte.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

fn is_allowed(character: char) -> bool {
    character != '@' && !character.is_whitespace() && is_printable(character)
}

/// Whether accounts have a user name beside their address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Usernames {
    /// No registration takes one.
    #[default]
    None,
    /// A registration may have one.
    Optional,
    /// Every registration has one.
    Required,
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_name_have_one_key() {
        let key = |text: &str| Username::parse(text).unwrap().key().to_owned();
        for (one, other) in
            [("Ada", "ADA"), ("E\u{301}va", "\u{e9}VA"), ("\u{ff41}da", "ada"), ("stra\u{df}e", "STRASSE")]
        {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        assert_ne!(key("ada"), key("\u{e4}da"));
        assert_ne!(key("ada"), key("adа"), "the last letter is Cyrillic");
    }

    #[test]
    fn addresses_long_names_and_invisible_characters_are_rejected() {
        let long = "x".repeat(MAX_USERNAME_BYTES);
        assert!(Username::parse(&long).is_ok());
        for text in [
            "",
            " ",
            "@",
            "ada@example.com",
            "a b",
            "a\0",
            "a\u{2003}b",
            "a\u{200b}b",
            "a\u{202e}b",
            &format!("{long}x"),
            // It is an `@` in NFKC.
            "ada\u{ff20}example.com",
            // It has spaces in NFKC.
            "\u{fdfa}",
            // Each has four bytes, and eight in NFC.
            &"\u{1d15e}".repeat(MAX_USERNAME_BYTES / 4),
            // Each has three bytes, and 18 in NFKC.
            &"\u{3316}".repeat(MAX_USERNAME_BYTES / 3),
        ] {
            assert!(Username::parse(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_name_and_the_key_of_a_name_are_that_name(text in "\\PC{1,30}") {
            if let Ok(name) = Username::parse(&text) {
                proptest::prop_assert_eq!(&Username::parse(name.as_str()), &Ok(name.clone()));
                let loud = Username::parse(&text.to_uppercase());
                if let Ok(loud) = loud {
                    proptest::prop_assert_eq!(loud.key(), name.key());
                }
            }
        }
    }
}
