//! The revocation feed over a Redis channel.
//!
//! ```text
//! publish ──► queue.rs ──► sender.rs    PUBLISH ───► server ──► every node, including this one
//!                ▲         one task     one connection
//!     heartbeats │
//! receivers ◄─── listener.rs ◄───────── SUBSCRIBE ◄────────────┘
//!                one task               one connection
//! ```

mod queue;
mod sender;
mod listener;

use std::fmt;
use std::future::ready;
use std::time::Duration;

use gatewright_core::revocation::CACHE_TTL_WITH_FEED;
use gatewright_core::{FeedMessage, FeedReach, Publication, RevocationFeed, RevocationReceiver, StoreError};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::connection::{Address, SharedConnection, call_deadline, until};
use crate::failure::{Result, store_error};
use crate::key::Prefix;
use crate::store::CONNECT;
use listener::{Connector, Listener};
pub use queue::MAX_WAITING;
use sender::Outbox;

/// How long unused connections stay open.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

const PUBLISH: &str = "publish a revocation";

/// A revocation feed over Redis publish/subscribe. Clones share its connections and tasks.
///
/// # Connections
/// The feed uses two connections and two tasks. The tasks run in the Tokio runtime in which the
/// feed was connected, until the last clone is dropped. The server must be a primary; both
/// connections check that once a second, and a message that a demoted server accepted counts as not
/// sent. A lost connection is replaced after 0.1 seconds. So is a connection on which nothing
/// arrives for 6 seconds, because heartbeats must arrive every second. If there are no receivers,
/// the connections are closed 5 seconds after the last message.
///
/// # Delivery
/// A node's messages are sent in the order of the `publish` calls, up to 256 in one round trip. A
/// message that revokes the same as a waiting one is not queued twice. A publication fails after
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
/// A client that can publish on the channel makes guards slower and admits no request: see
/// [`RevocationFeed`].
///
/// ```no_run
/// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
/// use gatewright_redis::{Prefix, RedisFeed};
///
/// let url = "rediss://app:secret@redis.example.com/";
/// let feed = RedisFeed::connect_on(url, &Prefix::new("shop:")?).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisFeed {
    outbox: Outbox,
    receivers: UnboundedSender<RevocationReceiver>,
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
        let subscription = connector.open().await?;
        let outbox = Outbox::open(connection, prefix.channel());
        let (receivers, new_receivers) = unbounded_channel();
        tokio::spawn(Listener::new(connector, outbox.clone(), new_receivers).run(subscription));
        Ok(Self { outbox, receivers })
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
                "Redis feed: the Tokio runtime in which it was connected has ended, so caches are not used; \
                 connect the feed in a runtime that runs as long as the application"
            );
        }
    }

    fn publish(&self, message: &FeedMessage) -> Publication {
        let Some(mut sent) = self.outbox.push(message, CACHE_TTL_WITH_FEED) else {
            let cause = format!("{MAX_WAITING} messages wait already, or the feed's runtime has ended");
            return Box::pin(ready(Err(StoreError::new(PUBLISH, cause))));
        };
        Box::pin(async move {
            let sent = until(call_deadline(), sent.wait_for(|is_sent| *is_sent)).await;
            sent.and_then(|sent| Ok(sent.map(drop)?)).map_err(store_error(PUBLISH))
        })
    }
}
