//! The checks of verification that need no key. The command `gatewright token inspect` uses them,
//! so that it agrees with verification. Not part of the public API.

use gatewright_core::{TokenError, TokenKind};

use crate::claims::{Expected, RawClaims};
use crate::header::{Header, is_rejected_member, is_same_type};
use crate::json::walk;

/// Checks a decoded header: its JSON, and that it has no rejected member.
///
/// # Errors
/// The error of verification with any key.
pub fn check_header(text: &str) -> Result<(), TokenError> {
    Header::parse(text).map(drop)
}

/// Checks a decoded payload: its JSON, and the types of its claims, not their values.
///
/// # Errors
/// The error of verification with any settings, unless the tokens are of another issuer.
pub fn check_payload(text: &str) -> Result<(), TokenError> {
    RawClaims::parse(text, Expected { audiences: &[], foreign: false }).map(drop)
}

/// Whether a member occurs twice, at any depth.
#[must_use]
pub fn has_duplicates(text: &str) -> bool {
    walk(text) == Err(TokenError::Duplicate)
}

/// Whether a header with a member of this name is rejected, with any value.
#[must_use]
pub fn is_rejected(name: &str) -> bool {
    is_rejected_member(name)
}

/// The kind of token that has this `typ`.
#[must_use]
pub fn kind_of(media_type: &str) -> Option<TokenKind> {
    TokenKind::ALL.into_iter().find(|kind| is_same_type(kind.media_type(), media_type))
}
