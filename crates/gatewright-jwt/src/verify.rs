//! Verification. Cheap checks come first, and each check is made once.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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
use crate::prepared::Prepared;
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
    /// Whether a token's header has a key id (`kid`). Nothing is verified. For code that fetches keys:
    /// without a key id it does not know which key to fetch.
    #[must_use]
    pub fn has_key_id(&self, token: &str) -> bool {
        let segment = token.split('.').next().filter(|_| token.len() <= self.rules.max_token_bytes);
        let decoded = segment.and_then(|segment| URL_SAFE_NO_PAD.decode(segment).ok()).unwrap_or_default();
        let header = std::str::from_utf8(&decoded).unwrap_or_default();
        let header = Header::parse_ignoring(header, self.rules.ignored_headers());
        header.is_ok_and(|header| header.key_id.is_some())
    }

    #[inline]
    fn verify_uncached(
        &self,
        kind: TokenKind,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<VerifiedClaims>, TokenError> {
        let mut buffer = PayloadBuffer::new();
        let opened = self.open(kind, token, &mut buffer)?;
        self.check_claims(&opened, kind, now).map(|(claims, _)| claims)
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
        let opened = self.open(kind, token, &mut buffer)?;
        let (claims, times) = self.check_claims(&opened, kind, now)?;
        let generation = opened.generation;
        cache.insert(tag, kind, CachedToken { claims: Arc::clone(&claims), times, generation });
        Ok(claims)
    }

    /// Checks header and signature.
    fn open<'r>(
        &self,
        kind: TokenKind,
        token: &str,
        buffer: &'r mut PayloadBuffer,
    ) -> Result<Opened<'r>, TokenError> {
        if token.len() > self.rules.max_token_bytes {
            return Err(TokenError::Size);
        }
        if self.rules.foreign && kind != TokenKind::Access {
            return Err(TokenError::Kind);
        }
        let segments = Segments::split(token)?;
        let state = self.ring.state();
        let key = self.rules.select_key(&state, segments.header, kind)?;
        key.verify_signature(segments.signed.as_bytes(), segments.signature)?;
        let key_issuer = if self.rules.binds_keys() { key.issuer().cloned() } else { None };
        Ok(Opened { text: buffer.decode(segments.payload)?, generation: state.generation, key_issuer })
    }

    /// Reads and checks the claims of a payload whose signature is valid.
    fn check_claims(
        &self,
        opened: &Opened<'_>,
        kind: TokenKind,
        now: Timestamp,
    ) -> Result<(Arc<VerifiedClaims>, Times), TokenError> {
        let mut raw = RawClaims::parse(opened.text, self.rules.expected(kind))?;
        let checked = match self.rules.profile.as_deref() {
            None => self.rules.check_claims(&raw, kind, now)?,
            Some(profile) => self.rules.check_profile(profile, &raw, opened, now)?,
        };
        let times = checked.times;
        let claims = read_claims(&mut raw, times, checked.subject, checked.needs_token_id)?;
        let mut claims = VerifiedClaims::assertion(checked.issuer, claims).with_audience(checked.audience);
        if raw.has_others {
            claims = claims.with_payload(opened.text);
        }
        Ok((Arc::new(claims), times))
    }
}

/// A token whose signature is valid.
struct Opened<'a> {
    /// The payload.
    text: &'a str,
    /// The generation of the ring that verified it.
    generation: u64,
    /// The only issuer that the key signs for, if the profile asks for it and the key names one.
    key_issuer: Option<Arc<str>>,
}

/// The claims that are compared with settings, after the comparison.
struct Checked {
    issuer: Arc<str>,
    audience: Arc<str>,
    subject: UserId,
    times: Times,
    needs_token_id: bool,
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
        let header = Header::parse_ignoring(text, self.ignored_headers())?;
        let named = header.algorithm.as_deref().ok_or(TokenError::Algorithm)?;
        if named.parse::<Algorithm>().is_err() {
            return Err(TokenError::Algorithm);
        }
        let key = match header.key_id.as_deref() {
            Some(id) => state.find(id, named),
            None if self.without_kid && !state.can_sign() => state.only(),
            None => None,
        };
        let key = key.ok_or(TokenError::Key)?;
        if !key.algorithm().is_named(named) {
            return Err(TokenError::Algorithm);
        }
        if self.accepts_type(state, &header, kind) { Ok(key) } else { Err(TokenError::Kind) }
    }

    #[inline]
    fn check_claims(
        &self,
        raw: &RawClaims<'_>,
        kind: TokenKind,
        now: Timestamp,
    ) -> Result<Checked, TokenError> {
        let missing = TokenError::ClaimMissing;
        if raw.issuer.as_deref().ok_or(missing)? != &*self.issuer {
            return Err(TokenError::Issuer);
        }
        if raw.audience.ok_or(missing)?.is_none() {
            return Err(TokenError::Audience);
        }
        let times = raw.times()?;
        self.check_times(times, kind, now)?;
        let subject = UserId::new(raw.subject.as_deref().ok_or(TokenError::SubjectMissing)?);
        Ok(Checked {
            issuer: Arc::clone(&self.issuer),
            audience: Arc::clone(self.audience(kind)),
            subject: subject.map_err(|_| TokenError::ClaimType)?,
            times,
            needs_token_id: !self.foreign,
        })
    }

    /// Checks the claims of another issuer's access token by its profile.
    #[inline(never)]
    fn check_profile(
        &self,
        profile: &Prepared,
        raw: &RawClaims<'_>,
        opened: &Opened<'_>,
        now: Timestamp,
    ) -> Result<Checked, TokenError> {
        let own = profile.select(opened.text)?;
        let issuer = raw.issuer.as_deref().ok_or(TokenError::ClaimMissing)?;
        let issuer = profile.check_issuer(issuer, &own, opened.key_issuer.as_deref())?;
        let audience = profile.check_audience(raw, &own)?;
        let times = raw.times()?;
        self.check_times(times, TokenKind::Access, now)?;
        profile.check_conditions(&own)?;
        let subject = profile.subject(raw.subject.as_deref(), &own)?.ok_or(TokenError::SubjectMissing)?;
        let subject = UserId::new(subject).map_err(|_| TokenError::ClaimType)?;
        Ok(Checked { issuer, audience, subject, times, needs_token_id: profile.needs_token_id })
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
        if expires_at.is_later_than(issued_at, self.max_lifetime(kind)) {
            return Err(TokenError::Lifetime);
        }
        Ok(())
    }
}

/// Reads the claims that need no comparison with a setting.
#[inline]
fn read_claims(
    raw: &mut RawClaims<'_>,
    times: Times,
    subject: UserId,
    needs_token_id: bool,
) -> Result<Claims, TokenError> {
    let token_id = raw.token_id.as_deref().filter(|id| !id.is_empty()).map(TokenId::new);
    if token_id.is_none() && needs_token_id {
        return Err(TokenError::ClaimMissing);
    }
    let bad = |_| TokenError::ClaimType;
    let (issued_at, expires_at) = (times.issued_at.to_timestamp(), times.expires_at.to_timestamp());
    let mut claims = Claims::new(subject, token_id, issued_at, expires_at);
    claims.session = raw.session.as_deref().map(str::parse).transpose().map_err(bad)?;
    claims.epoch = raw.epoch.as_deref().map(str::parse).transpose().map_err(bad)?;
    if let Some(scopes) = raw.scopes.as_deref() {
        claims.scopes = Scopes::parse(scopes).map_err(|_| TokenError::ClaimType)?;
    }
    claims.auth_time = raw.auth_time.map(NumericDate::to_timestamp);
    claims.amr = raw.amr.take().unwrap_or_default();
    Ok(claims)
}
