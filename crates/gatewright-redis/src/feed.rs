//! The revocation feed over a Redis channel.
//!
//! ```text
//!             ┌ FeedThread ─────────────────────────┐
//! publish ──► queue.rs ──► sender.rs    PUBLISH ───► server ──► every node, including this one
//!             │  ▲         one task     one connection    │
//!     heartbeats │                                  │     │
//! receivers ◄─── listener.rs ◄── inbox.rs ◄─────────── SUBSCRIBE
//!             │  one task                one connection
//!             └─────────────────────────────────────┘
//! ```

mod queue;
mod sender;
mod inbox;
mod listener;

use std::fmt;
use std::future::ready;
use std::time::Duration;

use gatewright_core::revocation::{CACHE_TTL_WITH_FEED, FeedMessage};
use gatewright_core::{FeedReach, Publication, RevocationFeed, RevocationReceiver, StoreError};
use gatewright_feed_thread::FeedThread;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::connection::{Address, CALL_TIMEOUT, SharedConnection};
use crate::failure::{Result, store_error};
use crate::key::Prefix;
use crate::store::CONNECT;
use listener::{Connector, Listener};
pub use queue::MAX_WAITING;
use sender::Outbox;

/// How long unused connections stay open.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// The server's software, for the log.
const SERVER: &str = "Redis";

const PUBLISH: &str = "publish a revocation";
const ENDED: &str = "the thread of the feed has ended";

/// A revocation feed over Redis publish/subscribe. Clones share its connections and its thread.
///
/// # Connections
/// The feed uses two connections and a thread, on which it runs in a runtime of its own. The thread
/// ends when the last clone is dropped. Nothing waits for its end. The server must be a primary; both
/// connections check that once a second, and a message that a demoted server accepted counts as not
/// sent. A lost connection is replaced after at most 0.1 seconds. If the node's own heartbeats do not
/// return for 6 seconds, both connections are replaced: after a failover, each may be on another server.
/// If the next subscription fails too before a heartbeat returns, the pauses grow to at most 2 seconds. If there are no
/// receivers, the connections are closed 5 seconds after the last message.
///
/// # Delivery
/// A node's messages are sent in the order of the `publish` calls, up to 256 in one round trip. A
/// revocation that is equal to a waiting one is not queued twice. A publication fails after
/// [`CALL_TIMEOUT`](crate::CALL_TIMEOUT), or at once if [`MAX_WAITING`] messages wait. After a
/// timeout, the feed continues to send the message until every cache entry that it affects has
/// expired ([`CACHE_TTL_WITH_FEED`]).
///
/// Redis does not keep messages for subscribers that are not connected. A node therefore clears its
/// cache after each new subscription. A message is lost if the primary fails after it has accepted
/// the message and before it delivers it. Caches then still hold revoked entries, for at most
/// [`CACHE_TTL_WITH_FEED`].
///
/// # Requirements
/// All nodes must use the same server and the same prefix. A cluster does not keep one order for
/// the messages of all its nodes, nor does a primary with its replicas. On a cluster, name one of
/// its nodes: the same one for all.
///
/// # Floods
/// A [`FloodGate`](gatewright_core::revocation::FloodGate) limits what arrives within a second, and
/// what waits to be read. Above the limits guards query the stores, and the feed closes the
/// connection that listens without reading the rest. It subscribes again after a random pause of 0.1
/// to 2 seconds, and continues to send meanwhile.
///
/// # Security
/// A client that may subscribe to the channel can read the ids of revoked users and sessions. A
/// client that may publish on it can make guards slower for as long as it sends: messages without a
/// valid MAC shorten the life of cache entries, and during a flood the cache is not used. It cannot
/// forge a revocation, keep one from a node, or make a node admit a request.
///
/// The channel is the prefix followed by `revocations`. To take the right away, give each client an
/// ACL user of its own, and the channel to the application's user alone:
/// ```text
/// ACL SETUSER app resetchannels &gatewright:revocations
/// ACL SETUSER other resetchannels &other:*
/// ```
/// A user without the channel can neither subscribe nor publish, nor can its scripts publish. In Redis
/// 7 a new user has no channel. The user `default` has all of them, so disable it or take them away.
///
/// The driver holds a message in memory until all of it has arrived. Only then can the feed drop it,
/// unread. Redis closes the connection of a subscriber instead of sending more than
/// `client-output-buffer-limit`, which is 32 MB by default. To limit what one long message costs, set
/// `client-output-buffer-limit pubsub 8mb 4mb 10`. (Seen on Redis 7.0.)
///
/// ```no_run
/// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
/// use gatewright::RedisFeed;
/// use gatewright::store::Prefix;
///
/// let url = "rediss://app:secret@redis.example.com/";
/// let feed = RedisFeed::connect_on(url, &Prefix::new("shop:")?).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisFeed {
    outbox: Outbox,
    receivers: UnboundedSender<RevocationReceiver>,
    thread: FeedThread,
}

impl fmt::Debug for RedisFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisFeed").finish_non_exhaustive()
    }
}

impl RedisFeed {
    /// Connects to the server that `url` names, with the prefix
    /// [`DEFAULT_PREFIX`](crate::DEFAULT_PREFIX). The URL is that of
    /// [`RedisStore::connect`](crate::RedisStore::connect).
    ///
    /// # Errors
    /// If the URL is invalid, or if the feed cannot subscribe on a primary within one second. The
    /// error does not contain the password.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::connect_on(url, &Prefix::default()).await
    }

    /// As [`connect`](Self::connect), on the channel of another prefix.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_on(url: &str, prefix: &Prefix) -> Result<Self, StoreError> {
        Self::open(url, prefix).await.map_err(store_error(CONNECT))
    }

    async fn open(url: &str, prefix: &Prefix) -> Result<Self> {
        let address = Address::parse(url)?;
        let connection = SharedConnection::for_server(&address)?;
        let connector = Connector::new(address.subscribing_client()?, prefix.channel());
        let (outbox, sender) = Outbox::new(connection, prefix.channel());
        let (receivers, new_receivers) = unbounded_channel();
        let (opened, connected) = oneshot::channel();
        let heartbeats = outbox.clone();
        let thread = FeedThread::spawn(SERVER, || async move {
            let listener = Listener::new(connector, heartbeats, new_receivers);
            tokio::join!(sender, listener.run(opened));
        })?;
        connected.await.map_err(|_| ENDED)??;
        Ok(Self { outbox, receivers, thread })
    }
}

impl RevocationFeed for RedisFeed {
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
        let Some(mut sent) = self.outbox.push(message, CACHE_TTL_WITH_FEED) else {
            let cause = format!("{MAX_WAITING} messages wait already, or {ENDED}");
            return Box::pin(ready(Err(StoreError::new(PUBLISH, cause))));
        };
        let timeout = self.thread.timer(CALL_TIMEOUT);
        Box::pin(async move {
            tokio::select! {
                biased;
                sent = sent.wait_for(|is_sent| *is_sent) => {
                    sent.map(drop).map_err(|_| StoreError::new(PUBLISH, ENDED))
                }
                () = timeout => Err(StoreError::new(PUBLISH, format!("timed out after {CALL_TIMEOUT:?}"))),
            }
        })
    }
}
