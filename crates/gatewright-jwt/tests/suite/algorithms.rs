//! Every algorithm signs and verifies, and no key verifies a token of another algorithm.

use std::time::Duration;

use gatewright_core::token::ExtraObject;
use gatewright_core::{
    Claims, Epoch, Scopes, SessionId, SystemRandom, Timestamp, TokenError, TokenId, TokenKind, TokenVerifier,
    UserId,
};
use gatewright_jwt::{Algorithm, Jwt, KeyRing, SigningKey, VerifyingKey};
use proptest::prelude::{ProptestConfig, any, proptest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::common::{
    AUDIENCE, ISSUER, NOW, change_byte, claims, decode, encode, issue, key, payload, verify, verifying,
};

fn jwt(key: SigningKey) -> Jwt {
    Jwt::builder(KeyRing::new(key)).issuer(ISSUER).audience(AUDIENCE).build().unwrap()
}

#[test]
fn every_algorithm_verifies_its_tokens_as_their_kind_only() {
    for algorithm in Algorithm::ALL {
        let jwt = jwt(key(algorithm));
        for kind in TokenKind::ALL {
            let token = jwt.sign(kind, &claims()).unwrap();
            for other in TokenKind::ALL {
                let verdict = jwt.verify(other, token.expose(), NOW).map(|claims| claims.to_claims());
                let expected = if kind == other { Ok(claims()) } else { Err(TokenError::Kind) };
                assert_eq!(verdict, expected, "{algorithm} {kind:?} as {other:?}");
            }
        }
    }
}

#[test]
fn a_public_key_verifies_but_cannot_issue() {
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.is_symmetric()) {
        let key = key(algorithm);
        let verifier = crate::common::jwt(&verifying(&key));
        assert_eq!(verify(&verifier, &issue(&jwt(key))), Ok(()), "{algorithm}");
        assert!(verifier.sign(TokenKind::Access, &claims()).is_err());
    }
}

#[test]
fn a_token_of_one_algorithm_is_rejected_under_every_other() {
    let mut pairs = 0;
    for signing in Algorithm::ALL {
        for verifying in Algorithm::ALL.into_iter().filter(|verifying| *verifying != signing) {
            let token = issue(&jwt(key(signing).with_id("k").unwrap()));
            let verifier = jwt(key(verifying).with_id("k").unwrap());
            let verdict = |token: &str| verify(&verifier, token);
            assert_eq!(verdict(&token), Err(TokenError::Algorithm), "{signing} as {verifying}");
            // If the header names the algorithm of the key, the signature is not valid.
            let header = json!({"alg": verifying.name(), "typ": "at+jwt", "kid": "k"}).to_string();
            let renamed = format!("{}.{}", encode(header), token.split_once('.').unwrap().1);
            assert_eq!(verdict(&renamed), Err(TokenError::Signature), "{signing} as {verifying}");
            pairs += 1;
        }
    }
    assert_eq!(pairs, 132);
}

#[test]
fn an_ed25519_key_accepts_both_names_of_its_algorithm() {
    let jwt = jwt(key(Algorithm::EdDsa));
    let token = issue(&jwt);
    let (header, rest) = token.split_once('.').unwrap();
    let header = String::from_utf8(decode(header)).unwrap();
    assert!(header.contains(r#""alg":"EdDSA""#), "{header}");
    let verdict = |name| verify(&jwt, &format!("{}.{rest}", encode(header.replace("EdDSA", name))));
    // The name is accepted, but the changed header invalidates the signature.
    assert_eq!(verdict("Ed25519"), Err(TokenError::Signature));
    for name in ["ed25519", "Ed448", "EDDSA", "ES256", "none", ""] {
        assert_eq!(verdict(name), Err(TokenError::Algorithm), "{name}");
    }
}

#[test]
fn a_token_with_the_newer_name_of_ed25519_is_accepted() {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    let pair = Ed25519KeyPair::generate().unwrap();
    let public = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref()), "kid": "k"});
    let ring = KeyRing::verifying([VerifyingKey::from_jwk(&public.to_string()).unwrap()]).unwrap();
    let header = json!({"alg": "Ed25519", "typ": "at+jwt", "kid": "k"});
    let signed = format!("{}.{}", encode(header.to_string()), encode(payload()));
    let token = format!("{signed}.{}", encode(pair.sign(signed.as_bytes())));
    assert_eq!(verify(&crate::common::jwt(&ring), &token), Ok(()));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Tenant {
    tenant: u32,
}

fn with_extra(extra: &impl Serialize) -> Claims {
    claims().with_extra(ExtraObject::new(extra).unwrap())
}

#[test]
fn verified_claims_contain_those_of_the_application() {
    let ring = KeyRing::new(key(Algorithm::EdDsa));
    let jwt = Jwt::builder(ring).issuer(ISSUER).audience(AUDIENCE).with_cache(8).build().unwrap();
    let token = jwt.sign(TokenKind::Access, &with_extra(&Tenant { tenant: 7 })).unwrap();
    for _cached in [false, true] {
        let read = jwt.verify(TokenKind::Access, token.expose(), NOW).unwrap();
        assert_eq!((read.extra::<Tenant>().unwrap(), read.to_claims()), (Tenant { tenant: 7 }, claims()));
        assert_eq!(read.extra::<serde_json::Value>().unwrap(), json!({"tenant": 7}));
    }
    let without = jwt.verify(TokenKind::Access, &issue(&jwt), NOW).unwrap();
    assert!(without.extra::<Tenant>().is_err(), "the claim is missing");
    assert_eq!(without.extra::<serde_json::Value>().unwrap(), json!({}));
    let empty = jwt.sign(TokenKind::Access, &with_extra(&json!({}))).unwrap();
    assert_eq!(verify(&jwt, empty.expose()), Ok(()));
}

#[test]
fn the_time_and_the_methods_of_the_login_are_claims() {
    let jwt = jwt(key(Algorithm::EdDsa));
    let login = NOW.saturating_sub(Duration::from_secs(600));
    for methods in [&["pwd"][..], &["pwd", "otp"], &["hwk"], &[]] {
        let claims = claims().with_auth_time(login).with_amr(methods.iter().copied());
        let token = jwt.sign(TokenKind::Access, &claims).unwrap();
        let read = jwt.verify(TokenKind::Access, token.expose(), NOW).unwrap();
        assert_eq!(
            (read.auth_time(), read.amr(), read.to_claims()),
            (Some(login), claims.amr.as_slice(), claims.clone())
        );
        let payload: serde_json::Value =
            serde_json::from_slice(&decode(token.expose().split('.').nth(1).unwrap())).unwrap();
        assert_eq!(payload["auth_time"], json!(login.as_seconds()));
        assert_eq!(payload.get("amr"), (!methods.is_empty()).then(|| json!(methods)).as_ref());
    }
    let read = jwt.verify(TokenKind::Access, &issue(&jwt), NOW).unwrap();
    assert_eq!((read.auth_time(), read.amr().len()), (None, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_algorithm_rejects_any_change_of_one_byte(
        position in any::<proptest::sample::Index>(),
        byte in 1_u8..128,
    ) {
        for algorithm in Algorithm::ALL {
            let jwt = jwt(key(algorithm));
            let token = issue(&jwt);
            let changed = change_byte(&token, position, byte).unwrap();
            proptest::prop_assert_eq!(verify(&jwt, &changed).is_ok(), changed == token, "{}", algorithm);
        }
    }

    #[test]
    fn every_algorithm_verifies_the_claims_that_it_issued(
        subject in "[^\\p{Cc}]{1,30}",
        id in "\\PC{1,60}",
        scopes in proptest::collection::vec("[!#-\\[\\]-~]{1,12}", 0..6),
        session in any::<bool>(),
        epoch in proptest::option::of(any::<u64>()),
        issued in 0_u64..4_000_000_000,
        lifetime in 1_u64..86_400,
    ) {
        let issued = Timestamp::from_seconds(issued);
        let until = issued.saturating_add(Duration::from_secs(lifetime));
        let mut claims = Claims::new(UserId::new(subject).unwrap(), TokenId::new(id), issued, until)
            .with_scopes(Scopes::parse(&scopes.join(" ")).unwrap());
        claims.session = session.then(|| SessionId::generate(issued, &SystemRandom).unwrap());
        claims.epoch = epoch.map(Epoch::from_u64);
        for algorithm in Algorithm::ALL {
            let jwt = jwt(key(algorithm));
            let token = jwt.sign(TokenKind::Access, &claims).unwrap();
            let verified = jwt.verify(TokenKind::Access, token.expose(), issued).map(|read| read.to_claims());
            proptest::prop_assert_eq!(verified.as_ref(), Ok(&claims), "{}", algorithm);
        }
    }

    #[test]
    fn reading_a_key_never_panics(text in "\\PC{0,80}", junk in "[\\[\\]{}:,\"a-z0-9 -]{0,80}") {
        for text in [text, junk] {
            let _ = (VerifyingKey::from_jwk(&text), SigningKey::from_jwk(&text));
            let _ = gatewright_jwt::JwkSet::parse(&text);
            for algorithm in Algorithm::ALL {
                let pem = format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
                let _ = (VerifyingKey::from_pem(algorithm, &pem), SigningKey::from_pem(algorithm, &pem));
                let _ = SigningKey::from_secret(algorithm, text.as_bytes());
            }
        }
    }
}

#[test]
fn tokens_that_the_verifier_would_reject_are_not_issued() {
    let jwt = jwt(key(Algorithm::EdDsa));
    for kind in TokenKind::ALL {
        let mut long = claims();
        long.expires_at = NOW.saturating_add(kind.max_lifetime());
        assert!(jwt.verify(kind, jwt.sign(kind, &long).unwrap().expose(), NOW).is_ok(), "{kind:?}");
        long.expires_at = long.expires_at.saturating_add(Duration::from_secs(1));
        assert!(jwt.sign(kind, &long).is_err(), "{kind:?}");
        let mut without_id = claims();
        without_id.token_id = None;
        assert!(jwt.sign(kind, &without_id).is_err(), "{kind:?}");
        without_id.token_id = Some(TokenId::new(""));
        assert!(jwt.sign(kind, &without_id).is_err(), "{kind:?}");
    }
    let long_id = Claims::new(UserId::new("42").unwrap(), TokenId::new("x".repeat(8192)), NOW, NOW);
    assert!(jwt.sign(TokenKind::Access, &long_id).is_err());
}
