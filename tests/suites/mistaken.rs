//! A store that answers with something else than it was asked for is not believed.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gatewright::{
    AccessRefusal, Auth, AuthError, Epoch, MemoryStore, Refresh, RefreshRefusal, RequestView, Rotation,
    RotationRequest, Session, SessionId, SessionStore, StoreError, Timestamp, TokenDigest, UserId,
};
use gatewright_tests::{Bearer, World, jwt};

const EMAIL: &str = "ada@example.com";

/// Sessions, of which one is found in the place of every other.
#[derive(Clone)]
struct Mistaken {
    store: MemoryStore,
    found: Arc<Mutex<Option<Session>>>,
}

#[async_trait]
impl SessionStore for Mistaken {
    async fn begin(&self, session: &Session, current: TokenDigest, limit: u32) -> Result<u64, StoreError> {
        self.store.begin(session, current, limit).await
    }

    async fn find(&self, user: &UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        let found = self.found.lock().unwrap().clone();
        Ok(found.or(self.store.find(user, id).await?))
    }

    async fn list(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        self.store.list(user).await
    }

    async fn rotate(&self, request: &RotationRequest) -> Result<Rotation, StoreError> {
        self.store.rotate(request).await
    }

    async fn end(&self, user: &UserId, id: SessionId) -> Result<(), StoreError> {
        self.store.end(user, id).await
    }

    async fn end_all(&self, user: &UserId) -> Result<(), StoreError> {
        self.store.end_all(user).await
    }

    async fn retain(&self, user: &UserId, keep: SessionId, epoch: Epoch) -> Result<(), StoreError> {
        self.store.retain(user, keep, epoch).await
    }

    async fn purge_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.store.purge_expired(now).await
    }
}

#[tokio::test]
async fn another_session_of_the_same_user_speaks_for_no_token() {
    let world = World::new(MemoryStore::new());
    let ada = world.add(EMAIL).await;
    let (ended, living) = (world.login(EMAIL).await, world.login(EMAIL).await);
    let sessions = world.store.list(&ada.id).await.unwrap();
    world.store.end(&ada.id, sessions[0].id).await.unwrap();
    let store = Mistaken { store: world.store.clone(), found: Arc::new(Mutex::new(None)) };
    let auth = Auth::builder(world.store.clone(), store.clone(), jwt())
        .with_issuer(jwt())
        .with_hasher(world.hasher.clone())
        .with_clock(world.clock.clone())
        .with_events(world.events.clone())
        .build()
        .unwrap();
    let status = async |token: &gatewright::TokenText| {
        let headers = Bearer(format!("Bearer {}", token.expose()));
        let identity = auth.authenticate(&RequestView::new("GET", &headers)).await;
        identity.map_or_else(|reply| reply.status, |_| 200)
    };
    *store.found.lock().unwrap() = Some(sessions[1].clone());
    assert_eq!(status(&living.access_token).await, 200, "the store is mistaken about others alone");
    let _ = world.events.take();
    assert_eq!(status(&ended.access_token).await, 401);
    assert!(world.events.take()[0].contains("SessionMismatch"));
    let refused = auth.refresh(Refresh::new(ended.refresh_token)).await.unwrap_err();
    let AuthError::Refresh(RefreshRefusal::Session(AccessRefusal::SessionMismatch)) = refused else {
        panic!("{refused:?}")
    };
    assert!(auth.refresh(Refresh::new(living.refresh_token)).await.is_ok());
}
