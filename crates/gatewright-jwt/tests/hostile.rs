//! The hostile tokens of `tests/vectors/`, each with its key and rules, held against the verifier.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::hmac;
use common::{AUDIENCE, ISSUER, NOW, encode, hostile};
use gatewright_core::{TokenKind, TokenRefusal, TokenVerifier};
use gatewright_jwt::{Algorithm, Jwt, KeyError, KeyRing, VerifyingKey};
use serde_json::{Value, json};

const SECRET: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

/// The keys of a vector, each for the algorithm it names or the one that is allowed.
fn keys(policy: &Value) -> Vec<VerifyingKey> {
    let secret = || VerifyingKey::from_secret(Algorithm::Hs256, SECRET).and_then(|key| key.with_id("hs1"));
    let Some(keys) = policy["kid_keys"].as_object() else { return vec![secret().unwrap()] };
    let read = keys.iter().filter_map(|(id, jwk)| {
        let algorithm = jwk["alg"].as_str().unwrap_or("HS256").parse().unwrap();
        match VerifyingKey::from_jwk_for(algorithm, &jwk.to_string()) {
            Ok(key) => Some(key.with_id(id).unwrap()),
            // One vector has a key of 32 zeros: no key at all is the answer to it.
            Err(error) => {
                assert_eq!((error, id.as_str()), (KeyError::LowEntropy, "*"));
                None
            }
        }
    });
    read.collect()
}

fn verifier(policy: &Value) -> Jwt {
    let ring = KeyRing::verifying(keys(policy)).unwrap();
    let leeway = Duration::from_secs(policy["leeway"].as_u64().unwrap_or(0));
    let mut builder = Jwt::builder(ring, ISSUER, AUDIENCE).with_leeway(leeway).with_tolerance(leeway);
    if let Some(age) = policy["max_age"].as_u64() {
        builder = builder.with_max_age(Duration::from_secs(age));
    }
    builder.build().unwrap()
}

#[test]
fn every_vector_gets_its_verdict() {
    let file = hostile();
    let (mut ran, mut accepted) = (0, 0);
    let mut wrong = BTreeMap::new();
    for vector in file["vectors"].as_array().unwrap() {
        ran += 1;
        let token = vector["token"].as_str().unwrap();
        let verdict = verifier(&vector["policy"]).verify(TokenKind::Access, token, NOW);
        accepted += usize::from(verdict.is_ok());
        if verdict.is_ok() != (vector["expect"] == "accept") {
            wrong.insert(vector["id"].to_string(), format!("{verdict:?}"));
        }
    }
    assert_eq!(wrong, BTreeMap::new());
    assert_eq!((ran, accepted), (150, 9));
}

#[test]
fn a_hostile_access_token_is_no_other_kind_of_token_either() {
    let file = hostile();
    for vector in file["vectors"].as_array().unwrap() {
        let token = vector["token"].as_str().unwrap();
        for kind in [TokenKind::Refresh, TokenKind::EmailVerification, TokenKind::PasswordReset] {
            assert!(verifier(&vector["policy"]).verify(kind, token, NOW).is_err(), "{}", vector["id"]);
        }
    }
}

#[test]
fn the_public_keys_of_the_vectors_are_the_same_from_pem_and_from_jwk() {
    let file = hostile();
    let mut pairs = 0;
    for vector in file["vectors"].as_array().unwrap() {
        let Some(pem) = vector["policy"]["public_key_pem"].as_str() else { continue };
        let jwk = vector["policy"]["kid_keys"].as_object().unwrap().values().next().unwrap();
        let from_jwk = VerifyingKey::from_jwk(&jwk.to_string()).unwrap();
        let from_pem = VerifyingKey::from_pem(from_jwk.algorithm(), pem).unwrap();
        let mut bare = jwk.clone();
        bare.as_object_mut().unwrap().remove("kid");
        assert_eq!(VerifyingKey::from_jwk(&bare.to_string()).unwrap().id(), from_pem.id());
        assert_eq!(
            VerifyingKey::from_secret(Algorithm::Hs256, pem.as_bytes()).unwrap_err(),
            KeyError::KeyFile
        );
        pairs += 1;
    }
    assert_eq!(pairs, 17);
}

/// A token signed with the right key.
fn sign(header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", encode(header), encode(payload));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), signed.as_bytes());
    format!("{signed}.{}", encode(tag))
}

/// A header and a payload that pass, each with one more member.
fn header(member: &str) -> String {
    format!(r#"{{"alg":"HS256","typ":"at+jwt","kid":"hs1"{member}}}"#)
}

fn payload(audience: &Value, member: &str) -> String {
    let claims = json!({"iss": ISSUER, "aud": audience, "sub": "user-1", "jti": "j1", "iat": 1_699_999_990, "exp": 1_700_000_300});
    let claims = claims.to_string();
    format!("{}{member}}}", claims.strip_suffix('}').unwrap())
}

fn nested(depth: usize) -> String {
    format!(",\"x\":{}{}", "[".repeat(depth), "]".repeat(depth))
}

/// What a generator of the file makes.
fn generate(id: &str, recipe: &Value) -> String {
    let count = |name: &str| usize::try_from(recipe[name].as_u64().unwrap()).unwrap();
    let audience = json!(AUDIENCE);
    match id {
        "size-dots-1e6" => recipe["repeat"].as_str().unwrap().repeat(count("count")),
        "size-header-segment-1MiB" => {
            let pad = format!(r#","pad":"{}""#, "A".repeat(count("header_pad_bytes")));
            sign(&header(&pad), &payload(&audience, ""))
        }
        "depth-payload-200" => {
            sign(&header(""), &payload(&audience, &nested(count("payload_nested_arrays"))))
        }
        "depth-header-100000" => {
            sign(&header(&nested(count("header_nested_arrays"))), &payload(&audience, ""))
        }
        "aud-100k-entries" => sign(&header(""), &payload(&json!(vec![AUDIENCE; count("aud_entries")]), "")),
        other => panic!("{other}: say how it is made"),
    }
}

#[test]
fn every_generated_input_is_refused_for_its_size_or_depth() {
    let file = hostile();
    let generated = file["generated_inputs"].as_array().unwrap();
    for input in generated {
        let id = input["id"].as_str().unwrap();
        let token = generate(id, &input["generate"]);
        let verdict = verifier(&Value::Null).verify(TokenKind::Access, &token, NOW).map(drop);
        let expected = if id == "depth-payload-200" { TokenRefusal::Json } else { TokenRefusal::Size };
        assert_eq!(verdict, Err(expected), "{id}");
    }
    assert_eq!(generated.len(), 5);
}

#[test]
fn sizes_and_depths_have_bounds_and_what_lies_within_them_passes() {
    let verdict = |token: &str| verifier(&Value::Null).verify(TokenKind::Access, token, NOW).map(drop);
    let own = json!(AUDIENCE);
    assert_eq!(verdict(&sign(&header(""), &payload(&own, ""))), Ok(()));
    assert_eq!(verdict(&sign(&header(&nested(32)), &payload(&own, &nested(32)))), Ok(()));
    assert_eq!(verdict(&sign(&header(&nested(33)), &payload(&own, ""))), Err(TokenRefusal::Json));
    assert_eq!(verdict(&sign(&header(""), &payload(&own, &nested(33)))), Err(TokenRefusal::Json));
    assert_eq!(verdict(&"A".repeat(8 * 1_024 + 1)), Err(TokenRefusal::Size));
    assert_eq!(verdict(""), Err(TokenRefusal::Format));
}
