//! The handler arguments that `gatewright-core` defines, extracted from actix-web's requests.

use std::future::{Future, Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use gatewright_core::{Auth, AuthUser, Caller, DeserializeOwned, Policy, missing_auth};

use crate::reject::{HeaderBytes, Rejection, view};

/// The `Auth` of the guard around a handler. Extractors use it if the application has not installed
/// one.
pub(crate) struct GuardAuth<U>(pub(crate) Auth<U>);

gatewright_core::extractors!();

type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, Rejection>>>>;

impl<P: Policy, U: AuthUser> FromRequest for Authorized<P, U> {
    type Error = Rejection;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = HeaderBytes(request.headers());
        let pending = auth(request)
            .map(|auth| auth.require(&view(request, &headers), earlier(request).as_ref(), P::REQUIREMENT));
        Box::pin(async move { Ok(Self::new(pending?.await?)) })
    }
}

impl<U: AuthUser> FromRequest for MaybeUser<U> {
    type Error = Rejection;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = HeaderBytes(request.headers());
        let pending = auth(request)
            .map(|auth| auth.authenticate_with(&view(request, &headers), earlier(request).as_ref()));
        Box::pin(async move { Ok(Self::new(pending?.await?)) })
    }
}

impl<U: AuthUser> FromRequest for StatelessClaims<U> {
    type Error = Rejection;
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = HeaderBytes(request.headers());
        let claims = auth::<U>(request).and_then(|auth| Ok(auth.require_claims(&view(request, &headers))?));
        ready(claims.map(Self::new))
    }
}

impl<T: DeserializeOwned + 'static, U: AuthUser> FromRequest for ExtraClaims<T, U> {
    type Error = Rejection;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = HeaderBytes(request.headers());
        let pending =
            auth(request).map(|auth| auth.require_extra(&view(request, &headers), earlier(request).as_ref()));
        Box::pin(async move { Ok(Self::new(pending?.await?)) })
    }
}

impl<P: Policy, U: AuthUser> FromRequest for ApiKey<P, U> {
    type Error = Rejection;
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let headers = HeaderBytes(request.headers());
        let identity = auth(request)
            .and_then(|auth| Ok(auth.require_api_key(&view(request, &headers), &P::REQUIREMENT)?));
        ready(identity.map(Self::new))
    }
}

/// The installed `Auth`, or else that of the guard around the handler.
fn auth<U: AuthUser>(request: &HttpRequest) -> Result<Auth<U>, Rejection> {
    let installed = request.app_data::<Data<Auth<U>>>().map(|installed| Auth::clone(installed));
    let found = installed.or_else(|| request.extensions().get::<GuardAuth<U>>().map(|guard| guard.0.clone()));
    found.ok_or_else(|| {
        missing_auth::<U>("App::configure(gatewright::actix_web::install(&auth, \"/auth\"))").into()
    })
}

/// The caller that a guard in front of the handler has authenticated.
fn earlier<U: AuthUser>(request: &HttpRequest) -> Option<Caller<U>> {
    request.extensions().get::<Caller<U>>().cloned()
}
