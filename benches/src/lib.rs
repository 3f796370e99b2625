//! The measured operations: one method for each library, on the same token.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::indexing_slicing,
    reason = "a panic ends a measurement that cannot continue"
)]

mod asymmetric;
pub mod statistics;

use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright::token::{Claims, TokenId, TokenKind, TokenVerifier};
use gatewright::types::{Clock, Epoch, SessionId, SystemClock, SystemRandom, Timestamp};
use gatewright::{HmacSecret, Jwt, Scopes, UserId};
use jwt_simple::algorithms::{HS256Key, MACLike};
use jwt_simple::common::VerificationOptions;
use serde::Deserialize;

pub use asymmetric::Signed;

/// The key of every library.
pub static SECRET: LazyLock<HmacSecret> = LazyLock::new(|| HmacSecret::generate().unwrap());

pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "my-api";

/// The claims that the peers parse from a token.
#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "parsed, as in an application, and never read")]
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

/// The claims of every token.
pub(crate) fn claims(now: Timestamp) -> Claims {
    let user = UserId::generate(now, &SystemRandom).unwrap();
    let until = now.saturating_add(Duration::from_secs(900));
    Claims::new(user, TokenId::new("c8Gm0Xv3fJq1Yw5ZkRtB7n"), now, until)
        .with_session(SessionId::generate(now, &SystemRandom).unwrap())
        .with_epoch(Epoch::from_u64(7))
        .with_scopes(Scopes::parse("items:read items:write").unwrap())
}

/// The strictest settings of `jsonwebtoken`.
pub(crate) fn rules(algorithm: jsonwebtoken::Algorithm) -> jsonwebtoken::Validation {
    let mut rules = jsonwebtoken::Validation::new(algorithm);
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&[AUDIENCE]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    rules.validate_nbf = true;
    rules
}

/// Each library with its parsed key, and the HS256 token.
pub struct Tokens {
    /// The token that every library verifies.
    pub token: String,
    ours: Jwt,
    bare: hmac::Key,
    peer_key: jsonwebtoken::DecodingKey,
    peer_rules: jsonwebtoken::Validation,
    simple: HS256Key,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// Issues the token and parses the keys.
    pub fn new() -> Self {
        let ours = Jwt::hs256(SECRET.clone()).issuer(ISSUER).audience(AUDIENCE).build().unwrap();
        let token = ours.sign(TokenKind::Access, &claims(SystemClock.now())).unwrap().expose().to_owned();
        Self {
            token,
            ours,
            bare: hmac::Key::new(hmac::HMAC_SHA256, SECRET.expose()),
            peer_key: jsonwebtoken::DecodingKey::from_secret(SECRET.expose()),
            peer_rules: rules(jsonwebtoken::Algorithm::HS256),
            simple: HS256Key::from_bytes(SECRET.expose()),
        }
    }

    /// Gatewright: the signature and every claim.
    pub fn ours(&self) -> bool {
        self.ours.verify(TokenKind::Access, &self.token, SystemClock.now()).is_ok()
    }

    /// `jsonwebtoken` with its strictest settings.
    #[expect(clippy::disallowed_methods, reason = "the peer")]
    pub fn jsonwebtoken(&self) -> bool {
        jsonwebtoken::decode::<PeerClaims>(&self.token, &self.peer_key, &self.peer_rules).is_ok()
    }

    /// `jwt-simple` with its default settings.
    pub fn jwt_simple(&self) -> bool {
        let options = Some(VerificationOptions::default());
        self.simple.verify_token::<serde_json::Value>(&self.token, options).is_ok()
    }

    /// The minimum: HMAC, base64 and one JSON parse, without a check of the claims.
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
