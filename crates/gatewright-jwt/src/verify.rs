//! Verifying a token: cheap checks come first, and each is made once.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::token::MAX_TOKEN_BYTES;
use gatewright_core::{
    Claims, Scopes, Timestamp, TokenId, TokenKind, TokenRefusal, TokenVerifier, UserId, VerifiedClaims,
};
use serde::de::DeserializeOwned;

use crate::algorithm::Algorithm;
use crate::builder::{Jwt, Rules};
use crate::cache::{Cache, CachedToken, is_kept};
use crate::claims::{RawClaims, Times};
use crate::header::Header;
use crate::key::VerifyingKey;
use crate::ring::State;

/// Payloads up to this length are decoded on the stack. Our own tokens are shorter.
const STACK_BYTES: usize = 1024;

impl TokenVerifier for Jwt {
    fn verify(&self, kind: TokenKind, token: &str, now: Timestamp) -> Result<VerifiedClaims, TokenRefusal> {
        match &self.cache {
            None => self.verify_anew(kind, token, now),
            Some(cache) if is_kept(token) => self.verify_once(cache, kind, token, now),
            Some(_) => self.verify_anew(kind, token, now),
        }
    }
}

/// The verified claims of a token, and the application's own claims.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtendedClaims<E> {
    /// The claims that this library verifies.
    pub claims: VerifiedClaims,
    /// The application's own claims, read from the same token.
    pub extension: E,
}

impl Jwt {
    /// Verifies a token and then reads claims of the application's own from it. Members that `E` does not name are ignored. The
    /// token is authentic, but this library checks nothing about these claims. The cache is not used: each call checks the
    /// signature.
    ///
    /// ```
    /// use gatewright_core::{Claims, Timestamp, TokenId, TokenKind, UserId};
    /// use gatewright_jwt::Jwt;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Tenant {
    ///     tenant: u32,
    /// }
    ///
    /// let jwt = Jwt::hs256(*b"fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEa", "https://issuer.example", "my-api").build()?;
    /// let now = Timestamp::from_seconds(1_700_000_000);
    /// let claims = Claims::new(UserId::new("42")?, TokenId::new("1"), now, Timestamp::from_seconds(1_700_000_900));
    ///
    /// let token = jwt.issue_with(TokenKind::Access, &claims, &Tenant { tenant: 7 })?;
    /// let read = jwt.verify_with::<Tenant>(TokenKind::Access, token.expose(), now)?;
    /// assert_eq!((read.extension.tenant, read.claims.subject.as_str()), (7, "42"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`TokenVerifier::verify`], or [`TokenRefusal::ClaimType`] when the claims cannot be read as `E`.
    pub fn verify_with<E: DeserializeOwned>(
        &self,
        kind: TokenKind,
        token: &str,
        now: Timestamp,
    ) -> Result<ExtendedClaims<E>, TokenRefusal> {
        let mut buffer = PayloadBuffer::new();
        let (text, _) = self.open(kind, token, &mut buffer)?;
        let (claims, _) = self.check_claims(text, kind, now)?;
        // Comes last: members that occur twice were refused above.
        let extension = serde_json::from_str(text).map_err(|_| TokenRefusal::ClaimType)?;
        Ok(ExtendedClaims { claims, extension })
    }

    #[inline]
    fn verify_anew(
        &self,
        kind: TokenKind,
        token: &str,
        now: Timestamp,
    ) -> Result<VerifiedClaims, TokenRefusal> {
        let mut buffer = PayloadBuffer::new();
        let (text, _) = self.open(kind, token, &mut buffer)?;
        self.check_claims(text, kind, now).map(|(claims, _)| claims)
    }

    /// Uses the cache. Times are checked at each use.
    fn verify_once(
        &self,
        cache: &Cache,
        kind: TokenKind,
        token: &str,
        now: Timestamp,
    ) -> Result<VerifiedClaims, TokenRefusal> {
        let tag = cache.tag(token);
        if let Some(cached) = cache.find(tag, kind, self.ring.state().generation) {
            let judged = self.rules.judge_times(cached.times, kind, now);
            if judged == Err(TokenRefusal::Expired) {
                cache.forget(tag, kind);
            }
            return judged.map(|()| cached.claims);
        }
        let mut buffer = PayloadBuffer::new();
        let (text, generation) = self.open(kind, token, &mut buffer)?;
        let (claims, times) = self.check_claims(text, kind, now)?;
        cache.remember(tag, kind, CachedToken { claims: claims.clone(), times, generation });
        Ok(claims)
    }

    /// Checks header and signature. Returns the payload, and the generation of the ring under which they are valid.
    fn open<'r>(
        &self,
        kind: TokenKind,
        token: &str,
        buffer: &'r mut PayloadBuffer,
    ) -> Result<(&'r str, u64), TokenRefusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenRefusal::Size);
        }
        if self.rules.foreign && kind != TokenKind::Access {
            return Err(TokenRefusal::Kind);
        }
        let segments = Segments::split(token)?;
        let state = self.ring.state();
        let key = self.rules.choose_key(&state, segments.header, kind)?;
        key.verify_signature(segments.signed.as_bytes(), segments.signature)?;
        Ok((buffer.decode(segments.payload)?, state.generation))
    }

    /// Reads and checks the claims of a payload whose signature is valid.
    fn check_claims(
        &self,
        text: &str,
        kind: TokenKind,
        now: Timestamp,
    ) -> Result<(VerifiedClaims, Times), TokenRefusal> {
        let raw = RawClaims::parse(text, self.rules.expected(kind))?;
        let (claims, times) = self.rules.judge(&raw, kind, now)?;
        let claims = VerifiedClaims::assertion(Arc::clone(&self.rules.issuer), claims);
        Ok((claims.with_audience(Arc::clone(self.rules.audience(kind))), times))
    }
}

/// The compact serialization (RFC 7515 §3.1): exactly three segments.
struct Segments<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    /// Header and payload with their dot: the signed text.
    signed: &'a str,
}

impl<'a> Segments<'a> {
    fn split(token: &'a str) -> Result<Self, TokenRefusal> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenRefusal::Format)?;
        // With a fourth segment the payload has a dot, which base64url refuses.
        let (header, payload) = signed.split_once('.').ok_or(TokenRefusal::Format)?;
        Ok(Self { header, payload, signature, signed })
    }
}

/// The memory into which a payload is decoded.
struct PayloadBuffer {
    stack: [u8; STACK_BYTES],
    heap: Vec<u8>,
}

impl PayloadBuffer {
    const fn new() -> Self {
        Self { stack: [0; STACK_BYTES], heap: Vec::new() }
    }

    fn decode(&mut self, segment: &str) -> Result<&str, TokenRefusal> {
        let format = |_| TokenRefusal::Format;
        let bytes = if base64::decoded_len_estimate(segment.len()) <= STACK_BYTES {
            let length = URL_SAFE_NO_PAD.decode_slice(segment, &mut self.stack).map_err(format)?;
            self.stack.get(..length).unwrap_or_default()
        } else {
            self.heap = URL_SAFE_NO_PAD.decode(segment).map_err(|_| TokenRefusal::Format)?;
            &self.heap
        };
        std::str::from_utf8(bytes).map_err(|_| TokenRefusal::Json)
    }
}

impl Rules {
    #[inline]
    fn choose_key<'s>(
        &self,
        state: &'s State,
        segment: &str,
        kind: TokenKind,
    ) -> Result<&'s VerifyingKey, TokenRefusal> {
        if let Some(key) = state.recognise(segment, kind) {
            return Ok(key);
        }
        let decoded = URL_SAFE_NO_PAD.decode(segment).map_err(|_| TokenRefusal::Format)?;
        let text = std::str::from_utf8(&decoded).map_err(|_| TokenRefusal::Header)?;
        let header = Header::parse(text)?;
        let named = header.algorithm.as_deref().ok_or(TokenRefusal::Algorithm)?;
        if named.parse::<Algorithm>().is_err() {
            return Err(TokenRefusal::Algorithm);
        }
        let key = match header.key_id.as_deref() {
            Some(id) => state.find(id),
            None if self.without_kid && !state.can_sign() => state.only(),
            None => None,
        };
        let key = key.ok_or(TokenRefusal::Key)?;
        if !key.algorithm().is_named(named) {
            return Err(TokenRefusal::Algorithm);
        }
        if header.is_of(self.media_type(state, kind)) { Ok(key) } else { Err(TokenRefusal::Kind) }
    }

    fn judge(
        &self,
        raw: &RawClaims<'_>,
        kind: TokenKind,
        now: Timestamp,
    ) -> Result<(Claims, Times), TokenRefusal> {
        let missing = TokenRefusal::ClaimMissing;
        if raw.issuer.as_deref().ok_or(missing)? != &*self.issuer {
            return Err(TokenRefusal::Issuer);
        }
        if !raw.audience.ok_or(missing)? {
            return Err(TokenRefusal::Audience);
        }
        let times = raw.times()?;
        self.judge_times(times, kind, now)?;
        let token_id = raw.token_id.as_deref().filter(|id| !id.is_empty()).ok_or(missing)?;
        let bad = |_| TokenRefusal::ClaimType;
        let subject = UserId::new(raw.subject.as_deref().ok_or(missing)?).map_err(bad)?;
        let (issued_at, expires_at) = (times.issued_at.to_timestamp(), times.expires_at.to_timestamp());
        let mut claims = Claims::new(subject, TokenId::new(token_id), issued_at, expires_at);
        claims.session = raw.session.as_deref().map(str::parse).transpose().map_err(bad)?;
        claims.epoch = raw.epoch.as_deref().map(str::parse).transpose().map_err(bad)?;
        if let Some(scopes) = raw.scopes.as_deref() {
            claims.scopes = Scopes::parse(scopes).map_err(|_| TokenRefusal::ClaimType)?;
        }
        Ok((claims, times))
    }

    #[inline]
    fn judge_times(&self, times: Times, kind: TokenKind, now: Timestamp) -> Result<(), TokenRefusal> {
        let Times { expires_at, issued_at, not_before } = times;
        if !expires_at.is_after(now.saturating_sub(self.leeway)) {
            return Err(TokenRefusal::Expired);
        }
        let horizon = now.saturating_add(self.tolerance);
        if issued_at.is_after(horizon) || not_before.is_some_and(|from| from.is_after(horizon)) {
            return Err(TokenRefusal::Immature);
        }
        if self.max_age.is_some_and(|age| issued_at.is_before(now.saturating_sub(age))) {
            return Err(TokenRefusal::Age);
        }
        if expires_at.is_later_than(issued_at, kind.max_lifetime()) {
            return Err(TokenRefusal::Lifetime);
        }
        Ok(())
    }
}
