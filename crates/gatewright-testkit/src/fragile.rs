//! A store that stops answering when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use gatewright_core::rotation::TokenDigest;
use gatewright_core::store::{AccountChange, AccountCounts, Change, Created, NewAccount, Swap};
use gatewright_core::{
    Account, AccountStore, Email, Epoch, PasswordHash, RoleName, Rotation, RotationRequest, Session,
    SessionId, SessionStore, StoreError, Timestamp, UserId, UserStore,
};

/// A store of users, sessions or both, which can be cut off: as long as the [`Outage`] lasts each of its verbs fails.
#[derive(Debug, Clone)]
pub struct FragileStore<S> {
    store: S,
    outage: Outage,
}

/// Cuts off the users or the sessions of a [`FragileStore`].
#[derive(Debug, Clone, Default)]
pub struct Outage {
    users: Arc<AtomicBool>,
    sessions: Arc<AtomicBool>,
}

impl Outage {
    /// The users are gone.
    pub fn of_users(&self) {
        self.users.store(true, Ordering::SeqCst);
    }

    /// The sessions are gone.
    pub fn of_sessions(&self) {
        self.sessions.store(true, Ordering::SeqCst);
    }

    /// Both are there again.
    pub fn end(&self) {
        for gone in [&self.users, &self.sessions] {
            gone.store(false, Ordering::SeqCst);
        }
    }
}

impl<S> FragileStore<S> {
    /// A store over another one, and what cuts it off.
    #[must_use]
    pub fn new(store: S) -> (Self, Outage) {
        let outage = Outage::default();
        (Self { store, outage: outage.clone() }, outage)
    }

    fn users(&self) -> Result<&S, StoreError> {
        self.unless(&self.outage.users)
    }

    fn sessions(&self) -> Result<&S, StoreError> {
        self.unless(&self.outage.sessions)
    }

    fn unless(&self, gone: &AtomicBool) -> Result<&S, StoreError> {
        if gone.load(Ordering::SeqCst) {
            Err(StoreError::new("answer", "connection refused"))
        } else {
            Ok(&self.store)
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: UserStore<User = Account>> UserStore for FragileStore<S> {
    type User = Account;

    async fn find_by_id(&self, id: &UserId) -> Result<Option<Account>, StoreError> {
        self.users()?.find_by_id(id).await
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Account>, StoreError> {
        self.users()?.find_by_email(email).await
    }

    async fn replace_password_hash(
        &self,
        id: &UserId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<Swap, StoreError> {
        self.users()?.replace_password_hash(id, old, new).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: AccountStore<User = Account>> AccountStore for FragileStore<S> {
    async fn create(&self, account: NewAccount) -> Result<Created<Account>, StoreError> {
        self.users()?.create(account).await
    }

    async fn change_password(
        &self,
        id: &UserId,
        old: &PasswordHash,
        new: &PasswordHash,
        epoch: Epoch,
    ) -> Result<Swap, StoreError> {
        self.users()?.change_password(id, old, new, epoch).await
    }

    async fn update(
        &self,
        id: &UserId,
        change: &AccountChange,
        protected: Option<&RoleName>,
    ) -> Result<Change<Account>, StoreError> {
        self.users()?.update(id, change, protected).await
    }

    async fn delete(&self, id: &UserId, protected: Option<&RoleName>) -> Result<Change<()>, StoreError> {
        self.users()?.delete(id, protected).await
    }

    async fn count(&self) -> Result<AccountCounts, StoreError> {
        self.users()?.count().await
    }

    async fn page(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Account>, StoreError> {
        self.users()?.page(after, limit).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: SessionStore> SessionStore for FragileStore<S> {
    async fn begin(&self, session: &Session, current: TokenDigest, limit: u32) -> Result<u64, StoreError> {
        self.sessions()?.begin(session, current, limit).await
    }

    async fn find(&self, user: &UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.sessions()?.find(user, id).await
    }

    async fn list(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        self.sessions()?.list(user).await
    }

    async fn rotate(&self, request: &RotationRequest) -> Result<Rotation, StoreError> {
        self.sessions()?.rotate(request).await
    }

    async fn end(&self, user: &UserId, id: SessionId) -> Result<(), StoreError> {
        self.sessions()?.end(user, id).await
    }

    async fn end_all(&self, user: &UserId) -> Result<(), StoreError> {
        self.sessions()?.end_all(user).await
    }

    async fn retain(&self, user: &UserId, keep: SessionId, epoch: Epoch) -> Result<(), StoreError> {
        self.sessions()?.retain(user, keep, epoch).await
    }

    async fn purge_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.sessions()?.purge_expired(now).await
    }
}
