//! The handler arguments that `gatewright-core` defines, extracted from actix-web's requests.

use std::cell::Cell;
use std::future::{Future, Ready, poll_fn, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

use actix_web::dev::Payload;
use actix_web::web::{self, Data};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use gatewright_core::{Auth, AuthUser, Caller, DeserializeOwned, Policy, missing_auth};
use percent_encoding::percent_decode_str;

use crate::reject::{Error, Head, Rejection, refuse};

/// The `Auth` of the guard around a handler. Extractors use it if the application has not installed
/// one.
pub(crate) struct GuardAuth<U>(pub(crate) Auth<U>);

gatewright_core::extractors!();

type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, Rejection>>>>;

impl<P: Policy, U: AuthUser> FromRequest for Authorized<P, U> {
    type Error = Rejection;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pending = auth(request)
            .map(|auth| auth.require(&Head(request).view(), earlier(request).as_ref(), P::REQUIREMENT));
        decide(request, pending, Self::new)
    }
}

impl<U: AuthUser> FromRequest for MaybeUser<U> {
    type Error = Rejection;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pending = auth(request)
            .map(|auth| auth.authenticate_with(&Head(request).view(), earlier(request).as_ref()));
        decide(request, pending, Self::new)
    }
}

impl<U: AuthUser> FromRequest for StatelessClaims<U> {
    type Error = Rejection;
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let claims = auth::<U>(request).and_then(|auth| {
            auth.require_claims(&Head(request).view()).map_err(|error| refuse(request, &error))
        });
        ready(claims.map(Self::new))
    }
}

impl<T: DeserializeOwned + 'static, U: AuthUser> FromRequest for ExtraClaims<T, U> {
    type Error = Rejection;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pending =
            auth(request).map(|auth| auth.require_extra(&Head(request).view(), earlier(request).as_ref()));
        decide(request, pending, Self::new)
    }
}

impl<P: Policy, U: AuthUser> FromRequest for ApiKey<P, U> {
    type Error = Rejection;
    type Future = Ready<Result<Self, Rejection>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let identity = auth(request).and_then(|auth| {
            auth.require_api_key(&Head(request).view(), &P::REQUIREMENT)
                .map_err(|error| refuse(request, &error))
        });
        ready(identity.map(Self::new))
    }
}

impl<T: DeserializeOwned + 'static, U: AuthUser> FromRequest for Path<T, U> {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, actix_web::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let read = web::Path::<T>::from_request(request, payload);
        // actix-web replaces invalid UTF-8. The other frameworks reject it.
        let is_text = percent_decode_str(request.uri().path()).decode_utf8().is_ok();
        let auth = auth::<U>(request);
        let decision = request.extensions().get::<Rc<Decision>>().cloned();
        Box::pin(async move {
            if let (Ok(path), true) = (read.await, is_text) {
                return Ok(Self::new(path.into_inner()));
            }
            if let Some(decision) = decision {
                decision.wait().await;
            }
            Err(Error::from(auth?.not_found()).into())
        })
    }
}

/// Runs the guard of a handler. A `Path` after it waits until it has decided.
fn decide<V: 'static, T: 'static>(
    request: &HttpRequest,
    guard: Result<impl Future<Output = Result<V, gatewright_core::Error>> + 'static, Rejection>,
    accept: impl FnOnce(V) -> T + 'static,
) -> Extracting<T> {
    let (deciding, request) = (Deciding::of(request), request.clone());
    Box::pin(async move {
        let _deciding = deciding;
        guard?.await.map(accept).map_err(|error| refuse(&request, &error))
    })
}

/// Whether the guard of a handler has decided.
///
/// actix-web runs all extractors of a handler at once, and answers with the first that fails. So `Path` waits
/// for the guard before it fails. All of them are polled by one task.
#[derive(Default)]
struct Decision {
    is_made: Cell<bool>,
    waiting: Cell<Option<Waker>>,
}

impl Decision {
    async fn wait(&self) {
        poll_fn(|context| {
            if self.is_made.get() {
                return Poll::Ready(());
            }
            self.waiting.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

/// Makes the decision when it is dropped: the guard has returned, or was cancelled.
struct Deciding(Rc<Decision>);

impl Deciding {
    /// `None` on a route without path parameters, where nothing waits for the guard.
    fn of(request: &HttpRequest) -> Option<Self> {
        if request.match_info().is_empty() {
            return None;
        }
        let decision = Rc::new(Decision::default());
        request.extensions_mut().insert(Rc::clone(&decision));
        Some(Self(decision))
    }
}

impl Drop for Deciding {
    fn drop(&mut self) {
        self.0.is_made.set(true);
        if let Some(waiting) = self.0.waiting.take() {
            waiting.wake();
        }
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
