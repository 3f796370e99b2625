//! What is measured, and against whom: one function per contender, on the same token.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "a measurement that cannot go on fails"
)]

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright::{
    Claims, Clock, Epoch, Jwt, Scopes, SessionId, SystemClock, SystemRandomness, TokenId, TokenIssuer,
    TokenKind, TokenVerifier, UserId,
};
use serde::Deserialize;

/// The key of every contender.
pub const SECRET: &str = "fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEa";

/// What the peers read of a token.
#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "parsed as an application would, and dropped")]
pub struct PeerClaims {
    iss: String,
    sub: String,
    aud: String,
    exp: u64,
    iat: u64,
    jti: String,
    sid: String,
    epoch: String,
    scope: String,
}

/// The contenders, each with its key parsed, and the token.
#[derive(Debug)]
pub struct Tokens {
    /// The token all of them verify.
    pub token: String,
    ours: Jwt,
    bare: hmac::Key,
    peer_key: jsonwebtoken::DecodingKey,
    peer_rules: jsonwebtoken::Validation,
}

impl Tokens {
    /// Makes the token and parses the keys.
    pub fn new() -> Self {
        let now = SystemClock.now();
        let ours = Jwt::hs256(SECRET, "https://issuer.example", "my-api").build().unwrap();
        let user = UserId::generate(now, &SystemRandomness).unwrap();
        let claims = Claims::new(
            user,
            TokenId::new("c8Gm0Xv3fJq1Yw5ZkRtB7n"),
            now,
            now.saturating_add(std::time::Duration::from_secs(900)),
        )
        .with_session(SessionId::generate(now, &SystemRandomness).unwrap())
        .with_epoch(Epoch::from_u64(7))
        .with_scopes(Scopes::parse("items:read items:write").unwrap());
        let token = ours.issue(TokenKind::Access, &claims).unwrap().expose().to_owned();
        let mut peer_rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
        peer_rules.set_issuer(&["https://issuer.example"]);
        peer_rules.set_audience(&["my-api"]);
        peer_rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        peer_rules.validate_nbf = true;
        let bare = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        Self {
            token,
            ours,
            bare,
            peer_key: jsonwebtoken::DecodingKey::from_secret(SECRET.as_bytes()),
            peer_rules,
        }
    }

    /// All of our checks.
    pub fn ours(&self) -> bool {
        self.ours.verify(TokenKind::Access, &self.token, SystemClock.now()).is_ok()
    }

    /// `jsonwebtoken`, at its strictest.
    #[expect(clippy::disallowed_methods, reason = "the peer")]
    pub fn jsonwebtoken(&self) -> bool {
        jsonwebtoken::decode::<PeerClaims>(&self.token, &self.peer_key, &self.peer_rules).is_ok()
    }

    /// The least anybody must do: HMAC, base64, one parse, no check.
    pub fn bare(&self) -> bool {
        let (signed, signature) = self.token.rsplit_once('.').unwrap();
        let mut tag = [0; 33];
        let length = URL_SAFE_NO_PAD.decode_slice(signature, &mut tag).unwrap();
        let payload = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
        hmac::verify(&self.bare, signed.as_bytes(), tag.get(..length).unwrap()).is_ok()
            && serde_json::from_slice::<PeerClaims>(&payload).is_ok()
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self::new()
    }
}
