//! The rotation of refresh tokens.
//!
//! Of a session's refresh tokens, one is current. Using it makes the next one. The store keeps a
//! random seed, and the digests of the current and the previous token's id. The id of each successor
//! is derived from the seed and the id before it.
//!
//! So a client that never received a reply can retry with the previous token for a short time, and
//! any node returns *the same* successor. And no token can be derived from the stored data.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::token::TokenId;
use crate::types::{RandomError, SecureRandom, SessionId, Timestamp, UserId, random_bytes};

/// The seed of a session: 256 random bits that only the store keeps.
///
/// ```
/// use gatewright_core::store::SessionSeed;
/// use gatewright_core::TokenId;
///
/// let seed = SessionSeed::from_bytes([7; 32]);
/// let presented = TokenId::new("the id of the presented token");
/// assert_eq!(seed.successor(&presented), seed.successor(&presented), "every node derives the same id");
/// assert_eq!(format!("{seed:?}"), "SessionSeed(..)");
/// ```
#[derive(Clone)]
pub struct SessionSeed(Zeroizing<[u8; 32]>);

impl SessionSeed {
    /// Generates a seed.
    ///
    /// # Errors
    /// The source of randomness failed.
    pub fn generate(source: &dyn SecureRandom) -> Result<Self, RandomError> {
        random_bytes(source).map(Self::from_bytes)
    }

    /// Restores a seed from the bytes that a store kept.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Exposes the bytes, for a store to keep.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The id of the token that follows `presented`: HMAC-SHA-256(seed, presented). It is the same on
    /// every call.
    #[must_use]
    pub fn successor(&self, presented: &TokenId) -> TokenId {
        let mut padded = Zeroizing::new([0; 64]);
        for (to, from) in padded.iter_mut().zip(self.0.iter()) {
            *to = *from;
        }
        // HMAC pads a short key with zeros to the block size (RFC 2104 §2). A padded key is the same key,
        // and its fixed length cannot be rejected.
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

/// The id of an access token: 128 random bits. It only names the token, so it can be shorter.
pub(crate) fn access_token_id(source: &dyn SecureRandom) -> Result<TokenId, RandomError> {
    let bytes: [u8; 16] = random_bytes(source)?;
    Ok(TokenId::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// The SHA-256 of a refresh token's id. Stores keep the digest, never the token.
///
/// ```
/// use gatewright_core::store::TokenDigest;
/// use gatewright_core::TokenId;
///
/// let digest = TokenDigest::of(&TokenId::new("an id"));
/// assert_eq!(TokenDigest::from_bytes(*digest.as_bytes()), digest);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of this id.
    #[must_use]
    pub fn of(id: &TokenId) -> Self {
        Self(Sha256::digest(id.as_str()).into())
    }

    /// Restores a digest from the bytes that a store kept.
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

/// One use of a refresh token: the argument of [`SessionStore::rotate`](crate::SessionStore::rotate).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RotationRequest {
    /// The user of the session.
    pub user: UserId,
    /// The session that the token belongs to.
    pub session: SessionId,
    /// The digest of the presented token.
    pub presented: TokenDigest,
    /// The digest of its successor.
    pub successor: TokenDigest,
    /// The current time of the node that was called.
    pub now: Timestamp,
    /// The grace window: how long after a rotation the previous token still returns the same successor.
    /// Zero disables it. The window extends as far before the rotation, because the clocks of nodes
    /// differ.
    pub grace: Duration,
    /// When the session expires unless it is refreshed again. The store caps it at the session's
    /// absolute expiry.
    pub idle_expires_at: Timestamp,
}

impl RotationRequest {
    /// Creates a request from all its fields, in their order.
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

/// The times between which a refresh token is valid. Every call that returns the same successor
/// returns the same times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validity {
    /// When the rotation happened: the `iat` of the successor.
    pub issued_at: Timestamp,
    /// When the session expires if the successor is not used: its `exp`.
    pub expires_at: Timestamp,
}

impl Validity {
    /// Creates a validity. For implementations of [`SessionStore`](crate::SessionStore).
    #[must_use]
    pub const fn new(issued_at: Timestamp, expires_at: Timestamp) -> Self {
        Self { issued_at, expires_at }
    }
}

/// The outcome of using a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Rotation {
    /// The token was current. Now its successor is current, and it is the previous one.
    Rotated(Validity),
    /// The token was the previous one, its successor is unused, and the grace window is open. Nothing
    /// changed: the same successor is still current.
    Grace(Validity),
    /// The token was used before, so someone else may have a copy. The session is deleted.
    Reused,
    /// The session has expired.
    Expired,
    /// The user has no such session.
    Unknown,
}

/// What a store keeps about a session's refresh tokens, and the rules of their use.
///
/// It is the contract of [`SessionStore::rotate`](crate::SessionStore::rotate) in code. A store loads
/// it, calls [`rotate`](Self::rotate) and writes it back, under one lock or in one transaction.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RotationState {
    /// The digest of the current token.
    pub current: TokenDigest,
    /// The digest of the token before it, after the first rotation.
    pub previous: Option<TokenDigest>,
    /// When the latest rotation happened. Before the first one, when the session was created.
    pub rotated_at: Timestamp,
    /// When the session expires unless it is refreshed before.
    pub idle_expires_at: Timestamp,
    /// When the session expires in any case.
    pub expires_at: Timestamp,
}

impl RotationState {
    /// The state of a new session whose first token is `current`.
    #[must_use]
    pub const fn new(
        current: TokenDigest,
        created_at: Timestamp,
        idle_expires_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self { current, previous: None, rotated_at: created_at, idle_expires_at, expires_at }
    }

    /// Decides about one use of a token.
    ///
    /// After [`Rotation::Rotated`], the store writes the changed state back. After
    /// [`Rotation::Reused`], it deletes the session. Otherwise nothing changed.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use gatewright_core::store::{RotationRequest, RotationState, TokenDigest};
    /// use gatewright_core::{Rotation, SessionId, SystemRandom, Timestamp, TokenId, UserId};
    ///
    /// # let now = Timestamp::from_seconds(1_700_000_000);
    /// # let later = now.saturating_add(Duration::from_secs(86_400));
    /// # let (user, id) = (UserId::new("42")?, SessionId::generate(now, &SystemRandom)?);
    /// let [first, second] = ["first", "second"].map(|id| TokenDigest::of(&TokenId::new(id)));
    /// let request = RotationRequest::new(user, id, first, second, now, Duration::ZERO, later);
    /// let mut state = RotationState::new(first, now, later, later);
    /// assert!(matches!(state.rotate(&request), Rotation::Rotated(_)));
    /// assert_eq!(state.rotate(&request), Rotation::Reused, "the token was used before");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        if self.in_grace_window(request) && self.previous == Some(request.presented) {
            Rotation::Grace(self.validity())
        } else {
            Rotation::Reused
        }
    }

    /// Whether the request is inside the grace window, which extends as far before the rotation as after.
    fn in_grace_window(&self, request: &RotationRequest) -> bool {
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
    fn the_successor_is_the_hmac_of_the_presented_id_under_the_seed() {
        // HMAC-SHA-256 of "Hi There" under 32 bytes of 0x0b, computed with Python's hmac module.
        let seed = SessionSeed::from_bytes([0x0b; 32]);
        let successor = seed.successor(&TokenId::new("Hi There"));
        assert_eq!(successor.as_str(), "GYpgfrRL-8aZA6Dxzyu9xboKo_PZrjwcejsWlqC2jPc");
    }

    #[test]
    fn successors_differ_along_the_chain_and_repeat_for_the_same_id() {
        let seed = SessionSeed::from_bytes([7; 32]);
        let first = TokenId::new("first");
        let second = seed.successor(&first);
        assert_eq!(seed.successor(&first), second);
        assert_ne!(seed.successor(&second), second);
        assert_ne!(SessionSeed::from_bytes([8; 32]).successor(&first), second);
    }
}
