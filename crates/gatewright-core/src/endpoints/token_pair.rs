//! Token pairs: the result of a login or a refresh.

use serde::Serialize;

use crate::auth::Inner;
use crate::error::AuthError;
use crate::http::Reply;
use crate::store::{AuthUser, Session, Validity, access_token_id};
use crate::token::{Claims, ExtraObject, IssueError, SIGNING_TIMEOUT, TokenId, TokenKind};
use crate::types::{Scopes, TokenText, within};

/// An access token, and the refresh token for the next pair.
#[doc(alias("access token", "jwt", "refresh token"))]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TokenPair {
    /// The access token, for guarded routes.
    pub access_token: TokenText,
    /// The refresh token, for exactly one refresh.
    pub refresh_token: TokenText,
    /// How long the access token is valid, in seconds.
    pub expires_in: u64,
    /// The granted scopes: the `scope` claim of the access token.
    pub scopes: Scopes,
}

/// The body of RFC 6749 §5.1.
#[derive(Serialize)]
struct Body<'a> {
    access_token: &'a str,
    refresh_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    scope: &'a str,
}

impl TokenPair {
    /// The reply of the token endpoint (RFC 6749 §5.1): 200 with the tokens as JSON, and `no-store`.
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

/// What a user grants to a token besides the session.
pub(crate) struct Grant {
    scopes: Scopes,
    extra: Option<ExtraObject>,
}

impl Grant {
    /// Makes the extra claims. It runs the application's function, so it comes before anything is written.
    pub(crate) fn new<U: AuthUser>(inner: &Inner<U>, user: &U, scopes: Scopes) -> Result<Self, AuthError> {
        Ok(Self { scopes, extra: inner.extra_claims.make(user)? })
    }
}

/// The refresh token that is the current one of a session, or will be.
pub(crate) struct CurrentToken {
    pub(crate) id: TokenId,
    pub(crate) validity: Validity,
}

/// Signs a pair for a session. It writes nothing, so its failure loses nothing. Signing again gives the same
/// refresh token.
pub(crate) async fn sign<U: AuthUser>(
    inner: &Inner<U>,
    session: &Session,
    current: &CurrentToken,
    grant: &Grant,
) -> Result<TokenPair, AuthError> {
    let issued_at = inner.now().floor_to_second();
    let expires_at =
        issued_at.saturating_add(inner.settings.access_lifetime).min(session.expires_at.floor_to_second());
    let access_id = access_token_id(&*inner.randomness)?;
    let mut access = Claims::new(session.user.clone(), access_id, issued_at, expires_at)
        .with_session(session.id)
        .with_epoch(session.epoch)
        .with_scopes(grant.scopes.clone())
        .with_auth_time(session.auth_time.floor_to_second())
        .with_amr(session.amr.iter());
    access.extra.clone_from(&grant.extra);
    let Validity { issued_at: from, expires_at: until, .. } = current.validity;
    let (from, until) = (from.floor_to_second(), until.floor_to_second());
    let refresh = Claims::new(session.user.clone(), current.id.clone(), from, until).with_session(session.id);
    let issuer = &inner.issuer;
    let signing = async {
        let access = issuer.issue(TokenKind::Access, &access).await?;
        Ok::<_, IssueError>((access, issuer.issue(TokenKind::Refresh, &refresh).await?))
    };
    let signed = within(&*inner.timer, SIGNING_TIMEOUT, signing).await;
    let (access_token, refresh_token) =
        signed.unwrap_or_else(|| Err(IssueError::new(Some("the issuer took longer than 5 s".into()))))?;
    let expires_in = expires_at.as_seconds().saturating_sub(issued_at.as_seconds());
    Ok(TokenPair { access_token, refresh_token, expires_in, scopes: grant.scopes.clone() })
}
