//! Tokens that are shown to be ended or looked into: whose sessions end, and what a token is worth.

use std::time::Duration;

use gatewright::{AuthError, Denial, Introspection, LocalFeed, TokenText};
use gatewright_testkit::FragileStore;
use gatewright_tests::{World, memory};

const EMAIL: &str = "ada@example.com";

#[tokio::test]
async fn a_revocation_is_a_logout_to_whoever_listens() {
    let world = World::new(memory().await[0].clone());
    world.add(EMAIL).await;
    for by_refresh_token in [true, false] {
        let pair = world.login(EMAIL).await;
        let _ = world.events.take();
        let token = if by_refresh_token { &pair.refresh_token } else { &pair.access_token };
        world.auth.revoke(token).await.unwrap();
        let events = world.events.take();
        assert!(events.len() == 1 && events[0].starts_with("LoggedOut { user: "), "{events:?}");
        assert_eq!(world.status(&pair.access_token).await, 401);
        assert!(world.refresh(&pair.refresh_token).await.is_err());
    }
}

#[tokio::test]
async fn why_nothing_was_revoked_stands_in_the_event_alone() {
    let world = World::new(memory().await[0].clone());
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let _ = world.events.take();
    world.auth.revoke(&TokenText::new("x")).await.unwrap();
    assert_eq!(world.events.take(), ["NothingRevoked { cause: Token(Format) }"]);

    // The access token is over and the session is not: whoever found it in an old log ends nothing.
    world.clock.advance(Duration::from_secs(15 * 60));
    world.auth.revoke(&pair.access_token).await.unwrap();
    assert_eq!(world.events.take(), ["NothingRevoked { cause: Token(Expired) }"]);
    let pair = world.refresh(&pair.refresh_token).await.unwrap();
    assert_eq!(world.status(&pair.access_token).await, 200);

    // All is over.
    world.clock.advance(Duration::from_secs(7 * 86_400));
    let _ = world.events.take();
    world.auth.revoke(&pair.refresh_token).await.unwrap();
    assert_eq!(world.events.take(), ["NothingRevoked { cause: Token(Expired) }"]);
}

#[tokio::test]
async fn a_revocation_reaches_the_nodes_that_hear_of_it() {
    let ([one, two], feed) = (memory().await, LocalFeed::new());
    let here = World::with(one, |builder| builder.with_revocation_feed(feed.clone()));
    let clock = here.clock.clone();
    let there = World::with(two, |builder| builder.with_revocation_feed(feed).with_clock(clock));
    here.add(EMAIL).await;
    let pair = here.login(EMAIL).await;
    assert_eq!(there.status(&pair.access_token).await, 200);
    here.auth.revoke(&pair.access_token).await.unwrap();
    assert_eq!(there.status(&pair.access_token).await, 401);
}

#[tokio::test]
async fn a_revocation_without_the_session_store_is_unavailable_and_can_be_tried_again() {
    let (store, outage) = FragileStore::new(memory().await[0].clone());
    let world = World::new(store);
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    outage.of_sessions();
    for token in [&pair.access_token, &pair.refresh_token] {
        let error: AuthError = world.auth.revoke(token).await.unwrap_err();
        assert_eq!(Denial::from(&error), Denial::Unavailable);
    }
    world.auth.revoke(&TokenText::new("x")).await.unwrap();
    outage.end();
    world.auth.revoke(&pair.refresh_token).await.unwrap();
    assert_eq!(world.status(&pair.access_token).await, 401);
}

#[tokio::test]
async fn an_introspection_asks_the_stores_and_not_what_guards_remember() {
    let [one, two] = memory().await;
    let (here, there) = (World::new(one), World::new(two));
    here.add(EMAIL).await;
    let pair = here.login(EMAIL).await;
    assert_eq!(there.status(&pair.access_token).await, 200);
    here.auth.revoke(&pair.refresh_token).await.unwrap();
    assert_eq!(there.status(&pair.access_token).await, 200, "not seen yet");
    assert_eq!(there.auth.introspect(&pair.access_token).await.unwrap(), Introspection::Inactive);
}

#[tokio::test]
async fn an_introspection_ends_with_the_token_and_says_whom_it_is_for() {
    let world = World::new(memory().await[0].clone());
    let account = world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let _ = world.events.take();
    match world.auth.introspect(&pair.access_token).await.unwrap() {
        Introspection::Active(token) => {
            assert_eq!(token.claims.subject, account.id);
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
    assert_eq!(world.events.take(), [""; 0], "asking is no event");
}

#[tokio::test]
async fn an_introspection_without_a_store_is_unavailable_and_never_inactive() {
    let (store, outage) = FragileStore::new(memory().await[0].clone());
    let world = World::new(store);
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    assert_eq!(world.status(&pair.access_token).await, 200);
    for is_of_sessions in [true, false] {
        if is_of_sessions {
            outage.of_sessions()
        } else {
            outage.of_users()
        }
        let error = world.auth.introspect(&pair.access_token).await.unwrap_err();
        assert_eq!(Denial::from(&error), Denial::Unavailable);
        let nothing = world.auth.introspect(&TokenText::new("x")).await.unwrap();
        assert_eq!(nothing, Introspection::Inactive, "no store is asked");
        outage.end();
    }
}
