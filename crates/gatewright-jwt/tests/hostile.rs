//! The hostile tokens of `tests/vectors/`, as far as they are for an HS256 key, held against the verifier.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::{Timestamp, TokenKind, TokenRefusal, TokenVerifier};
use gatewright_jwt::Jwt;
use serde_json::Value;

const VECTORS: &str = include_str!("vectors/jwt_claims_and_attacks.json");
const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// What the verifier of today does on purpose otherwise than the vector expects.
const EXCEPTIONS: [(&str, &str); 1] =
    [("nbf-future-10-leeway13", "the tolerance of nbf and iat is a constant, apart from the leeway of exp")];

fn verifier(leeway: u64) -> Jwt {
    Jwt::hs256(*b"0123456789abcdef0123456789abcdef", "https://issuer.example", "https://api.example")
        .with_key_id("hs1")
        .with_leeway(Duration::from_secs(leeway))
        .build()
        .unwrap()
}

/// The leeway of a vector that needs nothing else than this verifier has.
fn leeway(vector: &Value) -> Option<u64> {
    match vector.get("policy") {
        None => Some(0),
        Some(policy) => {
            let only_leeway =
                policy.as_object()?.keys().all(|name| name == "leeway" || name == "max_lifetime");
            only_leeway.then(|| policy.get("leeway").and_then(Value::as_u64).unwrap_or(0))
        }
    }
}

#[test]
fn every_vector_for_an_hs256_key_gets_its_verdict() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let mut ran = 0;
    let mut wrong = BTreeMap::new();
    for vector in file["vectors"].as_array().unwrap() {
        let id = vector["id"].as_str().unwrap();
        let Some(leeway) = leeway(vector) else { continue };
        if EXCEPTIONS.iter().any(|(name, _)| *name == id) {
            continue;
        }
        ran += 1;
        let verdict = verifier(leeway).verify(TokenKind::Access, vector["token"].as_str().unwrap(), NOW);
        if verdict.is_ok() != (vector["expect"] == "accept") {
            wrong.insert(id.to_owned(), format!("{verdict:?}"));
        }
    }
    assert_eq!(wrong, BTreeMap::new());
    assert_eq!(ran, 130);
}

#[test]
fn oversized_tokens_are_refused_for_their_size_and_deep_ones_for_their_depth() {
    let refusal = |token: String| verifier(0).verify(TokenKind::Access, &token, NOW).unwrap_err();
    assert_eq!(refusal(".".repeat(1_000_000)), TokenRefusal::Size);
    assert_eq!(refusal("A".repeat(1 << 20)), TokenRefusal::Size);
    assert_eq!(refusal("A".repeat(8 * 1_024 + 1)), TokenRefusal::Size);
    assert_eq!(refusal(String::new()), TokenRefusal::Format);
    let deep = format!(
        r#"{{"alg":"HS256","typ":"at+jwt","kid":"hs1","x":{}{}}}"#,
        "[".repeat(2_000),
        "]".repeat(2_000)
    );
    assert_eq!(refusal(format!("{}.e30.x", URL_SAFE_NO_PAD.encode(deep))), TokenRefusal::Json);
}
