//! The cache of verified tokens. It keeps what does not change while the keys do not; times are checked at each use.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use gatewright_core::{BuildError, TokenKind, VerifiedClaims};

use crate::claims::Times;

/// The maximal capacity of a cache, in tokens. A slot takes up to 512 bytes even while it is empty (half a gigabyte for this
/// many), and an entry up to 2 KiB more, for its subject, id and scopes.
pub const MAX_CACHE_TOKENS: usize = 1 << 20;

/// Slots in a bucket, which share one lock. A token's bucket follows from its tag.
const WAYS: usize = 4;

/// Longer tokens are not cached: this bounds the memory that entries take.
const MAX_TOKEN_BYTES: usize = 2 * 1024;

const TAG_BYTES: usize = 32;

/// The key of an entry: a keyed hash of the token's whole text, so that nobody can construct two tokens with one tag.
#[derive(Clone, Copy)]
pub(crate) struct Tag([u8; TAG_BYTES]);

/// A verified token, with all that its acceptance depends on.
#[derive(Clone)]
pub(crate) struct CachedToken {
    pub(crate) claims: VerifiedClaims,
    /// Checked again at each use.
    pub(crate) times: Times,
    /// The generation of the ring under which it was verified. Under another one the entry is not used.
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
            return Err(BuildError::new("cache", "must be for 1 to 1048576 tokens"));
        }
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        let key = key.map_err(|_| BuildError::new("cache", "has no key: no randomness"))?;
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

    /// The entry of this token as this kind, if it was verified under this generation of the ring.
    pub(crate) fn find(&self, tag: Tag, kind: TokenKind, generation: u64) -> Option<CachedToken> {
        let bucket = self.bucket(tag)?.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = bucket.iter().flatten().find(|entry| entry.is(tag, kind))?;
        if entry.cached.generation == generation { Some(entry.cached.clone()) } else { None }
    }

    /// Adds an entry: in a free slot, or in that of an older generation, or in that of another token.
    pub(crate) fn remember(&self, tag: Tag, kind: TokenKind, cached: CachedToken) {
        let Some(bucket) = self.bucket(tag) else { return };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = cached.generation;
        let useless = |place: &Option<Entry>| {
            place.as_ref().is_none_or(|own| own.is(tag, kind) || own.cached.generation != generation)
        };
        let other = usize::from(tag.0[TAG_BYTES - 1]) % WAYS;
        let at = bucket.iter().position(useless).unwrap_or(other);
        if let Some(place) = bucket.get_mut(at) {
            *place = Some(Entry { tag, kind, cached });
        }
    }

    /// Removes the entry of a token that has expired.
    pub(crate) fn forget(&self, tag: Tag, kind: TokenKind) {
        let Some(bucket) = self.bucket(tag) else { return };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket
            .iter_mut()
            .filter(|place| place.as_ref().is_some_and(|own| own.is(tag, kind)))
            .for_each(|own| *own = None);
    }

    fn bucket(&self, tag: Tag) -> Option<&Mutex<[Option<Entry>; WAYS]>> {
        let number = tag.0.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let at = number.checked_rem(u64::try_from(self.buckets.len()).ok()?)?;
        self.buckets.get(usize::try_from(at).ok()?)
    }
}

impl Entry {
    fn is(&self, tag: Tag, kind: TokenKind) -> bool {
        self.kind == kind && verify_slices_are_equal(&self.tag.0, &tag.0).is_ok()
    }
}

/// Whether a token is short enough to be cached.
pub(crate) const fn is_kept(token: &str) -> bool {
    token.len() <= MAX_TOKEN_BYTES
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("places", &(self.buckets.len() * WAYS)).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_as_large_as_is_said_and_a_long_token_takes_none() {
        assert!(size_of::<Mutex<[Option<Entry>; WAYS]>>() <= WAYS * 512);
        assert!(is_kept(&"x".repeat(2048)) && !is_kept(&"x".repeat(2049)));
    }
}
