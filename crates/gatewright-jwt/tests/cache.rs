//! The cache of verified tokens changes how long a verdict takes, and no verdict.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod common;

use std::thread;
use std::time::Duration;

use common::{AUDIENCE, ISSUER, NOW, claims, hostile, key};
use gatewright_core::{Timestamp, TokenId, TokenIssuer, TokenKind, TokenRefusal, TokenVerifier};
use gatewright_jwt::{Algorithm, Jwt, KeyRing, MAX_CACHE_TOKENS, SigningKey};
use proptest::prelude::{any, proptest};

fn named(id: &str) -> SigningKey {
    key(Algorithm::EdDsa).with_id(id).unwrap()
}

fn cached(ring: &KeyRing) -> Jwt {
    Jwt::builder(ring.clone(), ISSUER, AUDIENCE).with_cache(64).build().unwrap()
}

fn issue(jwt: &Jwt, id: &str) -> String {
    let mut claims = claims();
    claims.token_id = TokenId::new(id);
    jwt.issue(TokenKind::Access, &claims).unwrap().expose().to_owned()
}

fn at(jwt: &Jwt, token: &str, now: Timestamp) -> Result<(), TokenRefusal> {
    jwt.verify(TokenKind::Access, token, now).map(drop)
}

#[test]
fn a_remembered_token_gives_the_same_claims_and_expires_on_time() {
    let jwt = cached(&KeyRing::new(named("a")));
    let token = issue(&jwt, "1");
    let first = jwt.verify(TokenKind::Access, &token, NOW).unwrap();
    assert_eq!(jwt.verify(TokenKind::Access, &token, NOW).unwrap(), first);
    let last = claims().expires_at.saturating_sub(Duration::from_micros(1));
    assert_eq!(at(&jwt, &token, last), Ok(()));
    assert_eq!(at(&jwt, &token, claims().expires_at), Err(TokenRefusal::Expired));
    assert_eq!(at(&jwt, &token, claims().expires_at), Err(TokenRefusal::Expired));
    // A clock that steps back is believed again, as without a cache; and it may step too far.
    assert_eq!(at(&jwt, &token, NOW), Ok(()));
    assert_eq!(at(&jwt, &token, NOW.saturating_sub(Duration::from_secs(6))), Err(TokenRefusal::Immature));
}

#[test]
fn a_maximum_age_is_judged_at_each_use() {
    let ring = KeyRing::new(named("a"));
    let jwt = Jwt::builder(ring, ISSUER, AUDIENCE).with_cache(4).with_max_age(Duration::from_secs(10));
    let jwt = jwt.build().unwrap();
    let token = issue(&jwt, "1");
    assert_eq!(at(&jwt, &token, NOW.saturating_add(Duration::from_secs(10))), Ok(()));
    assert_eq!(at(&jwt, &token, NOW.saturating_add(Duration::from_secs(11))), Err(TokenRefusal::Age));
}

#[test]
fn a_remembered_token_is_of_no_other_kind() {
    let jwt = cached(&KeyRing::new(named("a")));
    let token = issue(&jwt, "1");
    for _ in 0..2 {
        assert_eq!(at(&jwt, &token, NOW), Ok(()));
        for kind in [TokenKind::Refresh, TokenKind::EmailVerification, TokenKind::PasswordReset] {
            assert_eq!(jwt.verify(kind, &token, NOW), Err(TokenRefusal::Kind));
        }
    }
}

#[test]
fn a_retired_keys_tokens_are_forgotten() {
    let ring = KeyRing::new(named("a"));
    let jwt = cached(&ring);
    let token = issue(&jwt, "1");
    assert_eq!(at(&jwt, &token, NOW), Ok(()));
    ring.publish(named("b")).unwrap();
    ring.activate("b").unwrap();
    assert_eq!(at(&jwt, &token, NOW), Ok(()));
    ring.retire("a").unwrap();
    assert_eq!(at(&jwt, &token, NOW), Err(TokenRefusal::Key));
    // Another key of the retired one's name does not bring its tokens back.
    ring.publish(named("a")).unwrap();
    assert_eq!(at(&jwt, &token, NOW), Err(TokenRefusal::Signature));
    let token = issue(&jwt, "2");
    assert_eq!(at(&jwt, &token, NOW), Ok(()));
    ring.reload(&KeyRing::new(named("b"))).unwrap();
    assert_eq!(at(&jwt, &token, NOW), Err(TokenRefusal::Signature));
}

#[test]
fn a_cache_has_bounds() {
    let build = |tokens| Jwt::builder(KeyRing::new(named("a")), ISSUER, AUDIENCE).with_cache(tokens).build();
    for tokens in [0, MAX_CACHE_TOKENS + 1, usize::MAX] {
        assert_eq!(build(tokens).unwrap_err().setting, "cache");
    }
    let jwt = build(4).unwrap();
    for id in 0..50 {
        let token = issue(&jwt, &id.to_string());
        assert_eq!((at(&jwt, &token, NOW), at(&jwt, &token, NOW)), (Ok(()), Ok(())));
    }
    assert_eq!(at(&jwt, &"A".repeat(100_000), NOW), Err(TokenRefusal::Size));
}

#[test]
fn hostile_tokens_get_their_verdicts_twice() {
    let key = SigningKey::from_secret(Algorithm::Hs256, b"0123456789abcdef0123456789abcdef").unwrap();
    let ring = KeyRing::new(key.with_id("hs1").unwrap());
    let (with, without) = (cached(&ring), Jwt::builder(ring, ISSUER, AUDIENCE).build().unwrap());
    let file = hostile();
    let mut ran = 0;
    for _ in 0..2 {
        for vector in file["vectors"].as_array().unwrap() {
            let token = vector["token"].as_str().unwrap();
            assert_eq!(at(&with, token, NOW), at(&without, token, NOW), "{}", vector["id"]);
            ran += 1;
        }
    }
    assert_eq!(ran, 300);
}

#[test]
fn many_threads_share_a_small_cache() {
    let jwt = cached(&KeyRing::new(named("a")));
    let tokens: Vec<String> = (0..100).map(|id| issue(&jwt, &id.to_string())).collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (id, token) in tokens.iter().enumerate() {
                    let claims = jwt.verify(TokenKind::Access, token, NOW).unwrap();
                    assert_eq!(claims.token_id.as_str(), id.to_string());
                }
            });
        }
    });
}

proptest! {
    #[test]
    fn any_change_of_a_remembered_token_is_refused(at in any::<proptest::sample::Index>(), byte in 1_u8..128) {
        let jwt = cached(&KeyRing::new(named("a")));
        let token = issue(&jwt, "1");
        assert!(jwt.verify(TokenKind::Access, &token, NOW).is_ok());
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let changed = String::from_utf8(bytes).unwrap();
        let verdict = jwt.verify(TokenKind::Access, &changed, NOW);
        proptest::prop_assert_eq!(verdict.is_ok(), changed == token);
    }
}
