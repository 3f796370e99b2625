//! Conversions between axum's types and those of `gatewright-core`.

use std::net::SocketAddr;

use axum::body::{Body, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use gatewright_core::{Auth, AuthUser, Headers, Reply, RequestView};

gatewright_core::rejection!();

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        respond(self.0)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        respond(self.0.reply())
    }
}

/// Gives a 404 without a body the body of this `Auth`, and keeps its other headers.
pub(crate) fn fill_not_found<U: AuthUser>(auth: &Auth<U>, response: Response) -> Response {
    if response.status() != StatusCode::NOT_FOUND || response.body().size_hint().exact() != Some(0) {
        return response;
    }
    let mut filled = respond(auth.not_found().reply());
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    filled.headers_mut().extend(parts.headers);
    filled
}

/// Turns a reply of the core into a response. Headers with invalid names or values are left out.
pub(crate) fn respond(reply: Reply) -> Response {
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// What the core reads of a request: the method, the headers, and the peer's address if the server
/// was started with `into_make_service_with_connect_info::<SocketAddr>()`.
pub(crate) fn view<'a>(parts: &'a Parts, headers: &'a HeaderBytes<'a>) -> RequestView<'a> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    RequestView::new(parts.method.as_str(), headers).with_peer(peer.map(|ConnectInfo(peer)| peer.ip()))
}

/// Gives the core access to the headers as bytes.
pub(crate) struct HeaderBytes<'a>(pub(crate) &'a HeaderMap);

impl Headers for HeaderBytes<'_> {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        self.0.get_all(name).into_iter().for_each(|value| see(value.as_bytes()));
    }
}
