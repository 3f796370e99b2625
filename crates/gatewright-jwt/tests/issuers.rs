//! Several issuers: the one a token names judges it, with its own keys and audience.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod common;

use common::{AUDIENCE, ISSUER, NOW, claims, hostile, key};
use gatewright_core::{TokenIssuer, TokenKind, TokenRefusal, TokenVerifier};
use gatewright_jwt::{Algorithm, Issuers, Jwt, KeyRing, SigningKey};

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
    let both = Issuers::new().with(ISSUER, one).unwrap().with(OTHER, two).unwrap();
    let verdict = |token: &str| both.verify(TokenKind::Access, token, NOW).map(drop);
    assert_eq!(tokens.each_ref().map(|token| verdict(token)), [Ok(()), Ok(()), Err(TokenRefusal::Signature)]);
    assert_eq!(verdict(&stranger), Err(TokenRefusal::Issuer));
    assert_eq!(Issuers::new().verify(TokenKind::Access, &tokens[0], NOW), Err(TokenRefusal::Issuer));
}

#[test]
fn a_verifier_added_under_a_wrong_name_believes_nothing() {
    let own = jwt(OTHER, AUDIENCE, key(Algorithm::EdDsa));
    let token = jwt(ISSUER, AUDIENCE, key(Algorithm::EdDsa)).issue(TokenKind::Access, &claims()).unwrap();
    let issuers = Issuers::new().with(ISSUER, own).unwrap();
    assert!(issuers.verify(TokenKind::Access, token.expose(), NOW).is_err());
}

#[test]
fn an_issuer_is_added_once_and_has_a_name() {
    let add = |issuers: Issuers, name: &str| issuers.with(name, jwt(ISSUER, AUDIENCE, key(Algorithm::EdDsa)));
    assert!(add(add(Issuers::new(), ISSUER).unwrap(), ISSUER).is_err());
    assert!(add(Issuers::new(), "").is_err());
}

#[test]
fn hostile_tokens_get_the_verdict_of_their_issuers_verifier() {
    let plain = || {
        let key = SigningKey::from_secret(Algorithm::Hs256, b"0123456789abcdef0123456789abcdef").unwrap();
        let ring = KeyRing::new(key.with_id("hs1").unwrap());
        Jwt::builder(ring, ISSUER, AUDIENCE).build().unwrap()
    };
    let issuers = Issuers::new().with(ISSUER, plain()).unwrap();
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
