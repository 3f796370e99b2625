//! A TCP proxy between a node and a server that a test can cut.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::listener::DEADLINE;

/// A TCP proxy on loopback. It forwards all data to a server until a test cuts or holds its
/// connections. Clones are the same proxy.
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
    /// By number: the oldest connection comes first.
    connections: BTreeMap<usize, watch::Sender<Flow>>,
}

/// What happens to the data of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Flow {
    Passes,
    /// Nothing is forwarded, as if a router had lost its state for the connection.
    Stops,
    /// The connection is closed.
    Ends,
}

impl Wire {
    /// Starts a proxy for the server at this address, such as `127.0.0.1:5432`. It runs until the
    /// current runtime stops.
    ///
    /// # Panics
    /// If no port is free.
    pub async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let wire = Self(Arc::new(Ends { address, state: Mutex::default(), changes: watch::Sender::new(()) }));
        tokio::spawn(wire.clone().accept(listener, server.to_owned()));
        wire
    }

    /// Returns the address to which clients connect instead of the server's.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Closes all connections. New connections are accepted.
    pub fn cut(&self) {
        self.state().set_all(Flow::Ends);
    }

    /// Closes all connections, and refuses new ones until [`open`](Self::open).
    pub fn shut(&self) {
        let mut state = self.state();
        state.is_shut = true;
        state.set_all(Flow::Ends);
    }

    /// Accepts new connections again.
    pub fn open(&self) {
        self.state().is_shut = false;
    }

    /// Stops forwarding on all connections without closing them. New connections are accepted.
    pub fn hold(&self) {
        self.state().set_all(Flow::Stops);
    }

    /// Like [`hold`](Self::hold), for one connection. The oldest connection has the number 0.
    ///
    /// # Panics
    /// If there is no connection with this number.
    pub fn hold_one(&self, number: usize) {
        let state = self.state();
        state.connections.values().nth(number).expect("the connection exists").send_replace(Flow::Stops);
    }

    /// Returns the number of open connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state().connections.len()
    }

    /// Waits until the number of open connections is `wanted`.
    ///
    /// # Panics
    /// If that takes longer than 30 seconds.
    pub async fn until_connections(&self, wanted: usize) {
        let mut changes = self.0.changes.subscribe();
        let waiting = async {
            while self.connections() != wanted {
                changes.changed().await.expect("the wire owns the sender");
            }
        };
        let waited = timeout(DEADLINE, waiting).await;
        assert!(waited.is_ok(), "{} connections after {DEADLINE:?}, not {wanted}", self.connections());
    }

    async fn accept(self, listener: TcpListener, server: String) {
        while let Ok((client, _)) = listener.accept().await {
            if let Some((number, flow)) = self.accept_one() {
                tokio::spawn(self.clone().carry(number, flow, client, server.clone()));
            }
        }
    }

    /// Registers a new connection, unless the wire is shut.
    fn accept_one(&self) -> Option<(usize, watch::Receiver<Flow>)> {
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
        self.0.state.lock().expect("methods do not panic")
    }
}

impl State {
    fn set_all(&self, flow: Flow) {
        self.connections.values().for_each(|connection| set(connection, flow));
    }
}

/// A closed connection stays closed, and a held one is never released.
fn set(connection: &watch::Sender<Flow>, flow: Flow) {
    connection.send_modify(|now| *now = (*now).max(flow));
}

async fn pass(mut flow: watch::Receiver<Flow>, mut client: TcpStream, server: &str) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    tokio::select! {
        // `biased` with this branch first: nothing passes that is sent after the change.
        biased;
        _ = flow.wait_for(|flow| *flow != Flow::Passes) => {}
        _ = copy_bidirectional(&mut client, &mut server) => return,
    }
    let _ = flow.wait_for(|flow| *flow == Flow::Ends).await;
}
