//! Conversions between actix-web's types and those of `gatewright-core`.

use std::borrow::Cow;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};
use gatewright_core::{Auth, AuthUser, Headers, Reply, RequestRoute, RequestView};

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

/// The `Auth` for the request of a handler: events of the methods that the handler calls say in which request
/// they happened.
///
/// ```
/// use actix_web::{HttpRequest, HttpResponse, web};
/// use gatewright::Auth;
/// use gatewright::actix_web::{CurrentUser, Error, for_request};
///
/// async fn leave(user: CurrentUser, auth: web::Data<Auth>, request: HttpRequest) -> Result<HttpResponse, Error> {
///     for_request(&auth, &request).logout_all(&user.identity).await?;
///     Ok(HttpResponse::NoContent().finish())
/// }
/// ```
#[must_use]
pub fn for_request<U: AuthUser>(auth: &Auth<U>, request: &HttpRequest) -> Auth<U> {
    auth.for_request(&Head(request).view())
}

/// The answer of a guard or an extractor that refuses the request.
pub(crate) fn refuse(request: &HttpRequest, error: &gatewright_core::Error) -> Rejection {
    error.reply_for(&Head(request).view()).into()
}

/// What the core reads of a request.
pub(crate) struct Head<'a>(pub(crate) &'a HttpRequest);

impl Head<'_> {
    /// The method, the headers, the route and the peer's address.
    pub(crate) fn view(&self) -> RequestView<'_> {
        let peer = self.0.peer_addr().map(|peer| peer.ip());
        RequestView::new(self.0.method().as_str(), self).with_route(self).with_peer(peer)
    }
}

impl Headers for Head<'_> {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        // Comparing is cheaper than `get_all`, which first parses the name.
        let named = self.0.headers().iter().filter(|(own, _)| own.as_str() == name);
        named.for_each(|(_, value)| see(value.as_bytes()));
    }
}

impl RequestRoute for Head<'_> {
    fn route(&self) -> Cow<'_, str> {
        self.0.match_pattern().map_or_else(|| self.0.path().into(), Cow::Owned)
    }
}
