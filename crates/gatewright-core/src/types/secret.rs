//! Text that must not leak: passwords as they arrive, hashes as they are stored, tokens as they travel.
//!
//! None of these types can be displayed, compared or serialized; their `Debug` is redacted and their memory is
//! wiped when they are dropped. `expose` is the one way in, so one search finds every place a secret is read.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A password as a person typed it: nothing trimmed, nothing normalised.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// Takes the password over.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// Reveals the password to whoever hashes it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A password hash as a store keeps it: a PHC or modular-crypt string.
#[derive(Clone)]
pub struct PasswordHash(SecretString);

impl PasswordHash {
    /// Takes the stored text over. Whether it is a hash at all is the hasher's to judge.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// Reveals the hash to whoever stores or verifies it.
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

/// The text of a token: whoever holds it is somebody.
#[derive(Clone)]
pub struct TokenText(SecretString);

impl TokenText {
    /// Takes the token over.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// Reveals the token to whoever verifies or sends it.
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
