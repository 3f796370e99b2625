//! An `Auth` detects a store that returns another session than the requested one.

use std::sync::{Arc, Mutex};

use gatewright::{
    AccessError, Auth, AuthError, MemoryStore, Refresh, RefreshError, RequestView, Session, SessionStore,
    TokenText,
};
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
    let auth = Auth::builder(world.store.clone(), store, jwt())
        .with_issuer(jwt())
        .with_hasher(world.hasher.clone())
        .with_clock(world.clock.clone())
        .with_events(world.events.clone())
        .build()
        .unwrap();
    let status = async |token: &TokenText| {
        let identity = auth.authenticate(&RequestView::new("GET", &bearer(token))).await;
        identity.map_or_else(|reply| reply.status, |_| 200)
    };
    *mistake.0.lock().unwrap() = Some(sessions[1].clone());
    assert_eq!(status(&live.access_token).await, 200, "the returned session is the right one");
    let _ = world.events.take();
    assert_eq!(status(&ended.access_token).await, 401);
    assert!(world.events.take()[0].contains("SessionMismatch"));
    let refused = auth.refresh(Refresh::new(ended.refresh_token)).await.unwrap_err();
    let AuthError::Refresh(RefreshError::Session(AccessError::SessionMismatch)) = refused else {
        panic!("{refused:?}")
    };
    assert!(auth.refresh(Refresh::new(live.refresh_token)).await.is_ok());
}
