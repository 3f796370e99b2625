//! The vocabulary of axum: replies as responses, header maps as bytes.

use std::fmt;
use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use gatewright_core::{Headers, Reply, RequestView};

/// An answer of Gatewright's instead of the handler's. Handlers may return it too.
pub struct Rejection(Reply);

impl From<Reply> for Rejection {
    fn from(reply: Reply) -> Self {
        Self(reply)
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection").field("status", &self.0.status).finish_non_exhaustive()
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        respond(self.0)
    }
}

/// A reply as a response.
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

/// What the core reads of a request.
pub(crate) fn view<'a>(parts: &'a Parts, headers: &'a HeaderBytes<'a>) -> RequestView<'a> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    RequestView::new(parts.method.as_str(), headers).with_peer(peer.map(|ConnectInfo(peer)| peer.ip()))
}

pub(crate) struct HeaderBytes<'a>(pub(crate) &'a HeaderMap);

impl Headers for HeaderBytes<'_> {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        self.0.get_all(name).into_iter().for_each(|value| see(value.as_bytes()));
    }
}
