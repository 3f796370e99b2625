//! Conversions between poem's types and those of `gatewright-core`.

use std::borrow::Cow;

use gatewright_core::{Auth, AuthUser, Headers, Reply, RequestRoute, RequestView};
use poem::error::ResponseError;
use poem::http::header::CONTENT_LENGTH;
use poem::http::{HeaderName, HeaderValue, StatusCode};
use poem::{IntoResponse, PathPattern, Request, Response};

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

/// The `Auth` for the request of a handler: events of the methods that the handler calls say in which request
/// they happened.
///
/// ```
/// use gatewright::Auth;
/// use gatewright::poem::{CurrentUser, Error, for_request};
/// use poem::web::Data;
/// use poem::{Request, handler};
///
/// #[handler]
/// async fn leave(user: CurrentUser, auth: Data<&Auth>, request: &Request) -> Result<(), Error> {
///     Ok(for_request(&auth, request).logout_all(&user.identity).await?)
/// }
/// ```
#[must_use]
pub fn for_request<U: AuthUser>(auth: &Auth<U>, request: &Request) -> Auth<U> {
    auth.for_request(&Head(request).view())
}

/// The answer of a guard or an extractor that refuses the request.
pub(crate) fn refuse(request: &Request, error: &gatewright_core::Error) -> Rejection {
    error.reply_for(&Head(request).view()).into()
}

/// What the core reads of a request.
pub(crate) struct Head<'a>(pub(crate) &'a Request);

impl Head<'_> {
    /// The method, the headers, the route and the peer's address.
    pub(crate) fn view(&self) -> RequestView<'_> {
        let peer = self.0.remote_addr().as_socket_addr().map(|peer| peer.ip());
        RequestView::new(self.0.method().as_str(), self).with_route(self).with_peer(peer)
    }
}

impl Headers for Head<'_> {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        self.0.headers().get_all(name).into_iter().for_each(|value| see(value.as_bytes()));
    }
}

impl RequestRoute for Head<'_> {
    fn route(&self) -> Cow<'_, str> {
        let pattern = self.0.data::<PathPattern>();
        pattern.map_or_else(|| self.0.original_uri().path(), |PathPattern(pattern)| pattern).into()
    }
}
