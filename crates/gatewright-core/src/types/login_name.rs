//! The name that a user types to log in: an address, a user name, or what an application's own table has.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::email::Email;
use super::fold::fold_case;
use super::username::Username;

/// The longest login name: 254 bytes, as sent and in Unicode NFC. It is the length of the longest
/// [`Email`].
pub const MAX_LOGIN_NAME_BYTES: usize = 254;

/// A login name: trimmed, in Unicode NFC, with its case kept.
///
/// It has 1 to [`MAX_LOGIN_NAME_BYTES`] bytes and no control characters. A
/// [`UserStore`](crate::UserStore) decides what it means: an address, a user name, a customer number.
///
/// ```
/// use gatewright::{Email, LoginName};
///
/// let name = LoginName::parse(" Ada@Example.com ")?;
/// assert_eq!(name.as_str(), "Ada@Example.com");
/// assert_eq!(name.as_email(), Email::parse("ada@example.com").ok());
/// assert_eq!(LoginName::parse("Countess")?.as_email(), None);
/// # Ok::<(), gatewright::types::InvalidLoginName>(())
/// ```
#[doc(alias("throttle key"))]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoginName(String);

/// The text cannot be a login name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("not a login name: must have 1 to 254 bytes and no control characters")]
pub struct InvalidLoginName {}

impl LoginName {
    /// Trims a text and normalises it.
    ///
    /// # Errors
    /// The text is empty, contains a control character, or is longer than [`MAX_LOGIN_NAME_BYTES`]. The
    /// length of the text as sent is checked before any other work.
    pub fn parse(text: &str) -> Result<Self, InvalidLoginName> {
        if text.len() > MAX_LOGIN_NAME_BYTES {
            return Err(InvalidLoginName {});
        }
        let name: String = text.trim().nfc().collect();
        let fits = (1..=MAX_LOGIN_NAME_BYTES).contains(&name.len());
        let clean = !name.contains(char::is_control);
        if fits && clean { Ok(Self(name)) } else { Err(InvalidLoginName {}) }
    }

    /// The name with its case. Use it only for a column that compares names byte for byte.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as an address, or `None` if it is not one. Compare its [`key`](Email::key).
    #[must_use]
    pub fn as_email(&self) -> Option<Email> {
        Email::parse(&self.0).ok()
    }

    /// The name as a user name, or `None` if it is not one. A text with an `@` never is.
    #[must_use]
    pub fn as_username(&self) -> Option<Username> {
        Username::parse(&self.0).ok()
    }

    /// The form of the name by which accounts are compared. Limits count attempts under this key. Two accounts
    /// of Gatewright's stores never share a key, so a login to one does not clear the failures of another one.
    ///
    /// - An address has its [`Email::key`].
    /// - A user name has its [`Username::key`].
    /// - Another text has its case folded, as both have, and is in Unicode NFC.
    ///
    /// A [`UserStore`](crate::UserStore) of your own may ignore more differences than that. Then several keys
    /// lead to one account, and only the limit of consecutive failures is common to them.
    ///
    /// ```
    /// use gatewright::LoginName;
    ///
    /// let key = |text: &str| LoginName::parse(text).map(|name| name.throttle_key());
    /// assert_eq!(key("Ada@Example.com"), key("ada@example.com"));
    /// assert_ne!(key("straße@example.com"), key("strasse@example.com"), "these are two accounts");
    /// assert_eq!(key("ada@bücher.example"), key("ada@xn--bcher-kva.example"), "these are one account");
    /// assert_eq!(key("Ａda"), key("ada"), "these are one user name");
    /// assert_eq!(key("Ada Lovelace"), key("ADA LOVELACE"), "no account of Gatewright's own has this name");
    /// ```
    #[must_use]
    pub fn throttle_key(&self) -> String {
        if let Some(email) = self.as_email() {
            return email.key().to_owned();
        }
        self.as_username().map_or_else(|| fold_case(&self.0), |name| name.key().to_owned())
    }
}

impl From<&Username> for LoginName {
    fn from(name: &Username) -> Self {
        Self(name.as_str().to_owned())
    }
}

impl From<&Email> for LoginName {
    fn from(email: &Email) -> Self {
        Self(email.as_str().to_owned())
    }
}

/// Redacted: a name is personal data, and what people type into its field is at times their password.
impl fmt::Debug for LoginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginName(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_normalised_with_their_case() {
        let name = LoginName::parse("\u{a0}E\u{301}va Lovelace\n").unwrap();
        assert_eq!(name.as_str(), "\u{c9}va Lovelace");
        assert_eq!(format!("{name:?}"), "LoginName(..)");
    }

    #[test]
    fn empty_long_and_unprintable_names_are_rejected() {
        let long = "x".repeat(MAX_LOGIN_NAME_BYTES);
        assert!(LoginName::parse(&long).is_ok());
        let spaces = " ".repeat(MAX_LOGIN_NAME_BYTES);
        // U+1D15E has four bytes, and eight in NFC.
        let growing = "\u{1d15e}".repeat(MAX_LOGIN_NAME_BYTES / 4);
        for text in
            ["", " \n", "a\0b", "a\u{7f}b", &format!("{long}x"), &format!("{long} "), &spaces, &growing]
        {
            assert!(LoginName::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn spellings_of_a_name_have_one_key() {
        let key = |text: &str| LoginName::parse(text).unwrap().throttle_key();
        for (one, other) in [
            ("ADA", "ada"),
            ("\u{1e9e}", "\u{df}"),
            ("\u{3c3}\u{3c2}", "\u{3a3}\u{3a3}"),
            ("\u{130}", "i\u{307}"),
            ("\u{212b}", "\u{e5}"),
            ("\u{ff21}da", "ada"),
            ("Ada Lovelace", "ADA LOVELACE"),
            ("\u{fb01}n \u{c4}", "\u{fb01}N A\u{308}"),
            ("x<Victim@example.com", "X<victim@EXAMPLE.com"),
            ("ada@B\u{fc}cher.example", "ADA@xn--bcher-kva.example"),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        for (one, other) in [("ada", "\u{e4}da"), ("stra\u{df}e", "strasse"), ("\u{fb01}n", "fin")] {
            assert_ne!(key(one), key(other), "{one} {other}");
        }
    }

    #[test]
    fn two_addresses_have_two_keys() {
        let key = |text: &str| LoginName::parse(text).unwrap().throttle_key();
        for (one, other) in [
            ("stra\u{df}e@example.com", "strasse@example.com"),
            ("ada@stra\u{df}e.example", "ada@strasse.example"),
            ("a.da@example.com", "ada@example.com"),
            ("ada+x@example.com", "ada@example.com"),
        ] {
            assert_ne!(Email::parse(one).unwrap(), Email::parse(other).unwrap());
            assert_ne!(key(one), key(other), "{one} {other}");
        }
    }

    #[test]
    fn user_names_have_the_key_by_which_accounts_are_compared() {
        for text in ["Ada", "stra\u{df}e", "\u{ff21}da", "\u{130}", "\u{3a3}\u{3c2}"] {
            let name = LoginName::parse(text).unwrap();
            assert_eq!(name.as_username().unwrap().key(), name.throttle_key());
        }
    }

    proptest::proptest! {
        #[test]
        fn an_address_has_its_own_key(text in "\\PC{1,40}@\\PC{1,40}") {
            if let (Ok(email), Ok(name)) = (Email::parse(&text), LoginName::parse(&text)) {
                proptest::prop_assert_eq!(name.throttle_key(), LoginName::from(&email).throttle_key());
                proptest::prop_assert_eq!(&name.throttle_key(), email.key());
                let found = name.as_email().unwrap();
                proptest::prop_assert_eq!(found.as_str(), email.as_str());
            }
        }
    }
}
