//! Conversions between axum's types and those of `gatewright-core`.

use std::borrow::Cow;
use std::net::SocketAddr;

use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, MatchedPath, OriginalUri};
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use gatewright_core::{Auth, AuthUser, Headers, Reply, RequestRoute, RequestView};

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

/// The `Auth` for the request of a handler, which takes its [`Parts`]: events of the methods that the handler
/// calls say in which request they happened.
///
/// ```
/// use axum::extract::State;
/// use axum::http::request::Parts;
/// use gatewright::Auth;
/// use gatewright::axum::{CurrentUser, Error, for_request};
///
/// async fn leave(user: CurrentUser, State(auth): State<Auth>, parts: Parts) -> Result<(), Error> {
///     Ok(for_request(&auth, &parts).logout_all(&user.identity).await?)
/// }
/// ```
#[must_use]
pub fn for_request<U: AuthUser>(auth: &Auth<U>, request: &Parts) -> Auth<U> {
    auth.for_request(&Head(request).view())
}

/// The answer of a guard or an extractor that refuses the request.
pub(crate) fn refuse(request: &Parts, error: &gatewright_core::Error) -> Rejection {
    error.reply_for(&Head(request).view()).into()
}

/// What the core reads of a request.
pub(crate) struct Head<'a>(pub(crate) &'a Parts);

impl Head<'_> {
    /// The method, the headers, the route, and the peer's address if the server was started with
    /// `into_make_service_with_connect_info::<SocketAddr>()`.
    pub(crate) fn view(&self) -> RequestView<'_> {
        let peer = self.0.extensions.get::<ConnectInfo<SocketAddr>>();
        let view = RequestView::new(self.0.method.as_str(), self).with_route(self);
        view.with_peer(peer.map(|ConnectInfo(peer)| peer.ip()))
    }
}

impl Headers for Head<'_> {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        self.0.headers.get_all(name).into_iter().for_each(|value| see(value.as_bytes()));
    }
}

/// In front of a nested router no route has matched yet, and axum has removed the prefix from the path.
impl RequestRoute for Head<'_> {
    fn route(&self) -> Cow<'_, str> {
        let (extensions, uri) = (&self.0.extensions, &self.0.uri);
        let path = || extensions.get::<OriginalUri>().map_or(uri, |OriginalUri(uri)| uri).path();
        extensions.get::<MatchedPath>().map_or_else(path, MatchedPath::as_str).into()
    }
}
