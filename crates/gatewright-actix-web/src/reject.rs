//! The vocabulary of actix-web: replies as responses, header maps as bytes.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};
use gatewright_core::{Headers, Reply, RequestView};

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

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        respond(self.0.clone())
    }
}

impl Responder for Rejection {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        respond(self.0)
    }
}

/// A reply as a response.
pub(crate) fn respond(reply: Reply) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::with_body(status, BoxBody::new(reply.body));
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// What the core reads of a request.
pub(crate) fn view<'a>(request: &'a HttpRequest, headers: &'a HeaderBytes<'a>) -> RequestView<'a> {
    let peer = request.peer_addr().map(|peer| peer.ip());
    RequestView::new(request.method().as_str(), headers).with_peer(peer)
}

pub(crate) struct HeaderBytes<'a>(pub(crate) &'a HeaderMap);

impl Headers for HeaderBytes<'_> {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        // By comparison: a look-up by text would make a name of it first.
        let named = self.0.iter().filter(|(own, _)| own.as_str() == name);
        named.for_each(|(_, value)| see(value.as_bytes()));
    }
}
