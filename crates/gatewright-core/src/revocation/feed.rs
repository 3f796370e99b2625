//! The revocation feed: how a revocation on one node reaches the caches of the others.

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::message::{CACHE_TTL_WITH_FEED, CACHE_TTL_WITHOUT_FEED, Revocation};
use crate::store::StoreError;

/// Which writers a feed reaches. It decides how old a cached entry may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FeedReach {
    /// Some of those who write to the stores, in this process. What others write is seen within [`CACHE_TTL_WITHOUT_FEED`].
    Process,
    /// All who write to the stores, and all are in this process: for stores in memory, or a database that no other
    /// process opens.
    SoleProcess,
    /// All nodes, over something that can fail: the cache is used only while heartbeats come back.
    Cluster,
}

impl FeedReach {
    /// How old a cached entry may be.
    #[must_use]
    pub const fn cache_ttl(self) -> Duration {
        match self {
            Self::Process => CACHE_TTL_WITHOUT_FEED,
            Self::SoleProcess | Self::Cluster => CACHE_TTL_WITH_FEED,
        }
    }
}

/// Resolves when the message was handed over. It may be dropped: the message is on its way all the same.
pub type Publication = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// Carries revocations to every node; it may bring them back to the sender as well.
///
/// # Contract
/// - `announce` has the message on its way when it returns, not when its future is polled: a request that is cancelled
///   must not cancel its revocation. The future resolves within 5 seconds: when the message is handed over to whatever
///   delivers it, or with an error when it could not be.
/// - Messages may be duplicated, delayed and reordered, with one exception: a heartbeat never arrives before a revocation
///   that was handed over before the heartbeat was sent. So a node whose own heartbeat came back has received everything
///   older.
/// - With [`FeedReach::Cluster`], every [`HEARTBEAT_INTERVAL`](crate::revocation::HEARTBEAT_INTERVAL) a fresh
///   [`RevocationReceiver::heartbeat`] travels the way of all messages, out and back in; what comes in, the own and
///   the others', goes to [`RevocationReceiver::receive`].
/// - Whenever a message may have been lost (a new connection, an overrun), [`RevocationReceiver::clear`] is called, once
///   the feed listens again and before it passes anything on.
/// - The feed keeps nothing alive: it ends when [`RevocationReceiver::is_gone`].
///
/// `feed_suite!` of the testkit proves a feed between nodes.
///
/// Whoever can write to the feed can empty caches and nothing more: a heartbeat counts only for the receiver that made it,
/// and by the time at which it was made. Whoever can suppress messages can delay revocations: by
/// [`HEARTBEAT_TIMEOUT`](crate::revocation::HEARTBEAT_TIMEOUT) if all are suppressed, otherwise by [`CACHE_TTL_WITH_FEED`].
pub trait RevocationFeed: Send + Sync + 'static {
    /// Which writers it reaches.
    fn reach(&self) -> FeedReach;

    /// Delivers to `receiver` whatever is announced from now on.
    fn subscribe(&self, receiver: RevocationReceiver);

    /// Sends a revocation to every receiver.
    fn publish(&self, revocation: &Revocation) -> Publication;
}

impl<T: RevocationFeed + ?Sized> RevocationFeed for Arc<T> {
    fn reach(&self) -> FeedReach {
        (**self).reach()
    }

    fn subscribe(&self, receiver: RevocationReceiver) {
        (**self).subscribe(receiver);
    }

    fn publish(&self, revocation: &Revocation) -> Publication {
        (**self).publish(revocation)
    }
}

/// Receives a feed's messages: the cache of an [`Auth`](crate::Auth), or a test. Methods must not block.
pub trait RevocationListener: Send + Sync + 'static {
    /// A heartbeat to send now, where one is needed.
    fn heartbeat(&self) -> Option<String>;

    /// Handles a heartbeat; `false` when the text is none.
    fn receive_heartbeat(&self, text: &str) -> bool;

    /// Handles a revocation.
    fn invalidate(&self, revocation: &Revocation);

    /// Empties the cache.
    fn clear(&self);
}

/// Where a feed delivers: a weak handle on the cache of one [`Auth`](crate::Auth). No method blocks.
#[derive(Clone)]
pub struct RevocationReceiver(Weak<dyn RevocationListener>);

impl RevocationReceiver {
    /// A receiver that is gone when `listener` is dropped. An [`Auth`](crate::Auth) makes its own.
    #[must_use]
    pub fn new(listener: &Arc<dyn RevocationListener>) -> Self {
        Self(Arc::downgrade(listener))
    }

    /// Handles a message that came in: a heartbeat, this receiver's own or another's, or a revocation. A message that
    /// cannot be parsed empties the cache.
    pub fn receive(&self, text: &str) {
        let Some(listener) = self.0.upgrade() else { return };
        if listener.receive_heartbeat(text) {
            return;
        }
        match text.parse() {
            Ok(revocation) => listener.invalidate(&revocation),
            Err(_) => listener.clear(),
        }
    }

    /// Takes a revocation.
    pub fn invalidate(&self, revocation: &Revocation) {
        if let Some(listener) = self.0.upgrade() {
            listener.invalidate(revocation);
        }
    }

    /// Empties the cache: messages may have been lost.
    pub fn clear(&self) {
        if let Some(listener) = self.0.upgrade() {
            listener.clear();
        }
    }

    /// The heartbeat to send now. It must come back to [`receive`](Self::receive). `None` when nobody listens any more, or the
    /// feed is none of [`FeedReach::Cluster`].
    #[must_use]
    pub fn heartbeat(&self) -> Option<String> {
        self.0.upgrade()?.heartbeat()
    }

    /// Whether nobody listens any more.
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

/// A feed within one process. Every [`Auth`](crate::Auth) has one of its own unless it is given another; give its clones
/// to several that work on the same stores. When an announcement returns, everybody has heard it.
#[derive(Debug, Clone)]
pub struct LocalFeed {
    receivers: Arc<Mutex<Vec<RevocationReceiver>>>,
    reach: FeedReach,
}

impl LocalFeed {
    /// For stores that others may write to as well: what they write is seen within [`CACHE_TTL_WITHOUT_FEED`].
    #[must_use]
    pub fn new() -> Self {
        Self { receivers: Arc::default(), reach: FeedReach::Process }
    }

    /// For stores that nobody writes to but those who share this feed; what another process writes all the same may go
    /// unseen for [`CACHE_TTL_WITH_FEED`].
    #[must_use]
    pub fn for_sole_process() -> Self {
        Self { reach: FeedReach::SoleProcess, ..Self::new() }
    }

    fn listeners(&self) -> Vec<RevocationReceiver> {
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

    fn publish(&self, revocation: &Revocation) -> Publication {
        self.listeners().iter().for_each(|receiver| receiver.invalidate(revocation));
        Box::pin(ready(Ok(())))
    }
}
