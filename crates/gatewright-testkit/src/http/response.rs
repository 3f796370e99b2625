//! An answer as it came back.

use serde_json::Value;

/// Headers that say something of the server and the moment, and nothing of the application.
const SERVERS_OWN: [&str; 2] = ["date", "connection"];

/// An answer, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers in lower case and sorted, without `date`, `connection` and `content-length`, which is right.
    pub headers: Vec<(String, String)>,
    /// The headers in lower case and sorted, without `date` and `connection` alone.
    pub raw_headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// Interim answers (RFC 9110 §15.2) are passed over.
    ///
    /// # Panics
    /// When it is no answer, or its `content-length` is wrong.
    pub(crate) fn parse(answer: &[u8], is_head: bool) -> Self {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Response::new(&mut headers);
        let parsed = head.parse(answer).expect("an HTTP answer");
        let httparse::Status::Complete(length) = parsed else { panic!("half an answer") };
        let (status, body) = (head.code.expect("a status"), &answer[length..]);
        if (100..200).contains(&status) {
            return Self::parse(body, is_head);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let all = head.headers.iter().map(|header| (header.name.to_ascii_lowercase(), text(header.value)));
        let mut raw_headers: Vec<_> = all.filter(|(name, _)| !SERVERS_OWN.contains(&name.as_str())).collect();
        raw_headers.sort();
        let (lengths, headers): (Vec<_>, Vec<_>) =
            raw_headers.iter().cloned().partition(|(name, _)| name == "content-length");
        for (_, announced) in lengths.iter().filter(|_| !is_head) {
            assert_eq!(*announced, body.len().to_string(), "the content-length is right");
        }
        assert!(lengths.len() < 2, "one content-length is enough");
        Self { status, headers, raw_headers, body: body.to_vec() }
    }

    /// As [`Response::parse`], of what came before a server may have gone away. `None` when it is not the whole answer, or the
    /// answer does not say how long it is.
    pub(crate) fn parse_whole(answer: &[u8]) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(length) = head.parse(answer).ok()? else { return None };
        let announced =
            head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"))?;
        let announced: usize = std::str::from_utf8(announced.value).ok()?.parse().ok()?;
        (answer.len() == length + announced).then(|| Self::parse(answer, false))
    }

    /// The value of a header that is there once; `date` and `connection` are not here.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.raw_headers.iter().filter(|(own, _)| own == name).map(|(_, value)| value);
        let first = values.next()?;
        assert!(values.next().is_none(), "{name} is there twice");
        Some(first)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interim_answers_are_passed_over_and_a_right_length_is_kept_apart() {
        let answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-B: 2\r\nDate: now\r\nContent-Length: 2\r\n\r\nok";
        let response = Response::parse(answer, false);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!((response.status, response.text().as_str()), (200, "ok"));
        assert_eq!(response.headers, [pair("x-b", "2")]);
        assert_eq!(response.raw_headers, [pair("content-length", "2"), pair("x-b", "2")]);
        assert_eq!(response.header("content-length"), Some("2"));
    }

    #[test]
    fn an_answer_that_broke_off_is_none() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        for length in 0..answer.len() {
            assert_eq!(Response::parse_whole(&answer[..length]), None, "{length}");
        }
        assert_eq!(Response::parse_whole(answer).map(|whole| whole.text()).as_deref(), Some("ok"));
        assert_eq!(Response::parse_whole(b"HTTP/1.1 200 OK\r\n\r\nok"), None, "of no length that is known");
    }

    #[test]
    #[should_panic(expected = "the content-length is right")]
    fn a_wrong_length_is_a_failure() {
        let _ = Response::parse(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok", false);
    }
}
