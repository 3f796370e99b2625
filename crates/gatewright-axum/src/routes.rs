//! The ready-made endpoints, each mountable alone.

use std::future::Future;
use std::pin::Pin;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, EXPECT};
use axum::response::Response;
use axum::routing::{MethodRouter, any, post};
use bytes::BytesMut;
use gatewright_core::{Auth, AuthUser, MAX_BODY_BYTES, MAX_DISCARDED_BYTES, Operation};
use http_body_util::BodyExt;

use crate::reject::{HeaderBytes, respond, view};

/// All endpoints at their usual paths: `/register`, `/login`, `/refresh`, `/logout`, `/password`. Nest them below
/// `/auth`. Another method than POST is answered 405 in Gatewright's own words.
pub fn routes<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> Router<S> {
    Operation::ALL.iter().fold(Router::new(), |router, operation| {
        router.route(operation.path(), any(handler(auth, *operation)))
    })
}

/// `POST`: JSON `email`, `password`; 201 whether or not the address is taken.
pub fn register<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> MethodRouter<S> {
    post(handler(auth, Operation::Register))
}

/// `POST`: the OAuth 2.0 password form; a pair of tokens.
pub fn login<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> MethodRouter<S> {
    post(handler(auth, Operation::Login))
}

/// `POST`: form or JSON `refresh_token`; the next pair.
pub fn refresh<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> MethodRouter<S> {
    post(handler(auth, Operation::Refresh))
}

/// `POST`: a bearer token, or a `refresh_token` in the body; 204.
pub fn logout<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> MethodRouter<S> {
    post(handler(auth, Operation::Logout))
}

/// `POST`: a bearer token and JSON `current_password`, `new_password`; 204.
pub fn change_password<S: Clone + Send + Sync + 'static, U: AuthUser>(auth: &Auth<U>) -> MethodRouter<S> {
    post(handler(auth, Operation::ChangePassword))
}

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

fn handler<U: AuthUser>(
    auth: &Auth<U>,
    operation: Operation,
) -> impl Fn(Request) -> Answering + Clone + Send + Sync + 'static {
    let auth = auth.clone();
    move |request| {
        let auth = auth.clone();
        Box::pin(async move { answer(&auth, operation, request).await })
    }
}

async fn answer<U: AuthUser>(auth: &Auth<U>, operation: Operation, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = if is_announced_too_large(&parts.headers) { Ok(None) } else { collect(body).await };
    let body = match body {
        Ok(Some(body)) => body,
        Ok(None) => return respond(auth.body_too_large()),
        Err(_) => return respond(auth.body_unreadable()),
    };
    let pending = auth.answer(operation, &view(&parts, &HeaderBytes(&parts.headers)), body);
    respond(pending.await)
}

/// A client that announces too much and waits (RFC 9110 §10.1.1) is answered before it sends.
fn is_announced_too_large(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    headers.contains_key(EXPECT) && length.is_some_and(|length| length > MAX_BODY_BYTES as u64)
}

/// The body, or `None` when it is too large. Some of the excess is read and thrown away: a connection closed on
/// unread data is reset, and the answer lost with it.
async fn collect(mut body: Body) -> Result<Option<Bytes>, axum::Error> {
    let mut kept = BytesMut::new();
    let mut seen: usize = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        seen = seen.saturating_add(data.len());
        if seen <= MAX_BODY_BYTES {
            kept.extend_from_slice(&data);
        } else if seen > MAX_DISCARDED_BYTES {
            break;
        }
    }
    Ok((seen <= MAX_BODY_BYTES).then(|| kept.freeze()))
}
