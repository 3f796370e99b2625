//! Token revocation (RFC 7009): possession of a token is enough to end its session.

use crate::auth::{Auth, Error, Shared};
use crate::error::{AccessError, AuthError};
use crate::event::Event;
use crate::guard::session_of;
use crate::store::AuthUser;
use crate::token::{TokenError, TokenKind};
use crate::types::{SessionId, TokenText, UserId};

impl<U: AuthUser> Auth<U> {
    /// Ends the session of a token, and with it all tokens of the session (RFC 7009 §2.1).
    ///
    /// It accepts an access token, or a refresh token, even one that was used before. An invalid token
    /// revokes nothing, which is not an error (RFC 7009 §2.2). Invalid are malformed and expired tokens,
    /// tokens of another issuer or kind, and access tokens from before a password change: their holder
    /// need not be the user who continues the session. The event names the cause.
    ///
    /// ```
    /// use gatewright::endpoints::Refresh;
    /// use gatewright::types::TokenText;
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
    /// auth.revoke(&pair.access_token).await?;
    /// assert!(auth.refresh(Refresh::new(pair.refresh_token)).await.is_err(), "the session has ended");
    /// auth.revoke(&TokenText::new("not a token")).await?; // not an error
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// The store failed: the session may still exist.
    pub async fn revoke(&self, token: &TokenText) -> Result<(), Error> {
        self.inner.answerable(self.inner.revoke(token)).await
    }
}

impl<U: AuthUser> Shared<U> {
    async fn revoke(&self, token: &TokenText) -> Result<(), AuthError> {
        match self.session_to_revoke(token).await {
            Ok((user, session)) => self.end_session(&user, session).await,
            Err(AuthError::Access(cause)) => {
                self.emit(&Event::NothingRevoked { cause });
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The session to delete. It may have ended before. Deleting it again publishes the revocation again, which
    /// is what a client needs that got no reply the first time.
    async fn session_to_revoke(&self, token: &TokenText) -> Result<(UserId, SessionId), AuthError> {
        let verify = |kind| self.verifier.verify(kind, token.expose(), self.now());
        let no_refresh_token = match verify(TokenKind::Refresh) {
            Ok(claims) => {
                let session = claims.session().ok_or(AccessError::Sessionless)?;
                return Ok((claims.subject().clone(), session));
            }
            Err(refusal) => refusal,
        };
        let claims = verify(TokenKind::Access).map_err(|refusal| match refusal {
            TokenError::Kind => AccessError::Token(no_refresh_token),
            other => AccessError::Token(other),
        })?;
        let (session, epoch) = session_of(&claims)?;
        match self.sessions.find(claims.subject(), session).await? {
            Some(found) if found.epoch != epoch => Err(AccessError::EpochReplaced.into()),
            _ => Ok((claims.subject().clone(), session)),
        }
    }
}
