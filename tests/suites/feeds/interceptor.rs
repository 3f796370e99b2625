//! A proxy in front of PostgreSQL that knows which connection of a feed listens and which one sends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

/// The time limit for everything that a test waits for.
const DEADLINE: Duration = Duration::from_secs(30);

/// What the proxy does with the statements of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Pass,
    /// Gives LISTEN no answer, as if the server read a long queue.
    HoldListen,
    /// Answers LISTEN with notifications and nothing else.
    FloodListen,
    /// Gives NOTIFY no answer.
    HoldNotify,
    /// Answers NOTIFY as a server whose queue is full.
    FullQueue,
}

/// Counts of what passed the proxy.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    /// Connections that sent LISTEN.
    pub(super) listened: usize,
    /// Connections that sent NOTIFY.
    pub(super) notified: usize,
    /// Connections that the client closed while they got no answer.
    pub(super) given_up: usize,
    /// Statements UNLISTEN.
    pub(super) farewells: usize,
    /// The bytes of notifications that clients took in answer to LISTEN.
    pub(super) flooded: usize,
}

/// The proxy. It runs until the current runtime stops.
#[derive(Clone)]
pub(super) struct Interceptor {
    address: SocketAddr,
    mode: Arc<watch::Sender<Mode>>,
    seen: Arc<watch::Sender<Seen>>,
}

impl Interceptor {
    /// A proxy for the server of this URL, and the URL that leads through it.
    pub(super) async fn of(url: &str) -> (String, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mode, seen) = (Arc::new(watch::Sender::new(Mode::Pass)), Arc::default());
        let proxy = Self { address, mode, seen };
        let server = super::server(url).to_owned();
        tokio::spawn(proxy.clone().accept(listener, server.clone()));
        let url = url.replacen(&server, &proxy.address.to_string(), 1);
        // The proxy reads the statements.
        let separator = if url.contains('?') { '&' } else { '?' };
        (format!("{url}{separator}sslmode=disable"), proxy)
    }

    /// Changes what happens from now on. Closes the connections that get no answer.
    pub(super) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    pub(super) fn seen(&self) -> Seen {
        *self.seen.borrow()
    }

    pub(super) async fn until(&self, what: &str, enough: impl Fn(&Seen) -> bool) -> Seen {
        let mut seen = self.seen.subscribe();
        let waited = timeout(DEADLINE, seen.wait_for(enough)).await;
        *waited.unwrap_or_else(|_| panic!("not within {DEADLINE:?}: {what}; {:?}", self.seen())).unwrap()
    }

    fn note(&self, change: impl FnOnce(&mut Seen)) {
        self.seen.send_modify(change);
    }

    async fn accept(self, listener: TcpListener, server: String) {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&*server).await.unwrap();
            tokio::spawn(self.clone().carry(client, server));
        }
    }

    async fn carry(self, mut client: TcpStream, mut server: TcpStream) {
        let (mut statements, mut answers) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        let mut is_sender = false;
        loop {
            tokio::select! {
                length = server.read(&mut answers) => {
                    let Ok(length @ 1..) = length else { return };
                    if client.write_all(&answers[..length]).await.is_err() {
                        return;
                    }
                }
                length = client.read(&mut statements) => {
                    let Ok(length @ 1..) = length else { return };
                    let sent = &statements[..length];
                    let is_listen = contains(sent, "LISTEN \"");
                    let is_first = !is_sender && contains(sent, "pg_notify($1");
                    is_sender |= is_first;
                    self.note(|seen| {
                        seen.listened += usize::from(is_listen);
                        seen.notified += usize::from(is_first);
                        seen.farewells += usize::from(contains(sent, "UNLISTEN"));
                    });
                    let mode = *self.mode.borrow();
                    match mode {
                        Mode::HoldListen if is_listen => return self.hold(mode, client).await,
                        Mode::HoldNotify if is_sender => return self.hold(mode, client).await,
                        Mode::FloodListen if is_listen => return self.flood(client).await,
                        Mode::FullQueue if is_sender => client.write_all(&queue_is_full()).await.unwrap(),
                        _ => server.write_all(sent).await.unwrap(),
                    }
                }
            }
        }
    }

    /// Gives no answer until the client has closed the connection, or the mode changes.
    async fn hold(&self, mode: Mode, mut client: TcpStream) {
        let (mut modes, mut sent) = (self.mode.subscribe(), vec![0; 1 << 16]);
        loop {
            tokio::select! {
                _ = modes.wait_for(|now| *now != mode) => return,
                length = client.read(&mut sent) => match length {
                    Ok(length @ 1..) => {
                        let is_farewell = contains(&sent[..length], "UNLISTEN");
                        self.note(|seen| seen.farewells += usize::from(is_farewell));
                    }
                    _ => return self.note(|seen| seen.given_up += 1),
                },
            }
        }
    }

    /// Sends notifications until the client has closed the connection.
    async fn flood(&self, mut client: TcpStream) {
        let many = notification("gatewright_revocations", "x").repeat(1_000);
        while client.write_all(&many).await.is_ok() {
            self.note(|seen| seen.flooded += many.len());
        }
        self.note(|seen| seen.given_up += 1);
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A message of the server: its kind, its length, and its fields.
fn message(kind: u8, fields: &[u8]) -> Vec<u8> {
    let length = u32::try_from(fields.len() + 4).unwrap();
    [&[kind], &length.to_be_bytes()[..], fields].concat()
}

fn notification(channel: &str, payload: &str) -> Vec<u8> {
    message(b'A', format!("\0\0\0\x07{channel}\0{payload}\0").as_bytes())
}

fn queue_is_full() -> Vec<u8> {
    let error = "SERROR\0VERROR\0C54000\0Mtoo many notifications in the NOTIFY queue\0\0";
    [message(b'E', error.as_bytes()), message(b'Z', b"I")].concat()
}
