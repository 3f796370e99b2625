//! Tokens with any header and claims, signed with the RSA test key, and verifiers of them.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gatewright_core::{TokenError, TokenKind, TokenVerifier};
use gatewright_jwt::{Algorithm, JwkSet, Jwt, KeyRing, TokenProfile};
use serde_json::{Value, json};

use crate::common::{NOW, encode, hostile, key, verifying};

/// The id of the key in all tokens and sets.
pub(super) const KID: &str = "K1";

static KEY: LazyLock<KeyPair> = LazyLock::new(|| {
    let pem = hostile()["keys"]["rsa_server_private_pem"].as_str().unwrap();
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    KeyPair::from_pkcs8(&STANDARD.decode(text).unwrap()).unwrap()
});

/// `n` and `e` of the test key.
static NUMBERS: LazyLock<Value> = LazyLock::new(|| {
    let set: Value = serde_json::from_str(&verifying(&key(Algorithm::Rs256)).jwks()).unwrap();
    json!({"n": set["keys"][0]["n"], "e": set["keys"][0]["e"]})
});

/// An object with these members added or replaced. `null` removes one.
pub(super) fn with(object: &Value, changes: &Value) -> Value {
    let mut object = object.clone();
    for (name, value) in changes.as_object().unwrap() {
        object[name] = value.clone();
    }
    object.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    object
}

/// A token of these texts, with a valid signature.
pub(super) fn sign_text(header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(payload));
    let mut signature = vec![0; KEY.public_modulus_len()];
    KEY.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", encode(signature))
}

pub(super) fn sign(header: &Value, claims: &Value) -> String {
    sign_text(&header.to_string(), &claims.to_string())
}

/// A set whose entries have these members and the numbers of the test key.
pub(super) fn set(entries: &[Value]) -> JwkSet {
    let keys: Vec<Value> = entries.iter().map(|entry| with(entry, &NUMBERS)).collect();
    JwkSet::parse(&json!({ "keys": keys }).to_string()).unwrap()
}

/// A ring of the keys of a set.
pub(super) fn ring(set: JwkSet) -> KeyRing {
    KeyRing::verifying(set.into_keys()).unwrap()
}

/// A ring of the test key.
pub(super) fn one_key() -> KeyRing {
    ring(set(&[json!({"kty": "RSA", "alg": "RS256", "use": "sig", "kid": KID})]))
}

/// A verifier with the test key. An audience that is empty is not set.
pub(super) fn verifier(profile: TokenProfile, issuer: &str, audience: &str) -> Jwt {
    Jwt::builder(one_key()).issuer(issuer).audience(audience).with_profile(profile).build().unwrap()
}

/// Why a profile is refused, with any issuer and audience.
pub(super) fn problem(profile: TokenProfile) -> String {
    let builder = Jwt::builder(one_key()).issuer("https://issuer.example").with_profile(profile);
    builder.build().unwrap_err().to_string()
}

pub(super) fn subject(verifier: &Jwt, token: &str) -> Result<String, TokenError> {
    verifier.verify(TokenKind::Access, token, NOW).map(|claims| claims.subject().as_str().to_owned())
}
