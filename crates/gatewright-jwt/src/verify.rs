//! Verification. Cheap checks come first, and each check is made once.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::token::MAX_TOKEN_BYTES;
use gatewright_core::{
    Claims, Scopes, Timestamp, TokenError, TokenId, TokenKind, TokenVerifier, UserId, VerifiedClaims,
};

use crate::algorithm::Algorithm;
use crate::builder::{Jwt, Rules};
use crate::cache::{Cache, CachedToken, is_cacheable};
use crate::claims::{RawClaims, Times};
use crate::header::Header;
use crate::key::VerifyingKey;
use crate::number::NumericDate;
use crate::ring::State;

/// Payloads up to this length are decoded on the stack. Our own tokens are shorter.
const STACK_BYTES: usize = 1024;

impl TokenVerifier for Jwt {
    fn verify(
        &self,
        kind: TokenKind,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<VerifiedClaims>, TokenError> {
        match &self.cache {
            Some(cache) if is_cacheable(token) => self.verify_cached(cache, kind, token, now),
            _ => self.verify_uncached(kind, token, now),
        }
    }
}

impl Jwt {
    #[inline]
    fn verify_uncached(
        &self,
        kind: TokenKind,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<VerifiedClaims>, TokenError> {
        let mut buffer = PayloadBuffer::new();
        let (text, _) = self.open(kind, token, &mut buffer)?;
        self.check_claims(text, kind, now).map(|(claims, _)| claims)
    }

    /// Verifies with the cache. The times of a cached token are checked at each use.
    fn verify_cached(
        &self,
        cache: &Cache,
        kind: TokenKind,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<VerifiedClaims>, TokenError> {
        let tag = cache.tag(token);
        if let Some(cached) = cache.get(tag, kind, self.ring.state().generation) {
            let checked = self.rules.check_times(cached.times, kind, now);
            if checked == Err(TokenError::Expired) {
                cache.remove(tag, kind);
            }
            return checked.map(|()| cached.claims);
        }
        let mut buffer = PayloadBuffer::new();
        let (text, generation) = self.open(kind, token, &mut buffer)?;
        let (claims, times) = self.check_claims(text, kind, now)?;
        cache.insert(tag, kind, CachedToken { claims: Arc::clone(&claims), times, generation });
        Ok(claims)
    }

    /// Checks header and signature. Returns the payload, and the generation of the ring that
    /// verified it.
    fn open<'r>(
        &self,
        kind: TokenKind,
        token: &str,
        buffer: &'r mut PayloadBuffer,
    ) -> Result<(&'r str, u64), TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Size);
        }
        if self.rules.foreign && kind != TokenKind::Access {
            return Err(TokenError::Kind);
        }
        let segments = Segments::split(token)?;
        let state = self.ring.state();
        let key = self.rules.select_key(&state, segments.header, kind)?;
        key.verify_signature(segments.signed.as_bytes(), segments.signature)?;
        Ok((buffer.decode(segments.payload)?, state.generation))
    }

    /// Reads and checks the claims of a payload whose signature is valid.
    fn check_claims(
        &self,
        text: &str,
        kind: TokenKind,
        now: Timestamp,
    ) -> Result<(Arc<VerifiedClaims>, Times), TokenError> {
        let mut raw = RawClaims::parse(text, self.rules.expected(kind))?;
        let (claims, times) = self.rules.check_claims(&mut raw, kind, now)?;
        let claims = VerifiedClaims::assertion(Arc::clone(&self.rules.issuer), claims);
        let mut claims = claims.with_audience(Arc::clone(self.rules.audience(kind)));
        if raw.has_others {
            claims = claims.with_payload(text);
        }
        Ok((Arc::new(claims), times))
    }
}

/// The compact serialization (RFC 7515 §3.1): exactly three segments.
struct Segments<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    /// The signed text: header, dot and payload.
    signed: &'a str,
}

impl<'a> Segments<'a> {
    fn split(token: &'a str) -> Result<Self, TokenError> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Format)?;
        // With a fourth segment the payload contains a dot, which is not base64url.
        let (header, payload) = signed.split_once('.').ok_or(TokenError::Format)?;
        Ok(Self { header, payload, signature, signed })
    }
}

/// The memory for a decoded payload: short ones fit on the stack.
struct PayloadBuffer {
    stack: [u8; STACK_BYTES],
    heap: Vec<u8>,
}

impl PayloadBuffer {
    const fn new() -> Self {
        Self { stack: [0; STACK_BYTES], heap: Vec::new() }
    }

    fn decode(&mut self, segment: &str) -> Result<&str, TokenError> {
        let format = |_| TokenError::Format;
        let bytes = if base64::decoded_len_estimate(segment.len()) <= STACK_BYTES {
            let length = URL_SAFE_NO_PAD.decode_slice(segment, &mut self.stack).map_err(format)?;
            self.stack.get(..length).unwrap_or_default()
        } else {
            self.heap = URL_SAFE_NO_PAD.decode(segment).map_err(|_| TokenError::Format)?;
            &self.heap
        };
        std::str::from_utf8(bytes).map_err(|_| TokenError::Json)
    }
}

impl Rules {
    #[inline]
    fn select_key<'s>(
        &self,
        state: &'s State,
        segment: &str,
        kind: TokenKind,
    ) -> Result<&'s VerifyingKey, TokenError> {
        if let Some(key) = state.active_key_for(segment, kind) {
            return Ok(key);
        }
        let decoded = URL_SAFE_NO_PAD.decode(segment).map_err(|_| TokenError::Format)?;
        let text = std::str::from_utf8(&decoded).map_err(|_| TokenError::Header)?;
        let header = Header::parse(text)?;
        let named = header.algorithm.as_deref().ok_or(TokenError::Algorithm)?;
        if named.parse::<Algorithm>().is_err() {
            return Err(TokenError::Algorithm);
        }
        let key = match header.key_id.as_deref() {
            Some(id) => state.find(id),
            None if self.without_kid && !state.can_sign() => state.only(),
            None => None,
        };
        let key = key.ok_or(TokenError::Key)?;
        if !key.algorithm().is_named(named) {
            return Err(TokenError::Algorithm);
        }
        if header.is_of(self.media_type(state, kind)) { Ok(key) } else { Err(TokenError::Kind) }
    }

    fn check_claims(
        &self,
        raw: &mut RawClaims<'_>,
        kind: TokenKind,
        now: Timestamp,
    ) -> Result<(Claims, Times), TokenError> {
        let missing = TokenError::ClaimMissing;
        if raw.issuer.as_deref().ok_or(missing)? != &*self.issuer {
            return Err(TokenError::Issuer);
        }
        if !raw.audience.ok_or(missing)? {
            return Err(TokenError::Audience);
        }
        let times = raw.times()?;
        self.check_times(times, kind, now)?;
        let token_id = raw.token_id.as_deref().filter(|id| !id.is_empty()).map(TokenId::new);
        if token_id.is_none() && !self.foreign {
            return Err(missing);
        }
        let bad = |_| TokenError::ClaimType;
        let subject = UserId::new(raw.subject.as_deref().ok_or(missing)?).map_err(bad)?;
        let (issued_at, expires_at) = (times.issued_at.to_timestamp(), times.expires_at.to_timestamp());
        let mut claims = Claims::new(subject, token_id, issued_at, expires_at);
        claims.session = raw.session.as_deref().map(str::parse).transpose().map_err(bad)?;
        claims.epoch = raw.epoch.as_deref().map(str::parse).transpose().map_err(bad)?;
        if let Some(scopes) = raw.scopes.as_deref() {
            claims.scopes = Scopes::parse(scopes).map_err(|_| TokenError::ClaimType)?;
        }
        claims.auth_time = raw.auth_time.map(NumericDate::to_timestamp);
        claims.amr = raw.amr.take().unwrap_or_default();
        Ok((claims, times))
    }

    #[inline]
    fn check_times(&self, times: Times, kind: TokenKind, now: Timestamp) -> Result<(), TokenError> {
        let Times { expires_at, issued_at, not_before } = times;
        if !expires_at.is_after(now.saturating_sub(self.leeway)) {
            return Err(TokenError::Expired);
        }
        let horizon = now.saturating_add(self.tolerance);
        if issued_at.is_after(horizon) || not_before.is_some_and(|from| from.is_after(horizon)) {
            return Err(TokenError::Immature);
        }
        if self.max_age.is_some_and(|age| issued_at.is_before(now.saturating_sub(age))) {
            return Err(TokenError::Age);
        }
        if expires_at.is_later_than(issued_at, kind.max_lifetime()) {
            return Err(TokenError::Lifetime);
        }
        Ok(())
    }
}
