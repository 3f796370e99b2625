//! The revocation feed: it carries a revocation on one node to the caches of the others.

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::envelope::FeedMessage;
use super::message::{CACHE_TTL_WITH_FEED, CACHE_TTL_WITHOUT_FEED, Revocation};
use crate::store::StoreError;

/// Which writers of the stores a feed reaches. It decides how old a cache entry may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FeedReach {
    /// Some of the writers, all in this process. Changes by other processes take effect within
    /// [`CACHE_TTL_WITHOUT_FEED`].
    Process,
    /// All writers, and all are in this process: for stores in memory, or for a database that no other
    /// process opens.
    SoleProcess,
    /// All writers on all nodes, over a network that can fail. The cache is used only while heartbeats
    /// come back.
    Cluster,
}

impl FeedReach {
    /// How old a cache entry may be with this reach.
    ///
    /// ```
    /// use gatewright::revocation::FeedReach;
    ///
    /// assert_eq!(FeedReach::Process.cache_ttl().as_secs(), 5);
    /// assert_eq!(FeedReach::Cluster.cache_ttl().as_secs(), 30);
    /// ```
    #[must_use]
    pub const fn cache_ttl(self) -> Duration {
        match self {
            Self::Process => CACHE_TTL_WITHOUT_FEED,
            Self::SoleProcess | Self::Cluster => CACHE_TTL_WITH_FEED,
        }
    }
}

/// The future that [`RevocationFeed::publish`] returns. It resolves when the message is delivered to the
/// transport. Dropping it does not stop the message.
pub type Publication = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// Carries revocations to every node. It may deliver them to the sender as well.
///
/// # Contract
/// - `publish` has sent the message, or queued it for sending, when it returns, not when its future is
///   polled. A cancelled request must not cancel its revocation.
/// - The future of `publish` resolves within 5 seconds: when the transport has the message, or with an
///   error if it could not be delivered.
/// - Messages may be duplicated, delayed and reordered, with one exception: a heartbeat never arrives
///   before a revocation that was delivered to the transport before the heartbeat was sent. So a node
///   whose own heartbeat came back has received everything older.
/// - With [`FeedReach::Cluster`], the feed sends a fresh [`RevocationReceiver::heartbeat`] every
///   [`HEARTBEAT_INTERVAL`](super::HEARTBEAT_INTERVAL), the same way as all messages. It
///   passes every incoming message, its own and those of other nodes, to
///   [`RevocationReceiver::receive`]. A connection works as long as [own heartbeats](Received::OwnHeartbeat)
///   return. Messages of other nodes do not show that.
/// - It bounds the messages that wait to be passed on, in number and in bytes. Beyond the bound, or after
///   a run of [rejected](Received::Rejected) ones, it calls [`RevocationReceiver::suspend`] and replaces
///   its connection. It passes on no message that is longer than
///   [`MAX_FEED_MESSAGE_BYTES`](super::MAX_FEED_MESSAGE_BYTES) or not UTF-8, and calls
///   [`RevocationReceiver::reject`] instead.
/// - If a message may have been lost (a new connection, an overrun), the feed calls
///   [`RevocationReceiver::clear`] once it is subscribed again, before it passes on any message.
/// - The feed keeps no receiver alive. It stops when [`RevocationReceiver::is_gone`].
///
/// # Security
/// A revocation carries a MAC under the [`FeedKey`](super::FeedKey), so an attacker who can write to the
/// feed cannot invent one. The attacker can make guards slower, and can admit no request:
/// - A message that is not authentic invalidates all cache entries, once a second at most, and the node
///   is on [`CACHE_TTL_WITHOUT_FEED`] until [`DISTRUST_WINDOW`](super::DISTRUST_WINDOW) has passed
///   without another one.
/// - A message that was recorded and is sent again is ignored for as long as the receiver has it among
///   its recent ones. After that it invalidates one session or user once more.
/// - A heartbeat counts only for the receiver that made it, and by the time at which it was made.
///
/// An attacker who can suppress messages can delay revocations: by
/// [`HEARTBEAT_TIMEOUT`](super::HEARTBEAT_TIMEOUT) if all messages are suppressed, otherwise by
/// [`CACHE_TTL_WITH_FEED`]. An attacker who can read the feed learns the ids of users and sessions.
///
/// # Testing an implementation
/// `feed_suite!` of `gatewright-testkit` tests a feed between nodes.
#[doc(alias("cluster", "pubsub"))]
pub trait RevocationFeed: Send + Sync + 'static {
    /// Which writers of the stores the feed reaches.
    fn reach(&self) -> FeedReach;

    /// Delivers to `receiver` every revocation that is published from now on.
    fn subscribe(&self, receiver: RevocationReceiver);

    /// Sends a message to every receiver: the text of [`FeedMessage::as_str`], unchanged.
    fn publish(&self, message: &FeedMessage) -> Publication;
}

impl<T: RevocationFeed + ?Sized> RevocationFeed for Arc<T> {
    fn reach(&self) -> FeedReach {
        (**self).reach()
    }

    fn subscribe(&self, receiver: RevocationReceiver) {
        (**self).subscribe(receiver);
    }

    fn publish(&self, message: &FeedMessage) -> Publication {
        (**self).publish(message)
    }
}

/// What a receiver did with a message.
///
/// If several receivers got one message, the greatest value is the verdict: one of them may have another
/// key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Received {
    /// Not authentic, or unreadable. An attacker sent it, or a node with another key or version.
    Rejected,
    /// Had no effect: a heartbeat of another node, whose origin this node cannot check, or an authentic
    /// message that arrived before.
    Ignored,
    /// Authentic: a revocation. Another node may have sent it, so it does not show that messages of this node
    /// reach the others.
    Accepted,
    /// A heartbeat that this receiver made. What this node sends also arrives, so the feed works.
    OwnHeartbeat,
}

/// What handles a feed's messages: the cache of an [`Auth`](crate::Auth), or a test. Its methods must not
/// block, and their work must not depend on the size of the cache.
pub trait RevocationListener: Send + Sync + 'static {
    /// The heartbeat to send now, if the feed needs one.
    fn heartbeat(&self) -> Option<String>;

    /// Handles an incoming message.
    fn receive(&self, text: &str) -> Received;

    /// Handles an incoming message that the feed could not read.
    fn reject(&self);

    /// Invalidates what is cached of the revoked session or user.
    fn invalidate(&self, revocation: &Revocation);

    /// Uses no cache entry until a heartbeat that is made from now on comes back.
    fn suspend(&self);

    /// Clears the cache.
    fn clear(&self);
}

/// Where a feed delivers its messages: a weak handle on the cache of one [`Auth`](crate::Auth). No method
/// blocks.
#[derive(Clone)]
pub struct RevocationReceiver(Weak<dyn RevocationListener>);

impl RevocationReceiver {
    /// Creates a receiver, which is gone when `listener` is dropped. An [`Auth`](crate::Auth) creates its
    /// own.
    #[must_use]
    pub fn new(listener: &Arc<dyn RevocationListener>) -> Self {
        Self(Arc::downgrade(listener))
    }

    /// Handles an incoming message: a heartbeat of this or another node, or a revocation.
    ///
    /// A message that is not authentic invalidates all cache entries, once a second at most, and shortens
    /// the life of later ones. See [`DISTRUST_WINDOW`](super::DISTRUST_WINDOW).
    pub fn receive(&self, text: &str) -> Received {
        self.0.upgrade().map_or(Received::Ignored, |listener| listener.receive(text))
    }

    /// Handles an incoming message that the feed cannot pass on, because it is too long or not UTF-8: as
    /// [`receive`](Self::receive) handles one that is not authentic.
    pub fn reject(&self) {
        if let Some(listener) = self.0.upgrade() {
            listener.reject();
        }
    }

    /// Handles a revocation by another `Auth` of this process. It is not authenticated.
    pub fn invalidate(&self, revocation: &Revocation) {
        if let Some(listener) = self.0.upgrade() {
            listener.invalidate(revocation);
        }
    }

    /// Stops the use of the cache, because the feed gives up its connection. Guards read the stores until
    /// a heartbeat that this receiver makes from now on comes back. A feed without heartbeats clears the
    /// cache.
    pub fn suspend(&self) {
        if let Some(listener) = self.0.upgrade() {
            listener.suspend();
        }
    }

    /// Clears the cache, because messages may have been lost.
    pub fn clear(&self) {
        if let Some(listener) = self.0.upgrade() {
            listener.clear();
        }
    }

    /// The heartbeat to send now. The feed must deliver it back to [`receive`](Self::receive). `None` if
    /// the receiver is gone, or the reach is not [`FeedReach::Cluster`].
    #[must_use]
    pub fn heartbeat(&self) -> Option<String> {
        self.0.upgrade()?.heartbeat()
    }

    /// Whether the listener was dropped.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl fmt::Debug for RevocationReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationReceiver").field("is_gone", &self.is_gone()).finish()
    }
}

/// A feed within one process. [`publish`](RevocationFeed::publish) delivers to all receivers before it
/// returns.
///
/// Every [`Auth`](crate::Auth) has one of its own unless another feed is set. Several `Auth`s of one
/// process that use the same stores share one: give each a clone.
///
/// ```
/// use gatewright::revocation::{FeedReach, LocalFeed, RevocationFeed};
///
/// assert_eq!(LocalFeed::new().reach(), FeedReach::Process);
/// assert_eq!(LocalFeed::for_sole_process().reach(), FeedReach::SoleProcess);
/// ```
#[derive(Debug, Clone)]
pub struct LocalFeed {
    receivers: Arc<Mutex<Vec<RevocationReceiver>>>,
    reach: FeedReach,
}

impl LocalFeed {
    /// For stores that other processes may write to as well. Their changes take effect within
    /// [`CACHE_TTL_WITHOUT_FEED`].
    #[must_use]
    pub fn new() -> Self {
        Self { receivers: Arc::default(), reach: FeedReach::Process }
    }

    /// For stores that only the `Auth`s with this feed write to. If another process writes nevertheless,
    /// its changes take effect within [`CACHE_TTL_WITH_FEED`].
    #[must_use]
    pub fn for_sole_process() -> Self {
        Self { reach: FeedReach::SoleProcess, ..Self::new() }
    }

    /// The receivers that still exist.
    fn live_receivers(&self) -> Vec<RevocationReceiver> {
        let mut receivers = self.receivers.lock().unwrap_or_else(PoisonError::into_inner);
        receivers.retain(|receiver| !receiver.is_gone());
        receivers.clone()
    }
}

impl Default for LocalFeed {
    fn default() -> Self {
        Self::new()
    }
}

impl RevocationFeed for LocalFeed {
    fn reach(&self) -> FeedReach {
        self.reach
    }

    fn subscribe(&self, receiver: RevocationReceiver) {
        self.receivers.lock().unwrap_or_else(PoisonError::into_inner).push(receiver);
    }

    fn publish(&self, message: &FeedMessage) -> Publication {
        let receivers = self.live_receivers();
        receivers.iter().for_each(|receiver| receiver.invalidate(message.revocation()));
        Box::pin(ready(Ok(())))
    }
}
