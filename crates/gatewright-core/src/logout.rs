//! Logout: by access token, or by refresh token when the access token is gone.

use crate::auth::Auth;
use crate::error::{AccessRefusal, AuthError, RefreshRefusal};
use crate::event::Event;
use crate::identity::Identity;
use crate::revocation::Revocation;
use crate::secret::TokenText;
use crate::store::AuthUser;

impl<U: AuthUser> Auth<U> {
    /// Ends the session that the caller is recognised by.
    ///
    /// # Errors
    /// When the store does not answer; the session may then still stand.
    pub async fn logout(&self, identity: &Identity<U>) -> Result<(), AuthError> {
        identity.must_be_of(self)?;
        let session = identity.session();
        self.inner.revoking(Revocation::session(session), self.inner.sessions.end(session)).await?;
        self.inner.emit(&Event::LoggedOut { user: &identity.claims().subject, session });
        Ok(())
    }

    /// Ends the session that a refresh token belongs to, used up or not. A session that has ended stays ended.
    ///
    /// # Errors
    /// [`AuthError::Refresh`] when the token is refused, anything else when the store does not answer.
    pub async fn logout_by_refresh_token(&self, token: &TokenText) -> Result<(), AuthError> {
        let claims = self.inner.verify_refresh(token, self.inner.now())?;
        let sessionless = RefreshRefusal::Session(AccessRefusal::Sessionless);
        let session = claims.session.ok_or_else(|| self.inner.refuse_refresh(None, sessionless))?;
        self.inner.revoking(Revocation::session(session), self.inner.sessions.end(session)).await?;
        self.inner.emit(&Event::LoggedOut { user: &claims.subject, session });
        Ok(())
    }
}
