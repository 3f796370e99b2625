//! The claims of a token: those to be issued, and those that were verified.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::auth_methods::AuthMethods;
use super::extra::{self, ExtraClaimsMismatch, ExtraObject};
use crate::types::{Epoch, Scopes, SessionId, Timestamp, UserId};

/// The `jti` of a token. In our refresh tokens it is unguessable and identifies the single use.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenId(String);

impl TokenId {
    /// Creates an id from text, unchanged.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text of the claim.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Redacted: with the signing key, the refresh token can be made from its id.
impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenId(..)")
    }
}

/// The claims of a token to be issued, without issuer and audience: the issuer adds those. A verifier
/// makes [`VerifiedClaims`] of the claims that it read.
///
/// ```
/// use std::time::Duration;
///
/// use gatewright::token::{Claims, TokenId};
/// use gatewright::types::Timestamp;
/// use gatewright::{Scopes, UserId};
///
/// let now = Timestamp::from_seconds(1_700_000_000);
/// let expires_at = now.saturating_add(Duration::from_secs(900));
/// let claims = Claims::new(UserId::new("42")?, TokenId::new("an id"), now, expires_at)
///     .with_scopes(Scopes::parse("items:read")?)
///     .with_amr(["pwd"]);
/// assert!(claims.scopes.contains("items:read") && claims.session.is_none());
/// assert_eq!(claims.amr.as_slice(), ["pwd"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias("jwt"))]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// `sub`: the user. It is unique only within one issuer. If the verifier accepts several,
    /// [`VerifiedClaims::issuer`] says which one.
    pub subject: UserId,
    /// `jti`: the id of the token. Our tokens have one; those of another issuer may have none.
    pub token_id: Option<TokenId>,
    /// `iat`: when the token was issued. A whole second in tokens.
    pub issued_at: Timestamp,
    /// `exp`: when the token expires. At this time it is already invalid. A whole second in tokens.
    pub expires_at: Timestamp,
    /// `sid`: the session of the token. Always present in our tokens.
    pub session: Option<SessionId>,
    /// `epoch`: the user's epoch at login or at the latest refresh. Always present in our access tokens.
    pub epoch: Option<Epoch>,
    /// `scope`: the granted scopes.
    pub scopes: Scopes,
    /// `auth_time`: when the user logged in. A refresh does not change it (RFC 9068 §2.2.1). A whole second
    /// in tokens.
    pub auth_time: Option<Timestamp>,
    /// `amr`: how the user logged in (RFC 8176), such as `pwd`.
    pub amr: AuthMethods,
    /// Claims of the application's own.
    pub extra: Option<ExtraObject>,
}

impl Claims {
    /// Creates claims from those that every token has. Tokens of another issuer may have no id: pass an
    /// `Option<TokenId>` then.
    #[must_use]
    pub fn new(
        subject: UserId,
        token_id: impl Into<Option<TokenId>>,
        issued_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            subject,
            token_id: token_id.into(),
            issued_at,
            expires_at,
            session: None,
            epoch: None,
            scopes: Scopes::default(),
            auth_time: None,
            amr: AuthMethods::default(),
            extra: None,
        }
    }

    /// Adds `sid`.
    #[must_use]
    pub const fn with_session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// Adds `epoch`.
    #[must_use]
    pub const fn with_epoch(mut self, epoch: Epoch) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// Adds `scope`.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }

    /// Adds `auth_time`.
    #[must_use]
    pub const fn with_auth_time(mut self, auth_time: Timestamp) -> Self {
        self.auth_time = Some(auth_time);
        self
    }

    /// Adds `amr`, the methods of the login. None is no claim.
    #[must_use]
    pub fn with_amr(mut self, methods: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.amr = methods.into_iter().collect();
        self
    }

    /// Adds claims of the application's own.
    #[must_use]
    pub fn with_extra(mut self, extra: ExtraObject) -> Self {
        self.extra = Some(extra);
        self
    }
}

/// Claims whose signature, kind, issuer, audience and times were verified.
///
/// Claims of two issuers are never equal, because a subject is unique only within its issuer.
#[doc(alias("jwt"))]
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedClaims {
    issuer: Arc<str>,
    audience: Option<Arc<str>>,
    claims: Claims,
    /// The JSON text of all claims, if it has members that the verifier did not read.
    payload: Option<Box<str>>,
}

impl VerifiedClaims {
    /// Asserts that the claims were verified. It is the only constructor, for a
    /// [`TokenVerifier`](super::TokenVerifier) alone. `issuer` is the verified `iss`.
    #[must_use]
    pub const fn assertion(issuer: Arc<str>, claims: Claims) -> Self {
        Self { issuer, audience: None, claims, payload: None }
    }

    /// Adds the verified audience.
    #[must_use]
    pub fn with_audience(mut self, audience: Arc<str>) -> Self {
        self.audience = Some(audience);
        self
    }

    /// Adds the verified JSON text of all claims, from which [`extra`](Self::extra) reads those of the
    /// application's own. A verifier adds it only if there are such claims.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Box<str>>) -> Self {
        self.payload = Some(payload.into());
        self
    }

    /// The verified `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The audience that the verifier checked for, if it provides it. The token may contain others as well.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        self.audience.as_deref()
    }

    /// `sub`: the user. It is unique only within one [`issuer`](Self::issuer).
    #[must_use]
    pub const fn subject(&self) -> &UserId {
        &self.claims.subject
    }

    /// `jti`: the id of the token. Tokens of another issuer may have none.
    #[must_use]
    pub const fn token_id(&self) -> Option<&TokenId> {
        self.claims.token_id.as_ref()
    }

    /// `iat`: when the token was issued.
    #[must_use]
    pub const fn issued_at(&self) -> Timestamp {
        self.claims.issued_at
    }

    /// `exp`: when the token expires. At this time it is already invalid.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.claims.expires_at
    }

    /// `sid`: the session of the token. Only tokens of this application have one.
    #[must_use]
    pub const fn session(&self) -> Option<SessionId> {
        self.claims.session
    }

    /// `epoch`: the user's epoch at login or at the latest refresh.
    #[must_use]
    pub const fn epoch(&self) -> Option<Epoch> {
        self.claims.epoch
    }

    /// `scope`: the granted scopes. Those of an [`Identity`](crate::Identity) are the effective ones.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.claims.scopes
    }

    /// `auth_time`: when the user logged in. A refresh does not change it.
    #[must_use]
    pub const fn auth_time(&self) -> Option<Timestamp> {
        self.claims.auth_time
    }

    /// `amr`: how the user logged in (RFC 8176), such as `pwd`. Empty if the token does not say.
    #[must_use]
    pub fn amr(&self) -> &[String] {
        self.claims.amr.as_slice()
    }

    /// A copy of the claims, for example to issue another token with them. Those of the application's own are
    /// left out.
    #[must_use]
    pub fn to_claims(&self) -> Claims {
        Claims { extra: None, ..self.claims.clone() }
    }

    /// Reads claims of the application's own. It parses the token's claims again at each call.
    ///
    /// `T` sees neither the claims that have methods here nor `nbf` and `cnf`. The token is authentic, but
    /// nothing else was checked about these claims.
    ///
    /// ```
    /// use gatewright::UserId;
    /// use gatewright::token::{Claims, ExtraObject, TokenId, VerifiedClaims};
    /// use gatewright::types::Timestamp;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Tenant {
    ///     tenant: u32,
    /// }
    ///
    /// let now = Timestamp::from_seconds(1_700_000_000);
    /// let claims = Claims::new(UserId::new("42")?, TokenId::new("1"), now, Timestamp::from_seconds(1_700_000_900))
    ///     .with_extra(ExtraObject::new(&Tenant { tenant: 7 })?);
    /// let verified = VerifiedClaims::assertion("https://issuer.example".into(), claims);
    /// assert_eq!(verified.extra::<Tenant>()?.tenant, 7);
    /// assert!(verified.extra::<String>().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The claims do not fit `T`: one is missing or of another type.
    pub fn extra<T: DeserializeOwned>(&self) -> Result<T, ExtraClaimsMismatch> {
        let issued = self.claims.extra.as_ref().map_or("{}", ExtraObject::as_json);
        extra::read(self.payload.as_deref().unwrap_or(issued))
    }

    /// The same claims without `sid` and `epoch`. For tokens of other issuers: their sessions are not sessions
    /// of this application.
    #[must_use]
    pub fn without_session(self: Arc<Self>) -> Arc<Self> {
        if self.claims.session.is_none() && self.claims.epoch.is_none() {
            return self;
        }
        let mut claims = Arc::unwrap_or_clone(self);
        (claims.claims.session, claims.claims.epoch) = (None, None);
        Arc::new(claims)
    }
}

/// Shows the registered claims. Those of the application's own may be personal data.
impl fmt::Debug for VerifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedClaims")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("claims", &self.claims)
            .finish_non_exhaustive()
    }
}
