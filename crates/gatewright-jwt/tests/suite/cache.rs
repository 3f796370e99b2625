//! The cache of verified tokens: it saves time and changes no verdict.

use std::thread;
use std::time::Duration;

use gatewright_core::{Timestamp, TokenError, TokenId, TokenKind, TokenVerifier};
use gatewright_jwt::{Jwt, KeyRing, MAX_CACHE_TOKENS};
use proptest::prelude::{any, proptest};

use crate::common::{AUDIENCE, ISSUER, NOW, change_byte, claims, hs256_key, key_with_id, vectors, verify};

fn cached(ring: &KeyRing) -> Jwt {
    Jwt::builder(ring.clone()).issuer(ISSUER).audience(AUDIENCE).with_cache(64).build().unwrap()
}

/// An access token with this `jti`.
fn issue(jwt: &Jwt, id: &str) -> String {
    let mut claims = claims();
    claims.token_id = Some(TokenId::new(id));
    jwt.sign(TokenKind::Access, &claims).unwrap().expose().to_owned()
}

fn verify_at(jwt: &Jwt, token: &str, now: Timestamp) -> Result<(), TokenError> {
    jwt.verify(TokenKind::Access, token, now).map(drop)
}

#[test]
fn a_cached_token_has_the_same_claims_and_expires_on_time() {
    let jwt = cached(&KeyRing::new(key_with_id("a")));
    let token = issue(&jwt, "1");
    let first = jwt.verify(TokenKind::Access, &token, NOW).unwrap();
    assert_eq!(jwt.verify(TokenKind::Access, &token, NOW).unwrap(), first);
    let last = claims().expires_at.saturating_sub(Duration::from_micros(1));
    assert_eq!(verify_at(&jwt, &token, last), Ok(()));
    assert_eq!(verify_at(&jwt, &token, claims().expires_at), Err(TokenError::Expired));
    assert_eq!(verify_at(&jwt, &token, claims().expires_at), Err(TokenError::Expired));
    // After the clock is set back, the verdict is the same as without a cache.
    assert_eq!(verify(&jwt, &token), Ok(()));
    let early = NOW.saturating_sub(Duration::from_secs(6));
    assert_eq!(verify_at(&jwt, &token, early), Err(TokenError::Immature));
}

#[test]
fn the_maximum_age_is_checked_at_each_use() {
    let ring = KeyRing::new(key_with_id("a"));
    let jwt = Jwt::builder(ring)
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .with_cache(4)
        .with_max_age(Duration::from_secs(10));
    let jwt = jwt.build().unwrap();
    let token = issue(&jwt, "1");
    assert_eq!(verify_at(&jwt, &token, NOW.saturating_add(Duration::from_secs(10))), Ok(()));
    assert_eq!(verify_at(&jwt, &token, NOW.saturating_add(Duration::from_secs(11))), Err(TokenError::Age));
}

#[test]
fn a_cached_token_is_rejected_as_another_kind() {
    let jwt = cached(&KeyRing::new(key_with_id("a")));
    let token = issue(&jwt, "1");
    for _ in 0..2 {
        assert_eq!(verify(&jwt, &token), Ok(()));
        for kind in [TokenKind::Refresh, TokenKind::EmailVerification, TokenKind::PasswordReset] {
            assert_eq!(jwt.verify(kind, &token, NOW), Err(TokenError::Kind));
        }
    }
}

#[test]
fn retiring_a_key_invalidates_its_cached_tokens() {
    let ring = KeyRing::new(key_with_id("a"));
    let jwt = cached(&ring);
    let token = issue(&jwt, "1");
    assert_eq!(verify(&jwt, &token), Ok(()));
    ring.publish(key_with_id("b")).unwrap();
    ring.activate("b").unwrap();
    assert_eq!(verify(&jwt, &token), Ok(()));
    ring.retire("a").unwrap();
    assert_eq!(verify(&jwt, &token), Err(TokenError::Key));
    // Another key with the id of the retired one does not make its tokens valid again.
    ring.publish(key_with_id("a")).unwrap();
    assert_eq!(verify(&jwt, &token), Err(TokenError::Signature));
    let token = issue(&jwt, "2");
    assert_eq!(verify(&jwt, &token), Ok(()));
    ring.reload(&KeyRing::new(key_with_id("b"))).unwrap();
    assert_eq!(verify(&jwt, &token), Err(TokenError::Signature));
}

#[test]
fn the_capacity_of_a_cache_is_limited() {
    let build = |tokens| {
        Jwt::builder(KeyRing::new(key_with_id("a")))
            .issuer(ISSUER)
            .audience(AUDIENCE)
            .with_cache(tokens)
            .build()
    };
    for tokens in [0, MAX_CACHE_TOKENS + 1, usize::MAX] {
        assert_eq!(build(tokens).unwrap_err().setting, "cache");
    }
    let jwt = build(4).unwrap();
    for id in 0..50 {
        let token = issue(&jwt, &id.to_string());
        assert_eq!((verify(&jwt, &token), verify(&jwt, &token)), (Ok(()), Ok(())));
    }
    assert_eq!(verify(&jwt, &"A".repeat(100_000)), Err(TokenError::Size));
}

#[test]
fn hostile_tokens_get_the_same_verdict_with_a_cache_twice() {
    let ring = KeyRing::new(hs256_key());
    let (with, without) = (cached(&ring), crate::common::jwt(&ring));
    for _ in 0..2 {
        for vector in vectors() {
            assert_eq!(verify(&with, vector.token), verify(&without, vector.token), "{}", vector.id);
        }
    }
}

#[test]
fn many_threads_share_a_small_cache() {
    let jwt = cached(&KeyRing::new(key_with_id("a")));
    let tokens: Vec<String> = (0..100).map(|id| issue(&jwt, &id.to_string())).collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (id, token) in tokens.iter().enumerate() {
                    let claims = jwt.verify(TokenKind::Access, token, NOW).unwrap();
                    assert_eq!(claims.token_id().unwrap().as_str(), id.to_string());
                }
            });
        }
    });
}

proptest! {
    #[test]
    fn any_change_of_a_cached_token_is_rejected(position in any::<proptest::sample::Index>(), byte in 1_u8..128) {
        let jwt = cached(&KeyRing::new(key_with_id("a")));
        let token = issue(&jwt, "1");
        assert_eq!(verify(&jwt, &token), Ok(()));
        let changed = change_byte(&token, position, byte).unwrap();
        proptest::prop_assert_eq!(verify(&jwt, &changed).is_ok(), changed == token);
    }
}
