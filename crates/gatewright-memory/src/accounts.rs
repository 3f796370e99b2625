//! Accounts: a map by id, and the id for each email address and user name.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use async_trait::async_trait;
use gatewright_core::store::{
    AccountChange, AccountCounts, CompareAndSwap, CreateOutcome, NewAccount, StoredPassword, UpdateOutcome,
};
use gatewright_core::{
    Account, AccountStore, Email, LoginName, PasswordHash, RoleName, StoreError, UserId, UserStore,
};

use crate::MemoryStore;

#[derive(Default)]
pub(crate) struct Accounts {
    by_id: BTreeMap<UserId, Account>,
    /// By the key of the address.
    id_by_email: HashMap<Email, UserId>,
    /// By the key of the user name.
    id_by_username: HashMap<String, UserId>,
}

impl Accounts {
    /// Whether this account is the only active one with the protected role.
    fn is_last_holder(&self, id: &UserId, protected: Option<&RoleName>) -> bool {
        let Some(protected) = protected else { return false };
        let holds = |account: &Account| is_active_holder(account, protected);
        let others = self.by_id.values().any(|account| account.id != *id && holds(account));
        self.by_id.get(id).is_some_and(holds) && !others
    }

    fn with_email(&self, email: &Email) -> Option<&Account> {
        self.id_by_email.get(email).and_then(|id| self.by_id.get(id))
    }

    fn with_username(&self, key: &str) -> Option<&Account> {
        self.id_by_username.get(key).and_then(|id| self.by_id.get(id))
    }

    fn has_active_holder(&self, role: &RoleName) -> bool {
        self.by_id.values().any(|account| is_active_holder(account, role))
    }

    fn create(&mut self, account: NewAccount) -> CreateOutcome<Account> {
        let key = account.username.as_ref().map(|username| username.key().to_owned());
        if key.as_deref().is_some_and(|key| self.id_by_username.contains_key(key)) {
            return CreateOutcome::UsernameTaken;
        }
        if self.id_by_email.contains_key(&account.email) || self.by_id.contains_key(&account.id) {
            return CreateOutcome::Taken;
        }
        let account = Account::from(account);
        self.id_by_email.insert(account.email.clone(), account.id.clone());
        if let Some(key) = key {
            self.id_by_username.insert(key, account.id.clone());
        }
        self.by_id.insert(account.id.clone(), account.clone());
        CreateOutcome::Created(account)
    }

    /// The account with this id if it has this password hash.
    fn with_hash(&mut self, id: &UserId, hash: &PasswordHash) -> Option<&mut Account> {
        self.by_id.get_mut(id).filter(|account| account.password_hash.expose() == hash.expose())
    }
}

fn is_active_holder(account: &Account, role: &RoleName) -> bool {
    account.is_active && account.roles.contains(role)
}

#[async_trait]
impl UserStore for MemoryStore {
    type User = Account;

    async fn find_by_id(&self, id: &UserId) -> Result<Option<Account>, StoreError> {
        Ok(self.accounts().by_id.get(id).cloned())
    }

    async fn find_by_login(&self, name: &LoginName) -> Result<Option<Account>, StoreError> {
        let accounts = self.accounts();
        let found = if name.as_str().contains('@') {
            name.as_email().and_then(|email| accounts.with_email(&email))
        } else {
            name.as_username().and_then(|username| accounts.with_username(username.key()))
        };
        Ok(found.cloned())
    }

    async fn replace_password_hash(
        &self,
        id: &UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<CompareAndSwap, StoreError> {
        let mut accounts = self.accounts();
        let Some(account) = accounts.with_hash(id, expected) else { return Ok(CompareAndSwap::Conflict) };
        account.password_hash = new.clone();
        Ok(CompareAndSwap::Swapped)
    }
}

#[async_trait]
impl AccountStore for MemoryStore {
    async fn find_by_email(&self, email: &Email) -> Result<Option<Account>, StoreError> {
        Ok(self.accounts().with_email(email).cloned())
    }

    async fn create(&self, account: NewAccount) -> Result<CreateOutcome<Account>, StoreError> {
        Ok(self.accounts().create(account))
    }

    async fn create_first_holder(
        &self,
        account: NewAccount,
        role: &RoleName,
    ) -> Result<CreateOutcome<Account>, StoreError> {
        let mut accounts = self.accounts();
        if accounts.has_active_holder(role) {
            return Ok(CreateOutcome::HolderExists);
        }
        Ok(accounts.create(account))
    }

    async fn has_active_holder(&self, role: &RoleName) -> Result<bool, StoreError> {
        Ok(self.accounts().has_active_holder(role))
    }

    async fn change_password(
        &self,
        id: &UserId,
        expected: &StoredPassword,
        new: &StoredPassword,
    ) -> Result<CompareAndSwap, StoreError> {
        let mut accounts = self.accounts();
        let is_expected = |account: &&mut Account| {
            account.is_active && expected.equals(&account.password_hash, account.epoch)
        };
        let account = accounts.by_id.get_mut(id).filter(is_expected);
        let Some(account) = account else { return Ok(CompareAndSwap::Conflict) };
        account.password_hash = new.hash.clone();
        account.epoch = new.epoch;
        Ok(CompareAndSwap::Swapped)
    }

    async fn update(
        &self,
        id: &UserId,
        change: &AccountChange,
        protected: Option<&RoleName>,
    ) -> Result<UpdateOutcome<Account>, StoreError> {
        let mut accounts = self.accounts();
        let protected = protected.filter(|protected| change.can_remove_holder(protected));
        let is_last_holder = accounts.is_last_holder(id, protected);
        let Some(account) = accounts.by_id.get_mut(id) else { return Ok(UpdateOutcome::NotFound) };
        let mut changed = account.clone();
        if change.apply(&mut changed) == CompareAndSwap::Conflict {
            return Ok(UpdateOutcome::Conflict);
        }
        if is_last_holder {
            return Ok(UpdateOutcome::LastHolder);
        }
        *account = changed.clone();
        Ok(UpdateOutcome::Updated(changed))
    }

    async fn delete(
        &self,
        id: &UserId,
        protected: Option<&RoleName>,
    ) -> Result<UpdateOutcome<()>, StoreError> {
        let mut accounts = self.accounts();
        if accounts.is_last_holder(id, protected) {
            return Ok(UpdateOutcome::LastHolder);
        }
        let Some(account) = accounts.by_id.remove(id) else { return Ok(UpdateOutcome::NotFound) };
        accounts.id_by_email.remove(&account.email);
        if let Some(username) = &account.username {
            accounts.id_by_username.remove(username.key());
        }
        Ok(UpdateOutcome::Updated(()))
    }

    async fn count(&self) -> Result<AccountCounts, StoreError> {
        let accounts = self.accounts();
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let active = accounts.by_id.values().filter(|account| account.is_active).count();
        Ok(AccountCounts::new(count(accounts.by_id.len()), count(active)))
    }

    async fn page(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Account>, StoreError> {
        self.search("", after, limit).await
    }

    async fn search(
        &self,
        text: &str,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<Account>, StoreError> {
        let accounts = self.accounts();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let accounts =
            accounts.by_id.range::<UserId, _>((from, Bound::Unbounded)).map(|(_, account)| account);
        let found = accounts.filter(|account| account.email.key().contains(text));
        Ok(found.take(limit).cloned().collect())
    }
}
