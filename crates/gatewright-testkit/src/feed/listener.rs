//! A listener that records everything it receives from a feed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::Duration;

use gatewright_core::revocation::{FEED_KEY_LABEL, FeedCodec, FeedKey, RevocationListener};
use gatewright_core::{
    FeedMessage, Received as Verdict, Revocation, RevocationFeed, RevocationReceiver, Timestamp, TokenIssuer,
    UserId,
};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::timeout;

/// The time limit for everything that a case waits for: long enough that a slow feed passes.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// The time after which a message that has not arrived is sent again.
pub(super) const AGAIN: Duration = Duration::from_secs(1);

/// What makes and opens the messages of all listeners.
static CODEC: LazyLock<FeedCodec> = LazyLock::new(|| {
    let key = Sha256::digest("gatewright test feed");
    FeedCodec::with_key(FeedKey::from_bytes(key.into()))
});

/// Makes the message that carries a revocation. Every [`Listener`] accepts it.
#[must_use]
pub fn sealed(revocation: &Revocation) -> FeedMessage {
    CODEC.seal(revocation.clone(), Timestamp::from_seconds(1_700_000_000))
}

/// Makes the message of another node, which signs its tokens with the same key as this issuer.
///
/// # Panics
/// If the issuer has no secret to derive a key from.
#[must_use]
pub fn sealed_by(issuer: &dyn TokenIssuer, revocation: &Revocation) -> FeedMessage {
    let key = issuer.derive_keys(FEED_KEY_LABEL).into_iter().next().expect("the issuer has a secret");
    FeedCodec::with_key(FeedKey::from(key)).seal(revocation.clone(), Timestamp::from_seconds(1_700_000_000))
}

/// A call that a listener received.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Received {
    /// A heartbeat arrived.
    Heartbeat(String),
    /// A revocation arrived.
    Revocation(Revocation),
    /// A message arrived that is not authentic, or that the feed could not read.
    Rejected,
    /// The cache must not be used until the next heartbeat.
    Suspend,
    /// The cache must be cleared.
    Clear,
}

/// Records everything that a feed delivers to it.
#[derive(Debug)]
pub struct Listener {
    number: u64,
    received: Mutex<Vec<Received>>,
    heartbeats: Mutex<Vec<String>>,
    changes: watch::Sender<()>,
}

impl Listener {
    /// Subscribes a new listener. The feed may still need time to connect it.
    #[must_use]
    pub fn to(feed: &dyn RevocationFeed) -> Arc<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let listener = Arc::new(Self {
            number: COUNT.fetch_add(1, Ordering::Relaxed),
            received: Mutex::default(),
            heartbeats: Mutex::default(),
            changes: watch::Sender::new(()),
        });
        let receiving: Arc<dyn RevocationListener> = Arc::clone(&listener) as _;
        feed.subscribe(RevocationReceiver::new(&receiving));
        listener
    }

    /// Subscribes a new listener, and waits until messages reach it.
    ///
    /// # Panics
    /// If that takes longer than 30 seconds.
    pub(super) async fn attached(feed: &dyn RevocationFeed) -> Arc<Self> {
        let listener = Self::to(feed);
        let hello = UserId::new(format!("hello {}", listener.number)).expect("an id");
        let hello = Revocation::user(hello);
        listener.until_reached(feed, &hello).await;
        listener
    }

    /// Publishes a revocation until it has arrived. On a slow machine a publication may fail, or a
    /// connection may be lost and a message with it.
    ///
    /// # Panics
    /// If that takes longer than 30 seconds.
    pub async fn until_reached(&self, feed: &dyn RevocationFeed, revocation: &Revocation) {
        let reached = async {
            loop {
                let _ = feed.publish(&sealed(revocation)).await;
                if timeout(AGAIN, self.until_received(revocation)).await.is_ok() {
                    break;
                }
            }
        };
        let reached = timeout(DEADLINE, reached).await;
        assert!(reached.is_ok(), "not within {DEADLINE:?}: `{revocation}` arrives");
    }

    /// Returns everything received so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        lock(&self.received).clone()
    }

    /// Returns the heartbeats that the feed has requested from this listener so far.
    #[must_use]
    pub fn heartbeats(&self) -> Vec<String> {
        lock(&self.heartbeats).clone()
    }

    /// Waits until `enough` accepts everything received so far, and returns it. `what` describes
    /// the condition for the panic message.
    ///
    /// # Panics
    /// If that takes longer than 30 seconds.
    pub async fn until(&self, what: &str, enough: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let mut changes = self.changes.subscribe();
        let waiting = async {
            loop {
                changes.borrow_and_update();
                let received = self.received();
                if enough(&received) {
                    return received;
                }
                changes.changed().await.expect("the listener owns the sender");
            }
        };
        match timeout(DEADLINE, waiting).await {
            Ok(received) => received,
            Err(_) => panic!("not within {DEADLINE:?}: {what}; received: {:?}", self.received()),
        }
    }

    /// Whether a revocation has arrived.
    pub(super) fn has_received(&self, revocation: &Revocation) -> bool {
        self.received().contains(&Received::Revocation(revocation.clone()))
    }

    /// Waits until a revocation has arrived, and returns everything received so far.
    pub async fn until_received(&self, revocation: &Revocation) -> Vec<Received> {
        let wanted = Received::Revocation(revocation.clone());
        self.until(&format!("`{revocation}` arrives"), |received| received.contains(&wanted)).await
    }

    /// Waits until `times` heartbeats of this listener have returned. Counts only heartbeats
    /// created after this call.
    pub async fn until_heartbeats(&self, times: usize) -> Vec<Received> {
        let before = self.heartbeats().len();
        let back = |received: &[Received]| {
            let made = self.heartbeats();
            let new = made.iter().skip(before);
            new.filter(|text| received.contains(&Received::Heartbeat((*text).clone()))).count()
        };
        self.until("own heartbeats return", |received| back(received) >= times).await
    }

    /// Waits until the feed requests another heartbeat, and returns the number of heartbeats so
    /// far.
    pub async fn until_heartbeat_requested(&self) -> usize {
        let before = self.heartbeats().len();
        self.until("the feed requests a heartbeat", |_| self.heartbeats().len() > before).await;
        self.heartbeats().len()
    }

    /// Returns how many messages that are not authentic have arrived so far.
    #[must_use]
    pub fn rejections(&self) -> usize {
        count(&self.received(), &Received::Rejected)
    }

    /// Returns how often the feed has cleared the cache so far.
    #[must_use]
    pub fn clears(&self) -> usize {
        count_clears(&self.received())
    }

    fn note(&self, received: Received) {
        lock(&self.received).push(received);
        self.changes.send_replace(());
    }
}

/// Counts the clears.
pub(super) fn count_clears(received: &[Received]) -> usize {
    count(received, &Received::Clear)
}

pub(super) fn count(received: &[Received], what: &Received) -> usize {
    received.iter().filter(|received| *received == what).count()
}

impl RevocationListener for Listener {
    fn heartbeat(&self) -> Option<String> {
        let mut made = lock(&self.heartbeats);
        let text = format!("heartbeat {:016x} {}", self.number, made.len());
        made.push(text.clone());
        drop(made);
        self.changes.send_replace(());
        Some(text)
    }

    fn receive(&self, text: &str) -> Verdict {
        if text.starts_with("heartbeat ") {
            let is_own = lock(&self.heartbeats).iter().any(|made| made == text);
            self.note(Received::Heartbeat(text.to_owned()));
            return if is_own { Verdict::OwnHeartbeat } else { Verdict::Ignored };
        }
        match CODEC.open(text) {
            Ok(message) => {
                self.invalidate(message.revocation());
                Verdict::Accepted
            }
            Err(_) => {
                self.reject();
                Verdict::Rejected
            }
        }
    }

    fn reject(&self) {
        self.note(Received::Rejected);
    }

    fn invalidate(&self, revocation: &Revocation) {
        self.note(Received::Revocation(revocation.clone()));
    }

    fn suspend(&self) {
        self.note(Received::Suspend);
    }

    fn clear(&self) {
        self.note(Received::Clear);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("methods do not panic")
}
