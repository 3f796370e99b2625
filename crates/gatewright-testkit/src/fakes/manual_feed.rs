//! A revocation feed whose messages a test delivers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use gatewright_core::{
    FeedMessage, FeedReach, Publication, Received, RevocationFeed, RevocationReceiver, StoreError,
};

/// One node's end of a feed of [`FeedReach::Cluster`]. Clones are the same end.
///
/// Messages do not travel by themselves. The feed records what the node publishes until the test
/// takes it with [`sent`](Self::sent) or [`revocations`](Self::revocations). The test delivers the
/// texts of messages to the [`receiver`](Self::receiver).
#[derive(Debug, Clone, Default)]
pub struct ManualFeed(Arc<Line>);

#[derive(Debug, Default)]
struct Line {
    receivers: Mutex<Vec<RevocationReceiver>>,
    sent: Mutex<Vec<FeedMessage>>,
    is_cut: AtomicBool,
    is_stalled: AtomicBool,
}

impl ManualFeed {
    /// Creates a feed without messages.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the messages that the node has published: their texts, as other nodes receive them.
    #[must_use]
    pub fn sent(&self) -> Vec<String> {
        self.take().iter().map(ToString::to_string).collect()
    }

    /// Takes the messages that the node has published: what each of them revokes.
    #[must_use]
    pub fn revocations(&self) -> Vec<String> {
        self.take().iter().map(|message| message.revocation().to_string()).collect()
    }

    fn take(&self) -> Vec<FeedMessage> {
        std::mem::take(&mut self.0.sent.lock().expect("methods do not panic"))
    }

    /// Returns the receiver that subscribed last.
    #[must_use]
    pub fn receiver(&self) -> RevocationReceiver {
        self.0.receivers.lock().expect("methods do not panic").last().expect("a node has subscribed").clone()
    }

    /// Sends one heartbeat of the node and delivers it back to the node.
    pub fn beat(&self) {
        let receiver = self.receiver();
        let received = receiver.receive(&receiver.heartbeat().expect("the receiver still exists"));
        assert_ne!(received, Received::Rejected, "the node rejects its own heartbeat");
    }

    /// Makes every later publication fail.
    pub fn cut(&self) {
        self.0.is_cut.store(true, Ordering::SeqCst);
    }

    /// Records later publications but never resolves their futures.
    pub fn stall(&self) {
        self.0.is_stalled.store(true, Ordering::SeqCst);
    }
}

impl RevocationFeed for ManualFeed {
    fn reach(&self) -> FeedReach {
        FeedReach::Cluster
    }

    fn subscribe(&self, receiver: RevocationReceiver) {
        self.0.receivers.lock().expect("methods do not panic").push(receiver);
    }

    fn publish(&self, message: &FeedMessage) -> Publication {
        if self.0.is_cut.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(StoreError::new("publish", "connection refused"))));
        }
        self.0.sent.lock().expect("methods do not panic").push(message.clone());
        if self.0.is_stalled.load(Ordering::SeqCst) {
            return Box::pin(std::future::pending());
        }
        Box::pin(std::future::ready(Ok(())))
    }
}
