//! Who is calling, once all proofs are there: a believed token and a living user, or a known API key.

use std::fmt;
use std::sync::Arc;

use crate::auth::{Auth, Inner};
use crate::cache::CachedSession;
use crate::error::AccessError;
use crate::store::{Account, AuthUser};
use crate::token::VerifiedClaims;
use crate::types::{Scopes, SessionId};

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CredentialKind {
    /// A bearer access token.
    Bearer,
    /// A key in `X-API-Key`.
    ApiKey,
}

/// A recognised caller. It knows which [`Auth`] recognised it and by which kind of credential, so that what one
/// guard leaves in a request cannot satisfy another's.
pub struct Identity<U = Account> {
    user: Arc<U>,
    claims: Arc<VerifiedClaims>,
    session: SessionId,
    scopes: Scopes,
    issuer: Arc<Inner<U>>,
}

impl<U: AuthUser> Identity<U> {
    /// Joins the proofs. `scopes` are the token's, less those the user may no longer have.
    pub(crate) fn new(issuer: &Arc<Inner<U>>, claims: VerifiedClaims, pair: &CachedSession<U>) -> Self {
        let scopes = issuer.effective_scopes(&claims.scopes, pair.user());
        Self {
            user: Arc::clone(pair.user()),
            claims: Arc::new(claims),
            session: pair.session(),
            scopes,
            issuer: Arc::clone(issuer),
        }
    }
}

impl<U> Identity<U> {
    /// The user, as of this request, or as read before and not changed since
    /// ([`RevocationCheck::Cached`](crate::RevocationCheck::Cached)).
    #[must_use]
    pub const fn user(&self) -> &Arc<U> {
        &self.user
    }

    /// What the token says.
    #[must_use]
    pub fn claims(&self) -> &VerifiedClaims {
        &self.claims
    }

    /// The session the token belongs to.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// The effective scopes: those the token grants and the user may have now.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// How the caller was recognised: by a bearer token, the one credential that stands for a user.
    #[must_use]
    pub const fn kind(&self) -> CredentialKind {
        CredentialKind::Bearer
    }

    /// Whether this very `Auth`, or a clone of it, recognised the caller.
    #[must_use]
    pub fn issued_by(&self, auth: &Auth<U>) -> bool {
        Arc::ptr_eq(&self.issuer, &auth.inner)
    }
}

impl<U> Identity<U> {
    /// Refuses an identity that another `Auth` made.
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
            .field("subject", &self.claims.subject)
            .field("session", &self.session)
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

/// A service recognised by an API key. It is no user, and satisfies no guard that asks for one.
pub struct ApiKeyIdentity<U = Account> {
    scopes: Scopes,
    issuer: Arc<Inner<U>>,
}

impl<U> ApiKeyIdentity<U> {
    pub(crate) fn new(issuer: &Arc<Inner<U>>, scopes: Scopes) -> Self {
        Self { scopes, issuer: Arc::clone(issuer) }
    }

    /// What the key may do.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Whether this very `Auth`, or a clone of it, knows the key.
    #[must_use]
    pub fn issued_by(&self, auth: &Auth<U>) -> bool {
        Arc::ptr_eq(&self.issuer, &auth.inner)
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

/// Whom a guard let in, by the credential it asked for. Guards leave it in the request, so that guards and arguments
/// behind them need not recognise a user again.
#[non_exhaustive]
pub enum Caller<U = Account> {
    /// A user.
    User(Identity<U>),
    /// A service with an API key.
    ApiKey(ApiKeyIdentity<U>),
}

impl<U> Caller<U> {
    /// How the caller was recognised.
    #[must_use]
    pub const fn kind(&self) -> CredentialKind {
        match self {
            Self::User(identity) => identity.kind(),
            Self::ApiKey(_) => CredentialKind::ApiKey,
        }
    }

    /// The user, if `auth` recognised one.
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
