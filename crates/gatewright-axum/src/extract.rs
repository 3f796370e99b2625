//! Handler arguments.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use gatewright_core::{
    Account, Auth, AuthUser, CredentialKind, Identity, Policy, Requirement, VerifiedClaims,
};

use crate::reject::{HeaderBytes, Rejection, view};

/// A router state that holds an [`Auth`]. `Auth` itself does, and so does an `Arc` of a state that does.
///
/// ```
/// use gatewright_axum::HasAuth;
/// use gatewright_core::Auth;
///
/// struct AppState { auth: Auth, greeting: String }
///
/// impl HasAuth for AppState {
///     fn auth(&self) -> &Auth { &self.auth }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the router state `{Self}` does not hold an `Auth<{U}>`",
    label = "this extractor needs an `Auth<{U}>` in the router's state",
    note = "use `.with_state(auth)`, or implement `gatewright_axum::HasAuth<{U}>` for your state"
)]
pub trait HasAuth<U = Account> {
    /// The `Auth`.
    fn auth(&self) -> &Auth<U>;
}

impl<U> HasAuth<U> for Auth<U> {
    fn auth(&self) -> &Self {
        self
    }
}

impl<U, T: HasAuth<U>> HasAuth<U> for Arc<T> {
    fn auth(&self) -> &Auth<U> {
        (**self).auth()
    }
}

/// The user behind the request's bearer token. Without one: 401.
///
/// It dereferences to the user.
#[non_exhaustive]
pub struct CurrentUser<U = Account> {
    /// The user, as of this request.
    pub user: Arc<U>,
    /// The session, the token's claims and the effective scopes.
    pub identity: Identity<U>,
}

impl<U: AuthUser, S: HasAuth<U> + Send + Sync> FromRequestParts<S> for CurrentUser<U> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let identity = authorized(parts, state, &Requirement::Authenticated).await?;
        Ok(Self { user: Arc::clone(identity.user()), identity })
    }
}

/// The user behind the request's bearer token, if there is one. A token that is there and bad is still refused.
#[non_exhaustive]
pub struct MaybeUser<U = Account> {
    /// The user; `None` when the request has no credential.
    pub user: Option<CurrentUser<U>>,
}

impl<U: AuthUser, S: HasAuth<U> + Send + Sync> FromRequestParts<S> for MaybeUser<U> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let identity = identify(parts, state).await?;
        let user = identity.map(|identity| CurrentUser { user: Arc::clone(identity.user()), identity });
        Ok(Self { user })
    }
}

/// The user behind the request's bearer token, who meets the policy `P`. Nobody: 401; somebody who does not: 403.
///
/// ```
/// use gatewright_axum::Authorized;
///
/// gatewright_core::roles! { pub enum Role: role { User = "user", Admin = "admin" } }
/// type AdminUser = Authorized<role::Admin>;
///
/// async fn greet(AdminUser { user, .. }: AdminUser) -> String { format!("hello {}", user.email) }
/// ```
#[non_exhaustive]
pub struct Authorized<P, U = Account> {
    /// The user, as of this request.
    pub user: Arc<U>,
    /// The session, the token's claims and the effective scopes.
    pub identity: Identity<U>,
    policy: PhantomData<fn() -> P>,
}

impl<P: Policy, U: AuthUser, S: HasAuth<U> + Send + Sync> FromRequestParts<S> for Authorized<P, U> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let identity = authorized(parts, state, &P::REQUIREMENT).await?;
        Ok(Self { user: Arc::clone(identity.user()), identity, policy: PhantomData })
    }
}

/// What the request's bearer token says, believed for its signature and times alone: no store is asked, so a logout, a
/// disabled user or a changed password is not noticed before the token expires.
#[non_exhaustive]
pub struct StatelessClaims<U = Account> {
    /// The token's claims.
    pub claims: VerifiedClaims,
    user: PhantomData<fn() -> U>,
}

impl<U: AuthUser, S: HasAuth<U> + Send + Sync> FromRequestParts<S> for StatelessClaims<U> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let auth = state.auth();
        let claims = auth.authenticate_stateless(&view(parts, &HeaderBytes(&parts.headers)))?;
        Ok(Self { claims: claims.ok_or_else(|| auth.challenge())?, user: PhantomData })
    }
}

/// Recognises the caller and holds them against a requirement.
async fn authorized<U: AuthUser, S: HasAuth<U> + Sync>(
    parts: &mut Parts,
    state: &S,
    need: &Requirement,
) -> Result<Identity<U>, Rejection> {
    let who = identify(parts, state).await?;
    Ok(state.auth().authorize(who, need)?)
}

/// Recognises the caller, once a request: what a guard of the same `Auth` found by the same kind of credential is
/// found again.
async fn identify<U: AuthUser, S: HasAuth<U> + Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<Option<Identity<U>>, Rejection> {
    let auth = state.auth();
    let earlier = parts.extensions.get::<Identity<U>>();
    let same =
        |identity: &&Identity<U>| identity.issued_by(auth) && identity.kind() == CredentialKind::Bearer;
    if let Some(identity) = earlier.filter(same) {
        return Ok(Some(identity.clone()));
    }
    let pending = auth.authenticate(&view(parts, &HeaderBytes(&parts.headers)));
    let identity = pending.await?;
    identity.iter().for_each(|identity| drop(parts.extensions.insert(identity.clone())));
    Ok(identity)
}

impl<U> Deref for CurrentUser<U> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.user
    }
}

impl<P, U> Deref for Authorized<P, U> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.user
    }
}

impl<U> fmt::Debug for CurrentUser<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentUser").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl<U> fmt::Debug for MaybeUser<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaybeUser").field("user", &self.user).finish()
    }
}

impl<P, U> fmt::Debug for Authorized<P, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorized").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl<U> fmt::Debug for StatelessClaims<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatelessClaims").field("claims", &self.claims).finish_non_exhaustive()
    }
}
