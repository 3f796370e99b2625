//! Revocation by token (RFC 7009): whoever has a token may end its session.

use crate::auth::{Auth, Inner};
use crate::error::{AccessError, AuthError};
use crate::event::Event;
use crate::guard::session_of;
use crate::store::AuthUser;
use crate::token::{TokenError, TokenKind};
use crate::types::{SessionId, TokenText, UserId};

impl<U: AuthUser> Auth<U> {
    /// Ends the session that a token belongs to, and with it every token of the session (RFC 7009 §2.1): an access token,
    /// or a refresh token, used up or not.
    ///
    /// A token that is not valid has nothing to revoke, and that is no error (RFC 7009 §2.2): one that cannot be read,
    /// is expired, another issuer's or of another kind, and an access token that a change of password replaced, whose
    /// holder need not be the one who goes on in the session. Why it did nothing stands in the event.
    ///
    /// # Errors
    /// When the store does not answer; the session may then still stand.
    pub async fn revoke(&self, token: &TokenText) -> Result<(), AuthError> {
        match self.inner.session_to_revoke(token).await {
            Ok((user, session)) => self.inner.end_session(&user, session).await,
            Err(AuthError::Access(cause)) => {
                self.inner.emit(&Event::NothingRevoked { cause });
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

impl<U: AuthUser> Inner<U> {
    /// The session may have ended before: ending it again tells everybody once more, which a client that got no answer
    /// comes back for.
    async fn session_to_revoke(&self, token: &TokenText) -> Result<(UserId, SessionId), AuthError> {
        let verify = |kind| self.verifier.verify(kind, token.expose(), self.now());
        let no_refresh_token = match verify(TokenKind::Refresh) {
            Ok(claims) => {
                let session = claims.session.ok_or(AccessError::Sessionless)?;
                return Ok((claims.subject.clone(), session));
            }
            Err(refusal) => refusal,
        };
        let claims = verify(TokenKind::Access).map_err(|refusal| match refusal {
            TokenError::Kind => AccessError::Token(no_refresh_token),
            other => AccessError::Token(other),
        })?;
        let (session, epoch) = session_of(&claims)?;
        match self.sessions.find(&claims.subject, session).await? {
            Some(found) if found.epoch != epoch => Err(AccessError::EpochReplaced.into()),
            _ => Ok((claims.subject.clone(), session)),
        }
    }
}
