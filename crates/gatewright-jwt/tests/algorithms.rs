//! Every algorithm signs and verifies, and no key is believed for another's token.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod common;

use common::{AUDIENCE, ISSUER, NOW, claims, decode, encode, key};
use gatewright_core::{
    Claims, Epoch, Scopes, SessionId, SystemRandomness, Timestamp, TokenId, TokenIssuer, TokenKind,
    TokenRefusal, TokenVerifier, UserId,
};
use gatewright_jwt::{Algorithm, Jwt, KeyRing, SigningKey, VerifyingKey};
use proptest::prelude::{ProptestConfig, any, proptest};
use serde::{Deserialize, Serialize};
use serde_json::json;

fn jwt(key: SigningKey) -> Jwt {
    Jwt::builder(KeyRing::new(key), ISSUER, AUDIENCE).build().unwrap()
}

#[test]
fn what_is_issued_is_what_is_verified_for_every_algorithm_and_kind() {
    for algorithm in Algorithm::ALL {
        let jwt = jwt(key(algorithm));
        for kind in TokenKind::ALL {
            let token = jwt.issue(kind, &claims()).unwrap();
            for other in TokenKind::ALL {
                let verdict = jwt.verify(other, token.expose(), NOW).map(|claims| claims.into_claims());
                let expected = if kind == other { Ok(claims()) } else { Err(TokenRefusal::Kind) };
                assert_eq!(verdict, expected, "{algorithm} {kind:?} as {other:?}");
            }
        }
    }
}

#[test]
fn a_verifier_of_the_public_key_alone_believes_the_same_tokens_and_cannot_issue() {
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.is_symmetric()) {
        let key = key(algorithm);
        let ring = KeyRing::verifying([key.verifying_key().clone()]).unwrap();
        let verifier = Jwt::builder(ring, ISSUER, AUDIENCE).build().unwrap();
        let token = jwt(key).issue(TokenKind::Access, &claims()).unwrap();
        assert!(verifier.verify(TokenKind::Access, token.expose(), NOW).is_ok(), "{algorithm}");
        assert!(verifier.issue(TokenKind::Access, &claims()).is_err());
    }
}

#[test]
fn a_signature_of_one_algorithm_is_refused_by_the_same_key_under_another() {
    let mut pairs = 0;
    for signing in Algorithm::ALL {
        for verifying in Algorithm::ALL.into_iter().filter(|verifying| *verifying != signing) {
            let same_id = key(verifying).with_id("k").unwrap();
            let token = jwt(key(signing).with_id("k").unwrap()).issue(TokenKind::Access, &claims()).unwrap();
            let verifier = jwt(same_id);
            let refusal = |token: &str| verifier.verify(TokenKind::Access, token, NOW).unwrap_err();
            assert_eq!(refusal(token.expose()), TokenRefusal::Algorithm, "{signing} as {verifying}");
            // And when the header lies about it:
            let header = json!({"alg": verifying.name(), "typ": "at+jwt", "kid": "k"}).to_string();
            let rest = token.expose().split_once('.').unwrap().1;
            let lied = format!("{}.{rest}", encode(header));
            assert_eq!(refusal(&lied), TokenRefusal::Signature, "{signing} claimed to be {verifying}");
            pairs += 1;
        }
    }
    assert_eq!(pairs, 132);
}

#[test]
fn ed25519_is_read_under_both_its_names_and_only_of_an_ed25519_key() {
    let own = key(Algorithm::EdDsa).with_id("k").unwrap();
    let verifier = jwt(own);
    let token = verifier.issue(TokenKind::Access, &claims()).unwrap();
    let header = String::from_utf8(decode(token.expose().split_once('.').unwrap().0)).unwrap();
    assert!(header.contains(r#""alg":"EdDSA""#), "{header}");
    let renamed = |name: &str| encode(header.replace("EdDSA", name));
    // The header is signed: a renamed one is found by its key and fails for its signature, not its name.
    let rest = token.expose().split_once('.').unwrap().1;
    let refusal =
        |name| verifier.verify(TokenKind::Access, &format!("{}.{rest}", renamed(name)), NOW).unwrap_err();
    assert_eq!(refusal("Ed25519"), TokenRefusal::Signature);
    for name in ["ed25519", "Ed448", "EDDSA", "ES256", "none", ""] {
        assert_eq!(refusal(name), TokenRefusal::Algorithm, "{name}");
    }
}

#[test]
fn a_token_signed_under_the_newer_name_of_ed25519_is_believed() {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    let pair = Ed25519KeyPair::generate().unwrap();
    let public = json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref()), "kid": "k"});
    let ring = KeyRing::verifying([VerifyingKey::from_jwk(&public.to_string()).unwrap()]).unwrap();
    let verifier = Jwt::builder(ring, ISSUER, AUDIENCE).build().unwrap();
    let payload = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "42", "jti": "1", "iat": 1_700_000_000, "exp": 1_700_000_900});
    let header = json!({"alg": "Ed25519", "typ": "at+jwt", "kid": "k"});
    let signed = format!("{}.{}", encode(header.to_string()), encode(payload.to_string()));
    let token = format!("{signed}.{}", encode(pair.sign(signed.as_bytes())));
    assert!(verifier.verify(TokenKind::Access, &token, NOW).is_ok());
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Tenant {
    tenant: u32,
}

#[test]
fn claims_of_the_applications_own_travel_beside_the_others() {
    let jwt = jwt(key(Algorithm::EdDsa));
    let token = jwt.issue_with(TokenKind::Access, &claims(), &Tenant { tenant: 7 }).unwrap();
    let read = jwt.verify_with::<Tenant>(TokenKind::Access, token.expose(), NOW).unwrap();
    assert_eq!((read.extension, read.claims.into_claims()), (Tenant { tenant: 7 }, claims()));
    // Whoever does not ask for them ignores them; whoever asks for others is told.
    assert!(jwt.verify(TokenKind::Access, token.expose(), NOW).is_ok());
    let plain = jwt.issue(TokenKind::Access, &claims()).unwrap();
    let verdict = jwt.verify_with::<Tenant>(TokenKind::Access, plain.expose(), NOW).map(drop);
    assert_eq!(verdict, Err(TokenRefusal::ClaimType));
    // They are not read from a token that is refused.
    let verdict = jwt.verify_with::<Tenant>(TokenKind::Refresh, token.expose(), NOW).map(drop);
    assert_eq!(verdict, Err(TokenRefusal::Kind));
    let verdict = jwt.verify_with::<Tenant>(TokenKind::Access, token.expose(), claims().expires_at).map(drop);
    assert_eq!(verdict, Err(TokenRefusal::Expired));
}

#[test]
fn an_extension_cannot_name_a_claim_that_is_not_its_own() {
    let jwt = jwt(key(Algorithm::EdDsa));
    for name in ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid", "epoch", "scope", "cnf"] {
        let extension = json!({ name: "x" });
        assert!(jwt.issue_with(TokenKind::Access, &claims(), &extension).is_err(), "{name}");
    }
    for extension in [json!([]), json!(null), json!("x"), json!(1)] {
        assert!(jwt.issue_with(TokenKind::Access, &claims(), &extension).is_err(), "{extension}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_one_byte_change_is_refused_by_every_algorithm(
        position in any::<proptest::sample::Index>(),
        byte in 1_u8..128,
    ) {
        for algorithm in Algorithm::ALL {
            let jwt = jwt(key(algorithm));
            let token = jwt.issue(TokenKind::Access, &claims()).unwrap().expose().to_owned();
            let mut bytes = token.clone().into_bytes();
            let at = position.index(bytes.len());
            bytes[at] = byte;
            let changed = String::from_utf8(bytes).unwrap();
            let verdict = jwt.verify(TokenKind::Access, &changed, NOW);
            proptest::prop_assert_eq!(verdict.is_ok(), changed == token, "{} at {}", algorithm, at);
        }
    }

    #[test]
    fn whatever_is_issued_is_verified_as_it_was_by_every_algorithm(
        subject in "[^\\p{Cc}]{1,30}",
        id in "\\PC{1,60}",
        scopes in proptest::collection::vec("[!#-\\[\\]-~]{1,12}", 0..6),
        session in any::<bool>(),
        epoch in proptest::option::of(any::<u64>()),
        issued in 0_u64..4_000_000_000,
        lives in 1_u64..86_400,
    ) {
        let issued = Timestamp::from_seconds(issued);
        let until = issued.saturating_add(std::time::Duration::from_secs(lives));
        let mut claims = Claims::new(UserId::new(subject).unwrap(), TokenId::new(id), issued, until)
            .with_scopes(Scopes::parse(&scopes.join(" ")).unwrap());
        claims.session = session.then(|| SessionId::generate(issued, &SystemRandomness).unwrap());
        claims.epoch = epoch.map(Epoch::from_u64);
        for algorithm in Algorithm::ALL {
            let jwt = jwt(key(algorithm));
            let token = jwt.issue(TokenKind::Access, &claims).unwrap();
            let verified = jwt.verify(TokenKind::Access, token.expose(), issued).map(|own| own.into_claims());
            proptest::prop_assert_eq!(verified.as_ref(), Ok(&claims), "{}", algorithm);
        }
    }

    #[test]
    fn no_text_makes_a_key_reader_panic(text in "\\PC{0,80}", junk in "[\\[\\]{}:,\"a-z0-9 -]{0,80}") {
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
fn what_its_own_verifier_would_refuse_is_not_issued() {
    let jwt = Jwt::builder(KeyRing::new(key(Algorithm::EdDsa)), ISSUER, AUDIENCE).build().unwrap();
    for kind in TokenKind::ALL {
        let mut long = claims();
        long.expires_at = NOW.saturating_add(kind.max_lifetime());
        assert!(jwt.verify(kind, jwt.issue(kind, &long).unwrap().expose(), NOW).is_ok(), "{kind:?}");
        long.expires_at = long.expires_at.saturating_add(std::time::Duration::from_secs(1));
        assert!(jwt.issue(kind, &long).is_err(), "{kind:?}");
        let mut nameless = claims();
        nameless.token_id = TokenId::new("");
        assert!(jwt.issue(kind, &nameless).is_err(), "{kind:?}");
    }
    let mut value = serde_json::json!(1);
    for depth in 0..40 {
        value = serde_json::json!([value]);
        let extension = serde_json::json!({ "x": value });
        if let Ok(token) = jwt.issue_with(TokenKind::Access, &claims(), &extension) {
            assert!(jwt.verify(TokenKind::Access, token.expose(), NOW).is_ok(), "{depth}");
        } else {
            assert!(depth >= 32, "{depth}");
        }
    }
    let deep = jwt.issue_with(TokenKind::Access, &claims(), &serde_json::json!({ "x": value }));
    let large = serde_json::json!({"x": "x".repeat(8192)});
    assert!(deep.is_err() && jwt.issue_with(TokenKind::Access, &claims(), &large).is_err());
}
