//! A wire between a node and a server that a test can cut.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::listener::DEADLINE;

/// A TCP port on loopback that passes everything on to a server, until it is told otherwise. Clones are one.
#[derive(Debug, Clone)]
pub struct Wire(Arc<Ends>);

#[derive(Debug)]
struct Ends {
    address: SocketAddr,
    state: Mutex<State>,
    changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    is_shut: bool,
    count: usize,
    /// By the order in which they were made.
    connections: BTreeMap<usize, watch::Sender<Flow>>,
}

/// What becomes of what comes over a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Flow {
    Passes,
    /// It stays where it is, as if a router in between had forgotten the connection.
    Stops,
    /// The connection ends.
    Ends,
}

impl Wire {
    /// A wire to the server at this address (`127.0.0.1:5432`), which lasts as long as the runtime it is made in.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let wire = Self(Arc::new(Ends { address, state: Mutex::default(), changes: watch::Sender::new(()) }));
        tokio::spawn(wire.clone().accept(listener, server.to_owned()));
        wire
    }

    /// Where a client connects instead.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Cuts all connections. New ones are let through.
    pub fn cut(&self) {
        self.state().set_all(Flow::Ends);
    }

    /// Cuts all connections and lets none through until [`open`](Self::open).
    pub fn shut(&self) {
        let mut state = self.state();
        state.is_shut = true;
        state.set_all(Flow::Ends);
    }

    /// Lets new connections through again.
    pub fn open(&self) {
        self.state().is_shut = false;
    }

    /// All connections stay, and nothing passes over them any more. New ones are let through.
    pub fn hold(&self) {
        self.state().set_all(Flow::Stops);
    }

    /// As [`hold`](Self::hold), with one connection alone: the oldest is number 0.
    ///
    /// # Panics
    /// When there is none of that number.
    pub fn hold_one(&self, number: usize) {
        let state = self.state();
        state
            .connections
            .values()
            .nth(number)
            .expect("a connection of that number")
            .send_replace(Flow::Stops);
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state().connections.len()
    }

    /// Waits until there are so many connections.
    ///
    /// # Panics
    /// When that takes longer than half a minute.
    pub async fn until_connections(&self, wanted: usize) {
        let mut changes = self.0.changes.subscribe();
        let waiting = async {
            while self.connections() != wanted {
                changes.changed().await.expect("the sender is this wire's");
            }
        };
        let waited = timeout(DEADLINE, waiting).await;
        assert!(waited.is_ok(), "{} connections after {DEADLINE:?}, not {wanted}", self.connections());
    }

    async fn accept(self, listener: TcpListener, server: String) {
        while let Ok((client, _)) = listener.accept().await {
            if let Some((number, flow)) = self.begin() {
                tokio::spawn(self.clone().carry(number, flow, client, server.clone()));
            }
        }
    }

    /// A connection that is let through.
    fn begin(&self) -> Option<(usize, watch::Receiver<Flow>)> {
        let mut state = self.state();
        if state.is_shut {
            return None;
        }
        state.count += 1;
        let number = state.count;
        let (sender, flow) = watch::channel(Flow::Passes);
        state.connections.insert(number, sender);
        drop(state);
        self.0.changes.send_replace(());
        Some((number, flow))
    }

    async fn carry(self, number: usize, flow: watch::Receiver<Flow>, client: TcpStream, server: String) {
        pass(flow, client, &server).await;
        self.state().connections.remove(&number);
        self.0.changes.send_replace(());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no wire panics")
    }
}

impl State {
    fn set_all(&self, flow: Flow) {
        self.connections.values().for_each(|connection| set(connection, flow));
    }
}

/// What has ended ends, whatever is said of it later.
fn set(connection: &watch::Sender<Flow>, flow: Flow) {
    connection.send_modify(|now| *now = (*now).max(flow));
}

async fn pass(mut flow: watch::Receiver<Flow>, mut client: TcpStream, server: &str) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    tokio::select! {
        // First, so that nothing passes any more that is sent after the wire was told.
        biased;
        _ = flow.wait_for(|flow| *flow != Flow::Passes) => {}
        _ = copy_bidirectional(&mut client, &mut server) => return,
    }
    let _ = flow.wait_for(|flow| *flow == Flow::Ends).await;
}
