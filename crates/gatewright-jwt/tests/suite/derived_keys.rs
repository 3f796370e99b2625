//! Keys for other purposes that are derived from a ring's secrets.

use gatewright_core::TokenIssuer;
use gatewright_jwt::{Algorithm, Jwt, KeyRing, NewKey, SigningKey, VerifyingKey};

use crate::common::{AUDIENCE, ISSUER, SECRET, hostile, jwt, key};

const LABEL: &str = "gatewright feed";

fn derive(ring: &KeyRing, label: &'static str) -> Vec<String> {
    let keys = jwt(ring).derive_keys(label);
    keys.iter().map(|key| key.expose().iter().map(|byte| format!("{byte:02x}")).collect()).collect()
}

/// The key that is derived from this key alone.
fn only(key: SigningKey) -> String {
    let [derived] = derive(&KeyRing::new(key), LABEL).try_into().unwrap();
    derived
}

fn pem(kind: &str) -> &'static str {
    hostile()["keys"][format!("{kind}_server_private_pem")].as_str().unwrap()
}

/// By an independent implementation of HKDF, so that nodes of different versions agree.
#[test]
fn derived_keys_have_their_published_values() {
    let secret = SigningKey::from_secret(Algorithm::Hs256, SECRET).unwrap();
    assert_eq!(only(secret), "8cdd48df95d1b2e57cc6f0f785684533d7b269d430eb26284038762af49c5a1c");
    for (kind, algorithm, expected) in [
        ("rsa", Algorithm::Rs256, "b7e397e4bc91b4ddb566d94f02a374e7bfb3ab7463f493b641a8e5592eade284"),
        ("ec", Algorithm::Es256, "de75715adde7c6e69f66f3f2d4f6eb6a2a554aa821f530666e32ea1a2149d00f"),
        ("ed", Algorithm::EdDsa, "5795c28a7ac1a111c3fd3cfbd8462bf56312430bdf7fc55965ae213e6ce527bb"),
    ] {
        assert_eq!(only(SigningKey::from_pem(algorithm, pem(kind)).unwrap()), expected, "{kind}");
    }
}

#[test]
fn one_key_derives_the_same_from_pem_and_from_jwk() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Es384, Algorithm::Rs256] {
        let new = NewKey::generate(algorithm).unwrap();
        let from_pem = SigningKey::from_pem(algorithm, new.pem().unwrap()).unwrap();
        let from_jwk = SigningKey::from_jwk(new.jwk()).unwrap().with_id("another id").unwrap();
        assert_eq!(only(from_pem), only(from_jwk), "{algorithm:?}");
    }
    let new = NewKey::generate(Algorithm::Hs512).unwrap();
    assert_eq!(
        only(SigningKey::from_jwk(new.jwk()).unwrap()),
        only(SigningKey::from_jwk(new.jwk()).unwrap())
    );
}

/// The same RSA key with the primes in the other order and another valid private exponent.
#[test]
fn an_rsa_key_derives_the_same_in_either_order_of_its_primes() {
    let swapped = include_str!("../vectors/rsa_server_swapped_primes.jwk");
    let swapped = SigningKey::from_jwk(swapped).unwrap();
    let usual = SigningKey::from_pem(Algorithm::Rs256, pem("rsa")).unwrap();
    assert_eq!(usual.id(), swapped.id());
    assert_eq!(only(usual), only(swapped));
}

#[test]
fn the_key_depends_on_the_secret_and_on_the_label() {
    let ring = KeyRing::new(key(Algorithm::EdDsa));
    let other = KeyRing::new(key(Algorithm::EdDsa));
    let keys = [derive(&ring, LABEL), derive(&ring, "gatewright fee"), derive(&other, LABEL)].concat();
    assert_eq!(keys.len(), 3);
    assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2]);
}

#[test]
fn the_active_key_comes_first_and_every_other_secret_of_the_ring_follows() {
    let names = ["a", "b", "c", "d"];
    let secret = |name: &str| [SECRET, name.as_bytes()].concat();
    let [a, b, c, d] = names
        .map(|name| SigningKey::from_secret(Algorithm::Hs256, &secret(name)).unwrap().with_id(name).unwrap());
    let expected = names.map(|name| only(SigningKey::from_secret(Algorithm::Hs256, &secret(name)).unwrap()));
    let ring = KeyRing::new(a);
    ring.publish(b).unwrap();
    ring.trust(c.verifying_key().clone()).unwrap();
    let derived = || {
        let keys = derive(&ring, LABEL);
        let mut others = keys[1..].to_vec();
        others.sort();
        (keys[0].clone(), others)
    };
    let others = |indexes: &[usize]| {
        let mut others: Vec<String> = indexes.iter().map(|index| expected[*index].clone()).collect();
        others.sort();
        others
    };
    assert_eq!(derived(), (expected[0].clone(), others(&[1, 2])));
    ring.activate("b").unwrap();
    assert_eq!(derived(), (expected[1].clone(), others(&[0, 2])), "the former key still verifies");
    ring.retire("a").unwrap();
    assert_eq!(derived(), (expected[1].clone(), others(&[2])));
    ring.reload(&KeyRing::new(d)).unwrap();
    assert_eq!(derived(), (expected[3].clone(), Vec::new()));
}

/// A key that is derived from a public key would be public.
#[test]
fn nothing_is_derived_from_a_public_key_or_without_a_signing_key() {
    let (own, foreign) = (key(Algorithm::EdDsa), key(Algorithm::Es256));
    let (public, own_public) = (foreign.verifying_key().clone(), own.verifying_key().clone());
    let ring = KeyRing::new(own);
    ring.trust(public.clone()).unwrap();
    assert_eq!(derive(&ring, LABEL).len(), 1);
    let secret = VerifyingKey::from_secret(Algorithm::Hs256, SECRET).unwrap();
    let verifying = KeyRing::verifying([public, own_public, secret]).unwrap();
    let foreign = Jwt::builder(verifying).issuer(ISSUER).audience(AUDIENCE).build().unwrap();
    assert!(foreign.derive_keys(LABEL).is_empty());
}

#[test]
fn derived_keys_are_redacted() {
    let keys =
        jwt(&KeyRing::new(SigningKey::from_secret(Algorithm::Hs256, SECRET).unwrap())).derive_keys(LABEL);
    assert_eq!(format!("{keys:?}"), "[DerivedKey(..)]");
}
