//! What adapters call to let a request in, or not.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::auth::Auth;
use crate::authenticator;
use crate::credential::Bearer;
use crate::error::{AccessRefusal, AuthError};
use crate::event::Event;
use crate::identity::Identity;
use crate::reply::Reply;
use crate::request::RequestView;
use crate::requirement::{Requirement, Verdict};
use crate::store::{Account, AuthUser};
use crate::token::VerifiedClaims;

impl<U: AuthUser> Auth<U> {
    /// Recognises the caller: `None` when there is no credential.
    ///
    /// The view is read before the call returns, so the future is owned and `Send` whatever the framework's request is.
    ///
    /// # Errors
    /// The answer to send when there is a credential that cannot be read or believed, or a store does not answer.
    pub fn authenticate(
        &self,
        view: &RequestView<'_>,
    ) -> impl Future<Output = Result<Option<Identity<U>>, Reply>> + Send + use<U> {
        let bearer = Bearer::read(view);
        let inner = Arc::clone(&self.inner);
        async move {
            let Some(bearer) = bearer.map_err(|refusal| inner.reply_to(&refusal.into()))? else {
                return Ok(None);
            };
            let identity = authenticator::authenticate(&inner, &bearer).await;
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
            return Err(self.inner.reply_to(&AccessRefusal::NoCredential.into()));
        };
        let has_role = |role: &str| identity.user().roles().any(|own| own == role);
        let has_scope = |scope: &str| identity.scopes().contains(scope);
        match need.judge(&has_role, &has_scope) {
            Verdict::Met => Ok(identity),
            Verdict::Missing => {
                self.inner.emit(&Event::Forbidden { user: &identity.user().id() });
                Err(self.inner.reply_to(&AuthError::Forbidden { scopes: need.scopes() }))
            }
        }
    }

    /// Believes a bearer token for what its signature and its times say, and asks no store: a token stays good until
    /// it expires, whatever became of its user, its session and the user's roles. `None` when there is no credential.
    ///
    /// # Errors
    /// The answer to send when there is a credential that cannot be read or believed.
    pub fn authenticate_stateless(&self, view: &RequestView<'_>) -> Result<Option<VerifiedClaims>, Reply> {
        let read = Bearer::read(view).map_err(AuthError::from);
        let claims = read
            .and_then(|bearer| bearer.map(|bearer| authenticator::verify(&self.inner, &bearer)).transpose());
        claims.map_err(|error| self.inner.reply_to(&error))
    }

    /// The 401 for a route that asks for a credential and got none.
    #[must_use]
    pub fn challenge(&self) -> Reply {
        self.inner.reply_to(&AccessRefusal::NoCredential.into())
    }
}

/// A requirement with the [`Auth`] that enforces it: all that a guard is. Adapters wrap it in their own terms.
pub struct Guard<U = Account> {
    auth: Auth<U>,
    requirement: Arc<Requirement>,
}

impl<U: AuthUser> Guard<U> {
    /// A guard that lets in whoever meets the requirement.
    #[must_use]
    pub fn new(auth: &Auth<U>, requirement: Requirement) -> Self {
        Self { auth: auth.clone(), requirement: Arc::new(requirement) }
    }

    /// The `Auth` behind the guard.
    #[must_use]
    pub const fn auth(&self) -> &Auth<U> {
        &self.auth
    }

    /// Lets the request in, or not. `earlier` is an identity that an outer guard may have left in the request.
    ///
    /// # Errors
    /// The answer to send instead of the route's.
    pub fn admit(
        &self,
        view: &RequestView<'_>,
        earlier: Option<Identity<U>>,
    ) -> impl Future<Output = Result<Identity<U>, Reply>> + Send + use<U> {
        let earlier = earlier.filter(|identity| identity.issued_by(&self.auth));
        let fresh = earlier.is_none().then(|| self.auth.authenticate(view));
        let guard = self.clone();
        async move {
            let who = match fresh {
                Some(fresh) => fresh.await?,
                None => earlier,
            };
            guard.auth.authorize(who, &guard.requirement)
        }
    }
}

impl<U> Clone for Guard<U> {
    fn clone(&self) -> Self {
        Self { auth: self.auth.clone(), requirement: Arc::clone(&self.requirement) }
    }
}

impl<U> fmt::Debug for Guard<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("requirement", &self.requirement).finish_non_exhaustive()
    }
}
