//! Accounts in SQLite.

use async_trait::async_trait;
use gatewright_core::store::{AccountChange, AccountCounts, UpdateOutcome, CreateOutcome, NewAccount, CompareAndSwap};
use gatewright_core::{
    Account, AccountStore, Email, Epoch, PasswordHash, RoleName, StoreError, UserId, UserStore,
};
use sqlx::sqlite::{SqliteConnection, SqliteQueryResult};
use sqlx::{Row, query};

use super::{SqliteStore, broken};
use crate::row::{account, bits, count, micros};
use crate::statements::{
    CHANGE_PASSWORD, COUNT_USERS, DELETE_USER, FIND_USER, FIND_USER_BY_EMAIL, PAGE_OF_USERS, REPLACE_HASH,
    user_columns,
};

const INSERT_USER: &str =
    "INSERT INTO gatewright_users (id, email, password_hash, role, is_active, epoch, created_at)
     VALUES ($1, $2, $3, $4, TRUE, $5, $6) ON CONFLICT DO NOTHING";

/// `NULL` leaves a thing as it is.
const CHANGE_WHAT_IS_NAMED: &str = concat!(
    "UPDATE gatewright_users SET role = coalesce($1, role), is_active = coalesce($2, is_active),
     epoch = coalesce($3, epoch) WHERE id = $4 RETURNING ",
    user_columns!()
);

#[async_trait]
impl UserStore for SqliteStore {
    type User = Account;

    async fn find_by_id(&self, id: &UserId) -> Result<Option<Account>, StoreError> {
        let select = query(FIND_USER).bind(id.as_str());
        let row = select.fetch_optional(self.readers()).await.map_err(broken("find a user"))?;
        row.as_ref().map(account).transpose().map_err(broken("read an account"))
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Account>, StoreError> {
        let select = query(FIND_USER_BY_EMAIL).bind(email.as_str());
        let row = select.fetch_optional(self.readers()).await.map_err(broken("find a user"))?;
        row.as_ref().map(account).transpose().map_err(broken("read an account"))
    }

    async fn replace_password_hash(
        &self,
        id: &UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<CompareAndSwap, StoreError> {
        let action = "replace a hash";
        let mut transaction = self.write(action).await?;
        let update = query(REPLACE_HASH).bind(new.expose()).bind(id.as_str()).bind(expected.expose());
        let result = update.execute(&mut *transaction).await.map_err(broken(action))?;
        transaction.commit().await.map_err(broken(action))?;
        Ok(swap(&result))
    }
}

#[async_trait]
impl AccountStore for SqliteStore {
    async fn create(&self, new: NewAccount) -> Result<CreateOutcome<Account>, StoreError> {
        let action = "create an account";
        let mut transaction = self.write(action).await?;
        let insert = query(INSERT_USER)
            .bind(new.id.as_str())
            .bind(new.email.as_str())
            .bind(new.password_hash.expose())
            .bind(new.role.as_str())
            .bind(bits(new.epoch))
            .bind(micros(new.created_at));
        let result = insert.execute(&mut *transaction).await.map_err(broken(action))?;
        transaction.commit().await.map_err(broken(action))?;
        Ok(if result.rows_affected() == 0 { CreateOutcome::Taken } else { CreateOutcome::Created(new.into()) })
    }

    async fn change_password(
        &self,
        id: &UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
        epoch: Epoch,
    ) -> Result<CompareAndSwap, StoreError> {
        let action = "change a password";
        let mut transaction = self.write(action).await?;
        let update = query(CHANGE_PASSWORD)
            .bind(new.expose())
            .bind(bits(epoch))
            .bind(id.as_str())
            .bind(expected.expose());
        let result = update.execute(&mut *transaction).await.map_err(broken(action))?;
        transaction.commit().await.map_err(broken(action))?;
        Ok(swap(&result))
    }

    async fn update(
        &self,
        id: &UserId,
        change: &AccountChange,
        protected: Option<&RoleName>,
    ) -> Result<UpdateOutcome<Account>, StoreError> {
        let action = "change an account";
        let mut transaction = self.write(action).await?;
        let demotes = change.role.as_ref().is_some_and(|role| Some(role) != protected);
        let disables = change.is_active == Some(false);
        if (demotes || disables) && is_last(&mut transaction, id, protected).await.map_err(broken(action))? {
            return Ok(UpdateOutcome::LastHolder);
        }
        let update = query(CHANGE_WHAT_IS_NAMED)
            .bind(change.role.as_ref().map(RoleName::as_str))
            .bind(change.is_active)
            .bind(change.epoch.map(bits))
            .bind(id.as_str());
        let row = update.fetch_optional(&mut *transaction).await.map_err(broken(action))?;
        let changed = row.as_ref().map(account).transpose().map_err(broken("read an account"))?;
        transaction.commit().await.map_err(broken(action))?;
        Ok(changed.map_or(UpdateOutcome::NotFound, UpdateOutcome::Updated))
    }

    async fn delete(&self, id: &UserId, protected: Option<&RoleName>) -> Result<UpdateOutcome<()>, StoreError> {
        let action = "delete an account";
        let mut transaction = self.write(action).await?;
        if is_last(&mut transaction, id, protected).await.map_err(broken(action))? {
            return Ok(UpdateOutcome::LastHolder);
        }
        let delete = query(DELETE_USER).bind(id.as_str());
        let result = delete.execute(&mut *transaction).await.map_err(broken(action))?;
        transaction.commit().await.map_err(broken(action))?;
        Ok(if result.rows_affected() == 0 { UpdateOutcome::NotFound } else { UpdateOutcome::Updated(()) })
    }

    async fn count(&self) -> Result<AccountCounts, StoreError> {
        let action = "count accounts";
        let row = query(COUNT_USERS).fetch_one(self.readers()).await.map_err(broken(action))?;
        let number = |column: usize| row.try_get(column).map(count);
        Ok(AccountCounts::new(number(0).map_err(broken(action))?, number(1).map_err(broken(action))?))
    }

    async fn page(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Account>, StoreError> {
        let select = query(PAGE_OF_USERS).bind(after.map_or("", UserId::as_str)).bind(i64::from(limit));
        let rows = select.fetch_all(self.readers()).await.map_err(broken("page through accounts"))?;
        rows.iter().map(account).collect::<Result<_, _>>().map_err(broken("read an account"))
    }
}

/// Whether the account is the only active holder of the protected role.
async fn is_last(
    connection: &mut SqliteConnection,
    id: &UserId,
    protected: Option<&RoleName>,
) -> Result<bool, sqlx::Error> {
    let Some(protected) = protected else { return Ok(false) };
    let select = query(
        "SELECT EXISTS (SELECT 1 FROM gatewright_users WHERE role = ?2 AND is_active AND id = ?1)
         AND NOT EXISTS (SELECT 1 FROM gatewright_users WHERE role = ?2 AND is_active AND id <> ?1)",
    )
    .bind(id.as_str())
    .bind(protected.as_str());
    select.fetch_one(connection).await?.try_get(0)
}

fn swap(result: &SqliteQueryResult) -> CompareAndSwap {
    if result.rows_affected() == 0 { CompareAndSwap::Conflict } else { CompareAndSwap::Swapped }
}
