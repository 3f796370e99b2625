//! Authorization: what adapters call to guard a route.
//!
//! Every function reads the request before it returns its future. So the future owns its data and is
//! `Send`, even if the framework's request is not.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::access_rule::AccessRule;
use super::authenticate;
use super::identity::{ApiKeyIdentity, Caller, Identity};
use crate::auth::{Auth, Error, Failure};
use crate::error::{AccessError, AuthError};
use crate::http::{Denial, DenialResponder, PresentedApiKey, Reply, RequestView, read_api_key};
use crate::store::{Account, AuthUser};
use crate::token::VerifiedClaims;
use crate::types::{ClientInfo, Missing, Requirement, Verdict};

impl<U: AuthUser> Auth<U> {
    /// Authenticates the caller by the bearer token. `Ok(None)` means that the request has no
    /// credential.
    ///
    /// # Errors
    /// An error with the answer 400 for a malformed header, 401 for a rejected token, 503 if a store failed. Answer
    /// it with [`Error::reply_for`], which emits its event.
    pub fn authenticate(
        &self,
        view: &RequestView<'_>,
    ) -> impl Future<Output = Result<Option<Identity<U>>, Error>> + Send + use<U> {
        self.authenticate_with(view, None)
    }

    /// As [`Auth::authenticate`], but at most once a request: `earlier` is the caller that a guard
    /// left in the request.
    ///
    /// The earlier caller is used if this `Auth` authenticated it as a user. A caller of another
    /// `Auth`, or one with an API key, is ignored.
    ///
    /// # Errors
    /// As [`Auth::authenticate`].
    pub fn authenticate_with(
        &self,
        view: &RequestView<'_>,
        earlier: Option<&Caller<U>>,
    ) -> impl Future<Output = Result<Option<Identity<U>>, Error>> + Send + use<U> {
        self.identify(view, earlier, true)
    }

    /// Authenticates the caller. `decides` says that no requirement follows, so that this is the guard's decision.
    fn identify(
        &self,
        view: &RequestView<'_>,
        earlier: Option<&Caller<U>>,
        decides: bool,
    ) -> impl Future<Output = Result<Option<Identity<U>>, Error>> + Send + use<U> {
        let authenticated = earlier.and_then(|caller| caller.user_of(self)).cloned();
        let bearer = if authenticated.is_some() { Ok(None) } else { self.inner.bearer(view) };
        let inner = self.inner.clone();
        async move {
            let identified = match bearer {
                Ok(None) => Ok(authenticated),
                Ok(Some(bearer)) => {
                    let identity = authenticate::authenticate(&inner, &bearer).await;
                    identity.map(Some).map_err(|failure| inner.failed(failure))
                }
                Err(refusal) => Err(inner.error(refusal)),
            };
            if decides {
                inner.measure_optional_guard(&identified);
            }
            identified
        }
    }

    /// Checks a caller against a requirement.
    ///
    /// # Errors
    /// An error with the answer 401 without an identity, or with one that another `Auth` made; 403 if the
    /// caller lacks a role or scope. Answer it with [`Error::reply_for`], which emits its event.
    pub fn authorize(&self, who: Option<Identity<U>>, need: &Requirement) -> Result<Identity<U>, Error> {
        let decision = self.decide(who, need);
        self.inner.measure_guard(&decision);
        decision
    }

    fn decide(&self, who: Option<Identity<U>>, need: &Requirement) -> Result<Identity<U>, Error> {
        let Some(identity) = who.filter(|identity| identity.issued_by(self)) else {
            return Err(self.inner.error(AccessError::NoCredential));
        };
        let has_role = |role: &str| identity.user().roles().any(|own| own == role);
        let has_scope = |scope: &str| identity.scopes().contains(scope);
        match need.evaluate(&has_role, &has_scope) {
            Verdict::Met => Ok(identity),
            Verdict::Missing => {
                let Missing { roles: missing_roles, scopes: missing_scopes } =
                    need.missing(&has_role, &has_scope);
                let kind = AuthError::Forbidden { scopes: need.scopes(), missing_roles, missing_scopes };
                Err(self.inner.failed(Failure::about(kind, identity.claims())))
            }
        }
    }

    /// Authenticates the caller, then authorizes it: [`Auth::authenticate_with`], then
    /// [`Auth::authorize`].
    ///
    /// ```
    /// use gatewright::http::{Headers, RequestView};
    /// use gatewright::types::Requirement;
    /// use gatewright::{Auth, Login};
    /// # use gatewright::{MemoryStore, Password, Registration, RoleName};
    ///
    /// struct Authorization(String);
    ///
    /// impl Headers for Authorization {
    ///     fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
    ///         if name == "authorization" {
    ///             see(self.0.as_bytes());
    ///         }
    ///     }
    /// }
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
    /// let headers = Authorization(format!("Bearer {}", pair.access_token.expose()));
    /// let view = RequestView::new("GET", &headers);
    /// let identity = auth.require(&view, None, Requirement::Role("user")).await.map_err(|error| error.status());
    /// assert_eq!(identity.map(|identity| identity.user().email.to_string()), Ok("ada@example.com".to_owned()));
    /// let refused = auth.require(&view, None, Requirement::Role("admin")).await;
    /// assert_eq!(refused.map(|_| ()).map_err(|error| error.status()), Err(403));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As both.
    pub fn require(
        &self,
        view: &RequestView<'_>,
        earlier: Option<&Caller<U>>,
        need: Requirement,
    ) -> impl Future<Output = Result<Identity<U>, Error>> + Send + use<U> {
        let who = self.identify(view, earlier, false);
        let auth = self.clone();
        async move {
            let decision = match who.await {
                Ok(who) => auth.decide(who, &need),
                Err(error) => Err(error),
            };
            auth.inner.measure_guard(&decision);
            decision
        }
    }

    /// Authenticates a service by its `X-API-Key`, and checks the key's scopes against a requirement.
    /// A key has no roles.
    ///
    /// ```
    /// use gatewright::http::{Headers, RequestView};
    /// use gatewright::types::Requirement;
    /// use gatewright::{ApiKeys, Auth};
    /// # use gatewright::{MemoryStore, Password, Registration, RoleName};
    ///
    /// struct ApiKey;
    ///
    /// impl Headers for ApiKey {
    ///     fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
    ///         if name == "x-api-key" {
    ///             see(b"the-key-of-billing");
    ///         }
    ///     }
    /// }
    ///
    /// # gatewright_testkit::block_on(async {
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
    /// # let builder = Auth::local(MemoryStore::new(), tokens, hasher).with_registration_role(RoleName::new("user")?);
    /// let keys = ApiKeys::parse("the-key-of-billing:items:read")?;
    /// let auth = builder.with_api_keys(keys).build()?;
    /// let view = RequestView::new("GET", &ApiKey);
    /// let allowed = auth.require_api_key(&view, &Requirement::Scopes(&["items:read"]));
    /// assert!(allowed.is_ok());
    /// let refused = auth.require_api_key(&view, &Requirement::Scopes(&["items:write"]));
    /// assert_eq!(refused.map(|_| ()).map_err(|error| error.status()), Err(403));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// An error with the answer 401 without a key; 403 with an unknown key, or one that lacks a scope; 429 in place
    /// of the 403 for an unknown key if the network had many refused requests
    /// ([`REFUSED_REQUESTS`](crate::throttle::REFUSED_REQUESTS)). Answer it with [`Error::reply_for`], which emits
    /// its event.
    pub fn require_api_key(
        &self,
        view: &RequestView<'_>,
        need: &Requirement,
    ) -> Result<ApiKeyIdentity<U>, Error> {
        let authorized = self.authorize_api_key(read_api_key(view), need, || self.client(view));
        let decision = authorized.map_err(|kind| self.inner.error(kind));
        self.inner.measure_guard(&decision);
        decision
    }

    /// `client` is called for an unknown key alone, which is counted.
    pub(crate) fn authorize_api_key(
        &self,
        presented: PresentedApiKey,
        need: &Requirement,
        client: impl FnOnce() -> ClientInfo,
    ) -> Result<ApiKeyIdentity<U>, AuthError> {
        let found = presented.and_then(|presented| {
            let presented = presented.ok_or(AccessError::NoApiKey)?;
            self.inner.api_keys.find(&presented).ok_or(AccessError::ApiKeyUnknown)
        });
        if matches!(found, Err(AccessError::ApiKeyUnknown)) {
            self.inner.limiter.count_refused(&self.inner.subject(None, client()))?;
        }
        let identity = ApiKeyIdentity::new(self.inner.inner(), found?.clone());
        let has_scope = |scope: &str| identity.scopes().contains(scope);
        match need.evaluate(&|_| false, &has_scope) {
            Verdict::Met => Ok(identity),
            Verdict::Missing => {
                let Missing { roles: missing_roles, scopes: missing_scopes } =
                    need.missing(&|_| false, &has_scope);
                Err(AuthError::ApiKeyForbidden { missing_roles, missing_scopes })
            }
        }
    }

    /// Authenticates the caller as [`Auth::require`] does, and reads claims of the application's own from the
    /// token: those of [`AuthBuilder::with_extra_claims`](crate::AuthBuilder::with_extra_claims).
    ///
    /// # Errors
    /// As [`Auth::require`], or with the answer 401 if the claims do not fit `T`. A refresh gives the client a token
    /// with new claims.
    pub fn require_extra<T: DeserializeOwned>(
        &self,
        view: &RequestView<'_>,
        earlier: Option<&Caller<U>>,
    ) -> impl Future<Output = Result<(T, Identity<U>), Error>> + Send + use<T, U> {
        let who = self.require(view, earlier, Requirement::Authenticated);
        let auth = self.clone();
        async move {
            let identity = who.await?;
            let extra = identity.claims().extra::<T>();
            match extra {
                Ok(extra) => Ok((extra, identity)),
                Err(mismatch) => {
                    let cause = AccessError::ExtraClaims { type_name: mismatch.type_name() };
                    let decision = Err(auth.inner.failed(Failure::about(cause, identity.claims())));
                    auth.inner.measure_guard(&decision);
                    decision
                }
            }
        }
    }

    /// Verifies a bearer token by its signature and times alone, without any store.
    ///
    /// The token is accepted until it expires. A logout, a disabled user or a changed role has no
    /// effect before that. If the verifier accepts several issuers, [`VerifiedClaims::issuer`] says
    /// whose subject it is.
    ///
    /// # Errors
    /// An error with the answer 401 without a credential or with a rejected token, 400 for a malformed header.
    /// Answer it with [`Error::reply_for`], which emits its event.
    pub fn require_claims(&self, view: &RequestView<'_>) -> Result<Arc<VerifiedClaims>, Error> {
        let read = self.inner.bearer(view).and_then(|bearer| bearer.ok_or(AccessError::NoCredential));
        let claims = read.map_err(AuthError::from);
        let claims = claims.and_then(|bearer| authenticate::verify(&self.inner, bearer.expose()));
        let decision = claims.map_err(|kind| self.inner.error(kind));
        self.inner.measure_guard(&decision);
        decision
    }
}

/// The reply for a handler whose application did not provide its [`Auth`]: 500.
///
/// For adapters of frameworks that cannot check this before the first request. The log entry names
/// the `fix` and the user type that was requested.
#[must_use]
pub fn missing_auth<U>(fix: &str) -> Reply {
    let user = std::any::type_name::<U>();
    tracing::error!(target: "gatewright", fix, user, "no Auth for this user type: the application did not provide it to its handlers");
    DenialResponder::default().reply(&Denial::Internal)
}

/// An access rule with the [`Auth`] that enforces it. Adapters wrap it as middleware of their
/// framework.
pub struct Guard<U = Account> {
    auth: Auth<U>,
    rule: AccessRule,
}

impl<U: AuthUser> Guard<U> {
    /// A guard that passes the requests that satisfy `rule`.
    #[must_use]
    pub fn new(auth: &Auth<U>, rule: impl Into<AccessRule>) -> Self {
        Self { auth: auth.clone(), rule: rule.into() }
    }

    /// The `Auth` that the guard uses.
    #[must_use]
    pub const fn auth(&self) -> &Auth<U> {
        &self.auth
    }

    /// Authenticates and authorizes the caller of a request. `earlier` is the caller that an outer
    /// guard left in the request, if there is one.
    ///
    /// # Errors
    /// Why the handler must not be called. Answer it with [`Error::reply_for`], which emits its event.
    pub fn authorize(
        &self,
        view: &RequestView<'_>,
        earlier: Option<&Caller<U>>,
    ) -> impl Future<Output = Result<Caller<U>, Error>> + Send + use<U> {
        let by_key = match &self.rule {
            AccessRule::ApiKey(need) => Some(self.auth.require_api_key(view, need)),
            AccessRule::User(_) => None,
        };
        let by_user = self.auth.require(view, earlier, *self.rule.requirement());
        async move {
            match by_key {
                Some(by_key) => by_key.map(Caller::ApiKey),
                None => by_user.await.map(Caller::User),
            }
        }
    }
}

impl<U> Clone for Guard<U> {
    fn clone(&self) -> Self {
        Self { auth: self.auth.clone(), rule: self.rule }
    }
}

impl<U> fmt::Debug for Guard<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("rule", &self.rule).finish_non_exhaustive()
    }
}
