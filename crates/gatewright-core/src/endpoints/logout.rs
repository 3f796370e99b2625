//! Logout: by access token, by refresh token when the access token is gone, or everywhere.

use crate::auth::{Auth, Error, Shared};
use crate::error::{AccessError, AuthError, RefreshError};
use crate::event::Event;
use crate::guard::Identity;
use crate::revocation::Revocation;
use crate::store::{AccountChange, AuthUser, EpochChange, UpdateOutcome};
use crate::types::{Epoch, SessionId, TokenText, UserId};

impl<U: AuthUser> Auth<U> {
    /// Ends the caller's session.
    ///
    /// # Errors
    /// A store failed: the session may still exist. [`AuthError::Access`] if another `Auth` made the identity.
    pub async fn logout(&self, identity: &Identity<U>) -> Result<(), Error> {
        let call = async {
            identity.must_be_of(self)?;
            self.inner.end_session(identity.claims().subject(), identity.session()).await
        };
        self.inner.answerable(call).await
    }

    /// Ends the session of a refresh token. The token may have been used before. Ending a session twice
    /// succeeds.
    ///
    /// ```
    /// use gatewright::endpoints::Refresh;
    /// use gatewright::{Auth, Login};
    /// # use gatewright::{MemoryStore, Password, Registration, RoleName};
    ///
    /// # gatewright_testkit::block_on(async {
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
    /// # let builder = Auth::local(MemoryStore::new(), tokens, hasher).with_registration_role(RoleName::new("user")?);
    /// # let auth = builder.build()?;
    /// # let password = Password::new("correct horse battery staple");
    /// # auth.register(Registration::new("ada@example.com", password.clone())?).await?;
    /// let pair = auth.login(Login::new("ada@example.com", password)).await?;
    /// auth.logout_by_refresh_token(&pair.refresh_token).await?;
    /// assert!(auth.refresh(Refresh::new(pair.refresh_token)).await.is_err(), "the session has ended");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`AuthError::Refresh`] if the token is rejected; any other error if a store failed.
    pub async fn logout_by_refresh_token(&self, token: &TokenText) -> Result<(), Error> {
        let call = async {
            let claims = self.inner.verify_refresh(token, self.inner.now())?;
            let sessionless = RefreshError::Session(AccessError::Sessionless);
            let session = claims
                .session()
                .ok_or_else(|| self.inner.refuse_refresh(Some(claims.subject()), None, sessionless))?;
            self.inner.end_session(claims.subject(), session).await
        };
        self.inner.answerable(call).await
    }

    /// Ends all sessions of the caller, including this one. All tokens issued before are rejected.
    ///
    /// It replaces the user's epoch first, which also invalidates a login at the same time. Without
    /// [`with_accounts`](crate::AuthBuilder::with_accounts) the epoch cannot be replaced, and only the
    /// sessions end.
    ///
    /// # Errors
    /// A store failed. If only the session store failed and there is an account store, all tokens are
    /// rejected nevertheless.
    pub async fn logout_all(&self, identity: &Identity<U>) -> Result<(), Error> {
        let call = async {
            identity.must_be_of(self)?;
            let user = identity.claims().subject();
            let event = Event::LoggedOutEverywhere { user };
            let replaced = self.inner.replace_epoch(user, &event).await?;
            self.inner.delete_all_sessions(user, (!replaced).then_some(&event)).await
        };
        self.inner.answerable(call).await
    }
}

impl<U: AuthUser> Shared<U> {
    /// Deletes the caller's own session and emits the logout.
    pub(crate) async fn end_session(&self, user: &UserId, session: SessionId) -> Result<(), AuthError> {
        let record = |&(): &()| {
            self.emit(&Event::LoggedOut { user, session });
            true
        };
        self.revoke_and_wait(Revocation::session(session), self.sessions.delete(user, session), record).await
    }

    /// Replaces the user's epoch, which invalidates all earlier tokens and sessions, and emits `event`.
    /// Returns `false` if there is no account or no account store.
    pub(crate) async fn replace_epoch(&self, user: &UserId, event: &Event<'_>) -> Result<bool, AuthError> {
        let Some(accounts) = &self.accounts else { return Ok(false) };
        let epoch = EpochChange::Always(Epoch::generate(&*self.randomness)?);
        let change = AccountChange { epoch: Some(epoch), ..AccountChange::default() };
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

    /// Deletes all sessions of a user, and emits `event` if given.
    pub(crate) async fn delete_all_sessions(
        &self,
        user: &UserId,
        event: Option<&Event<'_>>,
    ) -> Result<(), AuthError> {
        let record = |&(): &()| {
            event.into_iter().for_each(|event| self.emit(event));
            true
        };
        self.revoke_and_wait(Revocation::user(user.clone()), self.sessions.delete_all(user), record).await
    }
}
