//! Several issuers: the one a token names judges it, with its own keys and audience.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod common;

use std::sync::Arc;

use common::{AUDIENCE, ISSUER, NOW, claims, encode, hostile, key};
use gatewright_core::{
    Epoch, Scopes, SessionId, Timestamp, TokenIssuer, TokenKind, TokenRefusal, TokenVerifier, VerifiedClaims,
};
use gatewright_jwt::{Algorithm, IssuerVerifier, Issuers, Jwt, KeyRing, SigningKey};
use serde_json::{Value, json};

const OTHER: &str = "https://other.example";

/// Both issuers' keys have the same id.
fn jwt(issuer: &str, audience: &str, key: SigningKey) -> Jwt {
    Jwt::builder(KeyRing::new(key.with_id("k").unwrap()), issuer, audience).build().unwrap()
}

#[test]
fn each_issuer_is_believed_under_its_own_keys_and_audience_alone() {
    let (one, two) = (key(Algorithm::EdDsa), key(Algorithm::Es256));
    let (one, two) = (jwt(ISSUER, AUDIENCE, one), jwt(OTHER, "api", two));
    // Somebody whose key has the same id says to be the first issuer.
    let liar = jwt(ISSUER, AUDIENCE, key(Algorithm::EdDsa));
    let issue = |jwt: &Jwt| jwt.issue(TokenKind::Access, &claims()).unwrap().expose().to_owned();
    let tokens = [issue(&one), issue(&two), issue(&liar)];
    let stranger = issue(&jwt("https://stranger.example", AUDIENCE, key(Algorithm::EdDsa)));
    let both = Issuers::new().with(one).unwrap().with(two).unwrap();
    let verdict = |token: &str| both.verify(TokenKind::Access, token, NOW).map(drop);
    assert_eq!(tokens.each_ref().map(|token| verdict(token)), [Ok(()), Ok(()), Err(TokenRefusal::Signature)]);
    assert_eq!(verdict(&stranger), Err(TokenRefusal::Issuer));
    assert_eq!(Issuers::new().verify(TokenKind::Access, &tokens[0], NOW), Err(TokenRefusal::Issuer));
}

/// A verifier of the application's own making.
struct Named(&'static str, Jwt);

impl TokenVerifier for Named {
    fn verify(&self, kind: TokenKind, token: &str, now: Timestamp) -> Result<VerifiedClaims, TokenRefusal> {
        self.1.verify(kind, token, now)
    }
}

impl IssuerVerifier for Named {
    fn issuer(&self) -> &str {
        self.0
    }
}

#[test]
fn a_verifier_is_asked_for_the_tokens_of_its_issuer_alone() {
    let other = jwt(OTHER, AUDIENCE, key(Algorithm::EdDsa));
    assert_eq!(other.issuer(), OTHER);
    let token = jwt(ISSUER, AUDIENCE, key(Algorithm::EdDsa)).issue(TokenKind::Access, &claims()).unwrap();
    let issuers = Issuers::new().with(Arc::new(other)).unwrap();
    assert_eq!(issuers.verify(TokenKind::Access, token.expose(), NOW), Err(TokenRefusal::Issuer));
}

#[test]
fn an_issuer_is_added_once_and_has_a_name() {
    let named = |name| Named(name, jwt(ISSUER, AUDIENCE, key(Algorithm::EdDsa)));
    let one = || Issuers::new().with(named(ISSUER)).unwrap();
    assert!(one().with(named(OTHER)).is_ok());
    assert!(one().with(named(ISSUER)).is_err() && one().with_own(named(ISSUER)).is_err());
    assert!(Issuers::new().with(named("")).is_err());
    let own = Issuers::new().with_own(named(ISSUER)).unwrap();
    assert!(own.with_own(named(OTHER)).is_err(), "one issuer is the application's own");
}

/// Ours and a partner's, and what each issues.
fn ours_and_theirs() -> (Issuers, Jwt, Jwt) {
    let (ours, theirs) =
        (key(Algorithm::EdDsa).with_id("k").unwrap(), key(Algorithm::EdDsa).with_id("k").unwrap());
    let (ours, theirs) = (KeyRing::new(ours), KeyRing::new(theirs));
    let build = |ring: &KeyRing, name| Jwt::builder(ring.clone(), name, AUDIENCE).build().unwrap();
    let issuers = Issuers::new().with_own(build(&ours, ISSUER)).unwrap();
    let issuers = issuers.with(build(&theirs, OTHER)).unwrap();
    (issuers, build(&ours, ISSUER), build(&theirs, OTHER))
}

#[test]
fn one_subject_of_two_issuers_is_two() {
    let (issuers, ours, theirs) = ours_and_theirs();
    let verified = |jwt: &Jwt| {
        let token = jwt.issue(TokenKind::Access, &claims()).unwrap();
        issuers.verify(TokenKind::Access, token.expose(), NOW).unwrap()
    };
    let (own, other) = (verified(&ours), verified(&theirs));
    assert_eq!((own.issuer(), other.issuer()), (ISSUER, OTHER));
    assert_eq!(own.subject, other.subject);
    assert_ne!(own, other);
}

#[test]
fn of_another_issuer_access_tokens_alone_are_believed_and_none_has_a_session() {
    let (issuers, ours, theirs) = ours_and_theirs();
    let full = claims()
        .with_session("018bcfe5-6800-7000-8000-000000000001".parse::<SessionId>().unwrap())
        .with_epoch(Epoch::from_u64(2));
    for kind in TokenKind::ALL {
        let verdict = |jwt: &Jwt| issuers.verify(kind, jwt.issue(kind, &full).unwrap().expose(), NOW);
        let own = verdict(&ours).unwrap();
        assert_eq!((own.session, own.epoch), (full.session, full.epoch), "{kind:?}");
        match (kind, verdict(&theirs)) {
            (TokenKind::Access, Ok(other)) => assert_eq!((other.session, other.epoch), (None, None)),
            (_, other) => assert_eq!(other, Err(TokenRefusal::Kind), "{kind:?}"),
        }
    }
}

const SECRET: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

/// What is said to a token of another issuer that has this claim too.
fn foreign(name: &str, value: &str) -> Result<VerifiedClaims, TokenRefusal> {
    let signing = SigningKey::from_secret(Algorithm::Hs256, SECRET).unwrap().with_id("k").unwrap();
    let ring = KeyRing::verifying([signing.verifying_key().clone()]).unwrap();
    let jwt = Jwt::builder(ring, OTHER, AUDIENCE).of_another_issuer().build().unwrap();
    let rest = r#""sub":"42","jti":"1","iat":1700000000,"exp":1700000900"#;
    let payload = format!(r#"{{"iss":"{OTHER}","aud":"{AUDIENCE}",{rest},"{name}":{value}}}"#);
    let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": "k"}).to_string();
    let signed = format!("{}.{}", encode(header), encode(payload));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET);
    let token = format!("{signed}.{}", encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes())));
    let verdict = jwt.verify(TokenKind::Access, &token, NOW);
    let with = jwt.verify_with::<Value>(TokenKind::Access, &token, NOW).map(|read| read.claims);
    assert_eq!(verdict, with);
    let both = Issuers::new().with(jwt).unwrap();
    assert_eq!(both.verify(TokenKind::Access, &token, NOW), verdict);
    verdict
}

#[test]
fn what_another_issuer_means_by_sid_epoch_and_scope_refuses_no_token() {
    let id = "018bcfe5-6800-7000-8000-000000000001".parse::<SessionId>().unwrap().to_string();
    for value in [&format!("\"{id}\""), "\"sess_123\"", "1", "null", "[\"a\"]", "{\"a\":1}"] {
        for name in ["sid", "epoch"] {
            let claims = foreign(name, value).unwrap();
            assert_eq!((claims.session, claims.epoch), (None, None), "{name} {value}");
        }
    }
    for value in ["[\"read\"]", "1", "null", "{\"a\":1}"] {
        assert_eq!(foreign("scope", value).unwrap().scopes, Scopes::default(), "{value}");
    }
    assert_eq!(foreign("scope", "\"re\\u0061d write\"").unwrap().scopes.as_str(), "read write");
    assert_eq!(foreign("scope", "{\"a\":1,\"a\":1}"), Err(TokenRefusal::Duplicate));
    for name in ["sid", "epoch", "scope"] {
        assert_eq!(foreign(name, &format!("1,\"{name}\":1")), Err(TokenRefusal::Duplicate), "{name}");
    }
}

#[test]
fn a_ring_that_signs_is_of_no_other_issuer() {
    let builder = Jwt::builder(KeyRing::new(key(Algorithm::EdDsa)), ISSUER, AUDIENCE).of_another_issuer();
    assert_eq!(builder.build().unwrap_err().setting, "issuer");
}

#[test]
fn hostile_tokens_get_the_verdict_of_their_issuers_verifier() {
    let plain = || {
        let key = SigningKey::from_secret(Algorithm::Hs256, b"0123456789abcdef0123456789abcdef").unwrap();
        let ring = KeyRing::new(key.with_id("hs1").unwrap());
        Jwt::builder(ring, ISSUER, AUDIENCE).build().unwrap()
    };
    let issuers = Issuers::new().with_own(plain()).unwrap();
    let file = hostile();
    let mut ran = 0;
    for vector in file["vectors"].as_array().unwrap() {
        let token = vector["token"].as_str().unwrap();
        let verdict = issuers.verify(TokenKind::Access, token, NOW).is_ok();
        assert_eq!(verdict, plain().verify(TokenKind::Access, token, NOW).is_ok(), "{}", vector["id"]);
        ran += 1;
    }
    assert_eq!(ran, 150);
}
