//! What a login or a refresh grants: a pair of tokens.

use serde::Serialize;

use crate::auth::Inner;
use crate::error::AuthError;
use crate::http::Reply;
use crate::store::{AuthUser, Session, Validity, access_token_id};
use crate::token::{Claims, TokenId, TokenKind};
use crate::types::{Scopes, TokenText};

/// An access token and the refresh token that gets the next pair.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TokenPair {
    /// Opens guarded routes.
    pub access_token: TokenText,
    /// Good for one refresh.
    pub refresh_token: TokenText,
    /// How long the access token is valid, in seconds.
    pub expires_in: u64,
    /// What was granted; the access token's `scope` claim.
    pub scopes: Scopes,
}

/// RFC 6749 §5.1.
#[derive(Serialize)]
struct Body<'a> {
    access_token: &'a str,
    refresh_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    scope: &'a str,
}

impl TokenPair {
    /// The token endpoint's answer.
    #[must_use]
    pub fn to_reply(&self) -> Reply {
        let body = Body {
            access_token: self.access_token.expose(),
            refresh_token: self.refresh_token.expose(),
            token_type: "bearer",
            expires_in: self.expires_in,
            scope: self.scopes.as_str(),
        };
        Reply::json(200, &body).with_no_store()
    }
}

/// Signs a pair for a session that the store already holds: nothing here can be lost or fork.
pub(crate) fn sign<U: AuthUser>(
    inner: &Inner<U>,
    session: &Session,
    refresh_id: TokenId,
    life: Validity,
    scopes: Scopes,
) -> Result<TokenPair, AuthError> {
    let issued_at = inner.now().floor_to_second();
    let expires_at =
        issued_at.saturating_add(inner.settings.access_lifetime).min(session.expires_at.floor_to_second());
    let access_id = access_token_id(&*inner.randomness)?;
    let access = Claims::new(session.user.clone(), access_id, issued_at, expires_at)
        .with_session(session.id)
        .with_epoch(session.epoch)
        .with_scopes(scopes.clone());
    let (from, until) = (life.issued_at.floor_to_second(), life.expires_at.floor_to_second());
    let refresh = Claims::new(session.user.clone(), refresh_id, from, until).with_session(session.id);
    Ok(TokenPair {
        access_token: inner.issuer.issue(TokenKind::Access, &access)?,
        refresh_token: inner.issuer.issue(TokenKind::Refresh, &refresh)?,
        expires_in: expires_at.as_seconds().saturating_sub(issued_at.as_seconds()),
        scopes,
    })
}
