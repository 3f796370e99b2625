//! Conversions between actix-web's types and those of `gatewright-core`.

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};
use gatewright_core::{Auth, AuthUser, Headers, Reply, RequestView};

gatewright_core::rejection!();

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

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        respond(self.0.reply())
    }
}

impl Responder for Error {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        respond(self.0.reply())
    }
}

/// Whether the response is a 404 without a body.
pub(crate) fn is_empty_not_found(response: &HttpResponse<impl MessageBody>) -> bool {
    response.status() == StatusCode::NOT_FOUND
        && matches!(response.body().size(), BodySize::None | BodySize::Sized(0))
}

/// The 404 of this `Auth`, with the headers of one without a body.
pub(crate) fn filled_not_found<U: AuthUser>(auth: &Auth<U>, headers: &HeaderMap) -> HttpResponse {
    let mut filled = respond(auth.not_found().reply());
    for (name, value) in headers.iter().filter(|(name, _)| *name != CONTENT_LENGTH) {
        filled.headers_mut().append(name.clone(), value.clone());
    }
    filled
}

/// Turns a reply of the core into a response. Headers with invalid names or values are left out.
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

/// What the core reads of a request: the method, the headers and the peer's address.
pub(crate) fn view<'a>(request: &'a HttpRequest, headers: &'a HeaderBytes<'a>) -> RequestView<'a> {
    let peer = request.peer_addr().map(|peer| peer.ip());
    RequestView::new(request.method().as_str(), headers).with_peer(peer)
}

/// Gives the core access to the headers as bytes.
pub(crate) struct HeaderBytes<'a>(pub(crate) &'a HeaderMap);

impl Headers for HeaderBytes<'_> {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        // Comparing is cheaper than `get_all`, which first parses the name.
        let named = self.0.iter().filter(|(own, _)| own.as_str() == name);
        named.for_each(|(_, value)| see(value.as_bytes()));
    }
}
