//! The cache of verified tokens. An entry is valid while the ring is unchanged; its times are
//! checked at each use.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use gatewright_core::{BuildError, TokenKind, VerifiedClaims};

use crate::claims::Times;

/// The maximum of [`JwtBuilder::with_cache`](crate::JwtBuilder::with_cache), in tokens. An empty
/// slot takes up to 256 bytes, so a cache of this size takes a quarter of a gigabyte. An entry takes
/// up to 4 KiB more, for the claims of its token.
pub const MAX_CACHE_TOKENS: usize = 1 << 20;

/// The slots of a bucket, which share one lock. A token's tag determines its bucket.
const WAYS: usize = 4;

/// Longer tokens are not cached, which limits the memory of an entry.
const MAX_TOKEN_BYTES: usize = 2 * 1024;

const TAG_BYTES: usize = 32;

/// The key of an entry: a keyed hash of the token's whole text. An attacker does not know the hash
/// key, so cannot construct two tokens with the same tag.
#[derive(Clone, Copy)]
pub(crate) struct Tag([u8; TAG_BYTES]);

/// A verified token, and what its validity depends on.
#[derive(Clone)]
pub(crate) struct CachedToken {
    pub(crate) claims: Arc<VerifiedClaims>,
    /// Checked again at each use.
    pub(crate) times: Times,
    /// The generation of the ring that verified it. The entry is valid only for this generation.
    pub(crate) generation: u64,
}

struct Entry {
    tag: Tag,
    kind: TokenKind,
    cached: CachedToken,
}

/// A cache of bounded capacity.
pub(crate) struct Cache {
    key: hmac::Key,
    buckets: Box<[Mutex<[Option<Entry>; WAYS]>]>,
}

impl Cache {
    pub(crate) fn new(tokens: usize) -> Result<Self, BuildError> {
        if tokens == 0 || tokens > MAX_CACHE_TOKENS {
            return Err(BuildError::new("cache", "must be 1 to 1048576 tokens").with_found(tokens));
        }
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        let key = key.map_err(|_| BuildError::new("cache", "has no hash key: the random source failed"))?;
        let buckets = (0..tokens.div_ceil(WAYS)).map(|_| Mutex::new([const { None }; WAYS])).collect();
        Ok(Self { key, buckets })
    }

    pub(crate) fn tag(&self, token: &str) -> Tag {
        let mut tag = Tag([0; TAG_BYTES]);
        tag.0
            .iter_mut()
            .zip(hmac::sign(&self.key, token.as_bytes()).as_ref())
            .for_each(|(to, from)| *to = *from);
        tag
    }

    /// The entry of this token as this kind, if it is valid for this generation of the ring.
    pub(crate) fn get(&self, tag: Tag, kind: TokenKind, generation: u64) -> Option<CachedToken> {
        let bucket = self.bucket(tag)?.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = bucket.iter().flatten().find(|entry| entry.is(tag, kind))?;
        if entry.cached.generation == generation { Some(entry.cached.clone()) } else { None }
    }

    /// Adds an entry: in a free slot, else in place of an entry of another generation, else in
    /// place of another token's entry.
    pub(crate) fn insert(&self, tag: Tag, kind: TokenKind, cached: CachedToken) {
        let Some(bucket) = self.bucket(tag) else { return };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = cached.generation;
        let replaceable = |slot: &Option<Entry>| {
            slot.as_ref().is_none_or(|entry| entry.is(tag, kind) || entry.cached.generation != generation)
        };
        let random = usize::from(tag.0[TAG_BYTES - 1]) % WAYS;
        let index = bucket.iter().position(replaceable).unwrap_or(random);
        if let Some(slot) = bucket.get_mut(index) {
            *slot = Some(Entry { tag, kind, cached });
        }
    }

    /// Removes the entry of a token that has expired.
    pub(crate) fn remove(&self, tag: Tag, kind: TokenKind) {
        let Some(bucket) = self.bucket(tag) else { return };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket
            .iter_mut()
            .filter(|slot| slot.as_ref().is_some_and(|entry| entry.is(tag, kind)))
            .for_each(|slot| *slot = None);
    }

    fn bucket(&self, tag: Tag) -> Option<&Mutex<[Option<Entry>; WAYS]>> {
        let number = tag.0.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let index = number.checked_rem(u64::try_from(self.buckets.len()).ok()?)?;
        self.buckets.get(usize::try_from(index).ok()?)
    }
}

impl Entry {
    fn is(&self, tag: Tag, kind: TokenKind) -> bool {
        self.kind == kind && verify_slices_are_equal(&self.tag.0, &tag.0).is_ok()
    }
}

/// Whether a token is short enough to be cached.
pub(crate) const fn is_cacheable(token: &str) -> bool {
    token.len() <= MAX_TOKEN_BYTES
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("slots", &(self.buckets.len() * WAYS)).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_takes_at_most_256_bytes_and_long_tokens_are_not_cached() {
        assert!(size_of::<Mutex<[Option<Entry>; WAYS]>>() <= WAYS * 256);
        assert!(is_cacheable(&"x".repeat(2048)) && !is_cacheable(&"x".repeat(2049)));
    }
}
