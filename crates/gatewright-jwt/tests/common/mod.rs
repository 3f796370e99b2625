//! What the tests share: a clock, claims, and signing whatever they like.

#![allow(dead_code, reason = "each test file uses what it needs")]

pub(crate) mod exceptions;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::{Claims, Timestamp, TokenId, UserId};
use gatewright_jwt::{Algorithm, NewKey, SigningKey};
use serde_json::Value;

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "https://api.example";

/// The hostile tokens, made for this project, with the keys they are for.
pub(crate) fn hostile() -> Value {
    serde_json::from_str(include_str!("../vectors/jwt_claims_and_attacks.json")).unwrap()
}

/// A key for the algorithm. RSA keys take long to make: those are the throw-away key of the vectors.
pub(crate) fn key(algorithm: Algorithm) -> SigningKey {
    let name = algorithm.name();
    if name.starts_with("RS") || name.starts_with("PS") {
        let pem = hostile()["keys"]["rsa_server_private_pem"].as_str().unwrap().to_owned();
        return SigningKey::from_pem(algorithm, &pem).unwrap();
    }
    SigningKey::from_jwk(NewKey::generate(algorithm).unwrap().jwk()).unwrap()
}

pub(crate) fn claims() -> Claims {
    Claims::new(UserId::new("42").unwrap(), TokenId::new("1"), NOW, Timestamp::from_seconds(1_700_000_900))
}

pub(crate) fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
