//! Logout: by access token, by refresh token when the access token is gone, or everywhere.

use crate::auth::{Auth, Inner};
use crate::error::{AccessError, AuthError, RefreshError};
use crate::event::Event;
use crate::guard::Identity;
use crate::revocation::Revocation;
use crate::store::{AccountChange, AuthUser, UpdateOutcome};
use crate::types::{Epoch, SessionId, TokenText, UserId};

impl<U: AuthUser> Auth<U> {
    /// Ends the session that the caller is recognised by.
    ///
    /// # Errors
    /// When the store does not answer; the session may then still stand.
    pub async fn logout(&self, identity: &Identity<U>) -> Result<(), AuthError> {
        identity.must_be_of(self)?;
        self.inner.end_session(&identity.claims().subject, identity.session()).await
    }

    /// Ends the session that a refresh token belongs to, used up or not. A session that has ended stays ended.
    ///
    /// # Errors
    /// [`AuthError::Refresh`] when the token is refused, anything else when the store does not answer.
    pub async fn logout_by_refresh_token(&self, token: &TokenText) -> Result<(), AuthError> {
        let claims = self.inner.verify_refresh(token, self.inner.now())?;
        let sessionless = RefreshError::Session(AccessError::Sessionless);
        let session = claims.session.ok_or_else(|| self.inner.refuse_refresh(None, sessionless))?;
        self.inner.end_session(&claims.subject, session).await
    }

    /// Logs the caller out everywhere: every session ends, the caller's own included, and every token issued before is
    /// refused.
    ///
    /// The user's epoch is replaced first, so that a login that overlaps ends too; without
    /// [`with_accounts`](crate::AuthBuilder::with_accounts) nobody here can write one, and only the sessions end.
    ///
    /// # Errors
    /// When a store does not answer. When only the session store fails, every token is refused all the same if there is
    /// an account store.
    pub async fn logout_all(&self, identity: &Identity<U>) -> Result<(), AuthError> {
        identity.must_be_of(self)?;
        let user = &identity.claims().subject;
        let event = Event::LoggedOutEverywhere { user };
        let replaced = self.inner.replace_epoch(user, &event).await?;
        self.inner.delete_all(user, (!replaced).then_some(&event)).await
    }
}

impl<U: AuthUser> Inner<U> {
    pub(crate) async fn end_session(&self, user: &UserId, session: SessionId) -> Result<(), AuthError> {
        let record = |&(): &()| {
            self.emit(&Event::LoggedOut { user, session });
            true
        };
        self.revoke_and_wait(Revocation::session(session), self.sessions.delete(user, session), record).await
    }

    /// Gives the user's account a new epoch, which refuses every token and session of before, and emits `event` when it
    /// has. `false` when there is no account, or no account store.
    pub(crate) async fn replace_epoch(&self, user: &UserId, event: &Event<'_>) -> Result<bool, AuthError> {
        let Some(accounts) = &self.accounts else { return Ok(false) };
        let epoch = Some(Epoch::generate(&*self.randomness)?);
        let change = AccountChange { epoch, ..AccountChange::default() };
        let update = accounts.update(user, &change, None);
        let record = |changed: &UpdateOutcome<U>| {
            let replaced = matches!(changed, UpdateOutcome::Updated(_));
            if replaced {
                self.emit(event);
            }
            replaced
        };
        let changed = self.revoke_without_waiting(Revocation::user(user.clone()), update, record).await?;
        Ok(matches!(changed, UpdateOutcome::Updated(_)))
    }

    /// Ends all of a user's sessions, and emits `event` if there is one.
    pub(crate) async fn delete_all(&self, user: &UserId, event: Option<&Event<'_>>) -> Result<(), AuthError> {
        let record = |&(): &()| {
            event.into_iter().for_each(|event| self.emit(event));
            true
        };
        self.revoke_and_wait(Revocation::user(user.clone()), self.sessions.delete_all(user), record).await
    }
}
