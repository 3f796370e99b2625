//! The throttle of an `Auth`: registrations, password changes, refused refreshes and API keys.

use std::future::Future;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gatewright::endpoints::{PasswordChange, Refresh};
use gatewright::error::AccessError;
use gatewright::http::{Headers, RequestView};
use gatewright::throttle::{PASSWORD_CHANGE_FAILURES, REFUSED_REQUESTS, REGISTRATIONS};
use gatewright::types::{ApiKeys, Requirement, TokenText};
use gatewright::{AuthError, MemoryStore, Password, Registration};
use gatewright_tests::{PASSWORD, World};

use super::throttle::{WRONG, client, count, status, world};
use super::{EMAIL, NEW_PASSWORD, authenticate, new_password};

/// Taken addresses count as well.
#[tokio::test]
async fn registrations_of_a_network_are_limited() {
    let world = world().await;
    let register = async |email: &str, network: u8| {
        let new = Registration::new(email, Password::new(PASSWORD)).unwrap().with_client(client(network));
        world.auth.register(new).await.map_err(|error| error.reply().status)
    };
    for number in 0..REGISTRATIONS {
        let email = if number % 2 == 0 { EMAIL.to_owned() } else { format!("user{number}@example.com") };
        assert_eq!(register(&email, 1).await, Ok(()));
    }
    let calls = world.hasher.calls();
    assert_eq!(register("late@example.com", 1).await, Err(429));
    assert_eq!(world.hasher.calls(), calls);
    assert_eq!(register("late@example.com", 2).await, Ok(()));
    assert!(status(&world, EMAIL, PASSWORD, 1).await.is_ok(), "logins have a budget of their own");
}

/// They never meet the waiting time of the account.
#[tokio::test]
async fn five_wrong_current_passwords_end_the_session() {
    let world = world().await;
    let pair = status(&world, EMAIL, PASSWORD, 1).await.unwrap();
    let other = status(&world, EMAIL, PASSWORD, 1).await.unwrap();
    let identity = authenticate(&world, &pair.access_token).await;
    let guess = || PasswordChange::new(Password::new(WRONG), Password::new(NEW_PASSWORD)).unwrap();
    for number in 1..=PASSWORD_CHANGE_FAILURES {
        assert_eq!(world.status(&pair.access_token).await, 200, "before failure {number}");
        let refused = world.auth.change_password(&identity, guess()).await.unwrap_err();
        assert!(matches!(refused.kind(), AuthError::IncorrectPassword { .. }), "{refused:?}");
    }
    assert_eq!(world.status(&pair.access_token).await, 401);
    assert_eq!(count(&world.events.take(), "SessionEndedByThrottle"), 1);
    let calls = world.hasher.calls();
    let ended = world.auth.change_password(&identity, new_password()).await.unwrap_err();
    assert!(matches!(ended.kind(), AuthError::Access(AccessError::SessionEnded)), "{ended:?}");
    assert_eq!(world.hasher.calls(), calls);
    assert_eq!(world.status(&other.access_token).await, 200);
    let identity = authenticate(&world, &other.access_token).await;
    assert!(world.auth.change_password(&identity, new_password()).await.is_ok());
    assert!(status(&world, EMAIL, NEW_PASSWORD, 2).await.is_ok());
}

/// Parallel guesses compute no more hashes.
#[tokio::test]
async fn parallel_guesses_at_a_password_change_wait_for_each_other() {
    let world = world().await;
    let pair = status(&world, EMAIL, PASSWORD, 1).await.unwrap();
    let identity = authenticate(&world, &pair.access_token).await;
    world.hasher.pause();
    let mut calls: Vec<_> =
        (0..20).map(|_| Box::pin(world.auth.change_password(&identity, new_password()))).collect();
    let mut limited = 0;
    for call in &mut calls {
        if let Poll::Ready(Err(error)) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            assert_eq!(error.reply().status, 429);
            limited += 1;
        }
    }
    assert_eq!(limited, 15);
    drop(calls);
    world.hasher.resume();
}

/// In place of the refusal. An accepted request never asks, whatever came before.
#[tokio::test]
async fn refused_refreshes_and_api_keys_are_limited_afterwards() {
    struct ApiKey(&'static str);
    impl Headers for ApiKey {
        fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
            if name == "x-api-key" {
                see(self.0.as_bytes());
            }
        }
    }
    let store = MemoryStore::new();
    let keys = ApiKeys::parse("the-key-of-billing").unwrap();
    let world = World::with(store.clone(), |builder| builder.with_throttle(store).with_api_keys(keys));
    world.add(EMAIL).await;
    let refresh = async |token: TokenText, network: u8| {
        let refresh = Refresh::new(token).with_client(client(network));
        world.auth.refresh(refresh).await.map_err(|error| error.reply().status)
    };
    let api_key = |key: &'static str| {
        let headers = ApiKey(key);
        let view = RequestView::new("GET", &headers).with_peer(Some([192, 0, 2, 1].into()));
        world
            .auth
            .require_api_key(&view, &Requirement::Authenticated)
            .map(drop)
            .map_err(|refused| refused.status())
    };
    let pair = world.login(EMAIL).await;
    for number in 0..REFUSED_REQUESTS {
        if number % 2 == 0 {
            assert_eq!(refresh(TokenText::new("x"), 1).await.err(), Some(401));
        } else {
            assert_eq!(api_key("unknown"), Err(403));
        }
    }
    assert_eq!(refresh(TokenText::new("x"), 1).await.err(), Some(429));
    assert_eq!(api_key("unknown"), Err(429));
    assert_eq!(refresh(TokenText::new("x"), 2).await.err(), Some(401));
    assert_eq!(api_key("the-key-of-billing"), Ok(()));
    assert!(refresh(pair.refresh_token, 1).await.is_ok());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(refresh(TokenText::new("x"), 1).await.err(), Some(401), "one a second");
}
