//! An issuer whose tokens name no key: how a rotation of its one key is followed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
#[allow(dead_code, reason = "each test file uses what it needs")]
mod server;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::{AUDIENCE, Hands, ISSUER, LONG, START, builder, fetched, verdict};
use gatewright_core::TokenRefusal;
use rcgen::{KeyPair, PKCS_ED25519, SigningKey};
use serde_json::json;
use server::{Answer, Server};

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).unwrap()
}

/// A set of these keys.
fn set(keys: &[&KeyPair]) -> Answer {
    let jwk = |key: &&KeyPair| json!({"kty": "OKP", "crv": "Ed25519", "x": encode(key.public_key_raw())});
    Answer::Body(String::new(), json!({"keys": keys.iter().map(jwk).collect::<Vec<_>>()}).to_string())
}

/// A token that names no key.
fn token(key: &KeyPair, alg: &str) -> String {
    let payload =
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "42", "jti": "1", "iat": START, "exp": START + 900});
    let header = json!({"alg": alg, "typ": "at+jwt"});
    let signed = format!("{}.{}", encode(header.to_string()), encode(payload.to_string()));
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", encode(signature))
}

#[test]
fn a_rotation_is_followed_after_a_cool_down() {
    let (old, new, last) = (key(), key(), key());
    let clock = Hands::new();
    let server = Server::https(set(&[&old]));
    let remote = builder(&server).with_clock(clock.clone()).with_rules(|jwt| jwt.dangerous().without_kid());
    let remote = remote.build().unwrap();
    assert!(remote.wait_until_ready(LONG), "{:?}", remote.last_failure());
    let verdict = |key: &KeyPair| verdict(&remote, &token(key, "EdDSA"));
    assert_eq!(verdict(&old), Ok(()));

    // The old key is replaced: a signature that does not hold may be one of the new key.
    server.says(set(&[&new]));
    assert_eq!(verdict(&new), Err(TokenRefusal::Signature));
    assert_eq!(server.requests(), 1, "the first fetch is the one of this cool-down");
    clock.move_by(30);
    assert_eq!(verdict(&new), Err(TokenRefusal::Signature), "a request never waits for the network");
    fetched(&remote, 2);
    assert_eq!((verdict(&new), verdict(&old)), (Ok(()), Err(TokenRefusal::Signature)));

    // While the set has two keys, nothing says which of them a token is signed with.
    server.says(set(&[&new, &last]));
    clock.move_by(30);
    assert_eq!(verdict(&last), Err(TokenRefusal::Signature));
    fetched(&remote, 3);
    server.says(set(&[&last]));
    clock.move_by(30);
    assert_eq!(verdict(&last), Err(TokenRefusal::Key));
    fetched(&remote, 4);
    assert_eq!(verdict(&last), Ok(()));
}

#[test]
fn another_algorithm_than_the_keys_asks_for_the_set_too() {
    let (theirs, clock) = (key(), Hands::new());
    let server = Server::https(set(&[&theirs]));
    let remote = builder(&server).with_clock(clock.clone()).with_rules(|jwt| jwt.dangerous().without_kid());
    let remote = remote.build().unwrap();
    assert!(remote.wait_until_ready(LONG), "{:?}", remote.last_failure());
    clock.move_by(30);
    assert_eq!(verdict(&remote, &token(&theirs, "ES256")), Err(TokenRefusal::Algorithm));
    fetched(&remote, 2);
}
