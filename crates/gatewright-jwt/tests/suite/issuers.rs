//! Several issuers: the verifier of the issuer that a token names decides, with its own keys and
//! audience.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use gatewright_core::{
    Epoch, Scopes, SessionId, Timestamp, TokenError, TokenIssuer, TokenKind, TokenVerifier, VerifiedClaims,
};
use gatewright_jwt::{Algorithm, IssuerVerifier, Issuers, Jwt, KeyRing};
use serde_json::{Value, json};

use crate::common::{
    AUDIENCE, ISSUER, NOW, claims, hs256_key, issue, key, key_with_id, sign, vectors, verify, verifying,
};

const OTHER: &str = "https://other.example";

/// A `Jwt` with a new key, whose id is the same for all issuers.
fn jwt(issuer: &str, audience: &str) -> Jwt {
    Jwt::builder(KeyRing::new(key_with_id("k"))).issuer(issuer).audience(audience).build().unwrap()
}

#[test]
fn each_issuer_has_its_own_keys_and_audience() {
    let (one, two) = (jwt(ISSUER, AUDIENCE), jwt(OTHER, "api"));
    // Its tokens name the first issuer, and its key has the same id.
    let forger = jwt(ISSUER, AUDIENCE);
    let tokens = [issue(&one), issue(&two), issue(&forger)];
    let unknown = issue(&jwt("https://unknown.example", AUDIENCE));
    let both = Issuers::new().with(one).unwrap().with(two).unwrap();
    let verdicts = tokens.each_ref().map(|token| verify(&both, token));
    assert_eq!(verdicts, [Ok(()), Ok(()), Err(TokenError::Signature)]);
    assert_eq!(verify(&both, &unknown), Err(TokenError::Issuer));
    assert_eq!(verify(&Issuers::new(), &tokens[0]), Err(TokenError::Issuer));
}

/// A verifier of the application's own that names this issuer.
struct Named(&'static str, Jwt);

impl TokenVerifier for Named {
    fn verify(
        &self,
        kind: TokenKind,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<VerifiedClaims>, TokenError> {
        self.1.verify(kind, token, now)
    }
}

impl IssuerVerifier for Named {
    fn issuer(&self) -> &str {
        self.0
    }
}

#[test]
fn a_verifier_only_gets_the_tokens_of_its_issuer() {
    let other = jwt(OTHER, AUDIENCE);
    assert_eq!(other.issuer(), OTHER);
    let issuers = Issuers::new().with(Arc::new(other)).unwrap();
    assert_eq!(verify(&issuers, &issue(&jwt(ISSUER, AUDIENCE))), Err(TokenError::Issuer));
}

#[test]
fn an_issuer_can_be_added_once_and_must_have_a_name() {
    let named = |name| Named(name, jwt(ISSUER, AUDIENCE));
    let one = || Issuers::new().with(named(ISSUER)).unwrap();
    assert!(one().with(named(OTHER)).is_ok());
    assert!(one().with(named(ISSUER)).is_err() && one().with_own(named(ISSUER)).is_err());
    assert!(Issuers::new().with(named("")).is_err());
}

/// A verifier of our own issuer and another one, and both issuers.
fn ours_and_theirs() -> (Issuers<Jwt>, Jwt, Jwt) {
    let (ours, theirs) = (jwt(ISSUER, AUDIENCE), jwt(OTHER, AUDIENCE));
    let verifier =
        |jwt: &Jwt| Jwt::builder(jwt.ring().clone()).issuer(jwt.issuer()).audience(AUDIENCE).build().unwrap();
    let issuers = Issuers::new().with_own(verifier(&ours)).unwrap();
    (issuers.with(verifier(&theirs)).unwrap(), ours, theirs)
}

#[test]
fn tokens_are_issued_by_the_applications_own_issuer() {
    let (issuers, ours, _) = ours_and_theirs();
    let claims = claims();
    let mut issue = issuers.issue(TokenKind::Access, &claims);
    let Poll::Ready(token) = issue.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("a `Jwt` signs at once");
    };
    let token = token.unwrap();
    assert_eq!(ours.verify(TokenKind::Access, token.expose(), NOW).unwrap().issuer(), ISSUER);
    assert_eq!(issuers.public_keys(), ours.public_keys());
    assert_eq!(issuers.derive_keys("label").len(), ours.derive_keys("label").len());
}

#[test]
fn the_same_subject_of_two_issuers_is_not_equal() {
    let (issuers, ours, theirs) = ours_and_theirs();
    let verified = |jwt: &Jwt| issuers.verify(TokenKind::Access, &issue(jwt), NOW).unwrap();
    let (own, other) = (verified(&ours), verified(&theirs));
    assert_eq!((own.issuer(), other.issuer()), (ISSUER, OTHER));
    assert_eq!(own.subject(), other.subject());
    assert_ne!(own, other);
}

#[test]
fn only_access_tokens_of_another_issuer_are_accepted_without_session() {
    let (issuers, ours, theirs) = ours_and_theirs();
    let full = claims()
        .with_session("018bcfe5-6800-7000-8000-000000000001".parse::<SessionId>().unwrap())
        .with_epoch(Epoch::from_u64(2));
    for kind in TokenKind::ALL {
        let verdict = |jwt: &Jwt| issuers.verify(kind, jwt.sign(kind, &full).unwrap().expose(), NOW);
        let own = verdict(&ours).unwrap();
        assert_eq!((own.session(), own.epoch()), (full.session, full.epoch), "{kind:?}");
        match (kind, verdict(&theirs)) {
            (TokenKind::Access, Ok(other)) => assert_eq!((other.session(), other.epoch()), (None, None)),
            (_, other) => assert_eq!(other, Err(TokenError::Kind), "{kind:?}"),
        }
    }
}

/// The verdict for a token of another issuer that also has this claim.
fn foreign(name: &str, value: &str) -> Result<Arc<VerifiedClaims>, TokenError> {
    let jwt = Jwt::builder(verifying(&hs256_key()))
        .issuer(OTHER)
        .audience(AUDIENCE)
        .of_another_issuer()
        .build()
        .unwrap();
    let rest = r#""sub":"42","jti":"1","iat":1700000000,"exp":1700000900"#;
    let payload = format!(r#"{{"iss":"{OTHER}","aud":"{AUDIENCE}",{rest},"{name}":{value}}}"#);
    let token = sign(r#"{"alg":"HS256","typ":"at+jwt","kid":"hs1"}"#, &payload);
    let verdict = jwt.verify(TokenKind::Access, &token, NOW);
    let issuers = Issuers::new().with(jwt).unwrap();
    assert_eq!(issuers.verify(TokenKind::Access, &token, NOW), verdict);
    verdict
}

#[test]
fn sid_epoch_and_scope_of_another_issuer_can_have_any_type() {
    let id = "018bcfe5-6800-7000-8000-000000000001".parse::<SessionId>().unwrap().to_string();
    for value in [&format!("\"{id}\""), "\"sess_123\"", "1", "null", "[\"a\"]", "{\"a\":1}"] {
        for name in ["sid", "epoch"] {
            let claims = foreign(name, value).unwrap();
            assert_eq!((claims.session(), claims.epoch()), (None, None), "{name} {value}");
        }
    }
    for value in ["[\"read\"]", "1", "null", "{\"a\":1}"] {
        assert_eq!(foreign("scope", value).unwrap().scopes(), &Scopes::default(), "{value}");
    }
    assert_eq!(foreign("scope", "\"re\\u0061d write\"").unwrap().scopes().as_str(), "read write");
    assert_eq!(foreign("scope", "{\"a\":1,\"a\":1}"), Err(TokenError::Duplicate));
    for name in ["sid", "epoch", "scope"] {
        assert_eq!(foreign(name, &format!("1,\"{name}\":1")), Err(TokenError::Duplicate), "{name}");
    }
}

#[test]
fn the_login_of_another_issuer_is_read_if_it_has_our_types() {
    for value in ["\"x\"", "null", "-1", "[1]", "{\"a\":1}"] {
        assert_eq!(foreign("auth_time", value).unwrap().auth_time(), None, "{value}");
        assert!(foreign("amr", value).unwrap().amr().is_empty(), "{value}");
    }
    assert_eq!(foreign("auth_time", "1700000000.0").unwrap().auth_time(), Some(NOW));
    assert_eq!(foreign("amr", "[ \"pwd\" ]").unwrap().amr(), ["pwd"]);
    assert_eq!(foreign("amr", "[\"mfa\", \"p\\u0077d\"]").unwrap().amr(), ["mfa", "pwd"]);
    for name in ["auth_time", "amr"] {
        assert_eq!(foreign(name, "{\"a\":1,\"a\":1}"), Err(TokenError::Duplicate), "{name}");
        assert_eq!(foreign(name, &format!("1,\"{name}\":1")), Err(TokenError::Duplicate), "{name}");
    }
}

#[test]
fn other_claims_of_another_issuer_are_read_on_demand() {
    let claims = foreign("groups", "[\"staff\"]").unwrap();
    assert_eq!(claims.extra::<Value>().unwrap(), json!({"groups": ["staff"]}));
}

#[test]
fn a_token_of_another_issuer_may_have_no_id() {
    let verdict = |foreign: bool, id: &str| {
        let builder = Jwt::builder(verifying(&hs256_key())).issuer(OTHER).audience(AUDIENCE);
        let builder = if foreign { builder.of_another_issuer() } else { builder };
        let rest = r#""sub":"42","iat":1700000000,"exp":1700000900"#;
        let payload = format!(r#"{{"iss":"{OTHER}","aud":"{AUDIENCE}",{rest}{id}}}"#);
        let token = sign(r#"{"alg":"HS256","typ":"at+jwt","kid":"hs1"}"#, &payload);
        let verified = builder.build().unwrap().verify(TokenKind::Access, &token, NOW);
        verified.map(|claims| claims.token_id().map(|id| id.as_str().to_owned()))
    };
    for id in ["", r#","jti":"""#] {
        assert_eq!(verdict(true, id), Ok(None));
        assert_eq!(verdict(false, id), Err(TokenError::ClaimMissing));
    }
    for foreign in [true, false] {
        assert_eq!(verdict(foreign, r#","jti":"1""#), Ok(Some("1".to_owned())));
        assert_eq!(verdict(foreign, r#","jti":1"#), Err(TokenError::ClaimType));
    }
}

#[test]
fn a_ring_that_signs_cannot_be_of_another_issuer() {
    let builder = Jwt::builder(KeyRing::new(key(Algorithm::EdDsa)))
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .of_another_issuer();
    assert_eq!(builder.build().unwrap_err().setting, "issuer");
}

#[test]
fn hostile_tokens_get_the_verdict_of_their_issuers_verifier() {
    let jwt = || crate::common::jwt(&KeyRing::new(hs256_key()));
    let (issuers, alone) = (Issuers::new().with_own(jwt()).unwrap(), jwt());
    for vector in vectors() {
        let verdict = verify(&issuers, vector.token).is_ok();
        assert_eq!(verdict, verify(&alone, vector.token).is_ok(), "{}", vector.id);
    }
}
