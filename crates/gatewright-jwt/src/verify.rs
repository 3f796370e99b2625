//! Verifying: from the cheapest check to the last, each once.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::token::{FUTURE_TOLERANCE, MAX_TOKEN_BYTES};
use gatewright_core::{
    Claims, Timestamp, TokenId, TokenKind, TokenRefusal, TokenVerifier, UserId, VerifiedClaims,
};

use crate::builder::Jwt;
use crate::claims::RawClaims;
use crate::header::Header;
use crate::key::HmacKey;

/// Payloads up to this length are decoded on the stack: all of ours are.
const STACK_BYTES: usize = 1024;

impl TokenVerifier for Jwt {
    fn verify(&self, kind: TokenKind, token: &str, now: Timestamp) -> Result<VerifiedClaims, TokenRefusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenRefusal::Size);
        }
        let segments = Segments::split(token)?;
        self.check_header(segments.header, kind)?;
        self.key.verify(segments.signed.as_bytes(), segments.signature)?;
        let mut buffer = [0; STACK_BYTES];
        let spilled;
        let payload = if base64::decoded_len_estimate(segments.payload.len()) <= STACK_BYTES {
            let decoded = URL_SAFE_NO_PAD.decode_slice(segments.payload, &mut buffer);
            buffer.get(..decoded.map_err(|_| TokenRefusal::Format)?).unwrap_or_default()
        } else {
            spilled = URL_SAFE_NO_PAD.decode(segments.payload).map_err(|_| TokenRefusal::Format)?;
            &spilled
        };
        let text = std::str::from_utf8(payload).map_err(|_| TokenRefusal::Json)?;
        let claims = self.judge(RawClaims::parse(text, self.audience(kind))?, kind, now)?;
        Ok(VerifiedClaims::assertion(claims))
    }
}

/// The compact serialization (RFC 7515 §3.1): exactly three segments.
struct Segments<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    /// Header and payload, as they were signed.
    signed: &'a str,
}

impl<'a> Segments<'a> {
    fn split(token: &'a str) -> Result<Self, TokenRefusal> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenRefusal::Format)?;
        // A fourth segment leaves a dot in the payload, which is no base64url.
        let (header, payload) = signed.split_once('.').ok_or(TokenRefusal::Format)?;
        Ok(Self { header, payload, signature, signed })
    }
}

impl Jwt {
    fn check_header(&self, segment: &str, kind: TokenKind) -> Result<(), TokenRefusal> {
        if self.header(kind).is_some_and(|own| own == segment) {
            return Ok(());
        }
        let decoded = URL_SAFE_NO_PAD.decode(segment).map_err(|_| TokenRefusal::Format)?;
        let text = std::str::from_utf8(&decoded).map_err(|_| TokenRefusal::Header)?;
        let header = Header::parse(text)?;
        if header.algorithm.as_deref() != Some(HmacKey::ALGORITHM) {
            return Err(TokenRefusal::Algorithm);
        }
        if header.key_id.as_deref() != Some(self.key.id()) {
            return Err(TokenRefusal::Key);
        }
        if header.is_of(kind) { Ok(()) } else { Err(TokenRefusal::Kind) }
    }

    fn judge(&self, raw: RawClaims<'_>, kind: TokenKind, now: Timestamp) -> Result<Claims, TokenRefusal> {
        let missing = TokenRefusal::ClaimMissing;
        if raw.issuer.ok_or(missing)? != self.issuer {
            return Err(TokenRefusal::Issuer);
        }
        if !raw.audience.ok_or(missing)? {
            return Err(TokenRefusal::Audience);
        }
        let expires_at = raw.expires_at.ok_or(missing)?;
        let issued_at = raw.issued_at.ok_or(missing)?;
        if !expires_at.is_after(now.saturating_sub(self.leeway)) {
            return Err(TokenRefusal::Expired);
        }
        let horizon = now.saturating_add(FUTURE_TOLERANCE);
        if issued_at.is_after(horizon) || raw.not_before.is_some_and(|from| from.is_after(horizon)) {
            return Err(TokenRefusal::Immature);
        }
        if expires_at.is_later_than(issued_at, kind.max_lifetime()) {
            return Err(TokenRefusal::Lifetime);
        }
        let token_id = raw.token_id.filter(|id| !id.is_empty()).ok_or(missing)?;
        let bad = |_| TokenRefusal::ClaimType;
        let subject = UserId::new(raw.subject.ok_or(missing)?).map_err(bad)?;
        let mut claims =
            Claims::new(subject, TokenId::new(token_id), issued_at.to_timestamp(), expires_at.to_timestamp());
        claims.session = raw.session.map(|text| text.parse()).transpose().map_err(bad)?;
        claims.epoch = raw.epoch.map(|text| text.parse()).transpose().map_err(bad)?;
        claims.scopes = raw.scopes.unwrap_or_default();
        Ok(claims)
    }
}
