//! A client of the guarded route.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::service::{GUARDED, PASSWORD, PROBE};

/// The time between two calls.
const INTERVAL: Duration = Duration::from_millis(2);

/// One connection, on which a user calls the guarded route at a steady rate.
pub(crate) struct Probe {
    stream: TcpStream,
    request: Vec<u8>,
}

impl Probe {
    /// Logs the user in, from 127.0.0.1.
    pub(crate) fn log_in(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(login(PROBE, "keep-alive").as_bytes()).unwrap();
        let (status, body) = answer(&mut stream);
        assert_eq!(status, 200, "{body}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let token = body["access_token"].as_str().unwrap();
        let request = format!("GET {GUARDED} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
        Self { stream, request: request.into_bytes() }
    }

    /// Calls the route while the condition holds, and returns the time of each call. A call that is due while the
    /// one before it has no answer counts from when it was due: else a service that stands still would be measured
    /// only once.
    pub(crate) fn call_while(&mut self, goes_on: impl Fn() -> bool) -> Vec<Duration> {
        let mut times = Vec::new();
        let mut due = Instant::now();
        while goes_on() {
            let now = Instant::now();
            let start = if due > now {
                thread::sleep(due - now);
                Instant::now()
            } else {
                due
            };
            self.call();
            times.push(start.elapsed());
            due += INTERVAL;
        }
        times
    }

    fn call(&mut self) {
        self.stream.write_all(&self.request).unwrap();
        let (status, body) = answer(&mut self.stream);
        assert_eq!((status, &*body), (200, "ok"));
    }
}

/// A login of this user.
pub(crate) fn login(name: &str, connection: &str) -> String {
    let form = format!("username={name}&password={}", PASSWORD.replace(' ', "+"));
    format!(
        "POST /auth/login HTTP/1.1\r\nhost: x\r\nconnection: {connection}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    )
}

/// Reads an answer: its status and its body.
fn answer(stream: &mut TcpStream) -> (u16, String) {
    let mut read = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).unwrap();
        assert!(count > 0, "the service closed the connection");
        read.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            return (status(head), body.to_owned());
        }
    }
}

/// The status in the first line of an answer.
pub(crate) fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap()
}
