//! Key rings: exact ids, rotation while requests run, and the published set.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use gatewright_core::TokenError;
use gatewright_jwt::{Algorithm, JwkSet, Jwt, KeyRing, NewKey, RingError, SigningKey};
use serde_json::{Value, json};

use crate::common::{
    AUDIENCE, ISSUER, decode, encode, hs256_key, issue, jwt, key, key_with_id, payload, sign, verify,
    verifying,
};

fn key_id(token: &str) -> String {
    let header: Value = serde_json::from_slice(&decode(token.split_once('.').unwrap().0)).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[test]
fn old_tokens_are_valid_until_the_last_step_of_a_rotation() {
    let ring = KeyRing::new(key_with_id("a"));
    let jwt = jwt(&ring);
    let old = issue(&jwt);
    ring.publish(key_with_id("b")).unwrap();
    assert_eq!(key_id(&issue(&jwt)), "a");
    assert!(ring.jwks().contains(r#""kid":"b""#));
    ring.activate("b").unwrap();
    let new = issue(&jwt);
    assert_eq!((key_id(&new).as_str(), verify(&jwt, &old), verify(&jwt, &new)), ("b", Ok(()), Ok(())));
    ring.retire("a").unwrap();
    assert_eq!((verify(&jwt, &old), verify(&jwt, &new)), (Err(TokenError::Key), Ok(())));
    assert!(!ring.jwks().contains(r#""kid":"a""#));
}

#[test]
fn changes_that_are_ambiguous_or_remove_the_signing_key_fail() {
    let ring = KeyRing::new(key_with_id("a"));
    assert_eq!(ring.publish(key_with_id("a")), Err(RingError::Duplicate));
    assert_eq!(ring.trust(key_with_id("a").verifying_key().clone()), Err(RingError::Duplicate));
    assert_eq!(ring.retire("a"), Err(RingError::Active));
    assert_eq!(ring.retire("b"), Err(RingError::Unknown));
    assert_eq!(ring.activate("b"), Err(RingError::Unknown));
    ring.trust(key_with_id("b").verifying_key().clone()).unwrap();
    assert_eq!(ring.activate("b"), Err(RingError::Unknown), "the key cannot sign");
    assert_eq!(ring.ids(), ["a", "b"]);
}

#[test]
fn signing_rings_reject_one_key_for_two_algorithms_others_accept_it() {
    let ring = KeyRing::new(key(Algorithm::Rs256));
    let other = key(Algorithm::Ps256).with_id("other").unwrap();
    assert_eq!(ring.publish(other), Err(RingError::Duplicate));
    let both = [key(Algorithm::Rs256), key(Algorithm::Ps256).with_id("other").unwrap()];
    let ring = KeyRing::verifying(both.iter().map(|key| key.verifying_key().clone())).unwrap();
    assert_eq!(ring.ids().len(), 2);
    let twice = [key_with_id("a").verifying_key().clone(), key_with_id("a").verifying_key().clone()];
    assert_eq!(KeyRing::verifying(twice).unwrap_err(), RingError::Duplicate);
}

#[test]
fn keys_are_selected_by_their_exact_id() {
    let ring = KeyRing::new(key_with_id("k1"));
    let jwt = jwt(&ring);
    let token = issue(&jwt);
    let (_, rest) = token.split_once('.').unwrap();
    let with_kid = |kid: Value| {
        let header = format!(r#"{{"typ":"at+jwt","kid":{kid},"alg":"EdDSA"}}"#);
        verify(&jwt, &format!("{}.{rest}", encode(header))).unwrap_err()
    };
    for kid in ["K1", "k1 ", "", "k1\0", "../k1", "' or 1=1 --", "https://evil.example/k1", &"k".repeat(129)]
    {
        assert_eq!(with_kid(json!(kid)), TokenError::Key, "{kid:?}");
    }
    assert_eq!(with_kid(json!(1)), TokenError::Header);
    // The id is the same, but the header has another order of members, so the signature is not
    // valid.
    assert_eq!(with_kid(json!("k1")), TokenError::Signature);
}

/// A token without `kid`, signed with the vectors' HS256 key.
fn without_kid(typ: &str) -> String {
    sign(&format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#), &payload())
}

/// A verifier that accepts tokens without `kid`, and access tokens of the type `JWT`.
fn lenient(ring: &KeyRing) -> Jwt {
    let builder = Jwt::builder(ring.clone()).issuer(ISSUER).audience(AUDIENCE).dangerous().without_kid();
    builder.dangerous().with_access_type("JWT").build().unwrap()
}

#[test]
fn a_token_without_kid_needs_the_dangerous_setting_and_a_ring_of_one_key() {
    let ring = verifying(&hs256_key());
    let any_kid = Jwt::builder(ring.clone())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .dangerous()
        .without_kid()
        .build()
        .unwrap();
    assert_eq!(verify(&jwt(&ring), &without_kid("at+jwt")), Err(TokenError::Key));
    assert_eq!(verify(&any_kid, &without_kid("at+jwt")), Ok(()));
    assert_eq!(verify(&any_kid, &without_kid("JWT")), Err(TokenError::Kind));
    assert_eq!(verify(&lenient(&ring), &without_kid("jwt")), Ok(()));
    assert_eq!(verify(&lenient(&ring), &without_kid("at+jwt")), Err(TokenError::Kind));
    ring.trust(key_with_id("b").verifying_key().clone()).unwrap();
    assert_eq!(verify(&any_kid, &without_kid("at+jwt")), Err(TokenError::Key));
}

#[test]
fn dangerous_settings_end_when_the_ring_gets_a_signing_key() {
    let ring = KeyRing::default();
    let jwt = lenient(&ring);
    ring.trust(hs256_key().verifying_key().clone()).unwrap();
    assert_eq!(verify(&jwt, &without_kid("JWT")), Ok(()));
    ring.retire("hs1").unwrap();
    ring.publish(hs256_key()).unwrap();
    assert_eq!(verify(&jwt, &without_kid("JWT")), Err(TokenError::Key));
    ring.activate("hs1").unwrap();
    assert_eq!(verify(&jwt, &without_kid("JWT")), Err(TokenError::Key));
    assert_eq!(verify(&jwt, &issue(&jwt)), Ok(()));
}

#[test]
fn dangerous_settings_are_errors_on_a_ring_that_signs() {
    let builder =
        || Jwt::builder(KeyRing::new(key_with_id("a"))).issuer(ISSUER).audience(AUDIENCE).dangerous();
    assert_eq!(builder().without_kid().build().unwrap_err().setting, "without_kid");
    assert_eq!(builder().with_access_type("JWT").build().unwrap_err().setting, "access_type");
    let ring = verifying(&key_with_id("a"));
    let builder = Jwt::builder(ring.clone()).issuer(ISSUER).audience(AUDIENCE).dangerous();
    assert_eq!(builder.with_access_type("").build().unwrap_err().setting, "access_type");
    let error = Jwt::builder(ring).issuer(ISSUER).audience(AUDIENCE).with_key_id("x").build().unwrap_err();
    assert_eq!(error.setting, "key_id");
}

#[test]
fn a_published_set_contains_only_public_members() {
    let ring = KeyRing::new(SigningKey::from_jwk(NewKey::generate(Algorithm::Hs256).unwrap().jwk()).unwrap());
    assert_eq!(&*ring.jwks(), r#"{"keys":[]}"#);
    let mut published = 0;
    for algorithm in
        [Algorithm::Hs512, Algorithm::EdDsa, Algorithm::Es256, Algorithm::Es384, Algorithm::Ps256]
    {
        let new = NewKey::generate(algorithm).unwrap();
        let private: Value = serde_json::from_str(new.jwk()).unwrap();
        ring.publish(SigningKey::from_jwk(new.jwk()).unwrap()).unwrap();
        for name in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            let Some(text) = private[name].as_str() else { continue };
            assert!(!ring.jwks().contains(text), "{algorithm} {name}");
        }
        published += usize::from(!algorithm.is_symmetric());
    }
    let set: Value = serde_json::from_str(&ring.jwks()).unwrap();
    let keys = set["keys"].as_array().unwrap();
    assert_eq!((keys.len(), published), (4, 4));
    for key in keys {
        let names: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        let known = ["alg", "crv", "e", "kid", "kty", "n", "use", "x", "y"];
        assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
        assert_eq!(key["use"], "sig");
    }
    let read = JwkSet::parse(&ring.jwks()).unwrap();
    assert_eq!((read.keys().len(), read.rejected().len()), (4, 0));
}

#[test]
fn no_token_is_rejected_during_forty_rotations() {
    let ring = KeyRing::new(key_with_id("0"));
    let jwt = jwt(&ring);
    let done = [const { AtomicUsize::new(0) }; 3];
    let (rejected, rotating) = (AtomicUsize::new(0), AtomicBool::new(true));
    let total = || done.iter().map(|count| count.load(Ordering::SeqCst)).sum::<usize>();
    thread::scope(|scope| {
        for count in &done {
            scope.spawn(|| {
                while total() < 10_000 || rotating.load(Ordering::SeqCst) {
                    let accepted = verify(&jwt, &issue(&jwt)).is_ok();
                    rejected.fetch_add(usize::from(!accepted), Ordering::SeqCst);
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for round in 1..=40_usize {
            ring.publish(key_with_id(&round.to_string())).unwrap();
            ring.activate(&round.to_string()).unwrap();
            // Wait until each thread has verified the tokens that it issued with the previous key.
            let before = done.each_ref().map(|count| count.load(Ordering::SeqCst));
            while total() < round * 240
                || done.iter().zip(before).any(|(count, before)| count.load(Ordering::SeqCst) < before + 2)
            {
                thread::yield_now();
            }
            ring.retire(&(round - 1).to_string()).unwrap();
        }
        rotating.store(false, Ordering::SeqCst);
    });
    assert!(total() >= 10_000);
    assert_eq!(rejected.load(Ordering::SeqCst), 0);
    assert_eq!(ring.ids(), ["40"]);
}

#[test]
fn a_reload_replaces_all_keys_in_one_step() {
    let ring = KeyRing::new(key_with_id("a"));
    let jwt = jwt(&ring);
    let old = issue(&jwt);
    let next = KeyRing::new(key_with_id("b"));
    next.trust(key_with_id("c").verifying_key().clone()).unwrap();
    ring.reload(&next).unwrap();
    assert_eq!((ring.ids(), ring.active_id()), (vec!["b".to_owned(), "c".to_owned()], Some("b".to_owned())));
    assert_eq!((verify(&jwt, &old), verify(&jwt, &issue(&jwt))), (Err(TokenError::Key), Ok(())));
    assert_eq!(next.ids(), ["b", "c"], "the other ring is unchanged");
    for other in [KeyRing::default(), verifying(&key_with_id("d"))] {
        assert_eq!(ring.reload(&other), Err(RingError::NoSigningKey));
        let set = JwkSet::parse(&other.jwks()).unwrap();
        assert_eq!(ring.replace_with_jwks(set), Err(RingError::NoSigningKey));
    }
    assert_eq!((ring.ids().len(), ring.active_id().as_deref()), (2, Some("b")), "the ring is unchanged");
}

#[test]
fn a_key_retired_during_a_replacement_stays_retired() {
    let public = |id: &str| key_with_id(id).verifying_key().clone();
    let (one, other) = (public("a"), public("b"));
    let published = KeyRing::verifying([one.clone(), other]).unwrap().jwks();
    let unusable = published.replace(r#""kid":"a","alg":"EdDSA""#, r#""kid":"a","alg":"EdDSA-next""#);
    for round in 0..2_000 {
        let ring = KeyRing::verifying([one.clone()]).unwrap();
        let set = JwkSet::parse(&unusable).unwrap();
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                ring.replace_with_jwks(set).unwrap();
            });
            start.wait();
            ring.retire("a").unwrap();
        });
        assert_eq!(ring.ids(), ["b"], "round {round}");
    }
}

#[test]
fn one_secret_or_rsa_key_cannot_have_two_algorithms_in_a_signing_ring() {
    let secret: Vec<u8> = (0..64).collect();
    let with =
        |algorithm, secret: &[u8]| SigningKey::from_secret(algorithm, secret).unwrap().with_id("o").unwrap();
    let ring = KeyRing::new(SigningKey::from_secret(Algorithm::Hs256, &secret).unwrap());
    assert_eq!(ring.publish(with(Algorithm::Hs512, &secret)), Err(RingError::Duplicate));
    assert_eq!(
        ring.publish(with(Algorithm::Hs384, &[&secret[..], &[0; 9]].concat())),
        Err(RingError::Duplicate)
    );
    assert_eq!(
        ring.trust(with(Algorithm::Hs512, &secret).verifying_key().clone()),
        Err(RingError::Duplicate)
    );
    let ring = KeyRing::new(key(Algorithm::Rs256));
    let other = |algorithm| key(algorithm).with_id("o").unwrap().verifying_key().clone();
    assert_eq!(ring.trust(other(Algorithm::Ps256)), Err(RingError::Duplicate));
    ring.trust(other(Algorithm::EdDsa)).unwrap();
}

#[test]
fn with_access_type_rejects_other_kinds_and_rings_with_a_signing_key() {
    let ring = verifying(&key_with_id("a"));
    let builder = || Jwt::builder(ring.clone()).issuer(ISSUER).audience(AUDIENCE).dangerous();
    for name in ["rt+jwt", "RT+JWT", "application/password-reset+jwt", "email-verification+jwt"] {
        assert_eq!(builder().with_access_type(name).build().unwrap_err().setting, "access_type", "{name}");
    }
    assert!(builder().with_access_type("at+jwt").build().is_ok());
    ring.publish(key_with_id("b")).unwrap();
    assert_eq!(builder().with_access_type("JWT").build().unwrap_err().setting, "access_type");
    assert_eq!(builder().without_kid().build().unwrap_err().setting, "without_kid");
}
