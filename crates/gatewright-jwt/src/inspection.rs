//! The checks of verification that need no key, for the command `gatewright token inspect`, so that both judge a token alike.
//! Not part of the public API.

use gatewright_core::{TokenKind, TokenRefusal};

use crate::claims::{Expected, RawClaims};
use crate::header::{Header, is_refused_member, is_same_type};
use crate::json::walk;

/// Checks a decoded header: its JSON, and that no member is refused.
///
/// # Errors
/// As verification refuses it under any key.
pub fn check_header(text: &str) -> Result<(), TokenRefusal> {
    Header::parse(text).map(drop)
}

/// Checks a decoded payload: its JSON, and the types of its claims. Their values are not judged.
///
/// # Errors
/// As verification refuses it under any settings of one's own issuer.
pub fn check_payload(text: &str) -> Result<(), TokenRefusal> {
    RawClaims::parse(text, Expected { audience: "", foreign: false }).map(drop)
}

/// Whether a member occurs twice, at any depth.
#[must_use]
pub fn has_duplicates(text: &str) -> bool {
    walk(text) == Err(TokenRefusal::Duplicate)
}

/// Whether a header with a member of this name is refused, whatever its value.
#[must_use]
pub fn is_refused(name: &str) -> bool {
    is_refused_member(name)
}

/// The kind of token that has this `typ`.
#[must_use]
pub fn kind_of(media_type: &str) -> Option<TokenKind> {
    TokenKind::ALL.into_iter().find(|kind| is_same_type(kind.media_type(), media_type))
}
