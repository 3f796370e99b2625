//! Revocations between nodes, over PostgreSQL's LISTEN and NOTIFY.
//!
//! ```text
//!                      ┌ FeedThread ────────────────────────┐
//! publish ───► orders ──► sender.rs     one connection: NOTIFY ──► server ──► every node,
//!                      │  ▲  one task                       │        │        also this one
//!                      │  │ heartbeats                      │        │
//! receivers ◄──────────── listener.rs   one connection: LISTEN ◄─────┘
//!                      │     one task                       │
//!                      └────────────────────────────────────┘
//! ```
//!
//! `connections.rs` opens the connections, `abrupt.rs` closes the one that listens.

mod abrupt;
mod connections;
mod sender;
mod listener;

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use gatewright_core::revocation::FeedMessage;
use gatewright_core::{FeedReach, Publication, RevocationFeed, RevocationReceiver, StoreError};
use gatewright_feed_thread::FeedThread;
use sqlx::ConnectOptions;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};

use connections::Connector;
use listener::Listener;
use sender::{Order, Outcome, Outgoing, QUEUE_IS_FULL, Sender};

use crate::Failure;
use crate::postgres::connect::options;
use crate::server::in_time;
use crate::store::cannot_open;

/// The channel of a [`PostgresFeed`], unless [`PostgresFeed::connect_on`] sets another.
pub const DEFAULT_CHANNEL: &str = "gatewright_revocations";

/// The longest name of a channel, in bytes. This is PostgreSQL's own limit.
pub const MAX_CHANNEL_BYTES: usize = 63;

/// How long [`PostgresFeed`] may take to send a message: 5 seconds, including new connections.
pub const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);

/// How many messages may wait to be sent: 10 000. Publishing another one fails at once.
pub const MAX_WAITING: usize = 10_000;

/// How long unused connections stay open.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// The settings of each connection.
const SETTINGS: [(&str, &str); 4] = [
    ("statement_timeout", "1500"),
    // Commits that notify wait for one lock of the whole server, and there `statement_timeout` has no
    // effect. Without this limit, a statement that was given up keeps its place in the server.
    ("lock_timeout", "1000"),
    // Notifications are not written to the write-ahead log, so a commit need not wait for the disk or
    // for a standby.
    ("synchronous_commit", "off"),
    // While the server's queue is half full, each commit could return a warning, and the driver logs it.
    ("client_min_messages", "error"),
];

/// The server's software, for the log.
const SERVER: &str = "PostgreSQL";

const ACTION: &str = "publish a revocation";
const ENDED: &str = "the thread of the feed has ended";

/// A revocation feed between all nodes that use one PostgreSQL database. Clones share one feed.
///
/// ```no_run
/// use gatewright::{PostgresFeed, PostgresStore};
///
/// # async fn example() -> Result<(), gatewright::store::StoreError> {
/// let url = "postgres://app:secret@db.example.com/app";
/// let (store, feed) = (PostgresStore::connect(url).await?, PostgresFeed::connect(url).await?);
/// # Ok(())
/// # }
/// ```
///
/// All nodes must use the same channel of the same database. The same server is not enough.
///
/// # Connections
/// The feed has two connections and a thread, on which it runs in a runtime of its own. One connection
/// sends, the other listens. Each is replaced without the other: if it is lost, or if the node's own
/// heartbeats do not arrive on the one that listens. The first attempt comes after at most 0.1 seconds.
/// The pauses grow to at most 2 seconds and have a random part.
///
/// After a failover, an old primary may still answer. The connection that sends uses only the server on
/// which the node listens. If a new one reaches another server, it is closed and sends nothing, and the one
/// that listens is replaced too. Until that is done, at most 4 seconds, the feed sends nothing.
///
/// `connect` waits for the connection that sends. The other one is opened in the background. Until it
/// listens, guards query the stores, and revocations of this node reach the others.
///
/// While there are no receivers, the connections are closed 5 seconds after the last message. The
/// thread ends when the last clone is dropped. Nothing waits for its end.
///
/// # Messages
/// A node's messages are sent in the order in which they were published. One statement sends all
/// that are waiting, up to 256.
///
/// If a message is not sent within [`PUBLISH_TIMEOUT`], publishing it fails. If the server's
/// notification queue is full, it fails at once. In both cases the feed still tries to send the message
/// until every cache entry that it affects has expired
/// ([`CACHE_TTL_WITH_FEED`](gatewright_core::revocation::CACHE_TTL_WITH_FEED)).
///
/// # PgBouncer
/// LISTEN works only in session mode. In transaction mode `connect` fails, or no heartbeat arrives
/// and guards query the stores on every request.
///
/// # Floods
/// A [`FloodGate`](gatewright_core::revocation::FloodGate) limits what arrives within a second. Above
/// the limits guards query the stores, and the feed closes the connection that listens without
/// reading the rest. So no backlog builds up in this process or in the server's queue. The feed
/// listens again after a random pause of 0.1 to 2 seconds, and continues to send meanwhile.
///
/// # Security
/// PostgreSQL has no rights on channels: every role that may connect to the database can listen and
/// notify. Such a role can
/// - read the ids of revoked users and sessions,
/// - make guards slower for as long as it sends: messages without a valid MAC shorten the life of cache
///   entries, and during a flood the cache is not used.
///
/// It cannot forge a revocation or make a node admit a request: without messages guards query the
/// stores. But it can keep nodes from listening. A session that listens, begins a transaction and stays
/// idle keeps the tail of the server's queue where it is. A LISTEN reads the queue from there, unless
/// another session listens in the same database already. The server cannot interrupt it. So the feed
/// - sends LISTEN only while the queue is at most 5 % full (`pg_notification_queue_usage()`),
/// - gives a LISTEN up after 5 seconds, closes its connection at once, and sends no other one while the
///   server still carries it out,
/// - sends messages meanwhile.
///
/// Until the session has ended, guards query the stores, and a line in the log names the cause. Such a
/// session also lets the queue fill up, to 8 GB unless the server sets another limit. When it is full,
/// calls that revoke something answer 503, although the change is stored. Roles of other databases on
/// the same server do not reach the channel, but they fill the same queue.
///
/// To take the right away, let only the application's role connect:
/// ```sql
/// REVOKE CONNECT ON DATABASE app FROM PUBLIC;
/// GRANT CONNECT ON DATABASE app TO app;
/// ```
/// `REVOKE EXECUTE ON FUNCTION pg_catalog.pg_notify(text, text) FROM PUBLIC` is not enough. It takes
/// the function away, also from the application's role, which then needs a GRANT. A role that may
/// connect still has the statement NOTIFY. (Seen on PostgreSQL 15.)
#[derive(Clone)]
pub struct PostgresFeed {
    orders: mpsc::UnboundedSender<Order>,
    receivers: mpsc::UnboundedSender<RevocationReceiver>,
    permits: Arc<Semaphore>,
    thread: FeedThread,
}

impl PostgresFeed {
    /// Connects to the database at `url`, and starts to listen on [`DEFAULT_CHANNEL`]. The URL is as for
    /// [`PostgresStore::connect`](crate::PostgresStore).
    ///
    /// # Errors
    /// If the URL is invalid, the database cannot be reached or is a standby, or its encoding is not
    /// UTF8. A feed that cannot listen yet returns no error. The error does not contain the password.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::connect_on(url, DEFAULT_CHANNEL).await
    }

    /// Like [`connect`](Self::connect), on a channel of your own: 1 to [`MAX_CHANNEL_BYTES`] bytes
    /// without NUL. Applications that share a database need a channel each.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect), and if the channel's name is invalid.
    pub async fn connect_on(url: &str, channel: &str) -> Result<Self, StoreError> {
        Self::open(url, channel).await.map_err(cannot_open)
    }

    async fn open(url: &str, channel: &str) -> Result<Self, Failure> {
        check_channel(channel)?;
        // Without this, the application's log of statements would show a heartbeat every second.
        let options = options(url)?.options(SETTINGS).disable_statement_logging();
        let connector = Connector { options, channel: channel.to_owned() };
        let (orders, new_orders) = mpsc::unbounded_channel();
        let (receivers, new_receivers) = mpsc::unbounded_channel();
        let (opened, connected) = oneshot::channel();
        let channels = Channels { orders: orders.clone(), new_orders, new_receivers };
        let thread = FeedThread::spawn(SERVER, || run(connector, channels, opened))?;
        connected.await.map_err(|_| ENDED)??;
        Ok(Self { orders, receivers, permits: Arc::new(Semaphore::new(MAX_WAITING)), thread })
    }
}

/// What the tasks of a feed receive from its handles. The listener also gives orders.
struct Channels {
    orders: mpsc::UnboundedSender<Order>,
    new_orders: mpsc::UnboundedReceiver<Order>,
    new_receivers: mpsc::UnboundedReceiver<RevocationReceiver>,
}

/// Connects, reports the outcome, and serves until the last handle is dropped. Ends if nothing waits
/// for the outcome any more.
async fn run(connector: Connector, channels: Channels, mut opened: oneshot::Sender<Result<(), Failure>>) {
    let connection = tokio::select! {
        connection = in_time(connector.sender()) => connection,
        () = opened.closed() => return,
    };
    let (connection, outcome) = match connection {
        Ok(connection) => (Some(connection), Ok(())),
        Err(failure) => (None, Err(failure)),
    };
    if let (Ok(()), Some(connection)) = (opened.send(outcome), connection) {
        let Channels { orders, new_orders, new_receivers } = channels;
        let beaten = Arc::new(Notify::new());
        let sender = Sender::new(connector.clone(), new_orders, Arc::clone(&beaten), connection);
        let listener = Listener::new(connector, orders, beaten, new_receivers);
        tokio::join!(sender.run(), listener.run());
    }
}

impl RevocationFeed for PostgresFeed {
    fn reach(&self) -> FeedReach {
        FeedReach::Cluster
    }

    fn subscribe(&self, receiver: RevocationReceiver) {
        if self.receivers.send(receiver).is_err() {
            tracing::error!(
                target: "gatewright",
                feed = SERVER,
                "the thread of the revocation feed has ended; guards query the stores until a restart"
            );
        }
    }

    fn publish(&self, message: &FeedMessage) -> Publication {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            let failure = format!("{MAX_WAITING} messages are already waiting to be sent");
            return Box::pin(ready(Err(StoreError::new(ACTION, failure))));
        };
        let (outcome, mut answer) = oneshot::channel();
        let timeout = self.thread.timer(PUBLISH_TIMEOUT);
        // If the task has ended or drops the message, `outcome` is dropped and `answer` fails.
        let outgoing = Outgoing { text: message.as_str().to_owned(), outcome, permit };
        let _ = self.orders.send(Order::Publish(outgoing));
        Box::pin(async move {
            tokio::select! {
                biased;
                answer = &mut answer => match answer {
                    Ok(Outcome::Sent) => Ok(()),
                    Ok(Outcome::QueueIsFull) => Err(StoreError::new(ACTION, QUEUE_IS_FULL)),
                    Err(_) => Err(StoreError::new(ACTION, ENDED)),
                },
                () = timeout => Err(StoreError::new(ACTION, format!("timed out after {PUBLISH_TIMEOUT:?}"))),
            }
        })
    }
}

impl fmt::Debug for PostgresFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresFeed").finish_non_exhaustive()
    }
}

/// LISTEN would cut a longer name off; NOTIFY would reject it.
fn check_channel(channel: &str) -> Result<(), Failure> {
    let fits = !channel.is_empty() && channel.len() <= MAX_CHANNEL_BYTES && !channel.contains('\0');
    if fits { Ok(()) } else { Err("the channel name must have 1 to 63 bytes and no NUL".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::assert_hides;
    use gatewright_core::revocation::MAX_FEED_MESSAGE_BYTES;

    /// The payload of a notification must be shorter than this.
    const PAYLOAD_LIMIT: usize = 8_000;
    const _: () = assert!(MAX_FEED_MESSAGE_BYTES < PAYLOAD_LIMIT);

    #[tokio::test]
    async fn invalid_channel_names_are_rejected_before_connecting() {
        for channel in ["", "a\0b", &"c".repeat(MAX_CHANNEL_BYTES + 1)] {
            let error = PostgresFeed::connect_on("postgres://u@127.0.0.1:1/x", channel).await.unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains("channel"), "{channel:?}: {cause}");
        }
    }

    #[tokio::test]
    async fn errors_of_connect_do_not_contain_the_password() {
        for url in ["postgres://ada:hush@127.0.0.1:notaport/x", "mysql://ada:hush@127.0.0.1/x", "hush"] {
            let error = PostgresFeed::connect(url).await.unwrap_err();
            assert_hides("hush", &error);
        }
    }
}
