//! A client that sends exactly the bytes it is told to.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::response::Response;

const TIMEOUT: Duration = Duration::from_secs(30);

/// The size of a piece of a chunked body, in bytes.
const CHUNK: usize = 5_000;

/// How a request says where its body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// By `content-length`, where there is a body or the method has one.
    Length,
    /// By `content-length`, as if the body had this length.
    Announced(usize),
    /// In chunks.
    Chunked,
}

/// A request, byte for byte.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    framing: Framing,
}

impl Request {
    /// Any method.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        let [method, path] = [method, path].map(str::to_owned);
        Self { method, path, headers: Vec::new(), body: Vec::new(), framing: Framing::Length }
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

    /// Adds an API key.
    #[must_use]
    pub fn api_key(self, key: &str) -> Self {
        self.header("x-api-key", key)
    }

    /// Sets the body and its type; an empty type is none.
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

    /// Sends the body in chunks (RFC 9112 §7.1) instead of announcing its length.
    #[must_use]
    pub const fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked;
        self
    }

    /// Announces this length, whatever the body's is.
    #[must_use]
    pub const fn announcing(mut self, length: usize) -> Self {
        self.framing = Framing::Announced(length);
        self
    }

    /// Sends the request on a connection of its own.
    pub(crate) fn send(&self, address: &str) -> Response {
        let answer = self.try_send(address);
        answer.unwrap_or_else(|| panic!("no answer to {} {}", self.method, self.path))
    }

    /// As [`Request::send`]; `None` when the server hangs up without an answer.
    pub(crate) fn try_send(&self, address: &str) -> Option<Response> {
        self.parse(&self.exchange(address, false))
    }

    /// Sends the request to a server that may be gone, or go while it answers.
    pub(crate) fn attempt(&self, address: &str) -> io::Result<Response> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.write_all(&self.bytes(address))?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Response::parse_whole(&answer).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Sends the request and ends the sending half of the connection. A server may then hang up without an answer.
    pub(crate) fn send_and_break_off(&self, address: &str) -> Option<Response> {
        self.parse(&self.exchange(address, true))
    }

    fn parse(&self, answer: &[u8]) -> Option<Response> {
        (!answer.is_empty()).then(|| Response::parse(answer, self.method == "HEAD"))
    }

    fn exchange(&self, address: &str, break_off: bool) -> Vec<u8> {
        let mut stream = TcpStream::connect(address).expect("the application listens");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout can be set");
        stream.set_write_timeout(Some(TIMEOUT)).expect("a timeout can be set");
        // A server may answer and close before it has read everything.
        let _ = stream.write_all(&self.bytes(address));
        if break_off {
            let _ = stream.shutdown(Shutdown::Write);
        }
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
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
        let piece = |piece: &[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
        let mut framed: Vec<u8> = self.body.chunks(CHUNK).flat_map(piece).collect();
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
    fn a_request_is_sent_as_it_was_told() {
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
