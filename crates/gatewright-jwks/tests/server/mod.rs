//! A small HTTPS server of one's own: it answers as it is told, and counts.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What the server does with the next requests.
#[derive(Clone)]
pub(crate) enum Answer {
    /// 200 with these header lines and this body.
    Body(String, String),
    /// Another status, with these header lines.
    Status(u16, String),
    /// Accepts and says nothing.
    Silence,
    /// Begins an answer and closes the connection in the middle of it.
    Half(String),
    /// Begins an answer and goes on with a byte now and then.
    Drip,
    /// Sends this many bytes without a length.
    Flood(usize),
}

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) certificate: String,
    answer: Arc<Mutex<Answer>>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn https(answer: Answer) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Self::start(answer, Some(Arc::new(config)), made.cert.pem())
    }

    pub(crate) fn http(answer: Answer) -> Self {
        Self::start(answer, None, String::new())
    }

    fn start(answer: Answer, tls: Option<Arc<ServerConfig>>, certificate: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (answer, requests) = (Arc::new(Mutex::new(answer)), Arc::new(AtomicUsize::new(0)));
        let (shared, count) = (Arc::clone(&answer), Arc::clone(&requests));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, count, tls) = (shared.lock().unwrap().clone(), Arc::clone(&count), tls.clone());
                thread::spawn(move || match tls {
                    None => serve(stream, &answer, &count),
                    Some(config) => {
                        let connection = ServerConnection::new(config).unwrap();
                        serve(StreamOwned::new(connection, stream), &answer, &count);
                    }
                });
            }
        });
        Self { url: format!("{scheme}://localhost:{port}/jwks.json"), certificate, answer, requests }
    }

    pub(crate) fn says(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: impl Read + Write, answer: &Answer, count: &AtomicUsize) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => request.push(byte[0]),
            _ => return,
        }
    }
    count.fetch_add(1, Ordering::SeqCst);
    let _ = respond(&mut stream, answer);
}

fn respond(stream: &mut impl Write, answer: &Answer) -> std::io::Result<()> {
    match answer {
        Answer::Body(headers, body) => {
            write!(stream, "HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())?;
        }
        Answer::Status(status, headers) => {
            write!(stream, "HTTP/1.1 {status} x\r\n{headers}content-length: 0\r\n\r\n")?;
        }
        Answer::Silence => thread::park_timeout(Duration::from_secs(30)),
        Answer::Half(body) => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len() * 2)?;
        }
        Answer::Drip => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")?;
            for _ in 0..1000 {
                stream.write_all(b" ")?;
                stream.flush()?;
                thread::park_timeout(Duration::from_millis(50));
            }
        }
        Answer::Flood(bytes) => {
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
            for _ in 0..bytes / 1024 {
                stream.write_all(&[b' '; 1024])?;
            }
        }
    }
    stream.flush()
}
