//! A client that sends exactly the bytes it is told to, and shows exactly what came back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Headers that a server adds on its own.
const SERVERS_OWN: [&str; 3] = ["date", "connection", "content-length"];

/// A request, byte for byte.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    /// Any method.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// `GET`.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// `POST`.
    #[must_use]
    pub fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    /// Adds a header, repeated or not.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Adds a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Sets the body and its type.
    #[must_use]
    pub fn body(mut self, media_type: &str, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        if media_type.is_empty() { self } else { self.header("content-type", media_type) }
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &str) -> Self {
        self.body("application/json", body)
    }

    /// Sets a form, encoded.
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        self.body("application/x-www-form-urlencoded", pairs.join("&"))
    }

    /// Sends the request on a connection of its own.
    pub(crate) fn send(&self, address: &str) -> Response {
        let mut stream = TcpStream::connect(address).expect("the application listens");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout can be set");
        stream.set_write_timeout(Some(TIMEOUT)).expect("a timeout can be set");
        let mut bytes =
            format!("{} {} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n", self.method, self.path);
        if !self.body.is_empty() || self.method == "POST" {
            bytes.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        let mut bytes = bytes.into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        // A server may answer and close before it has read everything.
        let _ = stream.write_all(&bytes);
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        assert!(!answer.is_empty(), "no answer to {} {}: {read:?}", self.method, self.path);
        Response::parse(&answer, self.method == "HEAD")
    }
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// An answer, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers in lower case and sorted, without `date`, `connection` and a `content-length` that is right.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    fn parse(answer: &[u8], is_head: bool) -> Self {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Response::new(&mut headers);
        let parsed = head.parse(answer).expect("an HTTP answer");
        let httparse::Status::Complete(length) = parsed else { panic!("half an answer") };
        let body = answer[length..].to_vec();
        let mut headers: Vec<(String, String)> = head
            .headers
            .iter()
            .map(|header| {
                (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
            })
            .collect();
        let announced = headers.iter().find(|(name, _)| name == "content-length");
        if let (Some((_, announced)), false) = (announced, is_head) {
            assert_eq!(*announced, body.len().to_string(), "the content-length is right");
        }
        headers.retain(|(name, _)| !SERVERS_OWN.contains(&name.as_str()));
        headers.sort();
        Self { status: head.code.expect("a status"), headers, body }
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

    /// Holds the answer against what it must be, to the byte. Where there is a body its type is JSON.
    pub fn expect(&self, status: u16, headers: &[(&str, &str)], body: &str) {
        let mut all: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if !body.is_empty() {
            all.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        all.sort();
        let expected = (status, all, body.to_owned());
        assert_eq!((self.status, self.headers.clone(), self.text()), expected);
    }

    /// 401 to nobody.
    pub fn expect_unauthenticated(&self) {
        self.expect(401, &[("www-authenticate", "Bearer")], r#"{"detail":"Not authenticated"}"#);
    }

    /// 400 to a credential that cannot be read.
    pub fn expect_malformed_credentials(&self) {
        let challenge = r#"Bearer error="invalid_request""#;
        let body = r#"{"detail":"Malformed credentials","error":"invalid_request"}"#;
        self.expect(400, &[("www-authenticate", challenge)], body);
    }

    /// 401 to a bad token.
    pub fn expect_invalid_token(&self) {
        let challenge = r#"Bearer error="invalid_token""#;
        let body = r#"{"detail":"Could not validate credentials","error":"invalid_token"}"#;
        self.expect(401, &[("www-authenticate", challenge)], body);
    }

    /// 403 to somebody without the role.
    pub fn expect_forbidden(&self) {
        let challenge = r#"Bearer error="insufficient_scope""#;
        let body = r#"{"detail":"Insufficient permissions","error":"insufficient_scope"}"#;
        self.expect(403, &[("www-authenticate", challenge)], body);
    }

    /// 401 to a refused login.
    pub fn expect_login_refused(&self) {
        let body = r#"{"detail":"Incorrect email or password","error":"invalid_grant"}"#;
        self.expect(401, &[("www-authenticate", "Bearer")], body);
    }

    /// 401 to a refused refresh.
    pub fn expect_refresh_refused(&self) {
        let body = r#"{"detail":"Invalid refresh token","error":"invalid_grant"}"#;
        self.expect(401, &[("www-authenticate", "Bearer")], body);
    }

    /// 400 to a request that cannot be understood.
    pub fn expect_malformed(&self) {
        self.expect(400, &[], r#"{"detail":"Malformed request","error":"invalid_request"}"#);
    }

    /// 415.
    pub fn expect_unsupported_media_type(&self) {
        self.expect(415, &[], r#"{"detail":"Unsupported media type"}"#);
    }

    /// 404.
    pub fn expect_not_found(&self) {
        self.expect(404, &[], r#"{"detail":"Not found"}"#);
    }
}
