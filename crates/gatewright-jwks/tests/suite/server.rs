//! A small HTTPS server. Tests choose its response, and it counts requests.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How the server responds to the next requests.
#[derive(Clone)]
pub(crate) enum Response {
    /// Status 200 with these header lines and this body.
    Body(String, String),
    /// Another status, with these header lines.
    Status(u16, String),
    /// Accepts the connection and sends nothing.
    Silence,
    /// Closes the connection in the middle of the body.
    Half(String),
    /// Sends the body one byte at a time, every 50 ms.
    Drip,
    /// Sends this many bytes without a `Content-Length`.
    Flood(usize),
    /// By the path of the request. Status 404 for any other path.
    Paths(Vec<(&'static str, Response)>),
}

impl Response {
    /// Status 200 with this body.
    pub(crate) fn ok(body: &str) -> Self {
        Self::Body(String::new(), body.to_owned())
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Status(status, String::new())
    }
}

pub(crate) struct Server {
    /// The URL of a key set.
    pub(crate) url: String,
    /// The URL without a path.
    pub(crate) origin: String,
    pub(crate) certificate: String,
    response: Arc<Mutex<Response>>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn https(response: Response) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Self::start(response, Some(Arc::new(config)), made.cert.pem())
    }

    pub(crate) fn http(response: Response) -> Self {
        Self::start(response, None, String::new())
    }

    fn start(response: Response, tls: Option<Arc<ServerConfig>>, certificate: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (response, requests) = (Arc::new(Mutex::new(response)), Arc::new(AtomicUsize::new(0)));
        let (shared, count) = (Arc::clone(&response), Arc::clone(&requests));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (response, count, tls) =
                    (shared.lock().unwrap().clone(), Arc::clone(&count), tls.clone());
                thread::spawn(move || match tls {
                    None => serve(stream, &response, &count),
                    Some(config) => {
                        let connection = ServerConnection::new(config).unwrap();
                        serve(StreamOwned::new(connection, stream), &response, &count);
                    }
                });
            }
        });
        let origin = format!("{scheme}://localhost:{port}");
        Self { url: format!("{origin}/jwks.json"), origin, certificate, response, requests }
    }

    pub(crate) fn respond_with(&self, response: Response) {
        *self.response.lock().unwrap() = response;
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: impl Read + Write, response: &Response, count: &AtomicUsize) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => request.push(byte[0]),
            _ => return,
        }
    }
    count.fetch_add(1, Ordering::SeqCst);
    let request = String::from_utf8_lossy(&request);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let _ = respond(&mut stream, response, path);
}

fn respond(stream: &mut impl Write, response: &Response, path: &str) -> std::io::Result<()> {
    match response {
        Response::Paths(paths) => {
            let found = paths.iter().find(|(own, _)| *own == path).map(|(_, response)| response);
            return respond(stream, found.unwrap_or(&Response::status(404)), path);
        }
        Response::Body(headers, body) => {
            write!(stream, "HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())?;
        }
        Response::Status(status, headers) => {
            write!(stream, "HTTP/1.1 {status} x\r\n{headers}content-length: 0\r\n\r\n")?;
        }
        Response::Silence => thread::park_timeout(Duration::from_secs(30)),
        Response::Half(body) => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len() * 2)?;
        }
        Response::Drip => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")?;
            for _ in 0..1000 {
                stream.write_all(b" ")?;
                stream.flush()?;
                thread::park_timeout(Duration::from_millis(50));
            }
        }
        Response::Flood(bytes) => {
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
            for _ in 0..bytes / 1024 {
                stream.write_all(&[b' '; 1024])?;
            }
        }
    }
    stream.flush()
}
