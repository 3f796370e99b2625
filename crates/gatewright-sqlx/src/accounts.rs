//! Users and accounts.

use async_trait::async_trait;
use gatewright_core::store::{
    AccountChange, AccountCounts, CompareAndSwap, CreateOutcome, NewAccount, StoredPassword, UpdateOutcome,
};
use gatewright_core::{
    Account, AccountStore, Email, LoginName, PasswordHash, RoleName, StoreError, UserId, UserStore, Username,
};

use crate::Failure;
use crate::connection::{Outcome, Transaction};
use crate::dialect::Dialect;
use crate::row::Row;
use crate::sessions::lock_stripe;
use crate::sql::{
    CHANGE_PASSWORD, COUNT_USERS, DELETE_ROLE, DELETE_ROLES, DELETE_USER, FIND_HOLDER, FIND_TAKEN,
    FIND_TAKEN_USERNAME, FIND_USER, FIND_USER_BY_EMAIL, FIND_USER_BY_USERNAME, INSERT_ROLE, PAGE_OF_USERS,
    REPLACE_PASSWORD_HASH, UPDATE_USER,
};
use crate::statement::Statement;
use crate::store::SqlStore;

/// The row of `gatewright_session_locks` that the creation of a first holder locks.
const FIRST_HOLDER_STRIPE: i64 = 0;

#[async_trait]
impl<D: Dialect> UserStore for SqlStore<D> {
    type User = Account;

    async fn find_by_id(&self, id: &UserId) -> Result<Option<Account>, StoreError> {
        let select = || Statement::new(FIND_USER).text(id.as_str());
        let rows = self.pools.fetch_all("find a user", select, Row::account).await?;
        Ok(merge(rows).pop())
    }

    async fn find_by_login(&self, name: &LoginName) -> Result<Option<Account>, StoreError> {
        if name.as_str().contains('@') {
            let Some(email) = name.as_email() else { return Ok(None) };
            return self.find_by_email(&email).await;
        }
        let Some(username) = name.as_username() else { return Ok(None) };
        let select = || Statement::new(FIND_USER_BY_USERNAME).text(username.key());
        let rows = self.pools.fetch_all("find a user", select, Row::account).await?;
        found_by("username_key", rows, |account| {
            account.username.as_ref().is_some_and(|found| found.key() == username.key())
        })
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
        let select = || Statement::new(FIND_USER_BY_EMAIL).text(email.key());
        let rows = self.pools.fetch_all("find a user", select, Row::account).await?;
        found_by("email_key", rows, |account| account.email == *email)
    }

    async fn create(&self, new: NewAccount) -> Result<CreateOutcome<Account>, StoreError> {
        D::RETRY
            .run("create an account", || async {
                let mut transaction = self.pools.begin().await?;
                let outcome = create(&mut transaction, &new).await;
                transaction.end(outcome).await
            })
            .await
    }

    async fn create_first_holder(
        &self,
        new: NewAccount,
        role: &RoleName,
    ) -> Result<CreateOutcome<Account>, StoreError> {
        D::RETRY
            .run("create an account", || async {
                let mut transaction = self.pools.begin().await?;
                let outcome = create_first_holder(&mut transaction, &new, role).await;
                transaction.end(outcome).await
            })
            .await
    }

    async fn has_active_holder(&self, role: &RoleName) -> Result<bool, StoreError> {
        let select = || Statement::new(FIND_HOLDER).text(role.as_str());
        let found = self.pools.fetch_optional("find a holder of a role", select, |_| Ok(())).await?;
        Ok(found.is_some())
    }

    async fn change_password(
        &self,
        id: &UserId,
        expected: &StoredPassword,
        new: &StoredPassword,
    ) -> Result<CompareAndSwap, StoreError> {
        let update = || {
            Statement::new(CHANGE_PASSWORD)
                .password_hash(&new.hash)
                .epoch(new.epoch)
                .text(id.as_str())
                .password_hash(&expected.hash)
                .epoch(expected.epoch)
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
        self.pools.fetch_all("page through accounts", select, Row::account).await.map(merge)
    }

    async fn search(
        &self,
        text: &str,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<Account>, StoreError> {
        let after = after.map_or("", UserId::as_str);
        let select = || Statement::new(D::SEARCH_USERS).text(after).text(text).number(limit.into());
        self.pools.fetch_all("search accounts", select, Row::account).await.map(merge)
    }
}

/// One account for the rows of each account, with the roles of all of them. The rows of an account follow
/// each other.
fn merge(rows: Vec<Account>) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::with_capacity(rows.len());
    for row in rows {
        match accounts.last_mut() {
            Some(last) if last.id == row.id => last.roles.extend(row.roles),
            _ => accounts.push(row),
        }
    }
    accounts
}

/// The account of rows that were found by a key. A key that is not that of the account's own name is an error: the row
/// was changed by something else, and would let one name belong to two accounts.
fn found_by(
    column: &'static str,
    rows: Vec<Account>,
    has_key: impl Fn(&Account) -> bool,
) -> Result<Option<Account>, StoreError> {
    match merge(rows).pop() {
        Some(account) if !has_key(&account) => Err(StoreError::new(
            "find a user",
            format!("column {column}: must be the key of the name beside it"),
        )),
        found => Ok(found),
    }
}

/// The verdict of a statement that changes a row only if it has the expected values.
const fn verdict(changed_rows: u64) -> CompareAndSwap {
    if changed_rows == 0 { CompareAndSwap::Conflict } else { CompareAndSwap::Swapped }
}

async fn create<D: Dialect>(
    transaction: &mut Transaction<D>,
    new: &NewAccount,
) -> Result<Outcome<CreateOutcome<Account>>, Failure> {
    while !insert(transaction, new).await? {
        if let Some(taken) = taken(transaction, new).await? {
            return Ok(Outcome::RollBack(taken));
        }
    }
    for role in &new.roles {
        transaction.execute(Statement::new(INSERT_ROLE).text(role.as_str()).text(new.id.as_str())).await?;
    }
    Ok(Outcome::Commit(CreateOutcome::Created(new.clone().into())))
}

/// Inserts a user. Returns whether the id, the address and the user name were free.
async fn insert<D: Dialect>(transaction: &mut Transaction<D>, new: &NewAccount) -> Result<bool, Failure> {
    let insert = Statement::new(D::INSERT_USER)
        .text(new.id.as_str())
        .text(new.email.as_str())
        .text(new.email.key())
        .text(new.username.as_ref().map(Username::as_str))
        .text(new.username.as_ref().map(Username::key))
        .password_hash(&new.password_hash)
        .epoch(new.epoch)
        .time(new.created_at);
    match transaction.execute(insert).await {
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
        result => Ok(result? > 0),
    }
}

/// What prevented an insert. `None` if the user who had the name or the address was deleted since.
async fn taken<D: Dialect>(
    transaction: &mut Transaction<D>,
    new: &NewAccount,
) -> Result<Option<CreateOutcome<Account>>, Failure> {
    let Some(username) = &new.username else { return Ok(Some(CreateOutcome::Taken)) };
    let select = Statement::new(FIND_TAKEN_USERNAME).text(username.key());
    if transaction.fetch_optional(select).await?.is_some() {
        return Ok(Some(CreateOutcome::UsernameTaken));
    }
    let select = Statement::new(FIND_TAKEN).text(new.id.as_str()).text(new.email.key());
    Ok(transaction.fetch_optional(select).await?.map(|_| CreateOutcome::Taken))
}

/// Transactions that make this check run one after the other: each locks the same row.
async fn create_first_holder<D: Dialect>(
    transaction: &mut Transaction<D>,
    new: &NewAccount,
    role: &RoleName,
) -> Result<Outcome<CreateOutcome<Account>>, Failure> {
    lock_stripe(transaction, FIRST_HOLDER_STRIPE).await?;
    if transaction.fetch_optional(Statement::new(FIND_HOLDER).text(role.as_str())).await?.is_some() {
        return Ok(Outcome::RollBack(CreateOutcome::HolderExists));
    }
    create(transaction, new).await
}

async fn update<D: Dialect>(
    transaction: &mut Transaction<D>,
    id: &UserId,
    change: &AccountChange,
    protected: Option<&RoleName>,
) -> Result<Outcome<UpdateOutcome<Account>>, Failure> {
    let protected = protected.filter(|protected| change.can_remove_holder(protected));
    let is_last_holder = is_last_holder(transaction, id, protected).await?;
    let Some(before) = lock_user(transaction, id).await? else {
        return Ok(Outcome::RollBack(UpdateOutcome::NotFound));
    };
    let mut account = before.clone();
    if change.apply(&mut account) == CompareAndSwap::Conflict {
        return Ok(Outcome::RollBack(UpdateOutcome::Conflict));
    }
    if is_last_holder {
        return Ok(Outcome::RollBack(UpdateOutcome::LastHolder));
    }
    let update = Statement::new(UPDATE_USER)
        .password_hash(&account.password_hash)
        .flag(account.is_active)
        .epoch(account.epoch)
        .text(id.as_str());
    transaction.execute(update).await?;
    let removed = before.roles.difference(&account.roles).map(|role| (DELETE_ROLE, role));
    let added = account.roles.difference(&before.roles).map(|role| (INSERT_ROLE, role));
    for (statement, role) in removed.chain(added) {
        transaction.execute(Statement::new(statement).text(role.as_str()).text(id.as_str())).await?;
    }
    Ok(Outcome::Commit(UpdateOutcome::Updated(account)))
}

/// Locks the row of a user, then reads the user: a statement that waits for a lock would return the roles
/// from before the wait.
async fn lock_user<D: Dialect>(
    transaction: &mut Transaction<D>,
    id: &UserId,
) -> Result<Option<Account>, Failure> {
    if let Some(lock) = D::LOCK_USER {
        transaction.fetch_optional(Statement::new(lock).text(id.as_str())).await?;
    }
    let rows = transaction.fetch_all(Statement::new(FIND_USER).text(id.as_str())).await?;
    Ok(merge(rows.iter().map(Row::account).collect::<Result<_, _>>()?).pop())
}

async fn delete<D: Dialect>(
    transaction: &mut Transaction<D>,
    id: &UserId,
    protected: Option<&RoleName>,
) -> Result<Outcome<UpdateOutcome<()>>, Failure> {
    if is_last_holder(transaction, id, protected).await? {
        return Ok(Outcome::RollBack(UpdateOutcome::LastHolder));
    }
    if transaction.execute(Statement::new(DELETE_USER).text(id.as_str())).await? == 0 {
        return Ok(Outcome::RollBack(UpdateOutcome::NotFound));
    }
    transaction.execute(Statement::new(DELETE_ROLES).text(id.as_str())).await?;
    Ok(Outcome::Commit(UpdateOutcome::Updated(())))
}

/// Whether the account is the only active holder of the protected role.
///
/// PostgreSQL and MySQL lock the active holders and their role, always in the same order. A second
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
