//! Users and accounts: what guards and login read, and what changes an account.

use std::sync::Arc;

use async_trait::async_trait;

use super::error::StoreError;
use crate::types::{Email, Epoch, PasswordHash, RoleName, Timestamp, UserId};

/// The application's own user type, as far as guards and login must know it.
///
/// ```
/// use gatewright_core::{AuthUser, Epoch, PasswordHash, UserId};
///
/// /// A row of the application's own table.
/// struct Customer {
///     number: i64,
///     is_staff: bool,
///     is_blocked: bool,
///     password: PasswordHash,
///     epoch: i64,
/// }
///
/// impl AuthUser for Customer {
///     fn id(&self) -> UserId {
///         UserId::from(self.number)
///     }
///
///     fn roles(&self) -> impl Iterator<Item = &str> {
///         self.is_staff.then_some("staff").into_iter()
///     }
///
///     fn is_active(&self) -> bool {
///         !self.is_blocked
///     }
///
///     fn password_hash(&self) -> Option<PasswordHash> {
///         Some(self.password.clone())
///     }
///
///     fn epoch(&self) -> Epoch {
///         Epoch::from_u64(self.epoch.cast_unsigned())
///     }
/// }
///
/// let password = PasswordHash::new("$argon2id$v=19$…");
/// let ada = Customer { number: 7, is_staff: true, is_blocked: false, password, epoch: -1 };
/// assert_eq!((ada.id().as_str(), ada.is_active()), ("7", true));
/// assert!(ada.roles().eq(["staff"]));
/// ```
pub trait AuthUser: Send + Sync + 'static {
    /// The id that tokens carry. An id must never be used again for somebody else.
    fn id(&self) -> UserId;

    /// The roles held at this moment.
    fn roles(&self) -> impl Iterator<Item = &str>;

    /// Whether the user may log in and use tokens.
    fn is_active(&self) -> bool;

    /// The stored hash; `None` for a user who has no password.
    fn password_hash(&self) -> Option<PasswordHash>;

    /// The value that the user's tokens and sessions must repeat. It is replaced whenever all of them shall end.
    fn epoch(&self) -> Epoch;
}

/// Whether a compare-and-swap took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum CompareAndSwap {
    /// The stored value was the expected one and is replaced.
    Swapped,
    /// The stored value is another one, or the user is gone; nothing changed.
    Conflict,
}

/// Finds users: all that guards and login need of an application's own users table.
///
/// # Contract
/// - `Ok(None)` says that there is no such user; a store that cannot tell returns an error.
/// - A user comes back as of one moment: hash, epoch and activity from the same row of the same read.
/// - A read sees every change that was acknowledged before it began.
/// - `replace_password_hash` is atomic: of many callers with one expectation, one succeeds.
///
/// Prove an implementation with `user_suite!` of `gatewright-testkit`, whatever its user type.
#[async_trait]
pub trait UserStore: Send + Sync + 'static {
    /// The application's user.
    type User: AuthUser;

    /// The user whose [`AuthUser::id`] this is. Ids are compared byte for byte: where they are numbers, "01" is not "1".
    ///
    /// # Errors
    /// When the store cannot tell.
    async fn find_by_id(&self, id: &UserId) -> Result<Option<Self::User>, StoreError>;

    /// The user who logs in with this address. The store compares bytes.
    ///
    /// # Errors
    /// When the store cannot tell.
    async fn find_by_email(&self, email: &Email) -> Result<Option<Self::User>, StoreError>;

    /// Replaces the hash if it still is `expected`, byte for byte, and leaves the epoch alone: the password is the
    /// same, only its hash is better.
    ///
    /// # Errors
    /// When the store cannot do it; the old hash then still stands.
    ///
    /// # Cancel safety
    /// A dropped call has replaced the hash or not; it never leaves another state.
    async fn replace_password_hash(
        &self,
        id: &UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<CompareAndSwap, StoreError>;
}

/// An account to be created.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewAccount {
    /// A new id.
    pub id: UserId,
    /// The address, unique among accounts.
    pub email: Email,
    /// The first password's hash.
    pub password_hash: PasswordHash,
    /// The first role.
    pub role: RoleName,
    /// The first epoch.
    pub epoch: Epoch,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// Whether an account was created.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum CreateOutcome<U> {
    /// It was.
    Created(U),
    /// The address (or the id) belongs to another account; nothing changed.
    Taken,
}

/// What to change in an account; `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct AccountChange {
    /// The new role.
    pub role: Option<RoleName>,
    /// Whether the account may be used.
    pub is_active: Option<bool>,
    /// A new epoch, which ends the account's tokens and sessions.
    pub epoch: Option<Epoch>,
}

/// Whether a change or deletion took place.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum UpdateOutcome<T> {
    /// It did.
    Updated(T),
    /// There is no such account.
    NotFound,
    /// It would have left no active account with the protected role; nothing changed.
    LastHolder,
}

/// How many accounts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountCounts {
    /// All.
    pub total: u64,
    /// Those that may be used.
    pub active: u64,
}

impl AccountCounts {
    /// For implementations of [`AccountStore`].
    #[must_use]
    pub const fn new(total: u64, active: u64) -> Self {
        Self { total, active }
    }
}

/// Creates and changes accounts.
///
/// # Contract
/// - Every verb is atomic, also between processes: it happens whole or not at all, and checks what it depends on in
///   the same step. Of many parallel `create`s of one address, one is `Created`.
/// - `protected`, where given, names a role that must keep at least one active holder: the check and the change are
///   one step, so that two holders cannot demote each other at once.
/// - `page` walks accounts in the order of their ids and shows each account that exists throughout the walk exactly
///   once.
///
/// Ids are the caller's: [`Accounts`](crate::Accounts) draws a new one for each account, and uses none again.
///
/// ```
/// use gatewright_core::store::UpdateOutcome;
/// # use gatewright_core::store::NewAccount;
/// use gatewright_core::{AccountStore, RoleName};
/// # use gatewright_core::{Email, Epoch, PasswordHash, SystemRandom, Timestamp, UserId};
/// use gatewright_memory::MemoryStore;
///
/// # gatewright_testkit::block_on(async {
/// # let (email, hash) = (Email::parse("admin@example.com")?, PasswordHash::new("$argon2id$v=19$…"));
/// # let (now, epoch) = (Timestamp::from_seconds(1_700_000_000), Epoch::generate(&SystemRandom)?);
/// # let id = UserId::new("7")?;
/// let (store, admin) = (MemoryStore::new(), RoleName::new("admin")?);
/// let _created_or_taken = store.create(NewAccount::new(id.clone(), email, hash, admin.clone(), epoch, now)).await?;
///
/// let deleted = store.delete(&id, Some(&admin)).await?;
/// assert!(matches!(deleted, UpdateOutcome::LastHolder), "the role is protected");
/// assert_eq!(store.count().await?.total, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// Prove an implementation with `account_suite!` of `gatewright-testkit`.
#[async_trait]
pub trait AccountStore: UserStore {
    /// Creates an account whose address no other has.
    ///
    /// # Errors
    /// When the store cannot do it; nothing is created then.
    async fn create(&self, account: NewAccount) -> Result<CreateOutcome<Self::User>, StoreError>;

    /// Replaces hash and epoch together if the hash still is `expected` and the account may be used; one that may not is
    /// [`CompareAndSwap::Conflict`].
    ///
    /// # Errors
    /// When the store cannot do it; both then still stand.
    async fn change_password(
        &self,
        id: &UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
        epoch: Epoch,
    ) -> Result<CompareAndSwap, StoreError>;

    /// Changes role, activity and epoch in one step and returns the account as it is then.
    ///
    /// # Errors
    /// When the store cannot do it; nothing is changed then.
    async fn update(
        &self,
        id: &UserId,
        change: &AccountChange,
        protected: Option<&RoleName>,
    ) -> Result<UpdateOutcome<Self::User>, StoreError>;

    /// Deletes an account.
    ///
    /// # Errors
    /// When the store cannot do it; the account then still stands.
    async fn delete(
        &self,
        id: &UserId,
        protected: Option<&RoleName>,
    ) -> Result<UpdateOutcome<()>, StoreError>;

    /// Counts accounts.
    ///
    /// # Errors
    /// When the store cannot tell.
    async fn count(&self) -> Result<AccountCounts, StoreError>;

    /// The next at most `limit` accounts behind `after`, in the order of their ids.
    ///
    /// # Errors
    /// When the store cannot tell.
    async fn page(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Self::User>, StoreError>;
}

/// Gatewright's own user: what its stores keep when an application brings no user type.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Account {
    /// The id, a UUIDv7.
    pub id: UserId,
    /// The address.
    pub email: Email,
    /// The hash of the password.
    pub password_hash: PasswordHash,
    /// The role.
    pub role: RoleName,
    /// Whether the account may be used.
    pub is_active: bool,
    /// What tokens and sessions must repeat.
    pub epoch: Epoch,
    /// When the account was made.
    pub created_at: Timestamp,
}

impl From<NewAccount> for Account {
    fn from(new: NewAccount) -> Self {
        let NewAccount { id, email, password_hash, role, epoch, created_at } = new;
        Self { id, email, password_hash, role, is_active: true, epoch, created_at }
    }
}

impl NewAccount {
    /// All of a new account, in the order of the fields.
    #[must_use]
    pub const fn new(
        id: UserId,
        email: Email,
        password_hash: PasswordHash,
        role: RoleName,
        epoch: Epoch,
        created_at: Timestamp,
    ) -> Self {
        Self { id, email, password_hash, role, epoch, created_at }
    }
}

impl AuthUser for Account {
    fn id(&self) -> UserId {
        self.id.clone()
    }

    fn roles(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.role.as_str())
    }

    fn is_active(&self) -> bool {
        self.is_active
    }

    fn password_hash(&self) -> Option<PasswordHash> {
        Some(self.password_hash.clone())
    }

    fn epoch(&self) -> Epoch {
        self.epoch
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: UserStore + ?Sized> UserStore for Arc<T> {
    type User = T::User;

    async fn find_by_id(&self, id: &UserId) -> Result<Option<Self::User>, StoreError> {
        (**self).find_by_id(id).await
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Self::User>, StoreError> {
        (**self).find_by_email(email).await
    }

    async fn replace_password_hash(
        &self,
        id: &UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<CompareAndSwap, StoreError> {
        (**self).replace_password_hash(id, expected, new).await
    }
}
