//! Key rings: exact ids, rotation while requests run, and what is published.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod common;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use common::{AUDIENCE, ISSUER, NOW, claims, encode, key};
use gatewright_core::{TokenIssuer, TokenKind, TokenRefusal, TokenVerifier};
use gatewright_jwt::{Algorithm, JwkSet, Jwt, KeyRing, NewKey, RingError, SigningKey};
use serde_json::{Value, json};

fn named(id: &str) -> SigningKey {
    key(Algorithm::EdDsa).with_id(id).unwrap()
}

fn jwt(ring: &KeyRing) -> Jwt {
    Jwt::builder(ring.clone(), ISSUER, AUDIENCE).build().unwrap()
}

fn issue(jwt: &Jwt) -> String {
    jwt.issue(TokenKind::Access, &claims()).unwrap().expose().to_owned()
}

fn verdict(jwt: &Jwt, token: &str) -> Result<(), TokenRefusal> {
    jwt.verify(TokenKind::Access, token, NOW).map(drop)
}

fn key_id(token: &str) -> String {
    let header: Value = serde_json::from_slice(&common::decode(token.split_once('.').unwrap().0)).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[test]
fn a_rotation_has_three_steps_and_old_tokens_last_until_the_third() {
    let ring = KeyRing::new(named("a"));
    let jwt = jwt(&ring);
    let old = issue(&jwt);
    ring.publish(named("b")).unwrap();
    assert_eq!(key_id(&issue(&jwt)), "a");
    assert!(ring.jwks().contains(r#""kid":"b""#));
    ring.activate("b").unwrap();
    let new = issue(&jwt);
    assert_eq!((key_id(&new).as_str(), verdict(&jwt, &old), verdict(&jwt, &new)), ("b", Ok(()), Ok(())));
    ring.retire("a").unwrap();
    assert_eq!((verdict(&jwt, &old), verdict(&jwt, &new)), (Err(TokenRefusal::Key), Ok(())));
    assert!(!ring.jwks().contains(r#""kid":"a""#));
}

#[test]
fn a_ring_refuses_what_would_leave_it_ambiguous_or_without_a_signing_key() {
    let ring = KeyRing::new(named("a"));
    assert_eq!(ring.publish(named("a")), Err(RingError::Duplicate));
    assert_eq!(ring.trust(named("a").verifying_key().clone()), Err(RingError::Duplicate));
    assert_eq!(ring.retire("a"), Err(RingError::Active));
    assert_eq!(ring.retire("b"), Err(RingError::Unknown));
    assert_eq!(ring.activate("b"), Err(RingError::Unknown));
    ring.trust(named("b").verifying_key().clone()).unwrap();
    assert_eq!(ring.activate("b"), Err(RingError::Unknown), "it cannot sign");
    assert_eq!(ring.ids(), ["a", "b"]);
}

#[test]
fn one_key_of_ours_signs_with_one_algorithm_and_others_may_publish_what_they_like() {
    let ring = KeyRing::new(key(Algorithm::Rs256));
    let other = key(Algorithm::Ps256).with_id("other").unwrap();
    assert_eq!(ring.publish(other), Err(RingError::Duplicate));
    let both = [key(Algorithm::Rs256), key(Algorithm::Ps256).with_id("other").unwrap()];
    let ring = KeyRing::verifying(both.iter().map(|key| key.verifying_key().clone())).unwrap();
    assert_eq!(ring.ids().len(), 2);
    let twice = [named("a").verifying_key().clone(), named("a").verifying_key().clone()];
    assert_eq!(KeyRing::verifying(twice).unwrap_err(), RingError::Duplicate);
}

#[test]
fn a_key_is_found_by_its_exact_id_and_never_tried() {
    let ring = KeyRing::new(named("k1"));
    let jwt = jwt(&ring);
    let token = issue(&jwt);
    let (_, rest) = token.split_once('.').unwrap();
    let with_kid = |kid: Value| {
        let header = format!(r#"{{"typ":"at+jwt","kid":{kid},"alg":"EdDSA"}}"#);
        verdict(&jwt, &format!("{}.{rest}", encode(header))).unwrap_err()
    };
    for kid in ["K1", "k1 ", "", "k1\0", "../k1", "' or 1=1 --", "https://evil.example/k1", &"k".repeat(129)]
    {
        assert_eq!(with_kid(json!(kid)), TokenRefusal::Key, "{kid:?}");
    }
    assert_eq!(with_kid(json!(1)), TokenRefusal::Header);
    // In another order, the id is the same: the header differs and so its signature fails.
    assert_eq!(with_kid(json!("k1")), TokenRefusal::Signature);
}

#[test]
fn a_token_without_kid_is_refused_even_by_a_ring_of_one_unless_asked_for() {
    let secret = *b"fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEa";
    let signing = SigningKey::from_secret(Algorithm::Hs256, &secret).unwrap();
    let sign = |typ: &str| {
        let payload = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "42", "jti": "1", "iat": 1_700_000_000, "exp": 1_700_000_900});
        let signed = format!(
            "{}.{}",
            encode(json!({"alg": "HS256", "typ": typ}).to_string()),
            encode(payload.to_string())
        );
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &secret);
        format!("{signed}.{}", encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes())))
    };
    let ring = KeyRing::verifying([signing.verifying_key().clone()]).unwrap();
    let strict = jwt(&ring);
    let lenient = Jwt::builder(ring.clone(), ISSUER, AUDIENCE).dangerous().without_kid().build().unwrap();
    assert_eq!(verdict(&strict, &sign("at+jwt")), Err(TokenRefusal::Key));
    assert_eq!(verdict(&lenient, &sign("at+jwt")), Ok(()));
    assert_eq!(verdict(&lenient, &sign("JWT")), Err(TokenRefusal::Kind));
    let jwts = Jwt::builder(ring.clone(), ISSUER, AUDIENCE).dangerous().without_kid();
    let jwts = jwts.dangerous().with_access_type("JWT").build().unwrap();
    assert_eq!(
        (verdict(&jwts, &sign("jwt")), verdict(&jwts, &sign("at+jwt"))),
        (Ok(()), Err(TokenRefusal::Kind))
    );
    // A ring that has come to sign is strict again.
    let came = KeyRing::default();
    let jwts = Jwt::builder(came.clone(), ISSUER, AUDIENCE).dangerous().without_kid();
    let jwts = jwts.dangerous().with_access_type("JWT").build().unwrap();
    came.trust(signing.verifying_key().clone()).unwrap();
    assert_eq!(verdict(&jwts, &sign("JWT")), Ok(()));
    came.retire(signing.id()).unwrap();
    came.publish(signing).unwrap();
    assert_eq!(verdict(&jwts, &sign("JWT")), Err(TokenRefusal::Key));
    let id = came.ids().remove(0);
    came.activate(&id).unwrap();
    assert_eq!(verdict(&jwts, &sign("JWT")), Err(TokenRefusal::Key));
    assert_eq!(verdict(&jwts, &issue(&jwts)), Ok(()));
    // With two keys there is nothing to choose by.
    ring.trust(named("b").verifying_key().clone()).unwrap();
    assert_eq!(verdict(&lenient, &sign("at+jwt")), Err(TokenRefusal::Key));
}

#[test]
fn what_weakens_a_check_is_refused_beside_a_key_that_signs() {
    let builder = || Jwt::builder(KeyRing::new(named("a")), ISSUER, AUDIENCE).dangerous();
    assert_eq!(builder().without_kid().build().unwrap_err().setting, "without_kid");
    assert_eq!(builder().with_access_type("JWT").build().unwrap_err().setting, "access_type");
    let ring = KeyRing::verifying([named("a").verifying_key().clone()]).unwrap();
    let builder = Jwt::builder(ring.clone(), ISSUER, AUDIENCE).dangerous();
    assert_eq!(builder.with_access_type("").build().unwrap_err().setting, "access_type");
    let error = Jwt::builder(ring, ISSUER, AUDIENCE).with_key_id("x").build().unwrap_err();
    assert_eq!(error.setting, "key_id");
}

#[test]
fn a_published_set_has_public_members_alone_and_no_secret() {
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
    assert_eq!((read.keys().len(), read.refused().len()), (4, 0));
}

#[test]
fn ten_thousand_requests_across_rotations_and_reloads_lose_none() {
    let ring = KeyRing::new(named("0"));
    let jwt = jwt(&ring);
    let done = [const { AtomicUsize::new(0) }; 3];
    let (refused, rotating) = (AtomicUsize::new(0), AtomicBool::new(true));
    let total = || done.iter().map(|count| count.load(Ordering::SeqCst)).sum::<usize>();
    thread::scope(|scope| {
        for count in &done {
            scope.spawn(|| {
                while total() < 10_000 || rotating.load(Ordering::SeqCst) {
                    let believed = verdict(&jwt, &issue(&jwt)).is_ok();
                    refused.fetch_add(usize::from(!believed), Ordering::SeqCst);
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for round in 1..=40_usize {
            ring.publish(named(&round.to_string())).unwrap();
            ring.activate(&round.to_string()).unwrap();
            // The longest token lifetime: each thread is done with what it had issued before, and with its share.
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
    assert_eq!(refused.load(Ordering::SeqCst), 0);
    assert_eq!(ring.ids(), ["40"]);
}

#[test]
fn a_reload_takes_over_all_keys_in_one_step() {
    let ring = KeyRing::new(named("a"));
    let jwt = jwt(&ring);
    let old = issue(&jwt);
    let next = KeyRing::new(named("b"));
    next.trust(named("c").verifying_key().clone()).unwrap();
    ring.reload(&next).unwrap();
    assert_eq!((ring.ids(), ring.active_id()), (vec!["b".to_owned(), "c".to_owned()], Some("b".to_owned())));
    assert_eq!((verdict(&jwt, &old), verdict(&jwt, &issue(&jwt))), (Err(TokenRefusal::Key), Ok(())));
    assert_eq!(next.ids(), ["b", "c"], "the other ring is as it was");
    for verifying in [KeyRing::default(), KeyRing::verifying([named("d").verifying_key().clone()]).unwrap()] {
        assert_eq!(ring.reload(&verifying), Err(RingError::NoSigningKey));
        assert_eq!(
            ring.replace_with_jwks(JwkSet::parse(&verifying.jwks()).unwrap()),
            Err(RingError::NoSigningKey)
        );
    }
    assert_eq!((ring.ids().len(), ring.active_id().as_deref()), (2, Some("b")), "nothing has changed");
}

#[test]
fn a_key_that_is_retired_while_a_set_is_taken_over_stays_retired() {
    let public = |id: &str| named(id).verifying_key().clone();
    let (one, other) = (public("a"), public("b"));
    let published = KeyRing::verifying([one.clone(), other]).unwrap().jwks();
    let unreadable = published.replace(r#""kid":"a","alg":"EdDSA""#, r#""kid":"a","alg":"EdDSA-next""#);
    for round in 0..2_000 {
        let ring = KeyRing::verifying([one.clone()]).unwrap();
        let set = JwkSet::parse(&unreadable).unwrap();
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
fn one_secret_or_number_of_ours_is_for_one_algorithm() {
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
fn settings_for_others_end_where_a_key_is_published_to_sign_and_name_no_kind_of_ours() {
    let ring = KeyRing::verifying([named("a").verifying_key().clone()]).unwrap();
    let builder = || Jwt::builder(ring.clone(), ISSUER, AUDIENCE).dangerous();
    for name in ["rt+jwt", "RT+JWT", "application/password-reset+jwt", "email-verification+jwt"] {
        assert_eq!(builder().with_access_type(name).build().unwrap_err().setting, "access_type", "{name}");
    }
    assert!(builder().with_access_type("at+jwt").build().is_ok());
    ring.publish(named("b")).unwrap();
    assert_eq!(builder().with_access_type("JWT").build().unwrap_err().setting, "access_type");
    assert_eq!(builder().without_kid().build().unwrap_err().setting, "without_kid");
}
