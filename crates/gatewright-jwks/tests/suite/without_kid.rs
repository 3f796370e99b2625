//! An issuer whose tokens have no key id: how the verifier follows a rotation of its only key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::TokenError;
use rcgen::{KeyPair, PKCS_ED25519, SigningKey};
use serde_json::json;

use crate::common::{AUDIENCE, ISSUER, ManualClock, START, builder, ready, verify, wait_for_fetches};
use crate::server::{Response, Server};

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).unwrap()
}

/// The response with a set of these keys, none of which has an id.
fn set(keys: &[&KeyPair]) -> Response {
    let jwk = |key: &&KeyPair| json!({"kty": "OKP", "crv": "Ed25519", "x": encode(key.public_key_raw())});
    Response::ok(&json!({"keys": keys.iter().map(jwk).collect::<Vec<_>>()}).to_string())
}

/// A token without `kid`.
fn token(key: &KeyPair, alg: &str) -> String {
    let now = START.as_seconds();
    let payload =
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "42", "jti": "1", "iat": now, "exp": now + 900});
    let header = json!({"alg": alg, "typ": "at+jwt"});
    let signed = format!("{}.{}", encode(header.to_string()), encode(payload.to_string()));
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", encode(signature))
}

#[test]
fn a_rotation_is_followed_after_a_cool_down() {
    let (old, new, last) = (key(), key(), key());
    let (server, clock) = (Server::https(set(&[&old])), ManualClock::new());
    let builder = builder(&server).with_clock(clock.clone());
    let remote = ready(builder.with_rules(|jwt| jwt.dangerous().without_kid()));
    let verify = |key: &KeyPair| verify(&remote, &token(key, "EdDSA"));
    assert_eq!(verify(&old), Ok(()));

    // A signature that is not valid may be one of a new key.
    server.respond_with(set(&[&new]));
    assert_eq!(verify(&new), Err(TokenError::Signature));
    assert_eq!(server.requests(), 1, "the cool-down began with the first fetch");
    clock.advance(30);
    assert_eq!(verify(&new), Err(TokenError::Signature), "a request never waits for the network");
    wait_for_fetches(&remote, 2);
    assert_eq!((verify(&new), verify(&old)), (Ok(()), Err(TokenError::Signature)));

    // With two keys in the set, no token without a key id is accepted.
    server.respond_with(set(&[&new, &last]));
    clock.advance(30);
    assert_eq!(verify(&last), Err(TokenError::Signature));
    wait_for_fetches(&remote, 3);
    server.respond_with(set(&[&last]));
    clock.advance(30);
    assert_eq!(verify(&last), Err(TokenError::Key));
    wait_for_fetches(&remote, 4);
    assert_eq!(verify(&last), Ok(()));
}

#[test]
fn another_algorithm_than_that_of_the_key_triggers_a_fetch() {
    let (key, clock) = (key(), ManualClock::new());
    let server = Server::https(set(&[&key]));
    let builder = builder(&server).with_clock(clock.clone());
    let remote = ready(builder.with_rules(|jwt| jwt.dangerous().without_kid()));
    clock.advance(30);
    assert_eq!(verify(&remote, &token(&key, "ES256")), Err(TokenError::Algorithm));
    wait_for_fetches(&remote, 2);
}
