//! Conversions from the types of `jsonwebtoken`.

use gatewright_jwt::{Algorithm, JwkSet, KeyError, KeyRing, MAX_JWKS_KEYS, RejectedKey, VerifyingKey};
use jsonwebtoken::jwk;
use serde_json::{Value, json};

use crate::common::{encode, issue, jwt, key, verify};

/// All algorithms of `jsonwebtoken`, in the order of [`Algorithm::ALL`].
const THEIRS: [jsonwebtoken::Algorithm; 12] = [
    jsonwebtoken::Algorithm::HS256,
    jsonwebtoken::Algorithm::HS384,
    jsonwebtoken::Algorithm::HS512,
    jsonwebtoken::Algorithm::EdDSA,
    jsonwebtoken::Algorithm::ES256,
    jsonwebtoken::Algorithm::ES384,
    jsonwebtoken::Algorithm::RS256,
    jsonwebtoken::Algorithm::RS384,
    jsonwebtoken::Algorithm::RS512,
    jsonwebtoken::Algorithm::PS256,
    jsonwebtoken::Algorithm::PS384,
    jsonwebtoken::Algorithm::PS512,
];

/// The public key of a new key pair, and the ring that signs with it.
fn pair(algorithm: Algorithm) -> (Value, KeyRing) {
    let ring = KeyRing::new(key(algorithm).with_id("a").unwrap());
    let mut set: Value = serde_json::from_str(&ring.jwks()).unwrap();
    (set["keys"][0].take(), ring)
}

fn theirs(text: &Value) -> jwk::Jwk {
    serde_json::from_value(text.clone()).unwrap()
}

fn their_set(keys: &[Value]) -> jwk::JwkSet {
    serde_json::from_value(json!({ "keys": keys })).unwrap()
}

fn changed(text: &Value, member: &str, value: Value) -> Value {
    let mut text = text.clone();
    text[member] = value;
    text
}

fn error(text: &Value) -> KeyError {
    let by_reference = VerifyingKey::try_from(&theirs(text)).unwrap_err();
    assert_eq!(VerifyingKey::try_from(theirs(text)).unwrap_err(), by_reference);
    by_reference
}

fn errors(set: &JwkSet) -> Vec<KeyError> {
    set.rejected().iter().map(RejectedKey::error).collect()
}

#[test]
fn each_algorithm_converts_to_the_one_of_the_same_name() {
    for (theirs, ours) in THEIRS.into_iter().zip(Algorithm::ALL) {
        assert_eq!(Algorithm::try_from(theirs), Ok(ours));
        assert_eq!(format!("{theirs:?}"), ours.name());
    }
}

#[test]
fn a_converted_key_of_each_algorithm_verifies_tokens() {
    let mut verified = 0;
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.is_symmetric()) {
        let (public, ring) = pair(algorithm);
        let token = issue(&jwt(&ring));
        let one = VerifyingKey::try_from(theirs(&public)).unwrap();
        assert_eq!((one.id(), one.algorithm()), ("a", algorithm));
        let set = JwkSet::try_from(their_set(&[public])).unwrap();
        assert!(set.rejected().is_empty());
        for keys in [vec![one], set.into_keys()] {
            assert_eq!(verify(&jwt(&KeyRing::verifying(keys).unwrap()), &token), Ok(()), "{algorithm}");
            verified += 1;
        }
    }
    assert_eq!(verified, 18);
}

#[test]
fn secrets_of_each_algorithm_are_rejected() {
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| algorithm.is_symmetric()) {
        let secret = json!({"kty": "oct", "alg": algorithm.name(), "k": encode([7; 64]), "kid": "a"});
        assert_eq!(error(&secret), KeyError::Private);
        let set = JwkSet::try_from(&their_set(&[secret])).unwrap();
        assert!(set.keys().is_empty());
        assert_eq!(errors(&set), [KeyError::Private]);
    }
}

#[test]
fn converted_keys_get_the_checks_of_parsed_keys() {
    let ((ec, _), (ed, _), (rsa, _)) =
        (pair(Algorithm::Es256), pair(Algorithm::EdDsa), pair(Algorithm::Rs256));
    let mut no_algorithm = rsa.clone();
    no_algorithm.as_object_mut().unwrap().remove("alg");
    let mut modulus = [0xff; 128];
    modulus[0] = 0xc1;
    for (text, expected) in [
        (changed(&ec, "use", json!("enc")), KeyError::Use),
        (changed(&ec, "use", json!("other")), KeyError::Use),
        (changed(&ec, "key_ops", json!(["sign"])), KeyError::Use),
        (changed(&ec, "alg", json!("ES384")), KeyError::Algorithm),
        (changed(&ec, "alg", json!("RS256")), KeyError::Algorithm),
        (changed(&ec, "alg", json!("ES512")), KeyError::Algorithm),
        (changed(&ec, "crv", json!("P-521")), KeyError::Algorithm),
        (changed(&ec, "crv", json!("Ed25519")), KeyError::Algorithm),
        (changed(&ed, "alg", json!("Ed25519")), KeyError::Algorithm),
        (changed(&ec, "kid", json!("")), KeyError::Id),
        (changed(&ec, "kid", json!("x".repeat(129))), KeyError::Id),
        (changed(&ec, "x", ec["y"].clone()), KeyError::Invalid),
        (changed(&ec, "x", json!("!")), KeyError::Format),
        (changed(&rsa, "alg", json!("RSA-OAEP")), KeyError::Algorithm),
        (changed(&rsa, "n", json!(encode(modulus))), KeyError::Short),
        (no_algorithm.clone(), KeyError::Ambiguous),
        (json!({"kty": "AKP", "kid": "a"}), KeyError::Algorithm),
    ] {
        assert_eq!(error(&text), expected, "{text}");
        assert_eq!(VerifyingKey::from_jwk(&theirs_as_text(&text)).unwrap_err(), expected, "{text}");
    }
    // In a set, an RSA key that names no algorithm is for RS256.
    let set = JwkSet::try_from(&their_set(&[no_algorithm])).unwrap();
    assert_eq!(set.keys()[0].algorithm(), Algorithm::Rs256);
}

fn theirs_as_text(text: &Value) -> String {
    serde_json::to_string(&theirs(text)).unwrap()
}

#[test]
fn a_converted_set_leaves_out_what_a_parsed_set_leaves_out() {
    let ((first, _), (second, _)) = (pair(Algorithm::Es256), pair(Algorithm::Es256));
    let usable = changed(&second, "kid", json!("b"));
    let set = JwkSet::try_from(&their_set(&[first.clone(), second.clone(), usable])).unwrap();
    let ids: Vec<&str> = set.keys().iter().map(VerifyingKey::id).collect();
    assert_eq!(ids, ["b"]);
    assert_eq!(errors(&set), [KeyError::Duplicate, KeyError::Duplicate]);

    let many = vec![first; MAX_JWKS_KEYS + 1];
    assert_eq!(JwkSet::try_from(their_set(&many)).unwrap_err(), KeyError::Long);
    assert_eq!(JwkSet::try_from(&their_set(&many[1..])).unwrap().keys().len(), 1);
    let long = changed(&second, "kid", json!("x".repeat(1_100_000)));
    assert_eq!(JwkSet::try_from(&their_set(&[long])).unwrap_err(), KeyError::Long);
}
