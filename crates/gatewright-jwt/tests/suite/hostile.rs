//! The verdict for each hostile token of `tests/vectors`, under its keys and settings.

use std::collections::BTreeMap;
use std::time::Duration;

use gatewright_core::{TokenError, TokenKind, TokenVerifier};
use gatewright_jwt::{Algorithm, Jwt, KeyError, KeyRing, VerifyingKey};
use serde_json::{Value, json};

use crate::common::{AUDIENCE, ISSUER, NOW, hostile, hs256_key, sign, vectors, verify};

/// The keys of a vector. A key without `alg` is for HS256.
fn keys(policy: &Value) -> Vec<VerifyingKey> {
    let Some(keys) = policy["kid_keys"].as_object() else { return vec![hs256_key().verifying_key().clone()] };
    let read = keys.iter().filter_map(|(id, jwk)| {
        let algorithm = jwk["alg"].as_str().unwrap_or("HS256").parse().unwrap();
        match VerifyingKey::from_jwk_for(algorithm, &jwk.to_string()) {
            Ok(key) => Some(key.with_id(id).unwrap()),
            // The key of one vector is 32 zeros. It is already rejected when it is read.
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
    let mut builder =
        Jwt::builder(ring).issuer(ISSUER).audience(AUDIENCE).with_leeway(leeway).with_tolerance(leeway);
    if let Some(age) = policy["max_age"].as_u64() {
        builder = builder.with_max_age(Duration::from_secs(age));
    }
    builder.build().unwrap()
}

#[test]
fn every_vector_gets_its_verdict() {
    let mut wrong = BTreeMap::new();
    for vector in vectors() {
        let verdict = verify(&verifier(vector.policy), vector.token);
        if verdict.is_ok() != vector.accepted {
            wrong.insert(vector.id, verdict);
        }
    }
    assert_eq!(wrong, BTreeMap::new());
    assert_eq!((vectors().count(), vectors().filter(|vector| vector.accepted).count()), (150, 9));
}

#[test]
fn no_vector_is_accepted_as_another_kind_of_token() {
    for vector in vectors() {
        for kind in [TokenKind::Refresh, TokenKind::EmailVerification, TokenKind::PasswordReset] {
            assert!(verifier(vector.policy).verify(kind, vector.token, NOW).is_err(), "{}", vector.id);
        }
    }
}

#[test]
fn the_public_keys_of_the_vectors_are_equal_from_pem_and_jwk() {
    let mut pairs = 0;
    for vector in vectors() {
        let Some(pem) = vector.policy["public_key_pem"].as_str() else { continue };
        let jwk = vector.policy["kid_keys"].as_object().unwrap().values().next().unwrap();
        let from_jwk = VerifyingKey::from_jwk(&jwk.to_string()).unwrap();
        let from_pem = VerifyingKey::from_pem(from_jwk.algorithm(), pem).unwrap();
        let mut without_id = jwk.clone();
        without_id.as_object_mut().unwrap().remove("kid");
        assert_eq!(VerifyingKey::from_jwk(&without_id.to_string()).unwrap().id(), from_pem.id());
        let secret = VerifyingKey::from_secret(Algorithm::Hs256, pem.as_bytes());
        assert_eq!(secret.unwrap_err(), KeyError::KeyFile);
        pairs += 1;
    }
    assert_eq!(pairs, 17);
}

/// A valid header with further members.
fn header(members: &str) -> String {
    format!(r#"{{"alg":"HS256","typ":"at+jwt","kid":"hs1"{members}}}"#)
}

/// A payload that is valid for this audience, with further members.
fn payload(audience: &Value, members: &str) -> String {
    let claims = json!({"iss": ISSUER, "aud": audience, "sub": "user-1", "jti": "j1", "iat": 1_699_999_990, "exp": 1_700_000_300});
    let claims = claims.to_string();
    format!("{}{members}}}", claims.strip_suffix('}').unwrap())
}

fn nested(depth: usize) -> String {
    format!(",\"x\":{}{}", "[".repeat(depth), "]".repeat(depth))
}

/// Builds an input that the file only describes, because it is large.
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
        other => panic!("{other}: not implemented"),
    }
}

#[test]
fn every_generated_input_is_rejected_for_its_size_or_depth() {
    let generated = hostile()["generated_inputs"].as_array().unwrap();
    for input in generated {
        let id = input["id"].as_str().unwrap();
        let token = generate(id, &input["generate"]);
        let expected = if id == "depth-payload-200" { TokenError::Json } else { TokenError::Size };
        assert_eq!(verify(&verifier(&Value::Null), &token), Err(expected), "{id}");
    }
    assert_eq!(generated.len(), 5);
}

#[test]
fn sizes_and_depths_are_accepted_up_to_their_limits() {
    let verdict = |token: &str| verify(&verifier(&Value::Null), token);
    let audience = json!(AUDIENCE);
    assert_eq!(verdict(&sign(&header(""), &payload(&audience, ""))), Ok(()));
    assert_eq!(verdict(&sign(&header(&nested(32)), &payload(&audience, &nested(32)))), Ok(()));
    assert_eq!(verdict(&sign(&header(&nested(33)), &payload(&audience, ""))), Err(TokenError::Json));
    assert_eq!(verdict(&sign(&header(""), &payload(&audience, &nested(33)))), Err(TokenError::Json));
    assert_eq!(verdict(&"A".repeat(8 * 1_024 + 1)), Err(TokenError::Size));
    assert_eq!(verdict(""), Err(TokenError::Format));
}
