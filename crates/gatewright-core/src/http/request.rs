//! The part of a request that the core reads: method, header bytes, peer address and path id.

use std::fmt;
use std::net::IpAddr;

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

/// A borrowed view of a request. The core reads it before it returns a future.
#[derive(Clone, Copy)]
pub struct RequestView<'a> {
    method: &'a str,
    headers: &'a dyn Headers,
    peer: Option<IpAddr>,
    id: Option<&'a str>,
}

impl<'a> RequestView<'a> {
    /// Creates a view from the method and the headers.
    #[must_use]
    pub const fn new(method: &'a str, headers: &'a dyn Headers) -> Self {
        Self { method, headers, peer: None, id: None }
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
