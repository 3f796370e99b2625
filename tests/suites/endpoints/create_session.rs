//! Sessions without a password: what they record, who gets none, and the limit.

use std::time::Duration;

use gatewright::error::LoginError;
use gatewright::store::{MAX_SESSIONS_PER_USER, Session, SessionStore};
use gatewright::types::{Amr, ClientInfo, Clock, Timestamp, UserAgent};
use gatewright::{AuthError, MemoryStore, Scopes, SessionOptions, TokenPair, UserId};
use gatewright_testkit::auth_routes::claims;
use gatewright_testkit::store::Store;
use gatewright_tests::{World, sqlite};

use super::{EMAIL, authenticate, new_password, session_of, world, world_on};

const HOUR: Duration = Duration::from_secs(3_600);

async fn user_of<S: Store>(world: &World<S>) -> UserId {
    world.auth.accounts().unwrap().page(None, 1).await.unwrap().remove(0).id
}

async fn session<S: Store>(world: &World<S>, pair: &TokenPair) -> Session {
    let user = user_of(world).await;
    world.store.find(&user, session_of(&pair.access_token)).await.unwrap().unwrap()
}

/// Asserts when and how the user logged in: in the session, in the token and for a handler.
async fn expect_authentication<S: Store>(world: &World<S>, pair: &TokenPair, at: Timestamp, amr: &[&str]) {
    let session = session(world, pair).await;
    assert_eq!((session.auth_time, session.amr), (at, Amr::new(amr).unwrap()));
    let claims = claims(pair.access_token.expose());
    assert_eq!((&claims["auth_time"], &claims["amr"]), (&at.as_seconds().into(), &amr.into()));
    let me = authenticate(world, &pair.access_token).await;
    assert_eq!(me.claims().auth_time(), Some(at.floor_to_second()));
    assert_eq!(me.claims().amr(), amr);
}

/// It has a client, scopes that the user may have, an event and no hash.
#[tokio::test]
async fn a_created_session_is_a_login_without_a_password() {
    let world = world().await;
    let user = user_of(&world).await;
    let _ = world.events.take();
    let client = ClientInfo::new("192.0.2.1".parse().ok(), UserAgent::clean(b"lamp/1"));
    let options = SessionOptions::new()
        .with_client(client.clone())
        .with_amr(["hwk", "user"])
        .with_scopes(Scopes::parse("read delete").unwrap());
    let pair = world.auth.create_session(&user, options).await.unwrap();

    assert_eq!(world.hasher.calls(), 0);
    assert_eq!(world.status(&pair.access_token).await, 200);
    assert_eq!(authenticate(&world, &pair.access_token).await.user().id, user);
    assert_eq!(pair.scopes.as_str(), "read", "the user has no scope `delete`");
    assert_eq!(session(&world, &pair).await.client, client);
    expect_authentication(&world, &pair, world.clock.now(), &["hwk", "user"]).await;
    let events = world.events.take();
    let logins = events.iter().filter(|event| event.starts_with("LoggedIn"));
    assert_eq!(logins.count(), 1, "{events:?}");
}

/// Without options: all scopes, no client, no methods.
#[tokio::test]
async fn a_session_without_options_has_all_scopes() {
    let world = world().await;
    let pair = world.auth.create_session(&user_of(&world).await, SessionOptions::new()).await.unwrap();
    assert_eq!(pair.scopes.as_str(), "read write");
    let session = session(&world, &pair).await;
    assert_eq!((session.client, session.amr), (ClientInfo::default(), Amr::default()));
    assert!(claims(pair.access_token.expose()).get("amr").is_none());
}

/// No session is created, and an event has the cause.
#[tokio::test]
async fn unknown_and_disabled_users_get_no_session() {
    let world = world().await;
    let (user, nobody) = (user_of(&world).await, UserId::new("nobody").unwrap());
    world.auth.accounts().unwrap().update(&user, None, Some(false)).await.unwrap();
    let _ = world.events.take();
    for (user, cause, known) in
        [(&nobody, LoginError::UserUnknown, false), (&user, LoginError::UserDisabled, true)]
    {
        let refused = world.auth.create_session(user, SessionOptions::new()).await.unwrap_err();
        assert!(matches!(refused.kind(), AuthError::Login(found) if *found == cause), "{refused:?}");
        let expected = format!("cause: {cause:?}");
        let events = world.events.take();
        assert_eq!(events.len(), 1, "{events:?}");
        assert!(events[0].starts_with("LoginRefused") && events[0].contains(&expected), "{events:?}");
        assert_eq!(events[0].contains(user.as_str()), known, "{events:?}");
        assert!(world.store.list(user).await.unwrap().is_empty());
    }
}

/// The application chose the methods, so the client gets 500.
#[tokio::test]
async fn invalid_methods_create_no_session() {
    let world = world().await;
    let user = user_of(&world).await;
    for methods in [vec!["one time"], vec![""], vec!["pwd", &"x".repeat(255)]] {
        let options = SessionOptions::new().with_amr(methods);
        let refused = world.auth.create_session(&user, options).await.unwrap_err();
        assert!(matches!(refused.kind(), AuthError::Amr(_)), "{refused:?}");
        assert_eq!(refused.reply().status, 500);
    }
    assert!(world.store.list(&user).await.unwrap().is_empty());
}

/// The new one deletes the oldest, whose cached session is invalidated.
#[tokio::test]
async fn a_created_session_counts_for_the_limit() {
    let world = world().await;
    let user = user_of(&world).await;
    let oldest = world.login(EMAIL).await;
    assert_eq!(world.status(&oldest.access_token).await, 200, "it is cached now");
    for number in 1..=MAX_SESSIONS_PER_USER {
        let status = world.status(&oldest.access_token).await;
        assert_eq!(status, 200, "session {number}");
        world.auth.create_session(&user, SessionOptions::new()).await.unwrap();
    }
    assert_eq!(world.status(&oldest.access_token).await, 401);
    assert_eq!(world.store.list(&user).await.unwrap().len(), 100);
}

/// `auth_time` and `amr` are those of the login until the user sends the password again.
async fn refreshes_keep_the_authentication<S: Store>(store: S) {
    let world = world_on(store).await;
    let user = user_of(&world).await;
    let begun = world.clock.now();
    let mut pair = world.auth.create_session(&user, SessionOptions::new().with_amr(["otp"])).await.unwrap();
    for _ in 0..3 {
        world.clock.advance(HOUR);
        pair = world.refresh(&pair.refresh_token).await.unwrap();
        expect_authentication(&world, &pair, begun, &["otp"]).await;
    }
    let with_password = world.login(EMAIL).await;
    expect_authentication(&world, &with_password, world.clock.now(), &["pwd"]).await;

    world.clock.advance(HOUR / 6);
    let me = authenticate(&world, &with_password.access_token).await;
    let changed = world.auth.change_password(&me, new_password()).await.unwrap();
    expect_authentication(&world, &changed, world.clock.now(), &["pwd"]).await;
}

#[tokio::test]
async fn refreshes_keep_the_authentication_in_memory() {
    refreshes_keep_the_authentication(MemoryStore::new()).await;
}

#[tokio::test]
async fn refreshes_keep_the_authentication_in_sqlite() {
    refreshes_keep_the_authentication(sqlite().await[0].clone()).await;
}
