//! Clients that hold a connection and send no complete request, as in a Slowloris attack.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use gatewright_testkit::auth_routes::Request;

use super::Program;
use crate::run::CLIENT_TIMEOUT;

/// A complete request, after which the connection stays open.
const REQUEST: &[u8] = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
/// A request whose headers never end.
const HALF: &[u8] = b"GET /health HTTP/1.1\r\nhost: x\r\nx-filler: ";
/// One more byte of the filler.
const BYTE: &[u8] = b"x";
/// When the connection of an idle client must be closed: later than [`CLIENT_TIMEOUT`], for a busy
/// machine.
const IDLE_AT_MOST: Duration = CLIENT_TIMEOUT.saturating_add(Duration::from_secs(10));
/// How long a client sends requests on one connection.
const BUSY_FOR: Duration = CLIENT_TIMEOUT.saturating_add(Duration::from_secs(3));

/// A client: what it sends first, and then each second.
struct Client {
    name: &'static str,
    first: &'static [u8],
    each_second: &'static [u8],
}

static IDLE: [Client; 4] = [
    Client { name: "sends nothing", first: b"", each_second: b"" },
    Client { name: "sends half of the headers", first: HALF, each_second: b"" },
    Client { name: "sends the headers byte by byte", first: HALF, each_second: BYTE },
    Client { name: "is idle after a request", first: REQUEST, each_second: b"" },
];

static SLOW_AFTER_A_REQUEST: [Client; 1] =
    [Client { name: "sends a request, then headers byte by byte", first: REQUEST, each_second: BYTE }];

static BUSY: Client = Client { name: "sends complete requests", first: REQUEST, each_second: REQUEST };

/// The program closes such connections after [`CLIENT_TIMEOUT`], also if bytes still arrive. It keeps
/// the connection of a client that sends requests.
pub fn half_sent_headers_and_idle_connections_are_cut(program: &str, folder: &str) {
    expect_cut(program, folder, &IDLE);
}

/// The time for the headers begins again after each response. actix-web limits it for the first request
/// of a connection only.
pub fn half_sent_headers_after_a_request_are_cut(program: &str, folder: &str) {
    expect_cut(program, folder, &SLOW_AFTER_A_REQUEST);
}

fn expect_cut(program: &str, folder: &str, clients: &[Client]) {
    let service = Program::start_on_memory(program, folder, &[]);
    let address = &service.address;
    thread::scope(|scope| {
        let busy = scope.spawn(|| BUSY.closed_after(address, BUSY_FOR));
        let threads: Vec<_> = clients
            .iter()
            .map(|client| (client, scope.spawn(|| client.closed_after(address, IDLE_AT_MOST))))
            .collect();
        for (client, closed) in threads {
            let closed = closed.join().unwrap();
            assert!(closed.is_some(), "a client that {}: open after {IDLE_AT_MOST:?}", client.name);
        }
        assert_eq!(busy.join().unwrap(), None, "a client that {}", BUSY.name);
    });
    service.target().send(&Request::get("/health")).expect_ok();
    let _ = service.stop_with_log();
}

impl Client {
    /// After which time the server closed the connection. `None` if it is still open after `at_most`.
    #[expect(clippy::disallowed_methods, reason = "the server measures real time")]
    fn closed_after(&self, address: &str, at_most: Duration) -> Option<Duration> {
        let started = Instant::now();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut is_open = stream.write_all(self.first).is_ok();
        while is_open && started.elapsed() < at_most {
            is_open = match stream.read(&mut [0; 1024]) {
                Ok(read) => read > 0,
                Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {
                    stream.write_all(self.each_second).is_ok()
                }
                Err(_) => false,
            };
        }
        (!is_open).then(|| started.elapsed())
    }
}
