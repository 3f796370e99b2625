//! Introspection (RFC 7662): what a token is worth at this moment, for services that cannot tell by themselves.

use serde::Serialize;

use crate::auth::Auth;
use crate::error::AuthError;
use crate::guard::authenticate_uncached;
use crate::http::Reply;
use crate::store::AuthUser;
use crate::token::VerifiedClaims;
use crate::types::{Requirement, Scopes, TokenText};

/// What the API key of a service that introspects must have.
pub const INTROSPECTION: Requirement = Requirement::Scopes(&["introspect"]);

/// What a token is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Introspection {
    /// An access token that guards let in at this moment.
    Active(ActiveToken),
    /// Everything else. Why is nobody's business (RFC 7662 §2.2).
    Inactive,
}

/// An access token that is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActiveToken {
    /// What it says.
    pub claims: VerifiedClaims,
    /// What it is good for: what was granted, less what the user's roles no longer allow.
    pub scopes: Scopes,
}

impl<U: AuthUser> Auth<U> {
    /// Holds a token against its session and its user, as the stores have them, without consuming or changing anything.
    ///
    /// Active is an access token that guards let in. A refresh token is for this service alone and opens nothing, so no
    /// other service has a use for one: it is inactive, current or not (RFC 7662 §2.2 leaves that to the server).
    ///
    /// Whoever calls this is the application's to guard; the endpoint asks for an API key that meets [`INTROSPECTION`].
    ///
    /// # Errors
    /// When a store does not answer: that is not known to be inactive.
    pub async fn introspect(&self, token: &TokenText) -> Result<Introspection, AuthError> {
        match authenticate_uncached(&self.inner, token.expose()).await {
            Ok(identity) => {
                let (claims, scopes) = (identity.claims().clone(), identity.scopes().clone());
                Ok(Introspection::Active(ActiveToken { claims, scopes }))
            }
            Err(AuthError::Access(_)) => Ok(Introspection::Inactive),
            Err(error) => Err(error),
        }
    }
}

/// RFC 7662 §2.2.
#[derive(Serialize)]
struct Body<'a> {
    active: bool,
    scope: &'a str,
    token_type: &'static str,
    exp: u64,
    iat: u64,
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    iss: &'a str,
    jti: &'a str,
}

impl<'a> From<&'a ActiveToken> for Body<'a> {
    fn from(ActiveToken { claims, scopes }: &'a ActiveToken) -> Self {
        Self {
            active: true,
            scope: scopes.as_str(),
            token_type: "Bearer",
            exp: claims.expires_at.as_seconds(),
            iat: claims.issued_at.as_seconds(),
            sub: claims.subject.as_str(),
            aud: claims.audience(),
            iss: claims.issuer(),
            jti: claims.token_id.as_str(),
        }
    }
}

impl Introspection {
    /// The endpoint's answer, which nobody may keep.
    #[must_use]
    pub fn to_reply(&self) -> Reply {
        #[derive(Serialize)]
        struct Inactive {
            active: bool,
        }
        match self {
            Self::Active(token) => Reply::json(200, &Body::from(token)),
            Self::Inactive => Reply::json(200, &Inactive { active: false }),
        }
        .with_no_store()
    }
}
