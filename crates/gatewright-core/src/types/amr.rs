//! How a user logged in: the authentication methods of RFC 8176.

use std::fmt;

use super::scope::{Scopes, is_scope};

/// The longest list of authentication methods: 255 bytes, with a space between two methods.
pub const MAX_AMR_BYTES: usize = 255;

/// The authentication methods of a login (`amr`, RFC 8176), each once: `pwd` for a password, `otp` for a
/// one-time password, `hwk` for a key in hardware. An application may add methods of its own.
///
/// A method consists of visible ASCII characters without quotes and backslashes, and is case-sensitive. The
/// list has at most [`MAX_AMR_BYTES`]. It may be empty: how the user logged in is not known then.
///
/// ```
/// use gatewright::types::Amr;
///
/// let amr = Amr::new(["pwd", "otp"])?;
/// assert_eq!(amr.as_str(), "pwd otp");
/// assert!(amr.contains("otp") && !amr.contains("OTP"));
/// assert!(Amr::new(["one-time password"]).is_err());
/// # Ok::<(), gatewright::types::InvalidAmr>(())
/// ```
#[doc(alias("2fa", "mfa", "second factor"))]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Amr(Scopes);

/// The texts are not authentication methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "not authentication methods: each must be visible ASCII without spaces, quotes and backslashes, and all together at most 255 bytes"
)]
pub struct InvalidAmr {}

impl Amr {
    /// Creates a list of methods. A repeated method counts once, and the order is kept.
    ///
    /// # Errors
    /// A text is not a method, or the list is longer than [`MAX_AMR_BYTES`].
    pub fn new(methods: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, InvalidAmr> {
        let mut text = String::new();
        for method in methods {
            let method = method.as_ref();
            if !is_scope(method) {
                return Err(InvalidAmr {});
            }
            text.push_str(method);
            text.push(' ');
        }
        Self::parse(&text)
    }

    /// Parses a list separated by spaces, as stores keep it.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn parse(text: &str) -> Result<Self, InvalidAmr> {
        let methods = Scopes::parse(text).map_err(|_| InvalidAmr {})?;
        if methods.as_str().len() > MAX_AMR_BYTES { Err(InvalidAmr {}) } else { Ok(Self(methods)) }
    }

    /// The methods, separated by single spaces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Iterates over the methods, each once.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter()
    }

    /// Whether the user logged in with this method.
    #[must_use]
    pub fn contains(&self, method: &str) -> bool {
        self.0.contains(method)
    }
}

impl fmt::Display for Amr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_kept_once_and_in_order() {
        let amr = Amr::new(["otp", "pwd", "otp", "urn:example:badge"]).unwrap();
        assert!(amr.iter().eq(["otp", "pwd", "urn:example:badge"]));
        assert_eq!(Amr::parse(amr.as_str()), Ok(amr));
        assert_eq!(Amr::new([""; 0]), Ok(Amr::default()));
    }

    #[test]
    fn malformed_and_long_lists_are_rejected() {
        let longest = "x".repeat(MAX_AMR_BYTES);
        assert!(Amr::new([&longest, &longest]).is_ok());
        for methods in [&["a b"][..], &[""], &["a\"b"], &["a\\b"], &["\u{e9}"], &["a\n"], &["y", &longest]] {
            assert_eq!(Amr::new(methods), Err(InvalidAmr {}), "{methods:?}");
        }
        assert!(Amr::new(std::iter::repeat_n("x", 10_000)).is_err(), "repeated methods are not free");
    }
}
