//! A feed between nodes whose every message a test delivers by hand.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use gatewright_core::{Announcement, Reach, Revocation, RevocationFeed, RevocationReceiver, StoreError};

/// One node's end of a feed of [`Reach::Nodes`]. Nothing passes by itself: what the node announces is kept until it is
/// [`sent`](Self::sent), and what it is to hear is told to its [`receiver`](Self::receiver). Clones are one.
#[derive(Debug, Clone, Default)]
pub struct ManualFeed(Arc<Line>);

#[derive(Debug, Default)]
struct Line {
    receivers: Mutex<Vec<RevocationReceiver>>,
    sent: Mutex<Vec<String>>,
    is_cut: AtomicBool,
    is_stalled: AtomicBool,
}

impl ManualFeed {
    /// A feed on which nothing was said.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the node announced since the last call.
    #[must_use]
    pub fn sent(&self) -> Vec<String> {
        std::mem::take(&mut self.0.sent.lock().expect("no verb panics"))
    }

    /// Where the node hears.
    #[must_use]
    pub fn receiver(&self) -> RevocationReceiver {
        self.0.receivers.lock().expect("no verb panics").last().expect("a node has subscribed").clone()
    }

    /// Lets one heartbeat out and back in.
    pub fn beat(&self) {
        let receiver = self.receiver();
        receiver.receive(&receiver.heartbeat().expect("the node is there"));
    }

    /// Nothing can be handed over any more.
    pub fn cut(&self) {
        self.0.is_cut.store(true, Ordering::SeqCst);
    }

    /// From here on, nobody learns whether a message was handed over.
    pub fn stall(&self) {
        self.0.is_stalled.store(true, Ordering::SeqCst);
    }
}

impl RevocationFeed for ManualFeed {
    fn reach(&self) -> Reach {
        Reach::Nodes
    }

    fn subscribe(&self, receiver: RevocationReceiver) {
        self.0.receivers.lock().expect("no verb panics").push(receiver);
    }

    fn announce(&self, revocation: &Revocation) -> Announcement {
        if self.0.is_cut.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(StoreError::new("announce", "connection refused"))));
        }
        self.0.sent.lock().expect("no verb panics").push(revocation.to_string());
        if self.0.is_stalled.load(Ordering::SeqCst) {
            return Box::pin(std::future::pending());
        }
        Box::pin(std::future::ready(Ok(())))
    }
}
