//! A request, as far as the core looks at it: its method, the bytes of its headers, and where it came from.

use std::fmt;
use std::net::IpAddr;

/// A framework's header map.
pub trait Headers {
    /// Shows `see` the value of every header of this lower-case name, in order.
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8]));
}

/// A request's method and headers, borrowed for as long as it takes to read them.
#[derive(Clone, Copy)]
pub struct RequestView<'a> {
    method: &'a str,
    headers: &'a dyn Headers,
    peer: Option<IpAddr>,
    id: Option<&'a str>,
}

impl<'a> RequestView<'a> {
    /// A view of a framework's request.
    #[must_use]
    pub const fn new(method: &'a str, headers: &'a dyn Headers) -> Self {
        Self { method, headers, peer: None, id: None }
    }

    /// Adds the address at the other end of the connection, where there is one: whatever a header says, it is that of
    /// whoever was spoken to.
    #[must_use]
    pub const fn with_peer(mut self, peer: Option<IpAddr>) -> Self {
        self.peer = peer;
        self
    }

    /// Adds what stands in the path where an [`Endpoint`](crate::Endpoint) has `{id}`, with percent codes decoded; `None`
    /// where that is no text.
    #[must_use]
    pub const fn with_id(mut self, id: Option<&'a str>) -> Self {
        self.id = id;
        self
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &str {
        self.method
    }

    /// What stands in the path where the operation has `{id}`.
    pub(crate) const fn id(&self) -> Option<&str> {
        self.id
    }

    /// The address at the other end of the connection.
    pub(crate) const fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// Shows `see` every value of a header.
    pub(crate) fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        self.headers.each(name, see);
    }

    /// The one value of a header, without the white space around it.
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

/// How often a header is there.
pub(crate) enum Header {
    Absent,
    One(Vec<u8>),
    Repeated,
}
