//! A store that is watched: it counts what guards read, and can be stopped in the middle of a read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use gatewright_core::rotation::TokenDigest;
use gatewright_core::store::{AccountChange, AccountCounts, Change, Created, NewAccount, Swap};
use gatewright_core::{
    Account, AccountStore, Email, Epoch, PasswordHash, RoleName, Rotation, RotationRequest, Session,
    SessionId, SessionStore, StoreError, Timestamp, UserId, UserStore,
};
use tokio::sync::Barrier;

use crate::store::Store;

/// A store whose reads by id are counted, and whose verbs can be stopped by a [`Watch`].
#[derive(Debug, Clone)]
pub struct WatchedStore<S> {
    store: S,
    watch: Watch,
}

/// What is known of a [`WatchedStore`], and what stops it.
#[derive(Debug, Clone)]
pub struct Watch {
    reads: Arc<AtomicUsize>,
    read_stops: Arc<AtomicBool>,
    begin_stops: Arc<AtomicBool>,
    end_stops: Arc<AtomicBool>,
    reached: Arc<Barrier>,
    released: Arc<Barrier>,
}

impl Watch {
    fn new() -> Self {
        let flag = || Arc::new(AtomicBool::new(false));
        let barrier = || Arc::new(Barrier::new(2));
        let (reads, reached, released) = (Arc::default(), barrier(), barrier());
        Self { reads, read_stops: flag(), begin_stops: flag(), end_stops: flag(), reached, released }
    }

    /// How many reads of a session or a user by id there were since the last call.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.reads.swap(0, Ordering::SeqCst)
    }

    /// The next read of a user by id stops when it has read, and before it returns.
    pub fn stop_the_next_read(&self) {
        self.read_stops.store(true, Ordering::SeqCst);
    }

    /// The next session stops before it begins.
    pub fn stop_the_next_begin(&self) {
        self.begin_stops.store(true, Ordering::SeqCst);
    }

    /// The next end of a session stops before it has taken place.
    pub fn stop_the_next_end(&self) {
        self.end_stops.store(true, Ordering::SeqCst);
    }

    /// Waits until a verb has stopped.
    pub async fn stopped(&self) {
        self.reached.wait().await;
    }

    /// Lets the verb that has stopped go on.
    pub async fn go_on(&self) {
        self.released.wait().await;
    }

    async fn pass(&self, stops: &AtomicBool) {
        if stops.swap(false, Ordering::SeqCst) {
            self.reached.wait().await;
            self.released.wait().await;
        }
    }
}

impl<S> WatchedStore<S> {
    /// A store over another one, and the watch on it.
    #[must_use]
    pub fn new(store: S) -> (Self, Watch) {
        let watch = Watch::new();
        (Self { store, watch: watch.clone() }, watch)
    }

    fn count(&self) {
        self.watch.reads.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Store> UserStore for WatchedStore<S> {
    type User = Account;

    async fn find_by_id(&self, id: &UserId) -> Result<Option<Account>, StoreError> {
        self.count();
        let found = self.store.find_by_id(id).await;
        self.watch.pass(&self.watch.read_stops).await;
        found
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Account>, StoreError> {
        self.store.find_by_email(email).await
    }

    async fn replace_password_hash(
        &self,
        id: &UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<Swap, StoreError> {
        self.store.replace_password_hash(id, old, new).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Store> AccountStore for WatchedStore<S> {
    async fn create(&self, account: NewAccount) -> Result<Created<Account>, StoreError> {
        self.store.create(account).await
    }

    async fn change_password(
        &self,
        id: &UserId,
        old: &PasswordHash,
        new: &PasswordHash,
        epoch: Epoch,
    ) -> Result<Swap, StoreError> {
        self.store.change_password(id, old, new, epoch).await
    }

    async fn update(
        &self,
        id: &UserId,
        change: &AccountChange,
        protected: Option<&RoleName>,
    ) -> Result<Change<Account>, StoreError> {
        self.store.update(id, change, protected).await
    }

    async fn delete(&self, id: &UserId, protected: Option<&RoleName>) -> Result<Change<()>, StoreError> {
        self.store.delete(id, protected).await
    }

    async fn count(&self) -> Result<AccountCounts, StoreError> {
        self.store.count().await
    }

    async fn page(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Account>, StoreError> {
        self.store.page(after, limit).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Store> SessionStore for WatchedStore<S> {
    async fn begin(&self, session: &Session, current: TokenDigest, limit: u32) -> Result<u64, StoreError> {
        self.watch.pass(&self.watch.begin_stops).await;
        self.store.begin(session, current, limit).await
    }

    async fn find(&self, user: &UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        WatchedStore::count(self);
        self.store.find(user, id).await
    }

    async fn list(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        WatchedStore::count(self);
        self.store.list(user).await
    }

    async fn rotate(&self, request: &RotationRequest) -> Result<Rotation, StoreError> {
        self.store.rotate(request).await
    }

    async fn end(&self, user: &UserId, id: SessionId) -> Result<(), StoreError> {
        self.watch.pass(&self.watch.end_stops).await;
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
