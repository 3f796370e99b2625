//! The logins at the same time.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::probe::{login, status};
use crate::service::name;
use crate::{ACCOUNTS, NETWORKS};

/// The answer to a login, and how long it took.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) time: Duration,
}

/// Clients with open connections. Each is about to log in.
pub(crate) struct Storm {
    runtime: Runtime,
    connections: Vec<TcpStream>,
}

impl Storm {
    /// Opens the connections. Each network has as many.
    pub(crate) fn prepare(service: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let connections = runtime.block_on(async {
            let mut connections = Vec::with_capacity(ACCOUNTS);
            for number in 0..ACCOUNTS {
                let network = u8::try_from(number % NETWORKS + 1).unwrap();
                connections.push(connect(Ipv4Addr::new(127, 0, network, 1), service).await);
            }
            connections
        });
        Self { runtime, connections }
    }

    /// Logs all accounts in.
    pub(crate) fn run(self) -> Vec<Answer> {
        let Self { runtime, connections } = self;
        runtime.block_on(async {
            let mut logins = JoinSet::new();
            for (number, stream) in connections.into_iter().enumerate() {
                logins.spawn(log_in(stream, name(number)));
            }
            logins.join_all().await
        })
    }
}

/// Connects from this address: a network of its own for the throttle.
async fn connect(from: Ipv4Addr, service: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(service).await.unwrap()
}

async fn log_in(mut stream: TcpStream, name: String) -> Answer {
    let start = Instant::now();
    stream.write_all(login(&name, "close").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    Answer { status: status(&String::from_utf8_lossy(&answer)), time: start.elapsed() }
}
