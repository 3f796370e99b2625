//! Conversions between poem's types and those of `gatewright-core`.

use gatewright_core::{Auth, AuthUser, Headers, Reply, RequestView};
use poem::error::ResponseError;
use poem::http::header::CONTENT_LENGTH;
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use poem::{IntoResponse, Request, Response};

gatewright_core::rejection!();

impl ResponseError for Rejection {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        respond(self.0.clone())
    }
}

impl ResponseError for Error {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        respond(self.0.reply())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        respond(self.0.reply())
    }
}

/// Gives a 404 without a body the body of this `Auth`, and keeps its other headers.
pub(crate) fn fill_not_found<U: AuthUser>(auth: &Auth<U>, mut response: Response) -> Response {
    let body = response.take_body();
    if response.status() != StatusCode::NOT_FOUND || !body.is_empty() {
        response.set_body(body);
        return response;
    }
    let mut filled = respond(auth.not_found().reply());
    let mut headers = std::mem::take(response.headers_mut());
    headers.remove(CONTENT_LENGTH);
    filled.headers_mut().extend(headers);
    filled
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        respond(self.0)
    }
}

/// Turns a reply of the core into a response. Headers with invalid names or values are left out.
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

/// What the core reads of a request: the method, the headers and the peer's address.
pub(crate) fn view<'a>(request: &'a Request, headers: &'a HeaderBytes<'a>) -> RequestView<'a> {
    let peer = request.remote_addr().as_socket_addr().map(|peer| peer.ip());
    RequestView::new(request.method().as_str(), headers).with_peer(peer)
}

/// Gives the core access to the headers as bytes.
pub(crate) struct HeaderBytes<'a>(pub(crate) &'a HeaderMap);

impl Headers for HeaderBytes<'_> {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        self.0.get_all(name).into_iter().for_each(|value| see(value.as_bytes()));
    }
}
