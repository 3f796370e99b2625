//! A wire between a node and a server that a test can cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(30);

/// A TCP port on loopback that passes everything on to a server, until it is told otherwise. Clones are one.
#[derive(Debug, Clone)]
pub struct Wire(Arc<Ends>);

#[derive(Debug)]
struct Ends {
    address: SocketAddr,
    state: watch::Sender<State>,
    connections: Arc<AtomicUsize>,
    changes: Arc<watch::Sender<()>>,
}

/// A connection lasts while nothing was cut since it began.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    is_shut: bool,
    cuts: usize,
    holds: usize,
}

impl Wire {
    /// A wire to the server at this address (`127.0.0.1:5432`), which lasts as long as the runtime it is made in.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let (state, _) = watch::channel(State::default());
        let ends =
            Ends { address, state, connections: Arc::default(), changes: Arc::new(watch::Sender::new(())) };
        let wire = Self(Arc::new(ends));
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
        self.0.state.send_modify(|state| state.cuts += 1);
    }

    /// Cuts all connections and lets none through until [`open`](Self::open).
    pub fn shut(&self) {
        self.0.state.send_modify(|state| (state.is_shut, state.cuts) = (true, state.cuts + 1));
    }

    /// Lets new connections through again.
    pub fn open(&self) {
        self.0.state.send_modify(|state| state.is_shut = false);
    }

    /// All connections stay, and nothing passes over them any more, as if a router in between had forgotten them. New ones
    /// are let through.
    pub fn hold(&self) {
        self.0.state.send_modify(|state| state.holds += 1);
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.connections.load(Ordering::SeqCst)
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
        loop {
            let Ok((client, _)) = listener.accept().await else { return };
            let state = self.0.state.subscribe();
            if !state.borrow().is_shut {
                let passing = Passing::begin(&self.0);
                tokio::spawn(pass(client, server.clone(), state, passing));
            }
        }
    }
}

/// Counts a connection while it lasts.
struct Passing(Arc<AtomicUsize>, Arc<watch::Sender<()>>);

impl Passing {
    fn begin(ends: &Ends) -> Self {
        ends.connections.fetch_add(1, Ordering::SeqCst);
        ends.changes.send_replace(());
        Self(Arc::clone(&ends.connections), Arc::clone(&ends.changes))
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
        self.1.send_replace(());
    }
}

async fn pass(mut client: TcpStream, server: String, mut state: watch::Receiver<State>, _passing: Passing) {
    let begun = *state.borrow();
    let Ok(mut server) = TcpStream::connect(&server).await else { return };
    let is_over = |now: &State| now.cuts != begun.cuts;
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => return,
        _ = state.wait_for(|now| is_over(now) || now.holds != begun.holds) => {}
    }
    let _ = state.wait_for(is_over).await;
}
