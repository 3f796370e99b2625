//! What adapters call to let a request in, or not.
//!
//! Every function reads the view before it returns, so its future is owned and `Send` whatever the framework's request
//! is.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::access_rule::AccessRule;
use super::authenticate;
use super::identity::{ApiKeyIdentity, Caller, Identity};
use crate::auth::Auth;
use crate::error::{AccessError, AuthError};
use crate::event::Event;
use crate::http::{BearerToken, Denial, DenialResponder, PresentedApiKey, Reply, RequestView, read_api_key};
use crate::store::{Account, AuthUser};
use crate::token::VerifiedClaims;
use crate::types::{Requirement, Verdict};

impl<U: AuthUser> Auth<U> {
    /// Recognises the user who calls: `None` when there is no credential.
    ///
    /// # Errors
    /// The answer to send when there is a credential that cannot be read or believed, or a store does not answer.
    pub fn authenticate(
        &self,
        view: &RequestView<'_>,
    ) -> impl Future<Output = Result<Option<Identity<U>>, Reply>> + Send + use<U> {
        self.authenticate_with(view, None)
    }

    /// Recognises the user who calls, once a request: `earlier` is whom a guard of the same `Auth` let in, and another
    /// `Auth`'s caller, or one with an API key, counts for nothing.
    ///
    /// # Errors
    /// As [`Auth::authenticate`].
    pub fn authenticate_with(
        &self,
        view: &RequestView<'_>,
        earlier: Option<&Caller<U>>,
    ) -> impl Future<Output = Result<Option<Identity<U>>, Reply>> + Send + use<U> {
        let known = earlier.and_then(|caller| caller.user_of(self)).cloned();
        let bearer = if known.is_some() { Ok(None) } else { BearerToken::read(view) };
        let inner = Arc::clone(&self.inner);
        async move {
            let Some(bearer) = bearer.map_err(|refusal| inner.reply_to(&refusal.into()))? else {
                return Ok(known);
            };
            let identity = authenticate::authenticate(&inner, &bearer).await;
            identity.map(Some).map_err(|error| inner.reply_to(&error))
        }
    }

    /// Holds a caller against a requirement.
    ///
    /// # Errors
    /// The answer to send: 401 for nobody, and for an identity that another `Auth` made; 403 for somebody who lacks
    /// what is required.
    pub fn authorize(&self, who: Option<Identity<U>>, need: &Requirement) -> Result<Identity<U>, Reply> {
        let Some(identity) = who.filter(|identity| identity.issued_by(self)) else {
            return Err(self.inner.reply_to(&AccessError::NoCredential.into()));
        };
        let has_role = |role: &str| identity.user().roles().any(|own| own == role);
        let has_scope = |scope: &str| identity.scopes().contains(scope);
        match need.evaluate(&has_role, &has_scope) {
            Verdict::Met => Ok(identity),
            Verdict::Missing => {
                self.inner.emit(&Event::Forbidden { user: &identity.user().id() });
                Err(self.inner.reply_to(&AuthError::Forbidden { scopes: need.scopes() }))
            }
        }
    }

    /// Recognises the user who calls and holds them against a requirement: [`Auth::authenticate_with`], then
    /// [`Auth::authorize`].
    ///
    /// # Errors
    /// As both.
    pub fn require(
        &self,
        view: &RequestView<'_>,
        earlier: Option<&Caller<U>>,
        need: Requirement,
    ) -> impl Future<Output = Result<Identity<U>, Reply>> + Send + use<U> {
        let who = self.authenticate_with(view, earlier);
        let auth = self.clone();
        async move { auth.authorize(who.await?, &need) }
    }

    /// Recognises the service that calls by its API key, and holds the key's scopes against a requirement. A key has no
    /// roles.
    ///
    /// # Errors
    /// The answer to send: 401 without a key, 403 with a wrong one or one that lacks a scope.
    pub fn require_api_key(
        &self,
        view: &RequestView<'_>,
        need: &Requirement,
    ) -> Result<ApiKeyIdentity<U>, Reply> {
        self.authorize_api_key(read_api_key(view), need).map_err(|error| self.inner.reply_to(&error))
    }

    pub(crate) fn authorize_api_key(
        &self,
        presented: PresentedApiKey,
        need: &Requirement,
    ) -> Result<ApiKeyIdentity<U>, AuthError> {
        let presented = presented?.ok_or(AccessError::NoApiKey)?;
        let scopes = self.inner.api_keys.find(&presented).ok_or(AccessError::ApiKeyUnknown)?;
        let identity = ApiKeyIdentity::new(&self.inner, scopes.clone());
        match need.evaluate(&|_| false, &|scope| identity.scopes().contains(scope)) {
            Verdict::Met => Ok(identity),
            Verdict::Missing => {
                self.inner.emit(&Event::ApiKeyForbidden {});
                Err(AuthError::ApiKeyForbidden {})
            }
        }
    }

    /// Believes a bearer token for what its signature and its times say, and asks no store: a token stays good until
    /// it expires, whatever became of its user, its session and the user's roles. Where several issuers are
    /// believed, [`VerifiedClaims::issuer`] says whose subject it is.
    ///
    /// # Errors
    /// The answer to send when there is no credential, or one that cannot be read or believed.
    pub fn require_claims(&self, view: &RequestView<'_>) -> Result<VerifiedClaims, Reply> {
        let read = BearerToken::read(view).and_then(|bearer| bearer.ok_or(AccessError::NoCredential));
        let claims = read.map_err(AuthError::from);
        let claims = claims.and_then(|bearer| authenticate::verify(&self.inner, bearer.expose()));
        claims.map_err(|error| self.inner.reply_to(&error))
    }
}

/// For adapters of frameworks that cannot tell before a request comes: the 500 for an application that guards its handlers
/// and did not provide its [`Auth`]. The log names the `fix`, and the type of user that was asked for.
#[must_use]
pub fn missing_auth<U>(fix: &str) -> Reply {
    let user = std::any::type_name::<U>();
    tracing::error!(target: "gatewright", fix, user, "a handler's argument found no Auth of this user");
    DenialResponder::default().reply(&Denial::Internal)
}

/// A rule with the [`Auth`] that enforces it: all that a guard is. Adapters wrap it in their own terms.
pub struct Guard<U = Account> {
    auth: Auth<U>,
    rule: AccessRule,
}

impl<U: AuthUser> Guard<U> {
    /// A guard that lets in whoever meets the rule.
    #[must_use]
    pub fn new(auth: &Auth<U>, rule: impl Into<AccessRule>) -> Self {
        Self { auth: auth.clone(), rule: rule.into() }
    }

    /// The `Auth` behind the guard.
    #[must_use]
    pub const fn auth(&self) -> &Auth<U> {
        &self.auth
    }

    /// Lets the request in, or not. `earlier` is whom an outer guard may have left in the request.
    ///
    /// # Errors
    /// The answer to send instead of the route's.
    pub fn authorize(
        &self,
        view: &RequestView<'_>,
        earlier: Option<&Caller<U>>,
    ) -> impl Future<Output = Result<Caller<U>, Reply>> + Send + use<U> {
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
