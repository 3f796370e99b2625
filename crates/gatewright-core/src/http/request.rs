//! The part of a request that the core reads: method, header bytes, route, peer address and path id.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use crate::event::RequestContext;
use crate::types::ClientInfo;

const REQUEST_ID_HEADER: &str = "x-request-id";

/// A framework's header map. Adapters implement it, because the frameworks use different `http` versions.
///
/// ```
/// use gatewright::http::{Headers, RequestView};
///
/// struct Map<'a>(&'a [(&'a str, &'a [u8])]);
///
/// impl Headers for Map<'_> {
///     fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
///         self.0.iter().filter(|(own, _)| *own == name).for_each(|(_, value)| see(value));
///     }
/// }
///
/// let headers = Map(&[("authorization", b"Bearer x")]);
/// let view = RequestView::new("GET", &headers).with_peer(Some("192.0.2.1".parse()?));
/// assert_eq!(view.method(), "GET");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub trait Headers {
    /// Calls `see` with the value of every header that has this lower-case name, in order.
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8]));
}

/// The route of a request, for events. Adapters implement it.
///
/// ```
/// use std::borrow::Cow;
///
/// use gatewright::http::{RequestRoute, RequestView};
/// # use gatewright::http::Headers;
/// # struct NoHeaders;
/// # impl Headers for NoHeaders {
/// #     fn each(&self, _: &str, _: &mut dyn FnMut(&[u8])) {}
/// # }
///
/// struct Route { pattern: Option<String>, path: String }
///
/// impl RequestRoute for Route {
///     fn route(&self) -> Cow<'_, str> {
///         Cow::Borrowed(self.pattern.as_deref().unwrap_or(&self.path))
///     }
/// }
///
/// let route = Route { pattern: None, path: "/users/5".to_owned() };
/// let view = RequestView::new("GET", &NoHeaders).with_route(&route);
/// assert_eq!(view.method(), "GET");
/// ```
pub trait RequestRoute {
    /// The framework's pattern for the route, such as `/users/{id}`. If no route has matched yet, it is the
    /// path without its query.
    ///
    /// It is called only when an event is emitted.
    fn route(&self) -> Cow<'_, str>;
}

impl RequestRoute for &str {
    fn route(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
}

/// A borrowed view of a request. The core reads it before it returns a future.
#[derive(Clone, Copy)]
pub struct RequestView<'a> {
    method: &'a str,
    headers: &'a dyn Headers,
    route: Option<&'a dyn RequestRoute>,
    peer: Option<IpAddr>,
    id: Option<&'a str>,
}

impl<'a> RequestView<'a> {
    /// Creates a view from the method and the headers.
    #[must_use]
    pub const fn new(method: &'a str, headers: &'a dyn Headers) -> Self {
        Self { method, headers, route: None, peer: None, id: None }
    }

    /// Adds the route, for events.
    #[must_use]
    pub const fn with_route(mut self, route: &'a dyn RequestRoute) -> Self {
        self.route = Some(route);
        self
    }

    /// Adds the address of the connection's peer. It must not come from a header.
    #[must_use]
    pub const fn with_peer(mut self, peer: Option<IpAddr>) -> Self {
        self.peer = peer;
        self
    }

    /// Adds the path segment where an [`Endpoint`](crate::Endpoint) has `{id}`, percent-decoded. `None` if
    /// it is not UTF-8.
    #[must_use]
    pub const fn with_id(mut self, id: Option<&'a str>) -> Self {
        self.id = id;
        self
    }

    /// The method, for example `GET`.
    #[must_use]
    pub const fn method(&self) -> &str {
        self.method
    }

    /// The path segment where the endpoint has `{id}`.
    pub(crate) const fn id(&self) -> Option<&str> {
        self.id
    }

    /// The address of the connection's peer.
    pub(crate) const fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// Reads what events say about the request, which comes from this client.
    pub(crate) fn context(&self, client: ClientInfo) -> RequestContext {
        let route = self.route.map(RequestRoute::route);
        let request_id = match self.header(REQUEST_ID_HEADER) {
            Header::One(id) => Some(id),
            Header::Absent | Header::Repeated => None,
        };
        RequestContext::new(client, self.method, route.as_deref(), request_id.as_deref())
    }

    /// Calls `see` with every value of a header.
    pub(crate) fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        self.headers.each(name, see);
    }

    /// The single value of a header, trimmed.
    pub(crate) fn header(&self, name: &str) -> Header {
        let mut found = Header::Absent;
        self.each(name, &mut |value| {
            found = match found {
                Header::Absent => Header::One(value.trim_ascii().to_vec()),
                Header::One(_) | Header::Repeated => Header::Repeated,
            };
        });
        found
    }
}

impl fmt::Debug for RequestView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestView").field("method", &self.method).finish_non_exhaustive()
    }
}

/// How often a header occurs.
pub(crate) enum Header {
    Absent,
    One(Vec<u8>),
    Repeated,
}
