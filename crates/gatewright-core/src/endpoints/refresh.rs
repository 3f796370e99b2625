//! Refresh: one token for the next pair, once (RFC 9700 §4.14.2).

use super::token_pair::{TokenPair, sign};
use crate::auth::{Auth, Inner};
use crate::cache::{ActiveUser, LiveSession};
use crate::error::{AccessError, AuthError, RefreshError, RequestError};
use crate::event::Event;
use crate::guard::find_user;
use crate::http::Fields;
use crate::revocation::Revocation;
use crate::store::{AuthUser, Rotation, RotationRequest, Session, TokenDigest, Validity};
use crate::token::{TokenId, TokenKind, VerifiedClaims};
use crate::types::{Scopes, SessionId, Timestamp, TokenText};

/// A refresh token and the scopes asked for.
#[derive(Debug, Clone)]
pub struct Refresh {
    token: TokenText,
    scopes: Option<Scopes>,
}

impl Refresh {
    /// Asks for all that was granted at login.
    #[must_use]
    pub fn new(token: TokenText) -> Self {
        Self { token, scopes: None }
    }

    /// Asks for fewer scopes, for this access token alone.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = Some(scopes);
        self
    }

    pub(crate) fn from_fields(fields: &Fields) -> Result<Self, RequestError> {
        if fields.optional("grant_type")?.is_some_and(|grant| grant != "refresh_token") {
            return Err(RequestError::GrantType);
        }
        let token = TokenText::new(fields.required("refresh_token")?);
        let scopes = fields.scopes()?;
        Ok(Self { token, scopes })
    }
}

impl<U: AuthUser> Auth<U> {
    /// Exchanges a refresh token for the next pair.
    ///
    /// Verify, read the session and its user, rotate, sign: rotating is the last step that can fail in a store, so a
    /// refusal or an outage before it consumes nothing. A token that was used up ends its session.
    ///
    /// # Errors
    /// [`AuthError::Refresh`] when it is refused; [`AuthError::Request`] when more scopes are asked for than were
    /// granted, and nothing is consumed; anything else when it could not be decided.
    ///
    /// # Cancel safety
    /// A dropped call has rotated or not. The client tries again with the same token: inside the grace window it gets
    /// the same successor.
    pub async fn refresh(&self, refresh: Refresh) -> Result<TokenPair, AuthError> {
        let now = self.inner.now();
        let claims = self.inner.verify_refresh(&refresh.token, now)?;
        let (session, user) = self.inner.open_session(&claims, now).await?;
        let scopes = self.inner.effective_scopes(&narrow(&session, refresh.scopes)?, user.get());
        let (successor, life) = self.inner.rotate(&session, &claims.token_id, now).await?;
        sign(&self.inner, &session, successor, life, scopes)
    }
}

/// RFC 6749 §6: never more than was granted.
fn narrow(session: &Session, asked: Option<Scopes>) -> Result<Scopes, RequestError> {
    match asked {
        None => Ok(session.scopes.clone()),
        Some(asked) if asked.is_subset_of(&session.scopes) => Ok(asked),
        Some(_) => Err(RequestError::Scope),
    }
}

impl<U: AuthUser> Inner<U> {
    /// Believes a refresh token's claims, and asks no store.
    pub(crate) fn verify_refresh(
        &self,
        token: &TokenText,
        now: Timestamp,
    ) -> Result<VerifiedClaims, AuthError> {
        let verified = self.verifier.verify(TokenKind::Refresh, token.expose(), now);
        verified.map_err(|refusal| self.refuse_refresh(None, RefreshError::Token(refusal)))
    }

    /// The session a token names and its user, both alive.
    async fn open_session(
        &self,
        claims: &VerifiedClaims,
        now: Timestamp,
    ) -> Result<(Session, ActiveUser<U>), AuthError> {
        let refuse = |cause| self.refuse_refresh(claims.session, RefreshError::Session(cause));
        let id = claims.session.ok_or_else(|| refuse(AccessError::Sessionless))?;
        let session = LiveSession::check(self.sessions.find(&claims.subject, id).await?, claims, now)
            .map_err(refuse)?;
        let user = find_user(self, &session.get().user).await?;
        let user = ActiveUser::check(user, session.get().epoch).map_err(refuse)?;
        Ok((session.get().clone(), user))
    }

    async fn rotate(
        &self,
        session: &Session,
        presented: &TokenId,
        now: Timestamp,
    ) -> Result<(TokenId, Validity), AuthError> {
        let successor = session.seed.successor(presented);
        let request = RotationRequest {
            user: session.user.clone(),
            session: session.id,
            presented: TokenDigest::of(presented),
            successor: TokenDigest::of(&successor),
            now,
            grace: self.settings.refresh_grace,
            idle_expires_at: now.saturating_add(self.settings.refresh_lifetime),
        };
        let refuse = |cause| Err(self.refuse_refresh(Some(session.id), cause));
        let rotation = self.sessions.rotate(&request);
        let record = |rotation: &Rotation| {
            let reused = matches!(rotation, Rotation::Reused);
            if reused {
                self.emit(&Event::TokenReused { user: &session.user, session: session.id });
            }
            reused
        };
        let rotation = self.revoke_without_waiting(Revocation::session(session.id), rotation, record).await?;
        let (life, grace) = match rotation {
            Rotation::Rotated(life) => (life, false),
            Rotation::Grace(life) => (life, true),
            Rotation::Reused => return refuse(RefreshError::Reused),
            Rotation::Expired => return refuse(RefreshError::Session(AccessError::SessionExpired)),
            Rotation::Unknown => return refuse(RefreshError::Session(AccessError::SessionEnded)),
        };
        self.emit(&Event::Refreshed { user: &session.user, session: session.id, grace });
        Ok((successor, life))
    }

    /// Emits why, and gives the error.
    pub(crate) fn refuse_refresh(&self, session: Option<SessionId>, cause: RefreshError) -> AuthError {
        self.emit(&Event::RefreshRefused { session, cause });
        cause.into()
    }
}
