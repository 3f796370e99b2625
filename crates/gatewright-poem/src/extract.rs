//! The handler arguments that `gatewright-core` defines, extracted from poem's requests.

use gatewright_core::{Auth, AuthUser, Caller, DeserializeOwned, Policy, missing_auth};
use poem::{FromRequest, Request, RequestBody, Result};

use crate::reject::{Error, Head, Rejection, refuse};

/// The `Auth` of the guard around a handler. Extractors use it if the application has not installed
/// one.
pub(crate) struct GuardAuth<U>(pub(crate) Auth<U>);

impl<U> Clone for GuardAuth<U> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

gatewright_core::extractors!();

impl<'a, P: Policy, U: AuthUser> FromRequest<'a> for Authorized<P, U> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let auth = auth(request)?;
        let pending = auth.require(&Head(request).view(), earlier(request), P::REQUIREMENT);
        Ok(Self::new(pending.await.map_err(|error| refuse(request, &error))?))
    }
}

impl<'a, U: AuthUser> FromRequest<'a> for MaybeUser<U> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let auth = auth(request)?;
        let pending = auth.authenticate_with(&Head(request).view(), earlier(request));
        Ok(Self::new(pending.await.map_err(|error| refuse(request, &error))?))
    }
}

impl<'a, U: AuthUser> FromRequest<'a> for StatelessClaims<U> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let claims = auth::<U>(request)?.require_claims(&Head(request).view());
        Ok(Self::new(claims.map_err(|error| refuse(request, &error))?))
    }
}

impl<'a, T: DeserializeOwned + Send, U: AuthUser> FromRequest<'a> for ExtraClaims<T, U> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let auth = auth(request)?;
        let pending = auth.require_extra(&Head(request).view(), earlier(request));
        Ok(Self::new(pending.await.map_err(|error| refuse(request, &error))?))
    }
}

impl<'a, P: Policy, U: AuthUser> FromRequest<'a> for ApiKey<P, U> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let identity = auth(request)?.require_api_key(&Head(request).view(), &P::REQUIREMENT);
        Ok(Self::new(identity.map_err(|error| refuse(request, &error))?))
    }
}

impl<'a, T: DeserializeOwned, U: AuthUser> FromRequest<'a> for Path<T, U> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        match request.path_params::<T>() {
            Ok(value) => Ok(Self::new(value)),
            Err(_) => Err(Error::from(auth::<U>(request)?.not_found()).into()),
        }
    }
}

/// The installed `Auth`, or else that of the guard around the handler.
fn auth<U: AuthUser>(request: &Request) -> Result<Auth<U>, Rejection> {
    let installed = request.extensions().get::<Auth<U>>();
    let found = installed.or_else(|| request.extensions().get::<GuardAuth<U>>().map(|guard| &guard.0));
    found
        .cloned()
        .ok_or_else(|| missing_auth::<U>("gatewright::poem::install(&auth, \"/auth\", routes)").into())
}

/// The caller that a guard in front of the handler has authenticated.
fn earlier<U: AuthUser>(request: &Request) -> Option<&Caller<U>> {
    request.extensions().get()
}
