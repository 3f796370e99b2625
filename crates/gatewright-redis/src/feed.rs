//! Revocations between nodes, over a channel of Redis.

mod listen;
mod send;

use std::fmt;
use std::sync::Arc;

use gatewright_core::revocation::{FED_MAX_AGE, Revocation};
use gatewright_core::{Announcement, Reach, RevocationFeed, RevocationReceiver, StoreError};
use redis::{Client, cmd};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::address::Address;
use crate::broken;
use crate::key::Prefix;
use crate::link::{CALL_TIMEOUT, Link, Opener, deadline};
use crate::store::OPEN;
use listen::listen;
use send::Queue;

const ACTION: &str = "announce a revocation";

/// Tells all nodes of revocations by Redis' publish and subscribe. Clones are one; what it does in the background, it does
/// on the runtime it was connected on.
///
/// All of an application's nodes name the same server and prefix. One server puts all messages in one order, which the
/// nodes of a cluster, or a primary and its replicas, do not: on a cluster, name one node, the same everywhere.
///
/// Redis keeps no message for who is not there. A node whose connection breaks forgets what it knows once it listens again;
/// a node that cannot hand a message over answers 503, tries on for [`FED_MAX_AGE`] all the same, and by then everybody has
/// asked the stores again. Whatever is silent, heartbeats find out: guards ask the stores meanwhile.
#[derive(Clone)]
pub struct RedisFeed {
    client: Client,
    channel: Arc<str>,
    queue: Queue,
    runtime: Handle,
}

impl fmt::Debug for RedisFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisFeed").field("channel", &self.channel).finish_non_exhaustive()
    }
}

impl RedisFeed {
    /// Connects to the server that `url` names, as [`RedisStore::connect`](crate::RedisStore::connect) does.
    ///
    /// # Errors
    /// When the URL is none, or the server cannot be reached within [`CALL_TIMEOUT`]. The error does
    /// not show the password.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let opening = async {
            let client = Address::parse(url)?.client()?;
            let link = Link::new(Opener::Single(Box::new(client.clone())));
            link.ask::<()>(&cmd("PING"), deadline()).await?;
            let runtime = Handle::current();
            let channel = Prefix::default().channel().into();
            Ok(Self { client, channel, queue: Queue::open(link, &runtime), runtime })
        };
        opening.await.map_err(broken(OPEN))
    }

    /// What the channel's name begins with; [`DEFAULT_PREFIX`](crate::DEFAULT_PREFIX) unless set. It counts for what
    /// subscribes from now on.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &Prefix) -> Self {
        self.channel = prefix.channel().into();
        self
    }
}

impl RevocationFeed for RedisFeed {
    fn reach(&self) -> Reach {
        Reach::Nodes
    }

    fn subscribe(&self, receiver: RevocationReceiver) {
        let (client, channel) = (self.client.clone(), Arc::clone(&self.channel));
        self.runtime.spawn(listen(client, channel, receiver, self.queue.clone()));
    }

    fn announce(&self, revocation: &Revocation) -> Announcement {
        let (told, sent) = oneshot::channel();
        let channel = Arc::clone(&self.channel);
        self.queue.push(channel, revocation.to_string(), FED_MAX_AGE, Some(told));
        Box::pin(async move {
            match timeout(CALL_TIMEOUT, sent).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(ended)) => Err(broken(ACTION)(ended.into())),
                Err(elapsed) => Err(broken(ACTION)(elapsed.into())),
            }
        })
    }
}
