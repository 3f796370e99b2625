//! The rotation of refresh tokens.
//!
//! Of a session's refresh tokens one is current; using it makes the next. The store keeps digests of the current and
//! the previous token's id and a random seed, from which each successor's id follows. So a client whose answer was lost
//! may use the previous token once more, shortly, and gets *the same* successor, on any node; and whoever reads the
//! table can make no token of it.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::token::TokenId;
use crate::types::{RandomError, SecureRandom, SessionId, Timestamp, UserId, random_bytes};

/// 256 random bits per session, known to the store alone.
#[derive(Clone)]
pub struct SessionSeed(Zeroizing<[u8; 32]>);

impl SessionSeed {
    /// A new seed.
    ///
    /// # Errors
    /// When the source of randomness does not deliver.
    pub fn generate(source: &dyn SecureRandom) -> Result<Self, RandomError> {
        random_bytes(source).map(Self::from_bytes)
    }

    /// From the bytes a store kept.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reveals the bytes for a store to keep.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The id of the token that follows `presented`: HMAC-SHA-256(seed, presented), always the same one.
    #[must_use]
    pub fn successor(&self, presented: &TokenId) -> TokenId {
        let mut padded = Zeroizing::new([0; 64]);
        for (to, from) in padded.iter_mut().zip(self.0.iter()) {
            *to = *from;
        }
        // A key padded with zeros to the block's size is the same HMAC key (RFC 2104 §2), and of infallible length.
        let mut mac = Hmac::<Sha256>::new((&*padded).into());
        mac.update(presented.as_str().as_bytes());
        TokenId::new(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for SessionSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionSeed(..)")
    }
}

/// The id of a session's first refresh token: 256 random bits.
pub(crate) fn first_token_id(source: &dyn SecureRandom) -> Result<TokenId, RandomError> {
    let bytes: [u8; 32] = random_bytes(source)?;
    Ok(TokenId::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// The id of an access token: 128 random bits. It names the token and opens nothing, so it need not be as long.
pub(crate) fn access_token_id(source: &dyn SecureRandom) -> Result<TokenId, RandomError> {
    let bytes: [u8; 16] = random_bytes(source)?;
    Ok(TokenId::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// The SHA-256 of a refresh token's id: all that a store knows of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of `id`.
    #[must_use]
    pub fn of(id: &TokenId) -> Self {
        Self(Sha256::digest(id.as_str()).into())
    }

    /// From the bytes a store kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes for a store to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}

/// One use of a refresh token, for `SessionStore::rotate` to judge and carry out.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RotationRequest {
    /// Whose session it is.
    pub user: UserId,
    /// The session the token belongs to.
    pub session: SessionId,
    /// The digest of the token that was presented.
    pub presented: TokenDigest,
    /// The digest of the token that follows it.
    pub successor: TokenDigest,
    /// The present moment.
    pub now: Timestamp,
    /// The grace window: how long after a rotation the previous token still yields the same successor; zero for never. To
    /// tolerate clocks that differ between nodes, it extends as far before the rotation.
    pub grace: Duration,
    /// When the session ends if it is not used again; the store caps it at the session's own end.
    pub idle_expires_at: Timestamp,
}

impl RotationRequest {
    /// All of a request, in the order of the fields.
    #[must_use]
    pub const fn new(
        user: UserId,
        session: SessionId,
        presented: TokenDigest,
        successor: TokenDigest,
        now: Timestamp,
        grace: Duration,
        idle_expires_at: Timestamp,
    ) -> Self {
        Self { user, session, presented, successor, now, grace, idle_expires_at }
    }
}

/// From when to when the successor is valid: the same at every call that makes the same successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validity {
    /// When the rotation took place.
    pub issued_at: Timestamp,
    /// When the session ends if the successor is not used.
    pub expires_at: Timestamp,
}

impl Validity {
    /// For implementations of `SessionStore`.
    #[must_use]
    pub const fn new(issued_at: Timestamp, expires_at: Timestamp) -> Self {
        Self { issued_at, expires_at }
    }
}

/// What became of a use of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Rotation {
    /// The token was current: it is now the previous one, and its successor is current.
    Rotated(Validity),
    /// The token was the previous one, its successor unused and the grace window open: nothing changed, the same
    /// successor is current still.
    Grace(Validity),
    /// The token was used up: somebody has a copy. The session has ended.
    Reused,
    /// The session is over by its own time.
    Expired,
    /// There is no such session.
    Unknown,
}

/// What a store knows of a session's refresh tokens, and what a use of one comes to.
///
/// A store that reads, judges and writes under one lock or in one transaction judges with this; it is the contract of
/// `SessionStore::rotate` in code.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RotationState {
    /// The token that may be used.
    pub current: TokenDigest,
    /// The token before it, once there is one.
    pub previous: Option<TokenDigest>,
    /// When it was used; the session's beginning before that.
    pub rotated_at: Timestamp,
    /// When the session ends unless it is refreshed before.
    pub idle_expires_at: Timestamp,
    /// When the session ends whatever happens.
    pub expires_at: Timestamp,
}

impl RotationState {
    /// The state of a session that begins with the token `current`.
    #[must_use]
    pub const fn new(
        current: TokenDigest,
        begun_at: Timestamp,
        idle_expires_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self { current, previous: None, rotated_at: begun_at, idle_expires_at, expires_at }
    }

    /// Judges a use. On [`Rotation::Rotated`] this state has moved on and is to be kept; on [`Rotation::Reused`] the
    /// session is to be ended; otherwise nothing changed.
    pub fn rotate(&mut self, request: &RotationRequest) -> Rotation {
        if request.now >= self.idle_expires_at || request.now >= self.expires_at {
            return Rotation::Expired;
        }
        if self.current == request.presented {
            self.previous = Some(self.current);
            self.current = request.successor;
            self.rotated_at = request.now;
            self.idle_expires_at = request.idle_expires_at.min(self.expires_at);
            return Rotation::Rotated(self.validity());
        }
        if self.is_open(request) && self.previous == Some(request.presented) {
            Rotation::Grace(self.validity())
        } else {
            Rotation::Reused
        }
    }

    /// Whether the moment lies within the grace window, or no further before it than the window is long.
    fn is_open(&self, request: &RotationRequest) -> bool {
        !request.grace.is_zero()
            && request.now >= self.rotated_at.saturating_sub(request.grace)
            && request.now < self.rotated_at.saturating_add(request.grace)
    }

    const fn validity(&self) -> Validity {
        Validity::new(self.rotated_at, self.idle_expires_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_is_the_hmac_of_the_presented_id_under_the_seed() {
        // HMAC-SHA-256 of "Hi There" under 32 bytes of 0x0b, computed with Python's hmac module.
        let seed = SessionSeed::from_bytes([0x0b; 32]);
        let successor = seed.successor(&TokenId::new("Hi There"));
        assert_eq!(successor.as_str(), "GYpgfrRL-8aZA6Dxzyu9xboKo_PZrjwcejsWlqC2jPc");
    }

    #[test]
    fn each_id_in_a_chain_is_another_and_each_call_gives_the_same() {
        let seed = SessionSeed::from_bytes([7; 32]);
        let first = TokenId::new("first");
        let second = seed.successor(&first);
        assert_eq!(seed.successor(&first), second);
        assert_ne!(seed.successor(&second), second);
        assert_ne!(SessionSeed::from_bytes([8; 32]).successor(&first), second);
    }
}
