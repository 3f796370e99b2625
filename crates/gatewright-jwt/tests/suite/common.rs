//! Shared by the tests: keys, claims, tokens with any content, and the hostile vectors.

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::{Claims, Timestamp, TokenError, TokenId, TokenKind, TokenVerifier, UserId};
use gatewright_jwt::{Algorithm, Jwt, KeyRing, NewKey, SigningKey};
use serde_json::{Value, json};

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const AUDIENCE: &str = "https://api.example";
/// The HS256 secret of the vectors.
pub(crate) const SECRET: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

static HOSTILE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../vectors/jwt_claims_and_attacks.json")).unwrap());

/// The file of hostile tokens, with the keys that they are for.
pub(crate) fn hostile() -> &'static Value {
    &HOSTILE
}

/// The tokens of the file.
pub(crate) fn vectors() -> impl Iterator<Item = Vector> {
    hostile()["vectors"].as_array().unwrap().iter().map(|vector| Vector {
        id: vector["id"].as_str().unwrap(),
        token: vector["token"].as_str().unwrap(),
        accepted: vector["expect"] == "accept",
        policy: &vector["policy"],
    })
}

pub(crate) struct Vector {
    pub(crate) id: &'static str,
    pub(crate) token: &'static str,
    /// Whether verification must accept it under its policy.
    pub(crate) accepted: bool,
    /// The keys and settings, if they are not the default ones.
    pub(crate) policy: &'static Value,
}

/// A key for the algorithm. Generating RSA keys takes long, so they use the vectors' test key.
pub(crate) fn key(algorithm: Algorithm) -> SigningKey {
    if is_rsa(algorithm) {
        let pem = hostile()["keys"]["rsa_server_private_pem"].as_str().unwrap();
        return SigningKey::from_pem(algorithm, pem).unwrap();
    }
    SigningKey::from_jwk(NewKey::generate(algorithm).unwrap().jwk()).unwrap()
}

pub(crate) fn is_rsa(algorithm: Algorithm) -> bool {
    algorithm.name().starts_with("RS") || algorithm.name().starts_with("PS")
}

/// An Ed25519 key with this id.
pub(crate) fn key_with_id(id: &str) -> SigningKey {
    key(Algorithm::EdDsa).with_id(id).unwrap()
}

/// The HS256 key of the vectors.
pub(crate) fn hs256_key() -> SigningKey {
    SigningKey::from_secret(Algorithm::Hs256, SECRET).unwrap().with_id("hs1").unwrap()
}

/// A ring that only verifies with this key.
pub(crate) fn verifying(key: &SigningKey) -> KeyRing {
    KeyRing::verifying([key.verifying_key().clone()]).unwrap()
}

pub(crate) fn jwt(ring: &KeyRing) -> Jwt {
    Jwt::builder(ring.clone()).issuer(ISSUER).audience(AUDIENCE).build().unwrap()
}

pub(crate) fn claims() -> Claims {
    Claims::new(UserId::new("42").unwrap(), TokenId::new("1"), NOW, Timestamp::from_seconds(1_700_000_900))
}

pub(crate) fn issue(jwt: &Jwt) -> String {
    jwt.sign(TokenKind::Access, &claims()).unwrap().expose().to_owned()
}

pub(crate) fn verify(verifier: &impl TokenVerifier, token: &str) -> Result<(), TokenError> {
    verifier.verify(TokenKind::Access, token, NOW).map(drop)
}

/// The payload of a valid access token.
pub(crate) fn payload() -> String {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "42", "jti": "1", "iat": 1_700_000_000, "exp": 1_700_000_900})
        .to_string()
}

/// A token with this header and payload, signed with the vectors' HS256 key.
pub(crate) fn sign(header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(payload));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), signed.as_bytes());
    format!("{signed}.{}", encode(tag))
}

/// The token with one byte replaced. `None` if the result is not UTF-8.
pub(crate) fn change_byte(token: &str, position: proptest::sample::Index, byte: u8) -> Option<String> {
    let mut bytes = token.as_bytes().to_vec();
    let position = position.index(bytes.len());
    bytes[position] = byte;
    String::from_utf8(bytes).ok()
}

pub(crate) fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
