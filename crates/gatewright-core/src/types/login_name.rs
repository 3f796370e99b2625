//! The name that a user types to log in: an address, a user name, or what an application's own table has.

use std::fmt;

use super::email::Email;
use super::fold::{composed, fold_case};
use super::username::Username;

/// The longest login name: 254 bytes, as sent with the space around it, and in Unicode NFC. It is the length of the
/// longest [`Email`].
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
        let name = composed(text, MAX_LOGIN_NAME_BYTES).ok_or(InvalidLoginName {})?;
        let is_clean = !name.is_empty() && !name.contains(char::is_control);
        if is_clean { Ok(Self(name)) } else { Err(InvalidLoginName {}) }
    }

    /// The name with its case.
    ///
    /// Do not look a user up by it: two users whose names differ only in their case would share one
    /// [`throttle_key`](Self::throttle_key), and a login of one would clear the failures of the other one.
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
    /// A [`UserStore`](crate::UserStore) of your own must ignore at least the differences that this form ignores.
    /// Store it in a column with a unique index, and look users up by it. A store that compares names more exactly
    /// has several users under one key: one of them clears the failures of another one by logging in.
    ///
    /// A store may ignore more differences. Then several keys lead to one account, and only the limit of consecutive
    /// failures is common to them.
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
    use std::cell::Cell;

    use proptest::collection::vec;
    use proptest::prelude::{Strategy, prop_assert_eq};
    use proptest::sample::select;
    use proptest::test_runner::TestRunner;

    use super::super::characters::visible_texts;
    use super::super::domain::{ascii_domain, unicode_domain};
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

    /// A text that one type accepts is short enough for the others.
    #[test]
    fn a_text_is_the_same_name_at_a_registration_and_at_a_login() {
        let address = format!("{}@{}x", "a".repeat(64), "x.".repeat(94));
        assert_eq!(address.len(), MAX_LOGIN_NAME_BYTES);
        // Labels of U+1D15E, which has four bytes, and eight in NFC.
        let growing = format!("a@{}", ["\u{1d15e}"; 45].join("."));
        for (text, is_name) in [
            (address.clone(), true),
            (address + "\n", false),
            (growing, false),
            (format!("{}{}", "x".repeat(64), " ".repeat(190)), true),
            (format!("{}{}", "x".repeat(64), " ".repeat(191)), false),
            ("e\u{301}".repeat(22), true),
            ("e\u{301}".repeat(32), true),
            ("e\u{301}".repeat(33), false),
        ] {
            let login = LoginName::parse(&text).ok();
            let (email, name) = (Email::parse(&text).ok(), Username::parse(&text).ok());
            assert_eq!(email.is_some() || name.is_some(), is_name, "{text:?}");
            assert_eq!(login.as_ref().and_then(LoginName::as_email), email, "{text:?}");
            assert_eq!(login.as_ref().and_then(LoginName::as_username), name, "{text:?}");
        }
    }

    /// Of characters that addresses may have, so that most texts are addresses.
    #[test]
    fn an_address_has_its_own_key() {
        let is_local = |text: &String| Email::parse(&format!("a{text}@b")).is_ok();
        let local: Vec<String> = visible_texts().step_by(7).filter(is_local).collect();
        let is_label = |text: &String| Email::parse(&format!("a@b{text}b")).is_ok();
        let label: Vec<String> = visible_texts().step_by(7).filter(is_label).collect();
        assert!(local.len() > 10_000 && label.len() > 10_000, "{} {}", local.len(), label.len());
        let text = |texts: Vec<String>, count| vec(select(texts), 1..count).prop_map(|texts| texts.concat());
        let accepted = Cell::new(0);
        let texts = (text(local, 5), text(label, 2));
        let outcome = TestRunner::deterministic().run(&texts, |(local, label)| {
            let text = format!("a{local}@b{label}b");
            let (Ok(email), Ok(name)) = (Email::parse(&text), LoginName::parse(&text)) else { return Ok(()) };
            accepted.set(accepted.get() + 1);
            prop_assert_eq!(name.throttle_key(), LoginName::from(&email).throttle_key());
            prop_assert_eq!(&name.throttle_key(), email.key());
            let found = name.as_email().unwrap();
            prop_assert_eq!(found.as_str(), email.as_str());
            let (_, domain) = email.as_str().split_once('@').unwrap();
            prop_assert_eq!(ascii_domain(&unicode_domain(domain)), Some(domain.to_owned()));
            for form in [email.as_str(), email.key()] {
                prop_assert_eq!(
                    Email::parse(form).map(|again| again.as_str().to_owned()),
                    Ok(form.to_owned())
                );
            }
            Ok(())
        });
        outcome.unwrap();
        assert!(accepted.get() > 100, "{} of 256 were addresses", accepted.get());
    }
}
