//! Revocations between nodes, over a channel of Redis.
//!
//! ```text
//! announce ──► queue.rs ──► sender.rs    PUBLISH ───► server ──► every node, this one too
//!                 ▲         one task     one connection
//!      heartbeats │
//! receivers ◄──── listener.rs ◄───────── SUBSCRIBE ◄─────────────┘
//!                 one task               one connection
//! ```

mod listener;
mod queue;
mod sender;

use std::fmt;
use std::future::ready;
use std::time::Duration;

use gatewright_core::revocation::{MAX_AGE_WITH_FEED, Revocation};
use gatewright_core::{Announcement, Reach, RevocationFeed, RevocationReceiver, StoreError};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use crate::address::Address;
use crate::key::Prefix;
use crate::link::{CALL_TIMEOUT, Link, Opener};
use crate::store::OPEN;
use crate::{Failure, Parsed, broken};
use listener::{Connector, Listener};
use sender::Outbox;

/// How many different messages may wait for the server: 10 000. What is beyond them fails at once.
pub const MAX_WAITING: usize = 10_000;

/// How long unused connections stay open.
const IDLE: Duration = Duration::from_secs(5);

const ACTION: &str = "announce a revocation";

/// Tells all nodes of revocations by Redis' publish and subscribe. Clones are one.
///
/// It has two connections and two tasks of its own, in the runtime that it was connected in. Messages of one node are sent
/// in the order in which they were announced, up to 256 in one round trip, and what waits already is not sent twice. The
/// server must be a primary, and both connections ask it each second: what a demoted one takes counts as not sent. A lost
/// connection is replaced after 0.1 seconds, and so is one on which nothing arrives for 6, heartbeats notwithstanding. What could not be sent is told to whoever announced it after
/// [`CALL_TIMEOUT`](crate::CALL_TIMEOUT), and tried for as long as anybody may remember what it revokes ([`MAX_AGE_WITH_FEED`]).
/// While nobody listens, the connections are closed 5 seconds after the last message; the tasks end with the last clone.
///
/// All nodes name the same server and prefix. One server puts all messages in one order, which the nodes of a cluster, or a
/// primary and its replicas, do not: on a cluster, name one node, the same everywhere. Redis keeps no message for who is
/// not there: whoever listens again forgets what it knew. What a primary that failed had not passed on, nobody hears; guards
/// ask the stores after [`MAX_AGE_WITH_FEED`] at the latest. Whoever may publish on the channel can empty caches.
#[derive(Clone)]
pub struct RedisFeed {
    queue: Outbox,
    receivers: UnboundedSender<RevocationReceiver>,
}

impl fmt::Debug for RedisFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisFeed").finish_non_exhaustive()
    }
}

impl RedisFeed {
    /// Connects to the server that `url` names, as [`RedisStore::connect`](crate::RedisStore::connect) does, and listens
    /// below [`DEFAULT_PREFIX`](crate::DEFAULT_PREFIX).
    ///
    /// # Errors
    /// When the URL is none, or the server cannot be reached within [`CALL_TIMEOUT`] or does not let this user subscribe.
    /// The error does not show the password.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::connect_on(url, &Prefix::default()).await
    }

    /// As [`connect`](Self::connect), on the channel below a prefix of one's own.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_on(url: &str, prefix: &Prefix) -> Result<Self, StoreError> {
        Self::open(url, prefix).await.map_err(broken(OPEN))
    }

    async fn open(url: &str, prefix: &Prefix) -> Parsed<Self> {
        let address = Address::parse(url)?;
        let link = Link::new(Opener::Single(Box::new(address.client()?)));
        let connector = Connector::new(address.listener()?, prefix.channel());
        let subscription = connector.open().await?;
        let queue = Outbox::open(link, prefix.channel());
        let (receivers, listening) = unbounded_channel();
        tokio::spawn(Listener::new(connector, queue.clone(), listening).run(subscription));
        Ok(Self { queue, receivers })
    }
}

impl RevocationFeed for RedisFeed {
    fn reach(&self) -> Reach {
        Reach::Nodes
    }

    fn subscribe(&self, receiver: RevocationReceiver) {
        if self.receivers.send(receiver).is_err() {
            tracing::error!(target: "gatewright", "the feed's runtime has ended: guards ask the stores");
        }
    }

    fn announce(&self, revocation: &Revocation) -> Announcement {
        let Some(mut sent) = self.queue.push(revocation.to_string(), MAX_AGE_WITH_FEED) else {
            return Box::pin(ready(Err(StoreError::new(ACTION, "too many wait, or the feed has ended"))));
        };
        Box::pin(async move {
            let sent = timeout(CALL_TIMEOUT, sent.wait_for(|is_sent| *is_sent)).await.map_err(Failure::from);
            sent.and_then(|sent| sent.map(drop).map_err(Failure::from)).map_err(broken(ACTION))
        })
    }
}
