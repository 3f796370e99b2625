//! Token introspection (RFC 7662): the current state of a token, for services that cannot check it
//! themselves.

use std::sync::Arc;

use serde::Serialize;

use crate::auth::{Auth, Error, Failure};
use crate::error::AuthError;
use crate::guard::authenticate_uncached;
use crate::http::Reply;
use crate::store::AuthUser;
use crate::token::{TokenId, VerifiedClaims};
use crate::types::{Requirement, Scopes, TokenText};

/// What introspection requires of an API key: the scope `introspect`.
pub const INTROSPECTION: Requirement = Requirement::Scopes(&["introspect"]);

/// The state of a token.
#[doc(alias("rfc 7662"))]
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Introspection {
    /// An access token that guards accept now.
    Active(ActiveToken),
    /// Not active. The reason is not disclosed (RFC 7662 §2.2).
    Inactive,
}

/// An active access token.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActiveToken {
    /// The verified claims.
    pub claims: Arc<VerifiedClaims>,
    /// The effective scopes: the granted ones, without those that the user's roles no longer allow.
    pub scopes: Scopes,
}

impl<U: AuthUser> Auth<U> {
    /// Checks a token against its session and its user in the stores. It changes nothing.
    ///
    /// An access token that guards accept is active. Refresh tokens are always inactive: only this service
    /// accepts them, so other services have no use for one (RFC 7662 §2.2 leaves that to the server).
    ///
    /// The application must guard calls of this method. The ready-made endpoint requires an API key that
    /// meets [`INTROSPECTION`].
    ///
    /// ```
    /// use gatewright::endpoints::Introspection;
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
    /// let state = auth.introspect(&pair.access_token).await?;
    /// assert!(matches!(state, Introspection::Active(_)));
    /// auth.logout_by_refresh_token(&pair.refresh_token).await?;
    /// assert!(matches!(auth.introspect(&pair.access_token).await?, Introspection::Inactive));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// A store failed, so the state of the token is unknown.
    pub async fn introspect(&self, token: &TokenText) -> Result<Introspection, Error> {
        match authenticate_uncached(&self.inner, token.expose()).await {
            Ok(identity) => {
                let (claims, scopes) = (Arc::clone(identity.claims()), identity.scopes().clone());
                Ok(Introspection::Active(ActiveToken { claims, scopes }))
            }
            Err(Failure { kind: AuthError::Access(_), .. }) => Ok(Introspection::Inactive),
            Err(failure) => Err(self.inner.failed(failure)),
        }
    }
}

/// The body of RFC 7662 §2.2.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
}

impl<'a> From<&'a ActiveToken> for Body<'a> {
    fn from(ActiveToken { claims, scopes }: &'a ActiveToken) -> Self {
        Self {
            active: true,
            scope: scopes.as_str(),
            token_type: "Bearer",
            exp: claims.expires_at().as_seconds(),
            iat: claims.issued_at().as_seconds(),
            sub: claims.subject().as_str(),
            aud: claims.audience(),
            iss: claims.issuer(),
            jti: claims.token_id().map(TokenId::as_str),
        }
    }
}

impl Introspection {
    /// The reply of the endpoint: 200 with the state as JSON, and `no-store`.
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
