//! Beside `jsonwebtoken::decode`: whatever we accept it accepts, and what it alone accepts is listed, each by name.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeSet;

use common::{AUDIENCE, ISSUER, NOW, claims, hostile, key};
use gatewright_core::{TokenIssuer, TokenKind, TokenVerifier};
use gatewright_jwt::{Algorithm, JwkSet, Jwt, KeyRing, VerifyingKey};
use jsonwebtoken::{DecodingKey, Validation};
use proptest::prelude::{any, proptest};
use serde_json::Value;

const SECRET: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

/// What `jsonwebtoken` accepts and we refuse, one name a line.
const ONLY_THEIRS: &str = include_str!("vectors/accepted_by_jsonwebtoken_alone.txt");

/// Its strictest settings but for time: it has no clock but the system's, and the vectors stand in 2023.
fn rules(algorithm: jsonwebtoken::Algorithm) -> Validation {
    let mut rules = Validation::new(algorithm);
    rules.validate_exp = false;
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&[AUDIENCE]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    rules
}

#[expect(clippy::disallowed_methods, reason = "the oracle")]
fn theirs(token: &str, key: &DecodingKey, algorithm: jsonwebtoken::Algorithm) -> bool {
    jsonwebtoken::decode::<Value>(token, key, &rules(algorithm)).is_ok()
}

fn hs256() -> Jwt {
    let key = VerifyingKey::from_secret(Algorithm::Hs256, SECRET).unwrap().with_id("hs1").unwrap();
    Jwt::builder(KeyRing::verifying([key]).unwrap(), ISSUER, AUDIENCE).build().unwrap()
}

#[test]
fn the_list_of_what_only_jsonwebtoken_accepts_is_known() {
    let (jwt, key, file) = (hs256(), DecodingKey::from_secret(SECRET), hostile());
    let mut only_theirs = BTreeSet::new();
    let (mut ran, mut both) = (0, 0);
    for vector in file["vectors"].as_array().unwrap() {
        if vector["policy"].is_object() {
            continue; // for another key or other rules
        }
        ran += 1;
        let (id, token) = (vector["id"].as_str().unwrap(), vector["token"].as_str().unwrap());
        let ours = jwt.verify(TokenKind::Access, token, NOW).is_ok();
        let theirs = theirs(token, &key, jsonwebtoken::Algorithm::HS256);
        assert!(theirs || !ours, "{id}: we alone accept it");
        both += usize::from(ours && theirs);
        if theirs && !ours {
            only_theirs.insert(id);
        }
    }
    let listed: BTreeSet<&str> = ONLY_THEIRS.lines().collect();
    assert_eq!(only_theirs, listed);
    assert_eq!((ran, both, listed.len()), (128, 5, 41));
}

#[test]
fn every_vector_that_is_accepted_it_accepts_too_whatever_its_algorithm_and_rules() {
    let file = hostile();
    let mut algorithms = Vec::new();
    for vector in file["vectors"].as_array().unwrap().iter().filter(|vector| vector["expect"] == "accept") {
        let name = vector["policy"]["alg_allow"][0].as_str().unwrap_or("HS256");
        let jwk = vector["policy"]["kid_keys"].as_object().and_then(|keys| keys.values().next());
        let key = match jwk {
            Some(jwk) => DecodingKey::from_jwk(&serde_json::from_value(jwk.clone()).unwrap()).unwrap(),
            None => DecodingKey::from_secret(SECRET),
        };
        assert!(theirs(vector["token"].as_str().unwrap(), &key, name.parse().unwrap()), "{}", vector["id"]);
        algorithms.push(name.to_owned());
    }
    algorithms.sort_unstable();
    assert_eq!(algorithms.len(), 9);
    algorithms.dedup();
    assert_eq!(algorithms, ["ES256", "HS256", "RS256"]);
}

#[test]
fn what_we_issue_it_accepts_with_every_algorithm_and_our_published_keys() {
    for algorithm in Algorithm::ALL {
        let signing = key(algorithm);
        let jwt = Jwt::builder(KeyRing::new(signing), ISSUER, AUDIENCE).build().unwrap();
        let token = jwt.issue(TokenKind::Access, &claims()).unwrap();
        if algorithm.is_symmetric() {
            assert!(JwkSet::parse(&jwt.ring().jwks()).unwrap().keys().is_empty());
            continue;
        }
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&jwt.ring().jwks()).unwrap();
        let theirs_key = DecodingKey::from_jwk(&set.keys[0]).unwrap();
        assert!(theirs(token.expose(), &theirs_key, algorithm.name().parse().unwrap()), "{algorithm}");
    }
}

#[test]
fn what_it_issues_we_accept_when_it_says_everything() {
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    let payload = serde_json::json!({
        "iss": ISSUER, "aud": [AUDIENCE], "sub": "42", "jti": "1", "iat": 1_700_000_000, "exp": 1_700_000_900_u64,
    });
    let mut verdict = |typ: Option<&str>, kid: Option<&str>| {
        (header.typ, header.kid) = (typ.map(str::to_owned), kid.map(str::to_owned));
        let key = jsonwebtoken::EncodingKey::from_secret(SECRET);
        let token = jsonwebtoken::encode(&header, &payload, &key).unwrap();
        hs256().verify(TokenKind::Access, &token, NOW).is_ok()
    };
    assert!(verdict(Some("at+jwt"), Some("hs1")));
    assert!(
        !verdict(Some("JWT"), Some("hs1")) && !verdict(None, Some("hs1")) && !verdict(Some("at+jwt"), None)
    );
}

proptest! {
    #[test]
    fn no_change_of_a_token_is_accepted_by_us_alone(
        which in any::<proptest::sample::Index>(),
        at in any::<proptest::sample::Index>(),
        byte in 1_u8..128,
    ) {
        let file = hostile();
        let vectors = file["vectors"].as_array().unwrap();
        let mut bytes = vectors[which.index(vectors.len())]["token"].as_str().unwrap().as_bytes().to_vec();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let Ok(token) = String::from_utf8(bytes) else { return Ok(()) };
        let ours = hs256().verify(TokenKind::Access, &token, NOW).is_ok();
        let key = DecodingKey::from_secret(SECRET);
        proptest::prop_assert!(!ours || theirs(&token, &key, jsonwebtoken::Algorithm::HS256));
    }
}
