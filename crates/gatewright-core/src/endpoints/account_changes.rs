//! Changes of accounts by administrators and by the application.
//!
//! A change that must invalidate tokens has two steps, because accounts and sessions may be in two stores.
//! The first writes a new epoch, which rejects all earlier tokens. The second deletes the sessions.

use std::collections::BTreeSet;
use std::future::Future;

use super::accounts::Accounts;
use crate::auth::Error;
use crate::error::{AuthError, PolicyError};
use crate::event::Event;
use crate::password::AccountKey;
use crate::revocation::Revocation;
use crate::store::{AccountChange, AuthUser, EpochChange, StoreError, UpdateOutcome};
use crate::types::{ClientInfo, Epoch, Password, RoleChange, RoleName, UserId};

impl<U: AuthUser> Accounts<U> {
    /// Changes roles and activity in one step. `None` leaves a value unchanged.
    ///
    /// Disabling an account ends all its sessions and tokens. So do other roles than the present ones with
    /// [`RoleChange::EndSessions`].
    ///
    /// # Errors
    /// [`AuthError::NotFound`], [`AuthError::LastHolder`], or [`AuthError::Policy`] if the application does not have
    /// one of the roles ([`with_roles`](crate::AuthBuilder::with_roles)); any other error if a store failed. If
    /// only the session store failed, the change has happened and all tokens are rejected. The remaining sessions
    /// expire.
    pub async fn update(
        &self,
        id: &UserId,
        roles: Option<BTreeSet<RoleName>>,
        is_active: Option<bool>,
    ) -> Result<U, Error> {
        let change = AccountChange { roles, is_active, ..AccountChange::default() };
        self.inner.answerable(self.change(id, change)).await
    }

    /// Replaces the roles `expected` by `new`. If the account has other roles, because another administrator has
    /// changed them, nothing changes.
    ///
    /// Other roles end the user's sessions with [`RoleChange::EndSessions`].
    ///
    /// # Errors
    /// [`AuthError::Conflict`] if the account has other roles than `expected`; otherwise as
    /// [`update`](Self::update).
    pub async fn set_roles(
        &self,
        id: &UserId,
        expected: &BTreeSet<RoleName>,
        new: impl IntoIterator<Item = impl Into<RoleName>>,
    ) -> Result<U, Error> {
        let (expected_roles, roles) =
            (Some(expected.clone()), Some(new.into_iter().map(Into::into).collect()));
        let change = AccountChange { expected_roles, roles, ..AccountChange::default() };
        self.inner.answerable(self.change(id, change)).await
    }

    /// Enables or disables the account. Disabling it ends all its sessions and tokens.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn set_active(&self, id: &UserId, is_active: bool) -> Result<U, Error> {
        let change = AccountChange { is_active: Some(is_active), ..AccountChange::default() };
        self.inner.answerable(self.change(id, change)).await
    }

    /// Sets the password of an account, also of a disabled one, and ends all its sessions and tokens. The present
    /// password is not needed. It lifts a lock after many failed logins.
    ///
    /// It is for commands and migrations. The ready-made endpoints never call it.
    ///
    /// # Errors
    /// [`AuthError::Policy`] if the password breaks a rule, [`AuthError::NotFound`]; any other error if the hasher
    /// or a store failed. If only the session store failed, the password is set and all tokens are rejected. The
    /// remaining sessions expire.
    pub async fn set_password(&self, id: &UserId, password: Password) -> Result<(), Error> {
        self.inner.answerable(self.set_checked_password(id, password)).await
    }

    async fn set_checked_password(&self, id: &UserId, password: Password) -> Result<(), AuthError> {
        let user = self.store.find_by_id(id).await?.ok_or(AuthError::NotFound {})?;
        let (names, client) = (user.names(), ClientInfo::default());
        let password =
            self.inner.check_new_password(&password, &names, &client, PolicyError::Password).await?;
        let epoch = Some(EpochChange::Always(Epoch::generate(&*self.inner.randomness)?));
        let context = self.inner.hash_context(&client, Some(AccountKey::of_user(id)));
        let password_hash = Some(self.inner.hasher.hash(password, &context).await?);
        let change = AccountChange { password_hash, epoch, ..AccountChange::default() };
        let event = Event::PasswordSet { user: id, actor: self.actor() };
        let set = async {
            let update = self.store.update(id, &change, None);
            updated(self.first_step(id, update, |changed| self.record(changed, &event)).await?)?;
            self.inner.forget_attempts(id).await;
            self.inner.delete_all_sessions(id, None).await
        };
        self.inner.attempted(&event, set).await
    }

    /// Makes the change, with a new epoch if it ends the user's sessions.
    async fn change(&self, id: &UserId, mut change: AccountChange) -> Result<U, AuthError> {
        change.roles.iter().try_for_each(|roles| self.check_known(roles))?;
        let epoch = Epoch::generate(&*self.inner.randomness)?;
        change.epoch = match (change.is_active, &change.roles, self.inner.settings.role_change) {
            (Some(false), ..) => Some(EpochChange::Always(epoch)),
            (_, Some(_), RoleChange::EndSessions) => Some(EpochChange::IfRolesDiffer(epoch)),
            _ => None,
        };
        let event = Event::AccountChanged { user: id, actor: self.actor() };
        self.inner.attempted(&event, self.make(id, &change, epoch, &event)).await
    }

    async fn make(
        &self,
        id: &UserId,
        change: &AccountChange,
        epoch: Epoch,
        event: &Event<'_>,
    ) -> Result<U, AuthError> {
        let update = self.store.update(id, change, self.inner.settings.protected_role.as_ref());
        let record = |changed: &UpdateOutcome<U>| self.record(changed, event);
        if change.epoch.is_none() {
            return updated(self.inner.revoke_and_wait(Revocation::user(id.clone()), update, record).await?);
        }
        let user = updated(self.first_step(id, update, record).await?)?;
        if user.epoch() == epoch {
            self.inner.delete_all_sessions(id, None).await?;
        } else {
            // The user had these roles already. An earlier call may have failed before the feed had its message.
            self.inner.publish_and_wait(Revocation::user(id.clone())).await?;
        }
        Ok(user)
    }

    /// Deletes an account and its sessions.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] or [`AuthError::LastHolder`]; any other error if a store failed. If only the
    /// session store failed, the account is deleted and all tokens are rejected. The remaining sessions
    /// expire. Calling it again deletes them too, even though the account no longer exists.
    pub async fn delete(&self, id: &UserId) -> Result<(), Error> {
        self.inner.answerable(self.delete_with_sessions(id)).await
    }

    async fn delete_with_sessions(&self, id: &UserId) -> Result<(), AuthError> {
        let protected = self.inner.settings.protected_role.as_ref();
        let event = Event::AccountDeleted { user: id, actor: self.actor() };
        let delete = async {
            let record = |deleted: &UpdateOutcome<()>| self.record(deleted, &event);
            let deleted = self.first_step(id, self.store.delete(id, protected), record).await?;
            // If there is no account, an earlier call may have failed between its two steps.
            if !matches!(deleted, UpdateOutcome::LastHolder) {
                self.inner.forget_attempts(id).await;
                self.inner.delete_all_sessions(id, None).await?;
            }
            updated(deleted)
        };
        self.inner.attempted(&event, delete).await
    }

    /// Emits the event if the change was made, and returns whether it was.
    fn record<T>(&self, change: &UpdateOutcome<T>, event: &Event<'_>) -> bool {
        let made = matches!(change, UpdateOutcome::Updated(_));
        if made {
            self.inner.emit(event);
        }
        made
    }

    /// Runs the first of two steps. It does not wait for the feed, because the second step does. So a feed that
    /// is down does not stop a change halfway.
    pub(super) async fn first_step<T>(
        &self,
        id: &UserId,
        operation: impl Future<Output = Result<T, StoreError>> + Send,
        record: impl FnOnce(&T) -> bool + Send,
    ) -> Result<T, AuthError> {
        self.inner.revoke_without_waiting(Revocation::user(id.clone()), operation, record).await
    }
}

/// The value of a successful change, or the error of a refused one.
fn updated<T>(change: UpdateOutcome<T>) -> Result<T, AuthError> {
    match change {
        UpdateOutcome::Updated(value) => Ok(value),
        UpdateOutcome::NotFound => Err(AuthError::NotFound {}),
        UpdateOutcome::Conflict => Err(AuthError::Conflict {}),
        UpdateOutcome::LastHolder => Err(AuthError::LastHolder {}),
    }
}
