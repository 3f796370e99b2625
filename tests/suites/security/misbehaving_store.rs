//! An `Auth` detects a store that returns another session than the requested one, or a damaged one.

use std::sync::{Arc, Mutex};

use gatewright::endpoints::Refresh;
use gatewright::error::{AccessError, RefreshError};
use gatewright::http::{Denial, RequestView};
use gatewright::store::{Session, SessionSeed, SessionStore};
use gatewright::types::TokenText;
use gatewright::{Auth, AuthError, MemoryStore};
use gatewright_testkit::{Hook, Intercepted};
use gatewright_tests::{World, jwt};

use crate::endpoints::{EMAIL, bearer};

/// Returns this session from every `find`, if there is one.
#[derive(Clone, Default)]
struct Mistake(Arc<Mutex<Option<Session>>>);

impl Hook for Mistake {
    fn found_session(&self, found: Option<Session>) -> Option<Session> {
        self.0.lock().unwrap().clone().or(found)
    }
}

#[tokio::test]
async fn a_token_is_refused_when_the_store_returns_another_session() {
    let world = World::new(MemoryStore::new());
    let ada = world.add(EMAIL).await;
    let (ended, live) = (world.login(EMAIL).await, world.login(EMAIL).await);
    let sessions = world.store.list(&ada.id).await.unwrap();
    SessionStore::delete(&world.store, &ada.id, sessions[0].id).await.unwrap();
    let mistake = Mistake::default();
    let store = Intercepted::with_hook(world.store.clone(), mistake.clone());
    let auth = Auth::builder(world.store.clone(), store, jwt(), world.hasher.clone())
        .with_clock(world.clock.clone())
        .with_events(world.events.clone())
        .build()
        .unwrap();
    let status = async |token: &TokenText| {
        let identity = auth.authenticate(&RequestView::new("GET", &bearer(token))).await;
        identity.map_or_else(|error| error.reply().status, |_| 200)
    };
    *mistake.0.lock().unwrap() = Some(sessions[1].clone());
    assert_eq!(status(&live.access_token).await, 200, "the returned session is the right one");
    let _ = world.events.take();
    assert_eq!(status(&ended.access_token).await, 401);
    assert!(world.events.take()[0].contains("SessionMismatch"));
    let refused = auth.refresh(Refresh::new(ended.refresh_token)).await.unwrap_err();
    let AuthError::Refresh(RefreshError::Session(AccessError::SessionMismatch)) = refused.kind() else {
        panic!("{refused:?}")
    };
    assert!(auth.refresh(Refresh::new(live.refresh_token)).await.is_ok());
}

/// Someone has changed the seed in the store. The token of the grace window cannot be derived, and no other
/// token is signed. The session goes on when the seed is restored.
#[tokio::test]
async fn a_damaged_seed_is_refused_and_consumes_nothing() {
    let mistake = Mistake::default();
    let store = Intercepted::with_hook(MemoryStore::new(), mistake.clone());
    let world = World::with(store, |builder| builder);
    let ada = world.add(EMAIL).await;
    let first = world.login(EMAIL).await;
    let second = world.refresh(&first.refresh_token).await.unwrap();
    let mut damaged = world.store.list(&ada.id).await.unwrap().remove(0);
    damaged.seed = SessionSeed::from_bytes([7; 32]);
    *mistake.0.lock().unwrap() = Some(damaged);
    let _ = world.events.take();
    let refused = world.refresh(&first.refresh_token).await.unwrap_err();
    assert!(matches!(refused.kind(), AuthError::Refresh(RefreshError::Underivable)), "{refused:?}");
    assert_eq!(Denial::from(refused.kind()), Denial::RefreshRefused);
    let events = world.events.take();
    assert!(matches!(&events[..], [event] if event.contains("Underivable")), "{events:?}");
    *mistake.0.lock().unwrap() = None;
    let again = world.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(again.refresh_token.expose(), second.refresh_token.expose());
}
