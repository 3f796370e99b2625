//! A response, as it was received.

use serde_json::Value;

/// Headers that depend on the server and the moment, not on the application.
const OF_THE_SERVER: [&str; 2] = ["date", "connection"];

/// A response, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers, with names in lower case, sorted; without `date`, `connection` and
    /// `content-length`. The length has been checked.
    pub headers: Vec<(String, String)>,
    /// As `headers`, with `content-length`.
    pub raw_headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// Parses a response and skips interim ones (RFC 9110 §15.2).
    ///
    /// # Panics
    /// When the bytes are not a complete HTTP response, or the `content-length` is wrong.
    pub(super) fn parse(response: &[u8], is_head: bool) -> Self {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Response::new(&mut headers);
        let parsed = head.parse(response).expect("an HTTP response");
        let httparse::Status::Complete(length) = parsed else { panic!("the response is incomplete") };
        let (status, body) = (head.code.expect("a status"), &response[length..]);
        if (100..200).contains(&status) {
            return Self::parse(body, is_head);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let all = head.headers.iter().map(|header| (header.name.to_ascii_lowercase(), text(header.value)));
        let mut raw_headers: Vec<_> =
            all.filter(|(name, _)| !OF_THE_SERVER.contains(&name.as_str())).collect();
        raw_headers.sort();
        let (lengths, headers): (Vec<_>, Vec<_>) =
            raw_headers.iter().cloned().partition(|(name, _)| name == "content-length");
        for (_, announced) in lengths.iter().filter(|_| !is_head) {
            assert_eq!(
                *announced,
                body.len().to_string(),
                "content-length and the length of the body differ"
            );
        }
        assert!(lengths.len() < 2, "content-length is repeated");
        Self { status, headers, raw_headers, body: body.to_vec() }
    }

    /// Parses the response of a server that may have stopped while it responded. `None` if the
    /// response is incomplete or has no `content-length`.
    pub(super) fn parse_complete(response: &[u8]) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(length) = head.parse(response).ok()? else { return None };
        let announced =
            head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"))?;
        let announced: usize = std::str::from_utf8(announced.value).ok()?.parse().ok()?;
        (response.len() == length + announced).then(|| Self::parse(response, false))
    }

    /// The value of a header, if it is present. `date` and `connection` are not kept.
    ///
    /// # Panics
    /// When the header is repeated.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.raw_headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value);
        let first = values.next()?;
        assert!(values.next().is_none(), "{name} is repeated");
        Some(first)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When the body is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interim_responses_are_skipped_and_the_length_is_kept_apart() {
        let received = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-B: 2\r\nDate: now\r\nContent-Length: 2\r\n\r\nok";
        let response = Response::parse(received, false);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!((response.status, response.text().as_str()), (200, "ok"));
        assert_eq!(response.headers, [pair("x-b", "2")]);
        assert_eq!(response.raw_headers, [pair("content-length", "2"), pair("x-b", "2")]);
        assert_eq!(response.header("content-length"), Some("2"));
    }

    #[test]
    fn incomplete_responses_are_none() {
        let received = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        for length in 0..received.len() {
            assert_eq!(Response::parse_complete(&received[..length]), None, "{length}");
        }
        assert_eq!(Response::parse_complete(received).map(|whole| whole.text()).as_deref(), Some("ok"));
        assert_eq!(Response::parse_complete(b"HTTP/1.1 200 OK\r\n\r\nok"), None, "without a length");
    }

    #[test]
    #[should_panic(expected = "content-length and the length of the body differ")]
    fn a_wrong_content_length_fails() {
        let _ = Response::parse(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok", false);
    }
}
