//! The handler arguments that `gatewright-core` defines, extracted from axum's requests.

use std::sync::Arc;

use axum::extract::{self, FromRequestParts};
use axum::http::request::Parts;
use gatewright_core::{Account, Auth, AuthUser, Caller, DeserializeOwned, Policy};

use crate::reject::{Error, Head, Rejection, refuse};

/// A router state that holds an [`Auth`]: the extractors authenticate with it.
///
/// `Auth` implements it, and so does an `Arc` of a state that implements it. Implement it for a
/// state of your own:
///
/// ```
/// use gatewright::Auth;
/// use gatewright::axum::HasAuth;
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
    note = "use `.with_state(auth)`, or implement `gatewright::axum::HasAuth<{U}>` for your state"
)]
pub trait HasAuth<U = Account> {
    /// The `Auth` that guards the routes with this state.
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

gatewright_core::extractors!();

impl<P: Policy, U: AuthUser, S: HasAuth<U> + Send + Sync> FromRequestParts<S> for Authorized<P, U> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let pending = state.auth().require(&Head(parts).view(), earlier(parts), P::REQUIREMENT);
        pending.await.map(Self::new).map_err(|error| refuse(parts, &error))
    }
}

impl<U: AuthUser, S: HasAuth<U> + Send + Sync> FromRequestParts<S> for MaybeUser<U> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let pending = state.auth().authenticate_with(&Head(parts).view(), earlier(parts));
        pending.await.map(Self::new).map_err(|error| refuse(parts, &error))
    }
}

impl<U: AuthUser, S: HasAuth<U> + Send + Sync> FromRequestParts<S> for StatelessClaims<U> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let claims = state.auth().require_claims(&Head(parts).view());
        claims.map(Self::new).map_err(|error| refuse(parts, &error))
    }
}

impl<T, U, S> FromRequestParts<S> for ExtraClaims<T, U>
where
    T: DeserializeOwned + Send,
    U: AuthUser,
    S: HasAuth<U> + Send + Sync,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let pending = state.auth().require_extra(&Head(parts).view(), earlier(parts));
        pending.await.map(Self::new).map_err(|error| refuse(parts, &error))
    }
}

impl<P: Policy, U: AuthUser, S: HasAuth<U> + Send + Sync> FromRequestParts<S> for ApiKey<P, U> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let identity = state.auth().require_api_key(&Head(parts).view(), &P::REQUIREMENT);
        identity.map(Self::new).map_err(|error| refuse(parts, &error))
    }
}

impl<T: DeserializeOwned + Send, U: AuthUser, S: HasAuth<U> + Send + Sync> FromRequestParts<S>
    for Path<T, U>
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let read = extract::Path::<T>::from_request_parts(parts, state).await;
        read.map_or_else(
            |_| Err(state.auth().not_found().into()),
            |extract::Path(value)| Ok(Self::new(value)),
        )
    }
}

/// The caller that a guard in front of the handler has authenticated.
fn earlier<U: AuthUser>(parts: &Parts) -> Option<&Caller<U>> {
    parts.extensions.get()
}
