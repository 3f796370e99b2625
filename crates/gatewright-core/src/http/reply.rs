//! What goes back over the wire: a status, headers and a body that an adapter only translates.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

/// A finished answer. Header names are in lower case.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers, without those a server adds itself (`date`, `content-length`, `connection`).
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

/// Without headers and body: a granted login's body is two tokens.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Reply {
    /// 204.
    #[must_use]
    pub const fn no_content() -> Self {
        Self::empty(204)
    }

    pub(crate) const fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// `value` as JSON.
    #[must_use]
    pub fn json<T: Serialize>(status: u16, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => {
                let headers = vec![("content-type", "application/json".to_owned())];
                Self { status, headers, body: body.into() }
            }
            // Only a map with keys that are no text, or a type that refuses itself, gets here.
            Err(_) => Self { status: 500, headers: Vec::new(), body: Bytes::new() },
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Forbids caches to keep it, as RFC 6749 §5.1 demands where tokens travel.
    #[must_use]
    pub(crate) fn with_no_store(self) -> Self {
        self.with_header("cache-control", "no-store").with_header("pragma", "no-cache")
    }
}
