//! A simulated feed: a server that takes the messages of all nodes, and a link to each node.
//!
//! It delays, duplicates and reorders messages, and loses those that a link had not delivered when it
//! was cut. It keeps the contract of `RevocationFeed`, unless a [`Fault`] breaks it.

use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use gatewright::revocation::{
    FeedMessage, FeedReach, HEARTBEAT_INTERVAL, Publication, Received, RevocationFeed, RevocationReceiver,
};
use gatewright::store::StoreError;
use gatewright::types::{Clock, Timestamp};
use gatewright_testkit::FixedClock;

use super::random::Random;

/// How long the server and a link may take for a message: longer than a heartbeat may take.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// A rule of the contract that the feed breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// None: the feed keeps the contract.
    None,
    /// Loses single messages, while others arrive.
    LosesMessages,
    /// Delivers a heartbeat before a revocation that the server took earlier.
    HeartbeatOvertakes,
    /// Does not clear the cache after a link was cut and restored.
    DoesNotClear,
}

/// The number of a message, in the order in which the nodes published them.
pub(super) type MessageId = usize;

#[derive(Clone)]
pub(super) struct Network(Arc<Mutex<State>>);

struct State {
    clock: FixedClock,
    random: Random,
    fault: Fault,
    links: Vec<Link>,
    /// When the server took each message. `None` while it waits in the outbox of its sender.
    taken: Vec<Option<Timestamp>>,
}

/// What connects a node with the server: one connection on which it sends, and one on which it receives.
#[derive(Default)]
struct Link {
    receiver: Option<RevocationReceiver>,
    /// Until when the connection on which the node sends is cut. `None` if it is not.
    sends_again: Option<Timestamp>,
    /// Until when the connection on which the node receives is cut.
    receives_again: Option<Timestamp>,
    next_heartbeat: Option<Timestamp>,
    /// Messages that wait until the node reaches the server.
    outbox: Vec<(MessageId, String)>,
    /// Messages on their way from the server to the node, in the order in which the server took them.
    underway: Vec<Underway>,
}

struct Underway {
    text: String,
    is_heartbeat: bool,
    due: Timestamp,
}

/// The end of the feed at one node.
struct Endpoint {
    network: Network,
    node: usize,
}

impl Network {
    pub(super) fn new(clock: FixedClock, random: Random, fault: Fault) -> Self {
        let (links, taken) = (Vec::new(), Vec::new());
        Self(Arc::new(Mutex::new(State { clock, random, fault, links, taken })))
    }

    /// The feed of the node with this number. A node that restarts gets a new link: what its last process
    /// had not sent is lost.
    pub(super) fn connect(&self, node: usize) -> impl RevocationFeed + use<> {
        let mut state = self.lock();
        let count = state.links.len().max(node + 1);
        state.links.resize_with(count, Link::default);
        state.links[node] = Link::default();
        Endpoint { network: self.clone(), node }
    }

    /// The id of the next message.
    pub(super) fn next_id(&self) -> MessageId {
        self.lock().taken.len()
    }

    /// When the server had taken all messages from `first` up to `end`. `None` if it has not, or if the
    /// range is empty.
    pub(super) fn taken_at(&self, first: MessageId, end: MessageId) -> Option<Timestamp> {
        let taken: Option<Vec<_>> = self.lock().taken[first..end].iter().copied().collect();
        taken?.into_iter().max()
    }

    /// Cuts the connection on which a node sends. Its messages wait in the outbox.
    pub(super) fn cut_sending(&self, node: usize, span: Duration) {
        let mut state = self.lock();
        let end = state.clock.now().saturating_add(span);
        state.links[node].sends_again = Some(end);
    }

    /// Cuts the connection on which a node receives. Messages on their way are lost.
    pub(super) fn cut_receiving(&self, node: usize, span: Duration) {
        let mut state = self.lock();
        let end = state.clock.now().saturating_add(span);
        let link = &mut state.links[node];
        link.receives_again = Some(end);
        link.underway.clear();
    }

    /// Whether the node reaches the server.
    pub(super) fn sends(&self, node: usize) -> bool {
        self.lock().links[node].sends_again.is_none()
    }

    /// Delivers a text that an attacker wrote.
    pub(super) fn inject(&self, node: usize, text: &str) {
        let receiver = self.lock().links[node].receiver.clone();
        assert_eq!(receiver.unwrap().receive(text), Received::Rejected);
    }

    /// Restores the connections whose cut has ended, sends the heartbeats that are due, and delivers the
    /// messages that are due.
    pub(super) fn run(&self) {
        let count = self.lock().links.len();
        for node in 0..count {
            let cleared = self.lock().restore(node);
            if let Some(receiver) = cleared {
                receiver.clear();
            }
            self.lock().send_heartbeat(node);
        }
        for node in 0..count {
            let next = || self.lock().next_delivery(node);
            while let Some((receiver, text)) = next() {
                assert_ne!(receiver.receive(&text), Received::Rejected, "{text}");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    /// Restores the connections of a node whose cut has ended. Returns the receiver if it must be cleared.
    fn restore(&mut self, node: usize) -> Option<RevocationReceiver> {
        let now = self.clock.now();
        let link = &mut self.links[node];
        if link.sends_again.is_some_and(|end| end <= now) {
            link.sends_again = None;
            for (id, text) in std::mem::take(&mut link.outbox) {
                self.take(Some(id), &text);
            }
        }
        let link = &mut self.links[node];
        if link.receives_again.is_none_or(|end| now < end) {
            return None;
        }
        link.receives_again = None;
        if self.fault == Fault::DoesNotClear { None } else { link.receiver.clone() }
    }

    fn send_heartbeat(&mut self, node: usize) {
        let now = self.clock.now();
        let link = &mut self.links[node];
        if link.sends_again.is_some() || link.next_heartbeat.is_some_and(|next| now < next) {
            return;
        }
        link.next_heartbeat = Some(now.saturating_add(HEARTBEAT_INTERVAL));
        let text = link.receiver.as_ref().and_then(RevocationReceiver::heartbeat);
        if let Some(text) = text {
            self.take(None, &text);
        }
    }

    /// The server takes a message of a node: a heartbeat if it has no id. It sends the message to all
    /// nodes that it reaches.
    fn take(&mut self, id: Option<MessageId>, text: &str) {
        let now = self.clock.now();
        if let Some(id) = id {
            self.taken[id] = Some(now);
        }
        let Self { random, fault, links, .. } = self;
        for link in links.iter_mut().filter(|link| link.receives_again.is_none()) {
            if *fault == Fault::LosesMessages && random.percent(30) {
                continue;
            }
            let copies = if random.percent(20) { 2 } else { 1 };
            for _ in 0..copies {
                // Most messages are fast.
                let slow = random.percent(20);
                let delay = random.time_below(if slow { MAX_DELAY } else { MAX_DELAY / 50 });
                let (text, due) = (text.to_owned(), now.saturating_add(delay));
                link.underway.push(Underway { text, is_heartbeat: id.is_none(), due });
            }
        }
    }

    /// A random message that is due at a node. A heartbeat waits for all earlier revocations.
    fn next_delivery(&mut self, node: usize) -> Option<(RevocationReceiver, String)> {
        let now = self.clock.now();
        let underway = &self.links[node].underway;
        let first_revocation = underway.iter().position(|message| !message.is_heartbeat);
        let waits = |index: usize, message: &Underway| {
            let is_behind = first_revocation.is_some_and(|first| first < index);
            message.is_heartbeat && is_behind && self.fault != Fault::HeartbeatOvertakes
        };
        let due: Vec<usize> = (0..underway.len())
            .filter(|index| underway[*index].due <= now && !waits(*index, &underway[*index]))
            .collect();
        if due.is_empty() {
            return None;
        }
        let index = due[self.random.below(due.len())];
        let receiver = self.links[node].receiver.clone()?;
        Some((receiver, self.links[node].underway.remove(index).text))
    }
}

impl RevocationFeed for Endpoint {
    fn reach(&self) -> FeedReach {
        FeedReach::Cluster
    }

    fn subscribe(&self, receiver: RevocationReceiver) {
        self.network.lock().links[self.node].receiver = Some(receiver);
    }

    fn publish(&self, message: &FeedMessage) -> Publication {
        let mut state = self.network.lock();
        let id = state.taken.len();
        state.taken.push(None);
        if state.links[self.node].sends_again.is_none() {
            state.take(Some(id), message.as_str());
            return Box::pin(ready(Ok(())));
        }
        state.links[self.node].outbox.push((id, message.to_string()));
        Box::pin(ready(Err(StoreError::new("publish", "the server cannot be reached"))))
    }
}
