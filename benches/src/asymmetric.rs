//! Each library on one token of an algorithm with key pairs.

use std::fmt;

use aws_lc_rs::signature::{self, ParsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright::Jwt;
use gatewright::token::{Algorithm, Claims, KeyRing, NewKey, SigningKey, TokenKind, TokenVerifier};
use gatewright::types::{Clock, SystemClock};
use jwt_simple::algorithms::{ECDSAP256PublicKeyLike, ES256PublicKey, Ed25519PublicKey, EdDSAPublicKeyLike};
use jwt_simple::common::VerificationOptions;
use serde::Serialize;

use crate::{AUDIENCE, ISSUER, PeerClaims, claims, rules};

/// Each library with its parsed key, and the token.
pub struct Signed {
    /// The token that every library verifies.
    pub token: String,
    claims: Claims,
    ours: Jwt,
    cached: Jwt,
    bare: ParsedPublicKey,
    signature: Vec<u8>,
    peer_key: jsonwebtoken::DecodingKey,
    peer_rules: jsonwebtoken::Validation,
    peer_signer: jsonwebtoken::EncodingKey,
    peer_header: jsonwebtoken::Header,
    simple: Simple,
}

/// `jwt-simple`'s key.
enum Simple {
    Ed(Box<Ed25519PublicKey>),
    Es(Box<ES256PublicKey>),
}

/// The claims that the peer issues: as many as Gatewright's.
#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: u64,
    iat: u64,
    jti: &'a str,
    sid: String,
    epoch: String,
    scope: &'a str,
}

impl Signed {
    /// Generates a key for EdDSA and issues a token.
    pub fn eddsa() -> Self {
        let new = NewKey::generate(Algorithm::EdDsa).unwrap();
        let pem = new.pem().unwrap();
        let encoding = jsonwebtoken::EncodingKey::from_ed_der(&der(pem));
        Self::new(&new, &signature::ED25519, jsonwebtoken::Algorithm::EdDSA, encoding, |x, _| {
            (x.to_vec(), Simple::Ed(Box::new(Ed25519PublicKey::from_bytes(x).unwrap())))
        })
    }

    /// Generates a key for ES256 and issues a token.
    pub fn es256() -> Self {
        let new = NewKey::generate(Algorithm::Es256).unwrap();
        let encoding = jsonwebtoken::EncodingKey::from_ec_der(&der(new.pem().unwrap()));
        Self::new(
            &new,
            &signature::ECDSA_P256_SHA256_FIXED,
            jsonwebtoken::Algorithm::ES256,
            encoding,
            |x, y| {
                let point = [&[4], x, y].concat();
                let simple = ES256PublicKey::from_bytes(&point).unwrap();
                (point, Simple::Es(Box::new(simple)))
            },
        )
    }

    fn new(
        key: &NewKey,
        algorithm: &'static dyn signature::VerificationAlgorithm,
        peer: jsonwebtoken::Algorithm,
        peer_signer: jsonwebtoken::EncodingKey,
        raw: impl FnOnce(&[u8], &[u8]) -> (Vec<u8>, Simple),
    ) -> Self {
        let ring = KeyRing::new(SigningKey::from_jwk(key.jwk()).unwrap());
        let builder = || Jwt::builder(ring.clone()).issuer(ISSUER).audience(AUDIENCE);
        let (ours, cached) = (builder().build().unwrap(), builder().with_cache(1_024).build().unwrap());
        let claims = claims(SystemClock.now());
        let token = ours.sign(TokenKind::Access, &claims).unwrap().expose().to_owned();
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&ring.jwks()).unwrap();
        let json: serde_json::Value = serde_json::from_str(key.jwk()).unwrap();
        let number = |name: &str| URL_SAFE_NO_PAD.decode(json[name].as_str().unwrap_or_default()).unwrap();
        let (public, simple) = raw(&number("x"), &number("y"));
        let mut peer_header = jsonwebtoken::Header::new(peer);
        peer_header.typ = Some("at+jwt".to_owned());
        peer_header.kid = Some(key.id().to_owned());
        Self {
            signature: URL_SAFE_NO_PAD.decode(token.rsplit_once('.').unwrap().1).unwrap(),
            token,
            claims,
            ours,
            cached,
            bare: ParsedPublicKey::new(algorithm, public).unwrap(),
            peer_key: jsonwebtoken::DecodingKey::from_jwk(&set.keys[0]).unwrap(),
            peer_rules: rules(peer),
            peer_signer,
            peer_header,
            simple,
        }
    }

    /// Gatewright: the signature and every claim.
    pub fn ours(&self) -> bool {
        self.ours.verify(TokenKind::Access, &self.token, SystemClock.now()).is_ok()
    }

    /// Gatewright with its cache of verified signatures: only the claims are checked again.
    pub fn cached(&self) -> bool {
        self.cached.verify(TokenKind::Access, &self.token, SystemClock.now()).is_ok()
    }

    /// Only the signature, which is decoded in advance.
    pub fn bare(&self) -> bool {
        let signed = self.token.rsplit_once('.').unwrap().0;
        self.bare.verify_sig(signed.as_bytes(), &self.signature).is_ok()
    }

    /// `jsonwebtoken` with its strictest settings.
    #[expect(clippy::disallowed_methods, reason = "the peer")]
    pub fn jsonwebtoken(&self) -> bool {
        jsonwebtoken::decode::<PeerClaims>(&self.token, &self.peer_key, &self.peer_rules).is_ok()
    }

    /// `jwt-simple` with its default settings.
    pub fn jwt_simple(&self) -> bool {
        let options = Some(VerificationOptions::default());
        match &self.simple {
            Simple::Ed(key) => key.verify_token::<serde_json::Value>(&self.token, options).is_ok(),
            Simple::Es(key) => key.verify_token::<serde_json::Value>(&self.token, options).is_ok(),
        }
    }

    /// Gatewright issues a token.
    pub fn issue(&self) -> bool {
        self.ours.sign(TokenKind::Access, &self.claims).is_ok()
    }

    /// `jsonwebtoken` issues a token of the same length.
    pub fn jsonwebtoken_issue(&self) -> bool {
        let claims = &self.claims;
        let payload = Payload {
            iss: ISSUER,
            sub: claims.subject.as_str(),
            aud: AUDIENCE,
            exp: claims.expires_at.as_seconds(),
            iat: claims.issued_at.as_seconds(),
            jti: claims.token_id.as_ref().unwrap().as_str(),
            sid: claims.session.unwrap().to_string(),
            epoch: claims.epoch.unwrap().to_string(),
            scope: claims.scopes.as_str(),
        };
        jsonwebtoken::encode(&self.peer_header, &payload, &self.peer_signer).is_ok()
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").finish_non_exhaustive()
    }
}

/// The DER bytes of a PEM text.
fn der(pem: &str) -> Vec<u8> {
    let lines: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::engine::general_purpose::STANDARD.decode(lines).unwrap()
}
