//! Accounts on a server. The verbs are the same; a macro gives them each driver's types.

/// Implements `UserStore` and `AccountStore`. The invoking module has `Connection`, `sql`, `text`, `is_conflict` and
/// `INSERT_USER`.
macro_rules! account_verbs {
    ($store:ty) => {
        #[async_trait::async_trait]
        impl gatewright_core::UserStore for $store {
            type User = Account;

            async fn find_by_id(&self, id: &UserId) -> Result<Option<Account>, StoreError> {
                within("find a user", is_conflict, || self.find_user(FIND_USER, id.as_str())).await
            }

            async fn find_by_email(&self, email: &Email) -> Result<Option<Account>, StoreError> {
                within("find a user", is_conflict, || self.find_user(FIND_USER_BY_EMAIL, email.as_str()))
                    .await
            }

            async fn replace_password_hash(
                &self,
                id: &UserId,
                expected: &PasswordHash,
                new: &PasswordHash,
            ) -> Result<CompareAndSwap, StoreError> {
                within("replace a hash", is_conflict, || async move {
                    let update = query(sql(REPLACE_HASH))
                        .bind(text(new.expose()))
                        .bind(id.as_str())
                        .bind(text(expected.expose()));
                    let result = Lease::execute(&self.pool, update).await?;
                    Ok(if result.rows_affected() == 0 { CompareAndSwap::Conflict } else { CompareAndSwap::Swapped })
                })
                .await
            }
        }

        #[async_trait::async_trait]
        impl gatewright_core::AccountStore for $store {
            async fn create(&self, new: NewAccount) -> Result<CreateOutcome<Account>, StoreError> {
                let created = within("create an account", is_conflict, || self.insert_user(&new)).await?;
                Ok(if created { CreateOutcome::Created(new.into()) } else { CreateOutcome::Taken })
            }

            async fn change_password(
                &self,
                id: &UserId,
                expected: &PasswordHash,
                new: &PasswordHash,
                epoch: Epoch,
            ) -> Result<CompareAndSwap, StoreError> {
                within("change a password", is_conflict, || async move {
                    let update = query(sql(CHANGE_PASSWORD))
                        .bind(text(new.expose()))
                        .bind(bits(epoch))
                        .bind(id.as_str())
                        .bind(text(expected.expose()));
                    let result = Lease::execute(&self.pool, update).await?;
                    Ok(if result.rows_affected() == 0 { CompareAndSwap::Conflict } else { CompareAndSwap::Swapped })
                })
                .await
            }

            async fn update(
                &self,
                id: &UserId,
                change: &AccountChange,
                protected: Option<&RoleName>,
            ) -> Result<UpdateOutcome<Account>, StoreError> {
                within("change an account", is_conflict, || self.change_user(id, change, protected)).await
            }

            async fn delete(
                &self,
                id: &UserId,
                protected: Option<&RoleName>,
            ) -> Result<UpdateOutcome<()>, StoreError> {
                within("delete an account", is_conflict, || self.delete_user(id, protected)).await
            }

            async fn count(&self) -> Result<AccountCounts, StoreError> {
                within("count accounts", is_conflict, || async move {
                    let row = Lease::fetch_optional(&self.pool, query(sql(COUNT_USERS))).await?;
                    let row = row.ok_or("a count without a row")?;
                    Ok(AccountCounts::new(count(row.try_get(0)?), count(row.try_get(1)?)))
                })
                .await
            }

            async fn page(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<Account>, StoreError> {
                within("page through accounts", is_conflict, || async move {
                    let select = query(sql(PAGE_OF_USERS))
                        .bind(after.map_or("", UserId::as_str))
                        .bind(i64::from(limit));
                    Lease::fetch_all(&self.pool, select).await?.iter().map(account).collect()
                })
                .await
            }
        }

        impl $store {
            async fn find_user(&self, statement: &'static str, key: &str) -> Parsed<Option<Account>> {
                let select = query(sql(statement)).bind(key);
                let row = Lease::fetch_optional(&self.pool, select).await?;
                row.as_ref().map(account).transpose()
            }

            async fn insert_user(&self, new: &NewAccount) -> Parsed<bool> {
                let insert = query(INSERT_USER)
                    .bind(new.id.as_str())
                    .bind(new.email.as_str())
                    .bind(text(new.password_hash.expose()))
                    .bind(new.role.as_str())
                    .bind(bits(new.epoch))
                    .bind(micros(new.created_at));
                match Lease::execute(&self.pool, insert).await {
                    Ok(result) => Ok(result.rows_affected() > 0),
                    Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
                    Err(error) => Err(error.into()),
                }
            }

            async fn change_user(
                &self,
                id: &UserId,
                change: &AccountChange,
                protected: Option<&RoleName>,
            ) -> Parsed<UpdateOutcome<Account>> {
                let mut lease = Lease::begin(&self.pool).await?;
                let changed = apply(&mut lease, id, change, protected).await;
                lease.end(changed).await
            }

            async fn delete_user(&self, id: &UserId, protected: Option<&RoleName>) -> Parsed<UpdateOutcome<()>> {
                let mut lease = Lease::begin(&self.pool).await?;
                let deleted = delete(&mut lease, id, protected).await;
                lease.end(deleted).await
            }
        }

        async fn apply(
            connection: &mut Connection,
            id: &UserId,
            change: &AccountChange,
            protected: Option<&RoleName>,
        ) -> Parsed<Ending<UpdateOutcome<Account>>> {
            let demotes = change.role.as_ref().is_some_and(|role| Some(role) != protected);
            let disables = change.is_active == Some(false);
            if (demotes || disables) && is_last(connection, id, protected).await? {
                return Ok(Ending::RollBack(UpdateOutcome::LastHolder));
            }
            let row = query(sql(LOCK_USER)).bind(id.as_str()).fetch_optional(&mut *connection).await?;
            let Some(mut account) = row.as_ref().map(account).transpose()? else {
                return Ok(Ending::RollBack(UpdateOutcome::NotFound));
            };
            account.role = change.role.clone().unwrap_or(account.role);
            account.is_active = change.is_active.unwrap_or(account.is_active);
            account.epoch = change.epoch.unwrap_or(account.epoch);
            let update = query(sql(CHANGE_USER))
                .bind(account.role.as_str())
                .bind(account.is_active)
                .bind(bits(account.epoch))
                .bind(id.as_str());
            update.execute(connection).await?;
            Ok(Ending::Commit(UpdateOutcome::Updated(account)))
        }

        async fn delete(
            connection: &mut Connection,
            id: &UserId,
            protected: Option<&RoleName>,
        ) -> Parsed<Ending<UpdateOutcome<()>>> {
            if is_last(connection, id, protected).await? {
                return Ok(Ending::RollBack(UpdateOutcome::LastHolder));
            }
            let result = query(sql(DELETE_USER)).bind(id.as_str()).execute(connection).await?;
            Ok(match result.rows_affected() {
                0 => Ending::RollBack(UpdateOutcome::NotFound),
                _ => Ending::Commit(UpdateOutcome::Updated(())),
            })
        }

        /// Whether the account is the only active holder of the protected role. All holders are locked, always in the same
        /// order: whoever else asks waits, and sees what became of it.
        async fn is_last(
            connection: &mut Connection,
            id: &UserId,
            protected: Option<&RoleName>,
        ) -> Parsed<bool> {
            let Some(protected) = protected else { return Ok(false) };
            let select = query(sql(LOCK_HOLDERS)).bind(protected.as_str());
            let holders = select.fetch_all(connection).await?;
            Ok(match holders.as_slice() {
                [only] => only.text("id")? == id.as_str(),
                _ => false,
            })
        }
    };
}

pub(crate) use account_verbs;
