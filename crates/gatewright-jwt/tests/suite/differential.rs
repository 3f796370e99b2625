//! Compared with `jsonwebtoken::decode`: it accepts every token that we accept, and a list names
//! each vector that only it accepts.

use std::collections::BTreeSet;

use gatewright_jwt::{Algorithm, JwkSet, Jwt, KeyRing};
use jsonwebtoken::{DecodingKey, Validation};
use proptest::prelude::{any, proptest};
use serde_json::{Value, json};

use crate::common::{
    AUDIENCE, ISSUER, SECRET, change_byte, hs256_key, issue, jwt, key, vectors, verify, verifying,
};

/// The vectors that `jsonwebtoken` accepts and we reject, one name per line.
const ONLY_THEIRS: &str = include_str!("../vectors/accepted_by_jsonwebtoken_alone.txt");

/// The strictest settings of `jsonwebtoken`, without `exp`: it only has the system's clock, and the
/// vectors are from 2023.
fn rules(algorithm: jsonwebtoken::Algorithm) -> Validation {
    let mut rules = Validation::new(algorithm);
    rules.validate_exp = false;
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&[AUDIENCE]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    rules
}

#[expect(clippy::disallowed_methods, reason = "the oracle")]
fn they_accept(token: &str, key: &DecodingKey, algorithm: jsonwebtoken::Algorithm) -> bool {
    jsonwebtoken::decode::<Value>(token, key, &rules(algorithm)).is_ok()
}

fn they_accept_hs256(token: &str) -> bool {
    they_accept(token, &DecodingKey::from_secret(SECRET), jsonwebtoken::Algorithm::HS256)
}

fn hs256() -> Jwt {
    jwt(&verifying(&hs256_key()))
}

#[test]
fn the_vectors_that_only_jsonwebtoken_accepts_are_listed() {
    let jwt = hs256();
    let mut only_theirs = BTreeSet::new();
    let (mut ran, mut both) = (0, 0);
    // A vector with a policy is for another key or other settings.
    for vector in vectors().filter(|vector| !vector.policy.is_object()) {
        ran += 1;
        let (ours, theirs) = (verify(&jwt, vector.token).is_ok(), they_accept_hs256(vector.token));
        assert!(theirs || !ours, "{}: only we accept it", vector.id);
        both += usize::from(ours && theirs);
        if theirs && !ours {
            only_theirs.insert(vector.id);
        }
    }
    let listed: BTreeSet<&str> = ONLY_THEIRS.lines().collect();
    assert_eq!(only_theirs, listed);
    assert_eq!((ran, both, listed.len()), (128, 5, 41));
}

#[test]
fn jsonwebtoken_accepts_every_vector_that_we_accept() {
    let mut algorithms = Vec::new();
    for vector in vectors().filter(|vector| vector.accepted) {
        let name = vector.policy["alg_allow"][0].as_str().unwrap_or("HS256");
        let jwk = vector.policy["kid_keys"].as_object().and_then(|keys| keys.values().next());
        let key = match jwk {
            Some(jwk) => DecodingKey::from_jwk(&serde_json::from_value(jwk.clone()).unwrap()).unwrap(),
            None => DecodingKey::from_secret(SECRET),
        };
        assert!(they_accept(vector.token, &key, name.parse().unwrap()), "{}", vector.id);
        algorithms.push(name);
    }
    algorithms.sort_unstable();
    assert_eq!(algorithms.len(), 9);
    algorithms.dedup();
    assert_eq!(algorithms, ["ES256", "HS256", "RS256"]);
}

#[test]
fn jsonwebtoken_accepts_our_tokens_with_our_published_keys() {
    for algorithm in Algorithm::ALL {
        let jwt = jwt(&KeyRing::new(key(algorithm)));
        if algorithm.is_symmetric() {
            assert!(JwkSet::parse(&jwt.ring().jwks()).unwrap().keys().is_empty());
            continue;
        }
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&jwt.ring().jwks()).unwrap();
        let their_key = DecodingKey::from_jwk(&set.keys[0]).unwrap();
        assert!(they_accept(&issue(&jwt), &their_key, algorithm.name().parse().unwrap()), "{algorithm}");
    }
}

#[test]
fn we_accept_tokens_of_jsonwebtoken_that_have_typ_and_kid() {
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    let payload = json!({"iss": ISSUER, "aud": [AUDIENCE], "sub": "42", "jti": "1", "iat": 1_700_000_000, "exp": 1_700_000_900});
    let mut accepted = |typ: Option<&str>, kid: Option<&str>| {
        (header.typ, header.kid) = (typ.map(str::to_owned), kid.map(str::to_owned));
        let key = jsonwebtoken::EncodingKey::from_secret(SECRET);
        verify(&hs256(), &jsonwebtoken::encode(&header, &payload, &key).unwrap()).is_ok()
    };
    assert!(accepted(Some("at+jwt"), Some("hs1")));
    assert!(!accepted(Some("JWT"), Some("hs1")));
    assert!(!accepted(None, Some("hs1")));
    assert!(!accepted(Some("at+jwt"), None));
}

proptest! {
    #[test]
    fn we_accept_no_changed_token_that_jsonwebtoken_rejects(
        vector in any::<proptest::sample::Index>(),
        position in any::<proptest::sample::Index>(),
        byte in 1_u8..128,
    ) {
        let tokens: Vec<&str> = vectors().map(|vector| vector.token).collect();
        let Some(token) = change_byte(vector.get::<&str>(&tokens), position, byte) else { return Ok(()) };
        proptest::prop_assert!(verify(&hs256(), &token).is_err() || they_accept_hs256(&token));
    }
}
