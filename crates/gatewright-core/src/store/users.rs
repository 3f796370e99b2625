//! Users and accounts: the traits that guards and login read from, and that change accounts.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::error::StoreError;
use crate::types::{Email, Epoch, LoginName, PasswordHash, RoleName, Timestamp, UserId, Username};

/// The application's user type: five getters that guards and login need.
///
/// ```
/// use gatewright::types::Epoch;
/// use gatewright::{AuthUser, PasswordHash, UserId};
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
    /// The id that tokens carry. It must never be reused for another user.
    fn id(&self) -> UserId;

    /// The roles that the user has now.
    fn roles(&self) -> impl Iterator<Item = &str>;

    /// Whether the user may log in and use tokens.
    fn is_active(&self) -> bool;

    /// The stored password hash, or `None` for a user without a password.
    fn password_hash(&self) -> Option<PasswordHash>;

    /// The epoch that the user's tokens and sessions must carry. Replace it to end all of them.
    fn epoch(&self) -> Epoch;

    /// The names by which others know the user, such as address and user name. A new password must not be one of
    /// them. None unless implemented.
    fn names(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// The verdict of a compare-and-swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum CompareAndSwap {
    /// The stored value was the expected one and was replaced.
    Swapped,
    /// The stored value is another one, or the user does not exist. Nothing changed.
    Conflict,
}

/// The password of an account as it is stored, and the epoch of the account's tokens and sessions.
///
/// ```
/// use gatewright::store::StoredPassword;
/// use gatewright::types::Epoch;
/// use gatewright::PasswordHash;
///
/// let stored = StoredPassword::new(PasswordHash::new("$argon2id$v=19$…"), Epoch::from_u64(1));
/// assert!(stored.equals(&stored.hash, stored.epoch));
/// assert!(!stored.equals(&stored.hash, Epoch::from_u64(2)), "the sessions were ended meanwhile");
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoredPassword {
    /// The hash.
    pub hash: PasswordHash,
    /// The epoch.
    pub epoch: Epoch,
}

impl StoredPassword {
    /// Combines hash and epoch.
    #[must_use]
    pub const fn new(hash: PasswordHash, epoch: Epoch) -> Self {
        Self { hash, epoch }
    }

    /// Whether both are equal, the hash byte for byte. For implementations of [`AccountStore`].
    #[must_use]
    pub fn equals(&self, hash: &PasswordHash, epoch: Epoch) -> bool {
        self.hash.expose() == hash.expose() && self.epoch == epoch
    }
}

/// Finds users. It is all that guards and login need of an application's own table of users.
///
/// # Contract
/// - `Ok(None)` means that the user does not exist. A store that failed returns an error.
/// - A user is a consistent snapshot: hash, epoch, activity and roles come from one read.
/// - A read sees every change that was acknowledged before it began.
/// - `replace_password_hash` is atomic: of many parallel calls with one `expected`, exactly one succeeds.
///
/// # Testing an implementation
/// `user_suite!` of `gatewright-testkit` runs one test for each rule, with any user type.
#[doc(alias("users table"))]
#[async_trait]
pub trait UserStore: Send + Sync + 'static {
    /// The application's user.
    type User: AuthUser;

    /// Finds the user with this id. Ids compare byte for byte: the id "01" is not the number 1.
    ///
    /// # Errors
    /// The store failed.
    async fn find_by_id(&self, id: &UserId) -> Result<Option<Self::User>, StoreError>;

    /// Finds the user who logs in with this name.
    ///
    /// The store decides what the name is. It finds an address by the [`Email::key`] of [`LoginName::as_email`], and a
    /// user name by its [`Username::key`]. Keys compare byte for byte. It must not let one name belong to two users: a
    /// store of addresses and user names searches one of the two columns, for example that of the addresses if the name
    /// contains an `@`.
    ///
    /// Two names with one [`LoginName::throttle_key`] must not belong to two users. Otherwise a login of one clears the
    /// failures of the other one. A store of names that are neither uses that form as its column.
    ///
    /// # Errors
    /// The store failed. A name that cannot belong to a user is `Ok(None)`.
    async fn find_by_login(&self, name: &LoginName) -> Result<Option<Self::User>, StoreError>;

    /// Replaces the password hash if it still equals `expected`, byte for byte. It must not change the
    /// epoch: the password is the same, only its hash is stronger.
    ///
    /// # Errors
    /// The store failed. The hash is unchanged then, unless the outcome is unknown.
    ///
    /// # Cancel safety
    /// A cancelled call is atomic: it has replaced the hash or not.
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
    /// The new id.
    pub id: UserId,
    /// The address, whose [`key`](Email::key) is unique among accounts. The store keeps its spelling too.
    pub email: Email,
    /// The user name, whose [`key`](Username::key) is unique among accounts.
    pub username: Option<Username>,
    /// The hash of the first password.
    pub password_hash: PasswordHash,
    /// The first roles.
    pub roles: BTreeSet<RoleName>,
    /// The first epoch.
    pub epoch: Epoch,
    /// When the account was created.
    pub created_at: Timestamp,
}

/// The verdict of creating an account.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum CreateOutcome<U> {
    /// The account was created.
    Created(U),
    /// The address, in any spelling, or the id belongs to another account. Nothing changed.
    Taken,
    /// The user name belongs to another account, whether the address and the id are free or not. Nothing
    /// changed.
    UsernameTaken,
    /// An active account has the role already. Nothing changed. Only
    /// [`create_first_holder`](AccountStore::create_first_holder) returns it.
    HolderExists,
}

/// A change of an account. `None` leaves a field unchanged.
///
/// ```
/// use std::collections::BTreeSet;
///
/// use gatewright::store::{AccountChange, CompareAndSwap, EpochChange};
/// use gatewright::types::Epoch;
/// use gatewright::{Account, RoleName};
///
/// fn demote(account: &mut Account, epoch: Epoch) {
///     let [user, admin] = ["user", "admin"].map(RoleName::from_static);
///     let mut change = AccountChange::default();
///     change.roles = Some(BTreeSet::from([user.clone()]));
///     change.epoch = Some(EpochChange::IfRolesDiffer(epoch));
///     assert!(change.can_remove_holder(&admin) && !change.can_remove_holder(&user));
///
///     let had_other_roles = !account.roles.iter().eq([&user]);
///     assert_eq!(change.apply(account), CompareAndSwap::Swapped);
///     assert!(account.roles.iter().eq([&user]));
///     assert_eq!(account.epoch == epoch, had_other_roles);
/// }
/// # let (email, hash) = (gatewright::Email::parse("a@b")?, gatewright::PasswordHash::new("x"));
/// # let (id, now) = (gatewright::UserId::new("7")?, gatewright::types::Timestamp::from_seconds(1));
/// # let new = |role| gatewright::store::NewAccount::new(
/// #     id.clone(), email.clone(), hash.clone(), [RoleName::from_static(role)], Epoch::from_u64(1), now);
/// # demote(&mut Account::from(new("admin")), Epoch::from_u64(2));
/// # demote(&mut Account::from(new("user")), Epoch::from_u64(2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct AccountChange {
    /// The roles that the account must have now. If it has others, nothing changes
    /// ([`UpdateOutcome::Conflict`]).
    pub expected_roles: Option<BTreeSet<RoleName>>,
    /// The new roles, which replace all present ones.
    pub roles: Option<BTreeSet<RoleName>>,
    /// Whether the account may be used.
    pub is_active: Option<bool>,
    /// The hash of a new password. It replaces any present one.
    pub password_hash: Option<PasswordHash>,
    /// A new epoch, which invalidates the account's tokens and sessions.
    pub epoch: Option<EpochChange>,
}

/// When an [`AccountChange`] replaces the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EpochChange {
    /// In any case.
    Always(Epoch),
    /// If the new roles are not the present ones.
    IfRolesDiffer(Epoch),
}

impl AccountChange {
    /// Whether the change can take `role` from an active account. A store must then check for the last
    /// holder of a protected role.
    #[must_use]
    pub fn can_remove_holder(&self, role: &RoleName) -> bool {
        self.is_active == Some(false) || self.roles.as_ref().is_some_and(|roles| !roles.contains(role))
    }

    /// Makes the change, unless the account has other roles than the expected ones. For implementations of
    /// [`AccountStore`].
    pub fn apply(&self, account: &mut Account) -> CompareAndSwap {
        if self.expected_roles.as_ref().is_some_and(|expected| *expected != account.roles) {
            return CompareAndSwap::Conflict;
        }
        let roles_differ = self.roles.as_ref().is_some_and(|roles| *roles != account.roles);
        match self.epoch {
            Some(EpochChange::Always(epoch)) => account.epoch = epoch,
            Some(EpochChange::IfRolesDiffer(epoch)) if roles_differ => account.epoch = epoch,
            Some(EpochChange::IfRolesDiffer(_)) | None => {}
        }
        if let Some(roles) = &self.roles {
            account.roles.clone_from(roles);
        }
        if let Some(hash) = &self.password_hash {
            account.password_hash.clone_from(hash);
        }
        account.is_active = self.is_active.unwrap_or(account.is_active);
        CompareAndSwap::Swapped
    }
}

/// The verdict of changing or deleting an account.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum UpdateOutcome<T> {
    /// The account was changed or deleted.
    Updated(T),
    /// The account does not exist.
    NotFound,
    /// The account has other roles than the [expected](AccountChange::expected_roles) ones. Nothing changed.
    Conflict,
    /// No active account would have the protected role any more. Nothing changed.
    LastHolder,
}

/// The number of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountCounts {
    /// All accounts.
    pub total: u64,
    /// The active ones.
    pub active: u64,
}

impl AccountCounts {
    /// Creates the counts. For implementations of [`AccountStore`].
    #[must_use]
    pub const fn new(total: u64, active: u64) -> Self {
        Self { total, active }
    }
}

/// Creates and changes accounts.
///
/// # Contract
/// - Every method is atomic, also between processes: it checks its conditions and makes its change in
///   one step. Of many parallel `create` calls with one address or one user name, exactly one is
///   `Created`.
/// - `find_by_login` finds an account by its address if the name contains an `@`, and by its user name
///   otherwise. Both compare by their keys ([`Email::key`], [`Username::key`]), byte for byte.
/// - An account has the address in the spelling with which it was created. Of two spellings with one key, the second
///   is `Taken`.
/// - An account has any number of roles, also none. Names of roles compare byte for byte.
/// - `protected` names a role that must keep at least one active holder. The check and the change are
///   one step, so two holders cannot demote each other at the same time.
/// - `page` and `search` iterate over the accounts in the order of their ids. An account that exists during
///   the whole iteration is returned exactly once.
///
/// The caller chooses the ids: [`Accounts`](crate::Accounts) generates a new one for each account.
///
/// ```
/// use gatewright::store::UpdateOutcome;
/// # use gatewright::store::NewAccount;
/// use gatewright::RoleName;
/// use gatewright::store::AccountStore;
/// # use gatewright::types::{Epoch, SystemRandom, Timestamp};
/// # use gatewright::{Email, PasswordHash, UserId};
/// use gatewright::MemoryStore;
///
/// # gatewright_testkit::block_on(async {
/// # let (email, hash) = (Email::parse("admin@example.com")?, PasswordHash::new("$argon2id$v=19$…"));
/// # let (now, epoch) = (Timestamp::from_seconds(1_700_000_000), Epoch::generate(&SystemRandom)?);
/// # let id = UserId::new("7")?;
/// let (store, admin) = (MemoryStore::new(), RoleName::new("admin")?);
/// let _created_or_taken = store.create(NewAccount::new(id.clone(), email, hash, [admin.clone()], epoch, now)).await?;
///
/// let deleted = store.delete(&id, Some(&admin)).await?;
/// assert!(matches!(deleted, UpdateOutcome::LastHolder), "the last holder of a protected role remains");
/// assert_eq!(store.count().await?.total, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// # Testing an implementation
/// `account_suite!` of `gatewright-testkit` runs one test for each rule.
#[async_trait]
pub trait AccountStore: UserStore {
    /// Finds the account with this address, by its [`key`](Email::key). Keys compare byte for byte.
    ///
    /// # Errors
    /// The store failed.
    async fn find_by_email(&self, email: &Email) -> Result<Option<Self::User>, StoreError>;

    /// Creates an account, unless its user name, address or id is taken. A taken user name is reported first, so
    /// that the verdict about a user name says nothing about an address.
    ///
    /// # Errors
    /// The store failed. No account is created then, unless the outcome is unknown.
    async fn create(&self, account: NewAccount) -> Result<CreateOutcome<Self::User>, StoreError>;

    /// Creates the account, unless an active account has `role` already. Of many parallel calls with one role, at most
    /// one creates an account.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    async fn create_first_holder(
        &self,
        account: NewAccount,
        role: &RoleName,
    ) -> Result<CreateOutcome<Self::User>, StoreError>;

    /// Whether an active account has this role.
    ///
    /// # Errors
    /// The store failed.
    async fn has_active_holder(&self, role: &RoleName) -> Result<bool, StoreError>;

    /// Replaces hash and epoch together if both still equal `expected`, the hash byte for byte, and the account is
    /// active. Otherwise it is a [`CompareAndSwap::Conflict`].
    ///
    /// So a change of the epoch at the same time, which ends the user's sessions, is never overwritten.
    ///
    /// # Errors
    /// The store failed. Nothing is changed then, unless the outcome is unknown.
    async fn change_password(
        &self,
        id: &UserId,
        expected: &StoredPassword,
        new: &StoredPassword,
    ) -> Result<CompareAndSwap, StoreError>;

    /// Changes roles, activity, hash and epoch in one step, and returns the changed account.
    ///
    /// The verdicts come before each other in the order `NotFound`, `Conflict`, `LastHolder`. What a change
    /// means is in [`AccountChange::apply`].
    ///
    /// # Errors
    /// The store failed. Nothing is changed then, unless the outcome is unknown.
    async fn update(
        &self,
        id: &UserId,
        change: &AccountChange,
        protected: Option<&RoleName>,
    ) -> Result<UpdateOutcome<Self::User>, StoreError>;

    /// Deletes an account.
    ///
    /// # Errors
    /// The store failed. The account still exists then, unless the outcome is unknown.
    async fn delete(
        &self,
        id: &UserId,
        protected: Option<&RoleName>,
    ) -> Result<UpdateOutcome<()>, StoreError>;

    /// Counts all and the active accounts.
    ///
    /// # Errors
    /// The store failed.
    async fn count(&self) -> Result<AccountCounts, StoreError>;

    /// Returns at most `limit` accounts whose ids come after `after`, in the order of their ids.
    ///
    /// # Errors
    /// The store failed.
    async fn page(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Self::User>, StoreError>;

    /// As [`page`](Self::page), but only the accounts whose [`Email::key`] contains `text`, byte for byte. No
    /// character of `text` is a wildcard.
    ///
    /// # Errors
    /// The store failed.
    async fn search(
        &self,
        text: &str,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<Self::User>, StoreError>;
}

/// Gatewright's own user type, for applications without a table of users.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Account {
    /// The id, a UUIDv7.
    pub id: UserId,
    /// The address.
    pub email: Email,
    /// The user name, if the account has one.
    pub username: Option<Username>,
    /// The hash of the password.
    pub password_hash: PasswordHash,
    /// The roles.
    pub roles: BTreeSet<RoleName>,
    /// Whether the account may be used.
    pub is_active: bool,
    /// The epoch that tokens and sessions must carry.
    pub epoch: Epoch,
    /// When the account was created.
    pub created_at: Timestamp,
}

impl From<NewAccount> for Account {
    fn from(new: NewAccount) -> Self {
        let NewAccount { id, email, username, password_hash, roles, epoch, created_at } = new;
        Self { id, email, username, password_hash, roles, is_active: true, epoch, created_at }
    }
}

impl NewAccount {
    /// Creates the description of a new account without a user name.
    #[must_use]
    pub fn new(
        id: UserId,
        email: Email,
        password_hash: PasswordHash,
        roles: impl IntoIterator<Item = impl Into<RoleName>>,
        epoch: Epoch,
        created_at: Timestamp,
    ) -> Self {
        let roles = roles.into_iter().map(Into::into).collect();
        Self { id, email, username: None, password_hash, roles, epoch, created_at }
    }

    /// Sets the user name.
    #[must_use]
    pub fn with_username(mut self, username: Username) -> Self {
        self.username = Some(username);
        self
    }
}

impl Account {
    /// Hash and epoch together, for [`AccountStore::change_password`].
    #[must_use]
    pub fn stored_password(&self) -> StoredPassword {
        StoredPassword::new(self.password_hash.clone(), self.epoch)
    }

    /// The account as administrators may see it, for JSON: `id`, `email`, `username` if it has one, `roles`
    /// (sorted), `is_active`, and `created_at` in seconds since 1970. It contains neither the password hash nor the epoch.
    ///
    /// ```
    /// use gatewright::store::NewAccount;
    /// # use gatewright::types::{Epoch, Timestamp};
    /// # use gatewright::{Account, Email, PasswordHash, RoleName, UserId};
    ///
    /// # let (email, hash) = (Email::parse("ada@example.com")?, PasswordHash::new("$argon2id$v=19$…"));
    /// # let (id, epoch) = (UserId::new("7")?, Epoch::from_u64(1));
    /// # let (roles, now) = (["user", "admin"].map(RoleName::from_static), Timestamp::from_seconds(1_700_000_000));
    /// let account = Account::from(NewAccount::new(id, email, hash, roles, epoch, now));
    /// assert_eq!(
    ///     serde_json::to_string(&account.view())?,
    ///     r#"{"id":"7","email":"ada@example.com","roles":["admin","user"],"is_active":true,"created_at":1700000000}"#
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn view(&self) -> AccountView<'_> {
        AccountView(self)
    }
}

/// An account without its password hash and its epoch, from [`Account::view`].
#[derive(Debug, Clone, Copy)]
pub struct AccountView<'a>(&'a Account);

impl Serialize for AccountView<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(account) = self;
        let mut members = to.serialize_struct("Account", 5 + usize::from(account.username.is_some()))?;
        members.serialize_field("id", account.id.as_str())?;
        members.serialize_field("email", account.email.as_str())?;
        match &account.username {
            Some(username) => members.serialize_field("username", username.as_str())?,
            None => members.skip_field("username")?,
        }
        members.serialize_field("roles", &account.roles().collect::<Vec<_>>())?;
        members.serialize_field("is_active", &account.is_active)?;
        members.serialize_field("created_at", &account.created_at.as_seconds())?;
        members.end()
    }
}

impl AuthUser for Account {
    fn id(&self) -> UserId {
        self.id.clone()
    }

    fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(RoleName::as_str)
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

    fn names(&self) -> Vec<&str> {
        let username = self.username.as_ref().map(Username::as_str);
        [Some(self.email.as_str()), username].into_iter().flatten().collect()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<T: UserStore + ?Sized> UserStore for Arc<T> {
    type User = T::User;

    async fn find_by_id(&self, id: &UserId) -> Result<Option<Self::User>, StoreError> {
        (**self).find_by_id(id).await
    }

    async fn find_by_login(&self, name: &LoginName) -> Result<Option<Self::User>, StoreError> {
        (**self).find_by_login(name).await
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
