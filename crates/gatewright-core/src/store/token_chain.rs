//! The rotation of refresh tokens.
//!
//! Of a session's refresh tokens, one is current. Using it makes the next one. The store keeps a
//! random seed, and the digests of the current token's id and of the latest used ones. The id of each
//! successor is derived from the seed and the id before it.
//!
//! So any node can derive the current token from a used one that a client presents. Clients that use a
//! token twice within a short time (a retry, a second tab) all get *the same* current token. And no
//! token can be derived from the stored data alone.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::token::TokenId;
use crate::types::{RandomError, SecureRandom, random_bytes};

/// The seed of a session: 256 random bits that only the store keeps.
///
/// ```
/// use gatewright::store::SessionSeed;
/// use gatewright::token::TokenId;
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

    /// Follows the successors of `presented` to the token whose digest is `current`, which may be
    /// `presented` itself. `None` if at most `max_steps` steps do not reach it.
    ///
    /// ```
    /// use gatewright::store::{MAX_USED_TOKENS, SessionSeed, TokenDigest};
    /// use gatewright::token::TokenId;
    ///
    /// let seed = SessionSeed::from_bytes([7; 32]);
    /// let used = TokenId::new("a token that was used twice since");
    /// let current = TokenDigest::of(&seed.successor(&seed.successor(&used)));
    /// let derived = seed.derive_current(&used, current, MAX_USED_TOKENS).unwrap();
    /// assert_eq!(TokenDigest::of(&derived), current);
    /// ```
    #[must_use]
    pub fn derive_current(
        &self,
        presented: &TokenId,
        current: TokenDigest,
        max_steps: usize,
    ) -> Option<TokenId> {
        let chain = std::iter::successors(Some(presented.clone()), |id| Some(self.successor(id)));
        chain.take(max_steps.saturating_add(1)).find(|id| TokenDigest::of(id) == current)
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
/// use gatewright::store::TokenDigest;
/// use gatewright::token::TokenId;
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

    #[test]
    fn the_current_token_is_derived_in_a_limited_number_of_steps() {
        const MAX_STEPS: usize = 8;
        let seed = SessionSeed::from_bytes([7; 32]);
        let mut chain = vec![TokenId::new("first")];
        for step in 0..=MAX_STEPS {
            chain.push(seed.successor(&chain[step]));
        }
        let derive = |seed: &SessionSeed, from: usize, to: usize| {
            seed.derive_current(&chain[from], TokenDigest::of(&chain[to]), MAX_STEPS)
        };
        for (steps, id) in chain.iter().enumerate().take(MAX_STEPS + 1) {
            assert_eq!(derive(&seed, 0, steps).unwrap().as_str(), id.as_str(), "{steps} steps");
        }
        assert!(derive(&seed, 0, MAX_STEPS + 1).is_none(), "one step too many");
        assert!(derive(&seed, 1, 0).is_none(), "an earlier token");
        assert!(derive(&SessionSeed::from_bytes([8; 32]), 0, 1).is_none(), "another seed");
    }
}
