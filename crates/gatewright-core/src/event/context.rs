//! The request in which an event happened.

use std::net::IpAddr;

use crate::types::{ClientInfo, UserAgent};

/// The longest route in a [`RequestContext`]: 256 bytes, with its escapes. The rest is cut off.
pub const MAX_ROUTE_BYTES: usize = 256;

/// The longest request id in a [`RequestContext`]: 64 bytes. A longer one is left out.
pub const MAX_REQUEST_ID_BYTES: usize = 64;

/// The longest method in a [`RequestContext`]: 32 bytes. The rest is cut off.
pub const MAX_METHOD_BYTES: usize = 32;

/// The request in which an event happened: where it came from, what it asked for, and its id.
///
/// It is read when an event is emitted, so a request without an event costs nothing. An event outside of a
/// request has an empty context. So has one of a method that a handler calls itself, unless the handler calls
/// it on the [`Auth::for_request`](crate::Auth::for_request) of its request.
///
/// Every value is safe to log: it has a limit, and contains no line break, no control character and no
/// character that changes the direction of text.
///
/// ```
/// use gatewright::event::RequestContext;
///
/// let outside = RequestContext::none();
/// assert_eq!((outside.client_address(), outside.route(), outside.request_id()), (None, None, None));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestContext {
    client: ClientInfo,
    method: Option<String>,
    route: Option<String>,
    request_id: Option<String>,
}

impl RequestContext {
    /// The empty context of an event outside of a request.
    #[must_use]
    pub const fn none() -> &'static Self {
        const NONE: &RequestContext =
            &RequestContext { client: ClientInfo::NONE, method: None, route: None, request_id: None };
        NONE
    }

    /// Cleans what a request contains.
    pub(crate) fn new(
        client: ClientInfo,
        method: &str,
        route: Option<&str>,
        request_id: Option<&[u8]>,
    ) -> Self {
        let method = escape(method, MAX_METHOD_BYTES);
        let route = route.map(|route| escape(without_query(route), MAX_ROUTE_BYTES));
        Self { client, method: Some(method), route, request_id: request_id.and_then(clean_id) }
    }

    /// The client's address: that of [`Auth::client`](crate::Auth::client), so trusted proxies are respected.
    #[must_use]
    pub const fn client_address(&self) -> Option<IpAddr> {
        self.client.address
    }

    /// The cleaned user agent.
    #[must_use]
    pub const fn user_agent(&self) -> Option<&UserAgent> {
        self.client.user_agent.as_ref()
    }

    /// The client's address and user agent, for example for [`Login::with_client`](crate::Login::with_client).
    #[must_use]
    pub const fn client(&self) -> &ClientInfo {
        &self.client
    }

    /// The method, for example `GET`: printable ASCII, at most [`MAX_METHOD_BYTES`].
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    /// The framework's pattern for the route, for example `/users/{id}`. If no route has matched yet, it is the
    /// path, without its query. At most [`MAX_ROUTE_BYTES`] of printable ASCII: other characters are escaped, for
    /// example as `\u{e9}`.
    ///
    /// A path can contain a secret, such as the token of `/reset/<token>`. A guard in front of a router runs before a
    /// route has matched, so the path of a request that it refuses reaches the log. Put the guard on the routes, or
    /// keep secrets out of paths.
    #[must_use]
    pub fn route(&self) -> Option<&str> {
        self.route.as_deref()
    }

    /// The id in the header `x-request-id`: 1 to [`MAX_REQUEST_ID_BYTES`] visible ASCII characters without
    /// quotes and backslashes. `None` if the header is absent, repeated or anything else: a changed id would
    /// name another request.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

/// A query can contain secrets.
fn without_query(route: &str) -> &str {
    route.split(['?', '#']).next().unwrap_or_default()
}

fn clean_id(id: &[u8]) -> Option<String> {
    let is_clean = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    if id.is_empty() || id.len() > MAX_REQUEST_ID_BYTES || !id.iter().all(is_clean) {
        return None;
    }
    String::from_utf8(id.to_vec()).ok()
}

/// The text with escapes for everything but visible ASCII. It is cut between two characters.
fn escape(text: &str, limit: usize) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        let whole = escaped.len();
        match character {
            '"' | '\\' => escaped.extend(character.escape_default()),
            '!'..='~' => escaped.push(character),
            _ => escaped.extend(character.escape_unicode()),
        }
        if escaped.len() > limit {
            escaped.truncate(whole);
            break;
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(method: &str, route: &str, id: &[u8]) -> RequestContext {
        RequestContext::new(ClientInfo::default(), method, Some(route), Some(id))
    }

    fn is_visible(text: &str) -> bool {
        text.bytes().all(|byte| byte.is_ascii_graphic())
    }

    #[test]
    fn usual_values_are_unchanged() {
        let context = context("PATCH", "/users/{id}/a-b_c~%20", b"01890a5d-ac96-774b-bcce-b302099a8057");
        assert_eq!(context.method(), Some("PATCH"));
        assert_eq!(context.route(), Some("/users/{id}/a-b_c~%20"));
        assert_eq!(context.request_id(), Some("01890a5d-ac96-774b-bcce-b302099a8057"));
    }

    #[test]
    fn other_characters_are_escaped() {
        let context = context("GE\nT", "/a b\r\n\"\\\u{202e}é\u{7f}", b"x");
        assert_eq!(context.method(), Some(r"GE\u{a}T"));
        assert_eq!(context.route(), Some(r#"/a\u{20}b\u{d}\u{a}\"\\\u{202e}\u{e9}\u{7f}"#));
    }

    #[test]
    fn the_query_is_left_out() {
        for path in ["/reset?token=secret", "/reset#secret", "/reset"] {
            assert_eq!(context("GET", path, b"x").route(), Some("/reset"), "{path}");
        }
    }

    #[test]
    fn a_long_route_is_cut_before_an_escape_that_does_not_fit() {
        let route = |text: &str| context("GET", text, b"x").route().unwrap().to_owned();
        assert_eq!(route(&"x".repeat(MAX_ROUTE_BYTES + 1)), "x".repeat(MAX_ROUTE_BYTES));
        let whole = "x".repeat(MAX_ROUTE_BYTES - 6);
        assert_eq!(route(&format!("{whole}éy")), format!(r"{whole}\u{{e9}}"));
        assert_eq!(route(&format!("{whole}xéy")), format!("{whole}x"));
        assert_eq!(
            context(&"M".repeat(100), "/", b"x").method(),
            Some("M".repeat(MAX_METHOD_BYTES).as_str())
        );
    }

    #[test]
    fn an_id_that_is_not_clean_is_left_out() {
        let id = |bytes: &[u8]| context("GET", "/", bytes).request_id().map(str::to_owned);
        let longest = [b'x'; MAX_REQUEST_ID_BYTES + 1];
        assert!(id(&longest[1..]).is_some());
        let hostile: [&[u8]; 9] = [
            b"",
            &longest,
            b"a b",
            b"a\nlevel=ERROR",
            b"a\0",
            b"a\x1b[2J",
            b"a\"b",
            b"a\\b",
            "a\u{202e}b".as_bytes(),
        ];
        for bytes in hostile {
            assert_eq!(id(bytes), None, "{bytes:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_request_gives_bounded_visible_text(method: String, route: String, id: Vec<u8>) {
            let context = context(&method, &route, &id);
            let (method, route) = (context.method().unwrap(), context.route().unwrap());
            proptest::prop_assert!(is_visible(method) && method.len() <= MAX_METHOD_BYTES);
            proptest::prop_assert!(is_visible(route) && route.len() <= MAX_ROUTE_BYTES);
            proptest::prop_assert!(context.request_id().is_none_or(is_visible));
        }
    }
}
