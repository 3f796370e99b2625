//! An HTTP client that sends exactly the bytes it is given.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::response::Response;

/// The media type of a form.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// The media type of JSON.
pub const JSON: &str = "application/json";

const TIMEOUT: Duration = Duration::from_secs(30);

/// The size of a chunk in a chunked body, in bytes.
const CHUNK: usize = 5_000;

/// How a request marks the end of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// `content-length`, if there is a body or the method has one.
    Length,
    /// `content-length` with this value, which may differ from the length of the body.
    Announced(usize),
    /// In chunks.
    Chunked,
}

/// A request, byte for byte. Every request uses a connection of its own.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    framing: Framing,
}

impl Request {
    /// A request with any method. The path is sent as it is.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        let [method, path] = [method, path].map(str::to_owned);
        Self { method, path, headers: Vec::new(), body: Vec::new(), framing: Framing::Length }
    }

    /// A `GET` request.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A `POST` request.
    #[must_use]
    pub fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    /// Appends a query to the path, as it is.
    #[must_use]
    pub fn with_query(mut self, query: &str) -> Self {
        self.path.push_str(query);
        self
    }

    /// Adds a header; the same name can be added more than once.
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

    /// Adds an API key in `x-api-key`.
    #[must_use]
    pub fn api_key(self, key: &str) -> Self {
        self.header("x-api-key", key)
    }

    /// Sets the body and adds its `content-type`, unless `media_type` is empty.
    #[must_use]
    pub fn body(mut self, media_type: &str, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        if media_type.is_empty() { self } else { self.header("content-type", media_type) }
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &str) -> Self {
        self.body(JSON, body)
    }

    /// Sets a form as the body and percent-encodes it.
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        self.body(FORM, pairs.join("&"))
    }

    /// Sends the body in chunks (RFC 9112 §7.1), without `content-length`.
    #[must_use]
    pub const fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked;
        self
    }

    /// Sends this `content-length`, which may differ from the length of the body.
    #[must_use]
    pub const fn announcing(mut self, length: usize) -> Self {
        self.framing = Framing::Announced(length);
        self
    }

    /// Sends the request and reads the response; `None` if the server closes the connection
    /// instead.
    pub(super) fn send(&self, address: &str) -> Option<Response> {
        self.parse(&self.exchange(address, false))
    }

    /// Sends the request to a server that may stop at any time.
    pub(super) fn try_send(&self, address: &str) -> io::Result<Response> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.write_all(&self.bytes(address))?;
        let mut response = Vec::new();
        stream.read_to_end(&mut response)?;
        Response::parse_complete(&response).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Sends the request and closes the sending half of the connection. The server may then close
    /// it without a response.
    pub(super) fn send_and_break_off(&self, address: &str) -> Option<Response> {
        self.parse(&self.exchange(address, true))
    }

    fn parse(&self, response: &[u8]) -> Option<Response> {
        (!response.is_empty()).then(|| Response::parse(response, self.method == "HEAD"))
    }

    fn exchange(&self, address: &str, break_off: bool) -> Vec<u8> {
        let mut stream = TcpStream::connect(address).expect("the application listens");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout can be set");
        stream.set_write_timeout(Some(TIMEOUT)).expect("a timeout can be set");
        // A server may respond and close before it has read everything.
        let _ = stream.write_all(&self.bytes(address));
        if break_off {
            let _ = stream.shutdown(Shutdown::Write);
        }
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response);
        response
    }

    fn bytes(&self, address: &str) -> Vec<u8> {
        let Self { method, path, .. } = self;
        let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        match self.framing {
            Framing::Length if self.body.is_empty() && method != "POST" => {}
            Framing::Length => bytes.push_str(&format!("content-length: {}\r\n", self.body.len())),
            Framing::Announced(length) => bytes.push_str(&format!("content-length: {length}\r\n")),
            Framing::Chunked => bytes.push_str("transfer-encoding: chunked\r\n"),
        }
        let mut bytes = bytes.into_bytes();
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend(self.framed_body());
        bytes
    }

    fn framed_body(&self) -> Vec<u8> {
        if self.framing != Framing::Chunked {
            return self.body.clone();
        }
        let chunk = |chunk: &[u8]| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
        let mut framed: Vec<u8> = self.body.chunks(CHUNK).flat_map(chunk).collect();
        framed.extend_from_slice(b"0\r\n\r\n");
        framed
    }
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(request: &Request) -> String {
        String::from_utf8(request.bytes("h")).unwrap()
    }

    #[test]
    fn requests_are_sent_byte_for_byte() {
        let form = Request::post("/a").form(&[("x", "1 &")]).bearer("t");
        let head = "POST /a HTTP/1.1\r\nhost: h\r\nconnection: close\r\n";
        let rest = "content-length: 9\r\ncontent-type: application/x-www-form-urlencoded\r\nauthorization: Bearer t\r\n\r\nx=1%20%26";
        assert_eq!(text(&form), format!("{head}{rest}"));
        let chunked = Request::post("/a").body("", "abc").chunked();
        assert_eq!(text(&chunked), format!("{head}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
        let short = Request::post("/a").body("", "abc").announcing(9);
        assert_eq!(text(&short), format!("{head}content-length: 9\r\n\r\nabc"));
    }
}
