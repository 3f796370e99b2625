//! Replies: status, headers and body. Adapters only convert them.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

/// A complete reply. Header names are in lower case.
///
/// ```
/// use gatewright::http::Reply;
///
/// let reply = Reply::json(200, &["a", "b"]).with_header("cache-control", "no-store");
/// assert_eq!(&reply.body[..], br#"["a","b"]"#);
/// assert_eq!(reply.headers.len(), 2);
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers, without those that the server adds: `date`, `content-length` and `connection`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

/// Redacts headers and body: the body of a login contains tokens.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Reply {
    /// A reply with status 204 and no body.
    #[must_use]
    pub const fn no_content() -> Self {
        Self::empty(204)
    }

    pub(crate) const fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// A reply with `value` as its JSON body.
    #[must_use]
    pub fn json<T: Serialize>(status: u16, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => {
                let headers = vec![("content-type", "application/json".to_owned())];
                Self { status, headers, body: body.into() }
            }
            // Reached only by a map whose keys are not text, or by a type whose serialization fails.
            Err(_) => Self { status: 500, headers: Vec::new(), body: Bytes::new() },
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Forbids caching, as RFC 6749 §5.1 requires for replies with tokens.
    #[must_use]
    pub(crate) fn with_no_store(self) -> Self {
        self.with_header("cache-control", "no-store").with_header("pragma", "no-cache")
    }
}
