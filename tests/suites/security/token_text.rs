//! A token is not identified by its text.
//!
//! For an ES256 signature (r, s), the pair (r, n − s) is a valid signature too, and RFC 7518 §3.4 does
//! not exclude it. So each holder of a token can write a second text of the same token. Each check
//! and each revocation must treat both texts as one token.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright::endpoints::Introspection;
use gatewright::token::{Algorithm, KeyRing, NewKey, SigningKey};
use gatewright::types::TokenText;
use gatewright::{Auth, Jwt, MemoryStore, TokenPair};
use gatewright_testkit::auth_routes::expect_same_token;
use gatewright_tests::World;

use crate::endpoints::{EMAIL, authenticate};

/// n, the order of the curve P-256 (FIPS 186, SP 800-186 §3.2.1.3).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The other text of an ES256 token: the same header and payload, signed with (r, n − s).
fn other_text(token: &TokenText) -> TokenText {
    let (signed, signature) = token.expose().rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = false;
    for (digit, order) in signature[32..].iter_mut().zip(ORDER).rev() {
        let (difference, first) = order.overflowing_sub(*digit);
        let (difference, second) = difference.overflowing_sub(u8::from(borrow));
        (*digit, borrow) = (difference, first || second);
    }
    assert!(!borrow, "s is less than n");
    TokenText::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// A node whose tokens are signed with ES256, with a grace window, a user and a session.
async fn node(caches_tokens: bool, grace: Duration) -> (World<MemoryStore>, TokenPair) {
    let key = SigningKey::from_jwk(NewKey::generate(Algorithm::Es256).unwrap().jwk()).unwrap();
    let tokens = Jwt::builder(KeyRing::new(key)).issuer("https://issuer.example").audience("api");
    let tokens = if caches_tokens { tokens.with_cache(64) } else { tokens };
    let world = World::new(MemoryStore::new());
    let auth = Auth::local(world.store.clone(), tokens.build().unwrap(), world.hasher.clone())
        .with_clock(world.clock.clone())
        .with_events(world.events.clone())
        .with_refresh_grace(grace)
        .build()
        .unwrap();
    let world = World { auth, ..world };
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    (world, pair)
}

/// Without and with a cache of verified tokens.
const CACHES: [bool; 2] = [false, true];

#[tokio::test]
async fn both_texts_of_an_es256_token_are_accepted_as_the_same_token() {
    for caches_tokens in CACHES {
        let (world, pair) = node(caches_tokens, Duration::ZERO).await;
        let other = other_text(&pair.access_token);
        assert_ne!(other.expose(), pair.access_token.expose());
        assert_eq!(other_text(&other).expose(), pair.access_token.expose());
        let claims = authenticate(&world, &pair.access_token).await.claims().clone();
        assert_eq!(authenticate(&world, &other).await.claims(), &claims);
        let states = [world.auth.introspect(&pair.access_token).await, world.auth.introspect(&other).await];
        let [one, two] = states.map(Result::unwrap);
        assert!(matches!(one, Introspection::Active(_)));
        assert_eq!(one, two);
    }
}

/// Both texts are in the cache of verified tokens and in the cache of sessions.
#[tokio::test]
async fn a_revocation_by_one_text_ends_the_token_under_both() {
    for caches_tokens in CACHES {
        for way in ["logout", "logout by refresh token", "revoke access", "revoke refresh"] {
            let (world, pair) = node(caches_tokens, Duration::ZERO).await;
            let (access, refresh) = (other_text(&pair.access_token), other_text(&pair.refresh_token));
            for text in [&pair.access_token, &access] {
                assert_eq!(world.status(text).await, 200);
            }
            let auth = &world.auth;
            match way {
                "logout" => auth.logout(&authenticate(&world, &access).await).await.unwrap(),
                "logout by refresh token" => auth.logout_by_refresh_token(&refresh).await.unwrap(),
                "revoke access" => auth.revoke(&access).await.unwrap(),
                _ => auth.revoke(&refresh).await.unwrap(),
            }
            for text in [&pair.access_token, &access] {
                assert_eq!(world.status(text).await, 401, "{way}");
                assert_eq!(auth.introspect(text).await.unwrap(), Introspection::Inactive, "{way}");
            }
            for text in [&pair.refresh_token, &refresh] {
                assert!(world.refresh(text).await.is_err(), "{way}");
            }
        }
    }
}

#[tokio::test]
async fn the_other_text_of_a_used_refresh_token_is_a_used_token() {
    for caches_tokens in CACHES {
        // Inside the window both are answered with the same successor.
        let (world, pair) = node(caches_tokens, Duration::from_secs(10)).await;
        let next = world.refresh(&pair.refresh_token).await.unwrap();
        let again = world.refresh(&other_text(&pair.refresh_token)).await.unwrap();
        expect_same_token(next.refresh_token.expose(), again.refresh_token.expose());

        // Outside the window the other text is a reuse, which ends the session.
        let (world, pair) = node(caches_tokens, Duration::ZERO).await;
        let next = world.refresh(&pair.refresh_token).await.unwrap();
        let _ = world.events.take();
        assert!(world.refresh(&other_text(&pair.refresh_token)).await.is_err());
        assert!(world.events.take().concat().contains("TokenReused"));
        assert_eq!(world.status(&next.access_token).await, 401);
    }
}
