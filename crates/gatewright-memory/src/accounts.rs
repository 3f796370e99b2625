//! Accounts: a map by id, and the ids by address.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use async_trait::async_trait;
use gatewright_core::store::{AccountChange, AccountCounts, Change, Created, NewAccount, Swap};
use gatewright_core::{
    Account, AccountStore, Email, Epoch, PasswordHash, RoleName, StoreError, UserId, UserStore,
};

use crate::MemoryStore;

#[derive(Default)]
pub(crate) struct Accounts {
    by_id: BTreeMap<UserId, Account>,
    ids: HashMap<Email, UserId>,
}

impl Accounts {
    /// Whether the account is the only active holder of the protected role.
    fn is_last(&self, id: &UserId, protected: Option<&RoleName>) -> bool {
        let holds = |account: &Account| account.is_active && Some(&account.role) == protected;
        let others = self.by_id.values().any(|account| account.id != *id && holds(account));
        self.by_id.get(id).is_some_and(holds) && !others
    }

    /// The account, if its hash still is the expected one.
    fn expecting(&mut self, id: &UserId, hash: &PasswordHash) -> Option<&mut Account> {
        self.by_id.get_mut(id).filter(|account| account.password_hash.expose() == hash.expose())
    }
}

#[async_trait]
impl UserStore for MemoryStore {
    type User = Account;

    async fn find_by_id(&self, id: &UserId) -> Result<Option<Account>, StoreError> {
        Ok(self.accounts().by_id.get(id).cloned())
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Account>, StoreError> {
        let accounts = self.accounts();
        Ok(accounts.ids.get(email).and_then(|id| accounts.by_id.get(id)).cloned())
    }

    async fn replace_password_hash(
        &self,
        id: &UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<Swap, StoreError> {
        let mut accounts = self.accounts();
        let Some(account) = accounts.expecting(id, expected) else { return Ok(Swap::Stale) };
        account.password_hash = new.clone();
        Ok(Swap::Done)
    }
}

#[async_trait]
impl AccountStore for MemoryStore {
    async fn create(&self, account: NewAccount) -> Result<Created<Account>, StoreError> {
        let mut accounts = self.accounts();
        if accounts.ids.contains_key(&account.email) || accounts.by_id.contains_key(&account.id) {
            return Ok(Created::Taken);
        }
        let account = Account::from(account);
        accounts.ids.insert(account.email.clone(), account.id.clone());
        accounts.by_id.insert(account.id.clone(), account.clone());
        Ok(Created::Created(account))
    }

    async fn change_password(
        &self,
        id: &UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
        epoch: Epoch,
    ) -> Result<Swap, StoreError> {
        let mut accounts = self.accounts();
        let Some(account) = accounts.expecting(id, expected) else { return Ok(Swap::Stale) };
        if !account.is_active {
            return Ok(Swap::Stale);
        }
        account.password_hash = new.clone();
        account.epoch = epoch;
        Ok(Swap::Done)
    }

    async fn update(
        &self,
        id: &UserId,
        change: &AccountChange,
        protected: Option<&RoleName>,
    ) -> Result<Change<Account>, StoreError> {
        let mut accounts = self.accounts();
        let demotes = change.role.as_ref().is_some_and(|role| Some(role) != protected);
        let disables = change.is_active == Some(false);
        if (demotes || disables) && accounts.is_last(id, protected) {
            return Ok(Change::LastHolder);
        }
        let Some(account) = accounts.by_id.get_mut(id) else { return Ok(Change::NotFound) };
        account.role = change.role.clone().unwrap_or_else(|| account.role.clone());
        account.is_active = change.is_active.unwrap_or(account.is_active);
        account.epoch = change.epoch.unwrap_or(account.epoch);
        Ok(Change::Done(account.clone()))
    }

    async fn delete(&self, id: &UserId, protected: Option<&RoleName>) -> Result<Change<()>, StoreError> {
        let mut accounts = self.accounts();
        if accounts.is_last(id, protected) {
            return Ok(Change::LastHolder);
        }
        let Some(account) = accounts.by_id.remove(id) else { return Ok(Change::NotFound) };
        accounts.ids.remove(&account.email);
        Ok(Change::Done(()))
    }

    async fn count(&self) -> Result<AccountCounts, StoreError> {
        let accounts = self.accounts();
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let active = accounts.by_id.values().filter(|account| account.is_active).count();
        Ok(AccountCounts::new(count(accounts.by_id.len()), count(active)))
    }

    async fn page(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Account>, StoreError> {
        let accounts = self.accounts();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let page = accounts.by_id.range::<UserId, _>((from, Bound::Unbounded)).take(limit);
        Ok(page.map(|(_, account)| account.clone()).collect())
    }
}
