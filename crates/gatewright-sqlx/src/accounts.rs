//! Users and accounts.

use async_trait::async_trait;
use gatewright_core::store::{
    AccountChange, AccountCounts, CompareAndSwap, CreateOutcome, NewAccount, UpdateOutcome,
};
use gatewright_core::{
    Account, AccountStore, Email, Epoch, LoginName, PasswordHash, RoleName, StoreError, UserId, UserStore,
};

use crate::Failure;
use crate::connection::{Checkout, Outcome, Transaction};
use crate::dialect::Dialect;
use crate::row::Row;
use crate::sql::{
    CHANGE_PASSWORD, COUNT_USERS, DELETE_USER, FIND_USER, FIND_USER_BY_EMAIL, PAGE_OF_USERS,
    REPLACE_PASSWORD_HASH, UPDATE_USER,
};
use crate::statement::Statement;
use crate::store::SqlStore;

#[async_trait]
impl<D: Dialect> UserStore for SqlStore<D> {
    type User = Account;

    async fn find_by_id(&self, id: &UserId) -> Result<Option<Account>, StoreError> {
        let select = || Statement::new(FIND_USER).text(id.as_str());
        self.pools.fetch_optional("find a user", select, Row::account).await
    }

    async fn find_by_login(&self, name: &LoginName) -> Result<Option<Account>, StoreError> {
        match name.as_email() {
            Some(email) => self.find_by_email(&email).await,
            None => Ok(None),
        }
    }

    async fn replace_password_hash(
        &self,
        id: &UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<CompareAndSwap, StoreError> {
        let update = || {
            Statement::new(REPLACE_PASSWORD_HASH).password_hash(new).text(id.as_str()).password_hash(expected)
        };
        self.pools.execute("replace a password hash", update).await.map(verdict)
    }
}

#[async_trait]
impl<D: Dialect> AccountStore for SqlStore<D> {
    async fn find_by_email(&self, email: &Email) -> Result<Option<Account>, StoreError> {
        let select = || Statement::new(FIND_USER_BY_EMAIL).text(email.as_str());
        self.pools.fetch_optional("find a user", select, Row::account).await
    }

    async fn create(&self, new: NewAccount) -> Result<CreateOutcome<Account>, StoreError> {
        let insert = || {
            Statement::new(D::INSERT_USER)
                .text(new.id.as_str())
                .text(new.email.as_str())
                .password_hash(&new.password_hash)
                .text(new.role.as_str())
                .epoch(new.epoch)
                .time(new.created_at)
        };
        let inserted = D::RETRY
            .run("create an account", || async {
                match D::Checkout::execute(&self.pools, insert()).await {
                    Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(0),
                    result => Ok(result?),
                }
            })
            .await?;
        Ok(if inserted == 0 { CreateOutcome::Taken } else { CreateOutcome::Created(new.into()) })
    }

    async fn change_password(
        &self,
        id: &UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
        epoch: Epoch,
    ) -> Result<CompareAndSwap, StoreError> {
        let update = || {
            Statement::new(CHANGE_PASSWORD)
                .password_hash(new)
                .epoch(epoch)
                .text(id.as_str())
                .password_hash(expected)
        };
        self.pools.execute("change a password", update).await.map(verdict)
    }

    async fn update(
        &self,
        id: &UserId,
        change: &AccountChange,
        protected: Option<&RoleName>,
    ) -> Result<UpdateOutcome<Account>, StoreError> {
        D::RETRY
            .run("update an account", || async {
                let mut transaction = self.pools.begin().await?;
                let outcome = update(&mut transaction, id, change, protected).await;
                transaction.end(outcome).await
            })
            .await
    }

    async fn delete(
        &self,
        id: &UserId,
        protected: Option<&RoleName>,
    ) -> Result<UpdateOutcome<()>, StoreError> {
        D::RETRY
            .run("delete an account", || async {
                let mut transaction = self.pools.begin().await?;
                let outcome = delete(&mut transaction, id, protected).await;
                transaction.end(outcome).await
            })
            .await
    }

    async fn count(&self) -> Result<AccountCounts, StoreError> {
        let parse = |row: &Row<D>| Ok(AccountCounts::new(row.count("total")?, row.count("active")?));
        let counts =
            self.pools.fetch_optional("count accounts", || Statement::new(COUNT_USERS), parse).await?;
        counts.ok_or_else(|| StoreError::new("count accounts", "the database returned no row"))
    }

    async fn page(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Account>, StoreError> {
        let after = after.map_or("", UserId::as_str);
        let select = || Statement::new(PAGE_OF_USERS).text(after).number(limit.into());
        self.pools.fetch_all("page through accounts", select, Row::account).await
    }
}

/// The verdict of a statement that changes a row only if it has the expected password hash.
const fn verdict(changed_rows: u64) -> CompareAndSwap {
    if changed_rows == 0 { CompareAndSwap::Conflict } else { CompareAndSwap::Swapped }
}

async fn update<D: Dialect>(
    transaction: &mut Transaction<D>,
    id: &UserId,
    change: &AccountChange,
    protected: Option<&RoleName>,
) -> Result<Outcome<UpdateOutcome<Account>>, Failure> {
    let demotes = change.role.as_ref().is_some_and(|role| Some(role) != protected);
    let disables = change.is_active == Some(false);
    if (demotes || disables) && is_last_holder(transaction, id, protected).await? {
        return Ok(Outcome::RollBack(UpdateOutcome::LastHolder));
    }
    let select = Statement::new(D::LOCK_USER).text(id.as_str());
    let Some(row) = transaction.fetch_optional(select).await? else {
        return Ok(Outcome::RollBack(UpdateOutcome::NotFound));
    };
    let mut account = row.account()?;
    account.role = change.role.clone().unwrap_or(account.role);
    account.is_active = change.is_active.unwrap_or(account.is_active);
    account.epoch = change.epoch.unwrap_or(account.epoch);
    let update = Statement::new(UPDATE_USER)
        .text(account.role.as_str())
        .flag(account.is_active)
        .epoch(account.epoch)
        .text(id.as_str());
    transaction.execute(update).await?;
    Ok(Outcome::Commit(UpdateOutcome::Updated(account)))
}

async fn delete<D: Dialect>(
    transaction: &mut Transaction<D>,
    id: &UserId,
    protected: Option<&RoleName>,
) -> Result<Outcome<UpdateOutcome<()>>, Failure> {
    if is_last_holder(transaction, id, protected).await? {
        return Ok(Outcome::RollBack(UpdateOutcome::LastHolder));
    }
    Ok(match transaction.execute(Statement::new(DELETE_USER).text(id.as_str())).await? {
        0 => Outcome::RollBack(UpdateOutcome::NotFound),
        _ => Outcome::Commit(UpdateOutcome::Updated(())),
    })
}

/// Whether the account is the only active holder of the protected role.
///
/// PostgreSQL and MySQL lock the rows of the active holders, always in the same order. A second
/// transaction that makes this check waits until the first one ends, and then reads what it
/// committed. In SQLite the transaction already excludes other writers.
async fn is_last_holder<D: Dialect>(
    transaction: &mut Transaction<D>,
    id: &UserId,
    protected: Option<&RoleName>,
) -> Result<bool, Failure> {
    let Some(protected) = protected else { return Ok(false) };
    let select = Statement::new(D::LOCK_HOLDERS).text(protected.as_str());
    Ok(match transaction.fetch_all(select).await?.as_slice() {
        [only] => only.text("id")? == id.as_str(),
        _ => false,
    })
}
