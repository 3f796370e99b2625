//! A store that forwards every call to another store and runs a hook around it.

use std::future::Future;

use async_trait::async_trait;
use gatewright_core::audit::{
    AppendOutcome, AuditChain, AuditCursor, AuditFilter, AuditReach, AuditRow, AuditStore, AuditTask,
    WriterId,
};
use gatewright_core::store::{
    AccountChange, AccountCounts, CompareAndSwap, CreateOutcome, NewAccount, StoredPassword, TokenDigest,
    UpdateOutcome,
};
use gatewright_core::throttle::{ThrottleOutcome, ThrottleStep};
use gatewright_core::{
    AccountStore, Email, LoginName, PasswordHash, RoleName, Rotation, RotationRequest, Session, SessionId,
    SessionStore, StoreError, Throttle, ThrottleReach, Timestamp, UserId, UserStore,
};

/// A store that forwards every call to `store`. Its [`Hook`] runs before and after each call.
///
/// It implements the same traits as the inner store. [`FailingStore`](crate::FailingStore) and
/// [`CountingStore`](crate::CountingStore) are this type with a hook of the testkit. A test writes
/// its own hook for any other fault:
///
/// ```
/// use gatewright::store::Session;
/// use gatewright_testkit::{Hook, Intercepted};
///
/// struct LoseSessions;
///
/// impl Hook for LoseSessions {
///     fn found_session(&self, _found: Option<Session>) -> Option<Session> {
///         None
///     }
/// }
///
/// # fn example<S>(store: S) {
/// let store = Intercepted::with_hook(store, LoseSessions);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Intercepted<S, H> {
    pub(super) store: S,
    pub(super) hook: H,
}

/// Code that runs around the calls of an [`Intercepted`] store. Every method has a default that
/// changes nothing.
#[async_trait]
pub trait Hook: Send + Sync + 'static {
    /// Runs before a call. With an error, the call fails with this error and does not reach the
    /// store.
    ///
    /// # Errors
    /// When the call must fail.
    async fn before(&self, _method: Method) -> Result<(), StoreError> {
        Ok(())
    }

    /// Runs after the store has answered, before the caller receives the answer.
    async fn after(&self, _method: Method) {}

    /// Replaces the result of [`SessionStore::find`].
    fn found_session(&self, found: Option<Session>) -> Option<Session> {
        found
    }
}

/// A method of [`UserStore`], [`AccountStore`], [`SessionStore`], [`Throttle`] or [`AuditStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant is named after its method")]
pub enum Method {
    FindUserById,
    FindUserByLogin,
    ReplacePasswordHash,
    FindAccountByEmail,
    CreateAccount,
    CreateFirstHolder,
    HasActiveHolder,
    ChangePassword,
    UpdateAccount,
    DeleteAccount,
    CountAccounts,
    PageAccounts,
    SearchAccounts,
    CreateSession,
    FindSession,
    ListSessions,
    RotateSession,
    DeleteSession,
    DeleteAllSessions,
    ReplaceAllSessions,
    DeleteExpiredSessions,
    RunStep,
    DeleteExpiredStates,
    AppendRows,
    LastRow,
    Chains,
    ChainRows,
    PageRows,
    FirstNumberSince,
    DeleteRows,
    ErasePersonal,
}

impl Method {
    /// Whether [`SessionStore`] has this method.
    #[must_use]
    pub const fn is_of_sessions(self) -> bool {
        matches!(
            self,
            Self::CreateSession
                | Self::FindSession
                | Self::ListSessions
                | Self::RotateSession
                | Self::DeleteSession
                | Self::DeleteAllSessions
                | Self::ReplaceAllSessions
                | Self::DeleteExpiredSessions
        )
    }
}

impl<S, H: Hook> Intercepted<S, H> {
    /// Wraps `store`. `hook` runs around every call.
    pub const fn with_hook(store: S, hook: H) -> Self {
        Self { store, hook }
    }

    async fn run<T>(
        &self,
        method: Method,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.hook.before(method).await?;
        let result = call.await;
        self.hook.after(method).await;
        result
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: UserStore, H: Hook> UserStore for Intercepted<S, H> {
    type User = S::User;

    async fn find_by_id(&self, id: &UserId) -> Result<Option<S::User>, StoreError> {
        self.run(Method::FindUserById, self.store.find_by_id(id)).await
    }

    async fn find_by_login(&self, name: &LoginName) -> Result<Option<S::User>, StoreError> {
        self.run(Method::FindUserByLogin, self.store.find_by_login(name)).await
    }

    async fn replace_password_hash(
        &self,
        id: &UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<CompareAndSwap, StoreError> {
        self.run(Method::ReplacePasswordHash, self.store.replace_password_hash(id, expected, new)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: AccountStore, H: Hook> AccountStore for Intercepted<S, H> {
    async fn find_by_email(&self, email: &Email) -> Result<Option<S::User>, StoreError> {
        self.run(Method::FindAccountByEmail, self.store.find_by_email(email)).await
    }

    async fn create(&self, account: NewAccount) -> Result<CreateOutcome<S::User>, StoreError> {
        self.run(Method::CreateAccount, self.store.create(account)).await
    }

    async fn create_first_holder(
        &self,
        account: NewAccount,
        role: &RoleName,
    ) -> Result<CreateOutcome<S::User>, StoreError> {
        self.run(Method::CreateFirstHolder, self.store.create_first_holder(account, role)).await
    }

    async fn has_active_holder(&self, role: &RoleName) -> Result<bool, StoreError> {
        self.run(Method::HasActiveHolder, self.store.has_active_holder(role)).await
    }

    async fn change_password(
        &self,
        id: &UserId,
        expected: &StoredPassword,
        new: &StoredPassword,
    ) -> Result<CompareAndSwap, StoreError> {
        self.run(Method::ChangePassword, self.store.change_password(id, expected, new)).await
    }

    async fn update(
        &self,
        id: &UserId,
        change: &AccountChange,
        protected: Option<&RoleName>,
    ) -> Result<UpdateOutcome<S::User>, StoreError> {
        self.run(Method::UpdateAccount, self.store.update(id, change, protected)).await
    }

    async fn delete(
        &self,
        id: &UserId,
        protected: Option<&RoleName>,
    ) -> Result<UpdateOutcome<()>, StoreError> {
        self.run(Method::DeleteAccount, self.store.delete(id, protected)).await
    }

    async fn count(&self) -> Result<AccountCounts, StoreError> {
        self.run(Method::CountAccounts, self.store.count()).await
    }

    async fn page(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<S::User>, StoreError> {
        self.run(Method::PageAccounts, self.store.page(after, limit)).await
    }

    async fn search(
        &self,
        text: &str,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<S::User>, StoreError> {
        self.run(Method::SearchAccounts, self.store.search(text, after, limit)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: SessionStore, H: Hook> SessionStore for Intercepted<S, H> {
    async fn create(&self, session: &Session, current: TokenDigest, limit: u32) -> Result<u64, StoreError> {
        self.run(Method::CreateSession, self.store.create(session, current, limit)).await
    }

    async fn find(&self, user: &UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        let found = self.run(Method::FindSession, self.store.find(user, id)).await?;
        Ok(self.hook.found_session(found))
    }

    async fn list(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        self.run(Method::ListSessions, self.store.list(user)).await
    }

    async fn rotate(&self, request: &RotationRequest) -> Result<Rotation, StoreError> {
        self.run(Method::RotateSession, self.store.rotate(request)).await
    }

    async fn delete(&self, user: &UserId, id: SessionId) -> Result<(), StoreError> {
        self.run(Method::DeleteSession, self.store.delete(user, id)).await
    }

    async fn delete_all(&self, user: &UserId) -> Result<(), StoreError> {
        self.run(Method::DeleteAllSessions, self.store.delete_all(user)).await
    }

    async fn replace_all(&self, new: &Session, current: TokenDigest) -> Result<(), StoreError> {
        self.run(Method::ReplaceAllSessions, self.store.replace_all(new, current)).await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.run(Method::DeleteExpiredSessions, self.store.delete_expired(now)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Throttle, H: Hook> Throttle for Intercepted<S, H> {
    async fn run_step(&self, step: &ThrottleStep) -> Result<ThrottleOutcome, StoreError> {
        self.run(Method::RunStep, self.store.run_step(step)).await
    }

    async fn delete_expired_states(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.run(Method::DeleteExpiredStates, self.store.delete_expired_states(now, limit)).await
    }

    fn throttle_reach(&self) -> ThrottleReach {
        self.store.throttle_reach()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: AuditStore, H: Hook> AuditStore for Intercepted<S, H> {
    async fn append_rows(&self, rows: &[AuditRow]) -> Result<AppendOutcome, StoreError> {
        self.run(Method::AppendRows, self.store.append_rows(rows)).await
    }

    async fn last_row(&self, writer: &WriterId) -> Result<Option<AuditRow>, StoreError> {
        self.run(Method::LastRow, self.store.last_row(writer)).await
    }

    async fn chains(&self) -> Result<Vec<AuditChain>, StoreError> {
        self.run(Method::Chains, self.store.chains()).await
    }

    async fn chain_rows(
        &self,
        writer: &WriterId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        self.run(Method::ChainRows, self.store.chain_rows(writer, after, limit)).await
    }

    async fn page_rows(
        &self,
        filter: &AuditFilter,
        after: Option<&AuditCursor>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        self.run(Method::PageRows, self.store.page_rows(filter, after, limit)).await
    }

    async fn first_number_since(
        &self,
        writer: &WriterId,
        time: Timestamp,
    ) -> Result<Option<u64>, StoreError> {
        self.run(Method::FirstNumberSince, self.store.first_number_since(writer, time)).await
    }

    async fn delete_rows(&self, writer: &WriterId, last: u64, limit: u32) -> Result<u64, StoreError> {
        self.run(Method::DeleteRows, self.store.delete_rows(writer, last, limit)).await
    }

    async fn erase_personal(&self, user: &UserId) -> Result<u64, StoreError> {
        self.run(Method::ErasePersonal, self.store.erase_personal(user)).await
    }

    fn audit_reach(&self) -> AuditReach {
        self.store.audit_reach()
    }

    fn spawn_writer(&self, task: AuditTask) {
        self.store.spawn_writer(task);
    }
}
