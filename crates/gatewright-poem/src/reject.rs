//! The vocabulary of poem: replies as responses, header maps as bytes.

use std::error::Error;
use std::fmt;

use gatewright_core::{Headers, Reply, RequestView};
use poem::error::ResponseError;
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use poem::{IntoResponse, Request, Response};

/// An answer of Gatewright's instead of the handler's. Handlers may return it too.
#[derive(Clone)]
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

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answered with {}", self.0.status)
    }
}

impl Error for Rejection {}

impl ResponseError for Rejection {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        respond(self.0.clone())
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        respond(self.0)
    }
}

/// A reply as a response.
pub(crate) fn respond(reply: Reply) -> Response {
    let mut response = Response::default();
    response.set_status(StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    response.set_body(reply.body);
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// What the core reads of a request.
pub(crate) fn view<'a>(request: &'a Request, headers: &'a HeaderBytes<'a>) -> RequestView<'a> {
    let peer = request.remote_addr().as_socket_addr().map(|peer| peer.ip());
    RequestView::new(request.method().as_str(), headers).with_peer(peer)
}

pub(crate) struct HeaderBytes<'a>(pub(crate) &'a HeaderMap);

impl Headers for HeaderBytes<'_> {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        self.0.get_all(name).into_iter().for_each(|value| see(value.as_bytes()));
    }
}
