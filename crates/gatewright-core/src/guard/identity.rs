//! Identities: authenticated callers, either a user with a verified token or a service with an API key.

use std::fmt;
use std::sync::Arc;

use crate::auth::{Auth, Inner};
use crate::cache::CachedSession;
use crate::error::AccessError;
use crate::store::{Account, AuthUser};
use crate::token::VerifiedClaims;
use crate::types::{Scopes, SessionId};

/// Which kind of credential authenticated a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CredentialKind {
    /// A bearer access token.
    Bearer,
    /// A key in `X-API-Key`.
    ApiKey,
}

/// An authenticated user: the user, the token's claims, the session and the effective scopes.
///
/// It knows which [`Auth`] authenticated it and with which kind of credential. So an identity that one
/// guard leaves in a request cannot satisfy a guard of another `Auth`.
#[doc(alias("principal", "current session"))]
pub struct Identity<U = Account> {
    user: Arc<U>,
    claims: Arc<VerifiedClaims>,
    session: SessionId,
    scopes: Scopes,
    issuer: Arc<Inner<U>>,
}

impl<U: AuthUser> Identity<U> {
    /// Joins the verified claims and the live session. The scopes are those of the token, without
    /// those that the user's roles no longer grant.
    pub(crate) fn new(
        issuer: &Arc<Inner<U>>,
        claims: Arc<VerifiedClaims>,
        cached: &CachedSession<U>,
    ) -> Self {
        let scopes = issuer.effective_scopes(claims.scopes(), cached.user());
        Self {
            user: Arc::clone(cached.user()),
            claims,
            session: cached.session(),
            scopes,
            issuer: Arc::clone(issuer),
        }
    }
}

impl<U> Identity<U> {
    /// The user: as read for this request, or from the cache if it was not invalidated since
    /// ([`RevocationCheck::Cached`](crate::RevocationCheck::Cached)).
    #[must_use]
    pub const fn user(&self) -> &Arc<U> {
        &self.user
    }

    /// The verified claims of the access token.
    #[must_use]
    pub const fn claims(&self) -> &Arc<VerifiedClaims> {
        &self.claims
    }

    /// The session that the token belongs to.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// The effective scopes: those that the token grants and the user's roles still allow.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The kind of credential: always a bearer token, the only one that represents a user.
    #[must_use]
    pub const fn kind(&self) -> CredentialKind {
        CredentialKind::Bearer
    }

    /// Whether this `Auth`, or a clone of it, authenticated the caller.
    #[must_use]
    pub fn issued_by(&self, auth: &Auth<U>) -> bool {
        Arc::ptr_eq(&self.issuer, auth.inner.inner())
    }
}

impl<U> Identity<U> {
    /// Rejects an identity that another `Auth` made.
    pub(crate) fn must_be_of(&self, auth: &Auth<U>) -> Result<(), AccessError> {
        if self.issued_by(auth) { Ok(()) } else { Err(AccessError::ForeignIdentity) }
    }
}

impl<U> Clone for Identity<U> {
    fn clone(&self) -> Self {
        Self {
            user: Arc::clone(&self.user),
            claims: Arc::clone(&self.claims),
            session: self.session,
            scopes: self.scopes.clone(),
            issuer: Arc::clone(&self.issuer),
        }
    }
}

impl<U> fmt::Debug for Identity<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("subject", self.claims.subject())
            .field("session", &self.session)
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

/// A service that authenticated with an API key. It is not a user, so it does not satisfy guards for
/// users.
pub struct ApiKeyIdentity<U = Account> {
    scopes: Scopes,
    issuer: Arc<Inner<U>>,
}

impl<U> ApiKeyIdentity<U> {
    pub(crate) fn new(issuer: &Arc<Inner<U>>, scopes: Scopes) -> Self {
        Self { scopes, issuer: Arc::clone(issuer) }
    }

    /// The scopes of the key.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Whether this `Auth`, or a clone of it, accepted the key.
    #[must_use]
    pub fn issued_by(&self, auth: &Auth<U>) -> bool {
        Arc::ptr_eq(&self.issuer, auth.inner.inner())
    }
}

impl<U> Clone for ApiKeyIdentity<U> {
    fn clone(&self) -> Self {
        Self { scopes: self.scopes.clone(), issuer: Arc::clone(&self.issuer) }
    }
}

impl<U> fmt::Debug for ApiKeyIdentity<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyIdentity").field("scopes", &self.scopes).finish_non_exhaustive()
    }
}

/// The authenticated caller that a guard leaves in the request.
///
/// Guards and extractors behind it take the user from here, so that one request is authenticated once.
#[non_exhaustive]
pub enum Caller<U = Account> {
    /// A user.
    User(Identity<U>),
    /// A service with an API key.
    ApiKey(ApiKeyIdentity<U>),
}

impl<U> Caller<U> {
    /// Which kind of credential authenticated the caller.
    #[must_use]
    pub const fn kind(&self) -> CredentialKind {
        match self {
            Self::User(identity) => identity.kind(),
            Self::ApiKey(_) => CredentialKind::ApiKey,
        }
    }

    /// The user, if `auth` authenticated one.
    pub(crate) fn user_of(&self, auth: &Auth<U>) -> Option<&Identity<U>> {
        match self {
            Self::User(identity) if identity.issued_by(auth) => Some(identity),
            Self::User(_) | Self::ApiKey(_) => None,
        }
    }
}

impl<U> Clone for Caller<U> {
    fn clone(&self) -> Self {
        match self {
            Self::User(identity) => Self::User(identity.clone()),
            Self::ApiKey(identity) => Self::ApiKey(identity.clone()),
        }
    }
}

impl<U> fmt::Debug for Caller<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(identity) => f.debug_tuple("User").field(identity).finish(),
            Self::ApiKey(identity) => f.debug_tuple("ApiKey").field(identity).finish(),
        }
    }
}
