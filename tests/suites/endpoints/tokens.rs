//! Revocation (RFC 7009) and introspection (RFC 7662) of tokens.

use std::time::Duration;

use gatewright::endpoints::Introspection;
use gatewright::http::Denial;
use gatewright::revocation::LocalFeed;
use gatewright::types::TokenText;
use gatewright::{MemoryStore, TokenPair};
use gatewright_testkit::{FailingStore, Outage};
use gatewright_tests::{World, memory};

use super::{EMAIL, authenticate, failing_world, world};

/// A world with one user who is logged in. Its events so far are taken.
async fn logged_in() -> (World<MemoryStore>, TokenPair) {
    let world = world().await;
    let pair = world.login(EMAIL).await;
    let _ = world.events.take();
    (world, pair)
}

/// As [`logged_in`], on a store that fails on demand.
async fn logged_in_with_outage() -> (World<FailingStore<MemoryStore>>, TokenPair, Outage) {
    let (world, outage) = failing_world().await;
    let pair = world.login(EMAIL).await;
    (world, pair, outage)
}

#[tokio::test]
async fn revocation_of_either_token_ends_the_session_and_emits_a_logout() {
    for by_refresh_token in [true, false] {
        let (world, pair) = logged_in().await;
        let token = if by_refresh_token { &pair.refresh_token } else { &pair.access_token };
        world.auth.revoke(token).await.unwrap();
        let events = world.events.take();
        assert!(events.len() == 1 && events[0].starts_with("LoggedOut { user: "), "{events:?}");
        assert_eq!(world.status(&pair.access_token).await, 401);
        assert!(world.refresh(&pair.refresh_token).await.is_err());
    }
}

#[tokio::test]
async fn only_the_event_says_why_nothing_was_revoked() {
    let (world, pair) = logged_in().await;
    world.auth.revoke(&TokenText::new("x")).await.unwrap();
    assert_eq!(world.events.take(), ["NothingRevoked { cause: Token(Format) }"]);

    // An expired access token of a live session does not end the session.
    world.clock.advance(Duration::from_secs(15 * 60));
    world.auth.revoke(&pair.access_token).await.unwrap();
    assert_eq!(world.events.take(), ["NothingRevoked { cause: Token(Expired) }"]);
    let pair = world.refresh(&pair.refresh_token).await.unwrap();
    assert_eq!(world.status(&pair.access_token).await, 200);

    // The session has expired too.
    world.clock.advance(Duration::from_secs(7 * 86_400));
    let _ = world.events.take();
    world.auth.revoke(&pair.refresh_token).await.unwrap();
    assert_eq!(world.events.take(), ["NothingRevoked { cause: Token(Expired) }"]);
}

#[tokio::test]
async fn revocation_reaches_other_nodes_through_the_feed() {
    let ([one, two], feed) = (memory().await, LocalFeed::new());
    let here = World::with(one, |builder| builder.with_revocation_feed(feed.clone()));
    let there = here.node_with(two, |builder| builder.with_revocation_feed(feed));
    here.add(EMAIL).await;
    let pair = here.login(EMAIL).await;
    assert_eq!(there.status(&pair.access_token).await, 200);
    here.auth.revoke(&pair.access_token).await.unwrap();
    assert_eq!(there.status(&pair.access_token).await, 401);
}

#[tokio::test]
async fn revocation_without_the_session_store_is_unavailable_and_can_be_retried() {
    let (world, pair, outage) = logged_in_with_outage().await;
    outage.fail_sessions();
    for token in [&pair.access_token, &pair.refresh_token] {
        let error = world.auth.revoke(token).await.unwrap_err();
        assert_eq!(Denial::from(&error), Denial::Unavailable);
    }
    world.auth.revoke(&TokenText::new("x")).await.unwrap();
    outage.recover();
    world.auth.revoke(&pair.refresh_token).await.unwrap();
    assert_eq!(world.status(&pair.access_token).await, 401);
}

#[tokio::test]
async fn introspection_reads_the_stores_and_not_the_cache() {
    let here = world().await;
    let there = World::new(here.store.clone());
    let pair = here.login(EMAIL).await;
    assert_eq!(there.status(&pair.access_token).await, 200);
    here.auth.revoke(&pair.refresh_token).await.unwrap();
    assert_eq!(
        there.status(&pair.access_token).await,
        200,
        "the cache of the other node still has the session"
    );
    assert_eq!(there.auth.introspect(&pair.access_token).await.unwrap(), Introspection::Inactive);
}

#[tokio::test]
async fn introspection_shows_claims_and_scopes_until_the_token_expires() {
    let (world, pair) = logged_in().await;
    match world.auth.introspect(&pair.access_token).await.unwrap() {
        Introspection::Active(token) => {
            assert_eq!(*token.claims.subject(), authenticate(&world, &pair.access_token).await.user().id);
            assert_eq!(
                (token.claims.issuer(), token.claims.audience()),
                ("https://issuer.example", Some("api"))
            );
            assert_eq!(token.scopes.as_str(), "read write");
        }
        other => panic!("{other:?}"),
    }
    world.clock.advance(Duration::from_secs(15 * 60 - 1));
    assert!(matches!(world.auth.introspect(&pair.access_token).await, Ok(Introspection::Active(_))));
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.auth.introspect(&pair.access_token).await.unwrap(), Introspection::Inactive);
    assert_eq!(world.auth.introspect(&pair.refresh_token).await.unwrap(), Introspection::Inactive);
    assert_eq!(world.events.take(), [""; 0], "introspection emits no event");
}

#[tokio::test]
async fn introspection_without_a_store_is_unavailable_and_never_inactive() {
    let (world, pair, outage) = logged_in_with_outage().await;
    assert_eq!(world.status(&pair.access_token).await, 200);
    for start in [Outage::fail_sessions, Outage::fail_users] {
        start(&outage);
        let error = world.auth.introspect(&pair.access_token).await.unwrap_err();
        assert_eq!(Denial::from(&error), Denial::Unavailable);
        let malformed = world.auth.introspect(&TokenText::new("x")).await.unwrap();
        assert_eq!(malformed, Introspection::Inactive, "a malformed token needs no store");
        outage.recover();
    }
}
