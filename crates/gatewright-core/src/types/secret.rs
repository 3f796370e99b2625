//! Secrets: passwords, password hashes, tokens and derived keys.
//!
//! None of these types can be displayed, compared or serialized. Their `Debug` is redacted, and their
//! memory is wiped on drop. `expose` is the only accessor, so one search finds every place that reads a
//! secret.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use zeroize::Zeroizing;

/// A password as the user typed it. It is never trimmed.
///
/// ```
/// use gatewright::Password;
///
/// let password = Password::new("correct horse battery staple");
/// assert_eq!(format!("{password:?}"), "Password(..)");
/// assert_eq!(password.expose().len(), 28);
/// ```
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// Wraps a password. It may be any text; [`PasswordRules`](crate::password::PasswordRules) checks a new one.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// Exposes the password, for hashing.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The form in which a password is hashed: each space of Unicode becomes U+0020, then the text Unicode NFC. These
    /// are the mappings of RFC 8265 §4.2.2 (OpaqueString). So two keyboards that write a character in two ways enter
    /// one password.
    ///
    /// ```
    /// use gatewright::Password;
    ///
    /// let typed = Password::new("cafe\u{301}\u{a0}au lait");
    /// assert_eq!(typed.normalized().expose(), "caf\u{e9} au lait");
    /// ```
    #[must_use]
    pub fn normalized(&self) -> Self {
        let text = self.expose();
        if text.is_ascii() {
            return self.clone();
        }
        // A composed text has at most three times the bytes, so no reallocation leaves a copy behind.
        let mut normalized = Zeroizing::new(String::with_capacity(text.len().saturating_mul(3)));
        normalized.extend(text.chars().map(fold_space).nfc());
        Self(SecretString::from(normalized.as_str()))
    }
}

fn fold_space(character: char) -> char {
    match character.general_category() {
        GeneralCategory::SpaceSeparator => ' ',
        _ => character,
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A password hash as a store keeps it: a PHC string or a modular crypt string.
#[doc(alias("argon2", "bcrypt"))]
#[derive(Clone)]
pub struct PasswordHash(SecretString);

impl PasswordHash {
    /// Wraps the stored text. The hasher decides whether it is a hash that it supports.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// Exposes the hash, for storing or verifying it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// The text of a token. It is a secret, because possession is enough to use it.
#[derive(Clone)]
pub struct TokenText(SecretString);

impl TokenText {
    /// Wraps the text of a token, verified or not.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// Exposes the token, for verifying or sending it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenText(..)")
    }
}

/// A key that a [`TokenIssuer`](crate::TokenIssuer) derived from one of its own: 32 bytes.
#[derive(Clone)]
pub struct DerivedKey(Zeroizing<[u8; 32]>);

impl DerivedKey {
    /// Wraps the bytes of a derived key.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Exposes the key, for a MAC.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for DerivedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKey(..)")
    }
}
