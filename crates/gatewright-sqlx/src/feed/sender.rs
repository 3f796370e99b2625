//! The half of the feed that sends: a task with one connection. It does not depend on the connection
//! that listens.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use gatewright_core::revocation::{CACHE_TTL_WITH_FEED, FeedLog, RetryPauses};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use super::connections::{Connector, Sending, ServerId, is_queue_full};
use super::{IDLE_TIMEOUT, SERVER};
use crate::Failure;

/// How many messages one statement sends at most.
const BATCH: usize = 256;

/// Why the server accepts no notification, and what to do.
pub(super) const QUEUE_IS_FULL: &str =
    "the server's notification queue is full: end the session that listens and keeps a transaction open";

/// How long the sender waits until the node listens on another server: shorter than
/// [`PUBLISH_TIMEOUT`](super::PUBLISH_TIMEOUT), so that a publication can still succeed. Afterwards it sends to any
/// server, because a node that cannot listen still sends.
const TARGET_WAIT: Duration = Duration::from_secs(4);

/// Why a new connection is not used.
const OTHER_SERVER: &str = "a new connection reached another server than the one on which the node listens";

/// A request to the task.
pub(super) enum Order {
    Publish(Outgoing),
    /// Sends heartbeats after all messages that were published before. They replace older ones.
    Beat(Vec<String>),
    /// The node listens, so it must send to the same server.
    SendTo(Target),
}

/// Where the node listens.
pub(super) struct Target {
    pub(super) server: ServerId,
    /// Makes the listener replace its connection, because the server cannot be reached any more. Closed when
    /// that connection has ended.
    pub(super) unreachable: oneshot::Sender<()>,
}

/// A message to send.
pub(super) struct Outgoing {
    pub(super) text: String,
    pub(super) outcome: oneshot::Sender<Outcome>,
    pub(super) permit: OwnedSemaphorePermit,
}

/// What became of a message.
pub(super) enum Outcome {
    /// The server has it.
    Sent,
    /// The server's queue is full. The task still tries to send the message.
    QueueIsFull,
}

/// A message that waits to be sent.
struct Waiting {
    text: String,
    /// Empty if the publisher has an answer.
    outcome: Option<oneshot::Sender<Outcome>>,
    since: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Waiting {
    fn answer(&mut self, outcome: Outcome) {
        if let Some(publisher) = self.outcome.take() {
            // The publisher may have stopped waiting.
            let _ = publisher.send(outcome);
        }
    }
}

pub(super) struct Sender {
    connector: Connector,
    orders: mpsc::UnboundedReceiver<Order>,
    /// Notified when the server has heartbeats.
    beaten: Arc<Notify>,
    connection: Option<Sending>,
    /// Kept when the connection is lost: the next one must be to the same server.
    target: Option<Target>,
    /// Until when nothing is sent without a target: the listener replaces its connection.
    moving_until: Option<Instant>,
    outgoing: VecDeque<Waiting>,
    heartbeats: Vec<String>,
    queue_is_full: bool,
    pauses: RetryPauses,
    log: FeedLog,
}

impl Sender {
    pub(super) fn new(
        connector: Connector,
        orders: mpsc::UnboundedReceiver<Order>,
        beaten: Arc<Notify>,
        connection: Sending,
    ) -> Self {
        Self {
            connector,
            orders,
            beaten,
            connection: Some(connection),
            target: None,
            moving_until: None,
            outgoing: VecDeque::new(),
            heartbeats: Vec::new(),
            queue_is_full: false,
            pauses: RetryPauses::default(),
            log: FeedLog::of_sender(SERVER),
        }
    }

    /// Runs until nothing can give it an order any more.
    pub(super) async fn run(mut self) {
        while self.wait_for_order().await.is_some() {
            while !self.is_idle() {
                match self.send_all().await {
                    Ok(()) => self.show_that_it_works(),
                    Err(failure) => {
                        if self.back_off(&failure).await.is_none() {
                            return;
                        }
                    }
                }
            }
        }
    }

    /// Waits for an order and accepts all that wait behind it. Closes the connection if none comes for
    /// [`IDLE_TIMEOUT`]. `None` if no other order can come.
    async fn wait_for_order(&mut self) -> Option<()> {
        let order = match timeout(IDLE_TIMEOUT, self.orders.recv()).await {
            Ok(order) => order,
            Err(_) => {
                self.connection = None;
                self.orders.recv().await
            }
        };
        self.accept(order?);
        while let Ok(order) = self.orders.try_recv() {
            self.accept(order);
        }
        Some(())
    }

    fn accept(&mut self, order: Order) {
        match order {
            Order::Publish(Outgoing { text, outcome, permit }) => {
                let since = Instant::now();
                let mut waiting = Waiting { text, outcome: Some(outcome), since, _permit: permit };
                if self.queue_is_full {
                    waiting.answer(Outcome::QueueIsFull);
                }
                self.outgoing.push_back(waiting);
            }
            Order::Beat(heartbeats) => self.heartbeats = heartbeats,
            Order::SendTo(target) => {
                self.connection.take_if(|connection| !connection.is_on(&target.server));
                self.target = Some(target);
                self.moving_until = None;
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.outgoing.is_empty() && self.heartbeats.is_empty()
    }

    /// Sends all waiting messages, then the heartbeats. After most failures the connection is closed.
    async fn send_all(&mut self) -> Result<(), Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.reopen().await?,
        };
        let sent = self.send_over(&mut connection).await;
        if sent.as_ref().err().is_none_or(is_queue_full) {
            self.connection = Some(connection);
        }
        sent
    }

    /// Opens a connection to the server on which the node listens. If it reaches another one, only the listener
    /// can decide which of the two is used: its next connection gives a new target. Until then nothing is sent,
    /// because the server that accepts it may be an old primary.
    async fn reopen(&mut self) -> Result<Sending, Failure> {
        let connection = self.connector.reopen_sender().await?;
        if let Some(target) = self.target.take_if(|target| !connection.is_on(&target.server)) {
            // If it fails, the node does not listen there any more.
            if target.unreachable.send(()).is_ok() {
                self.moving_until = Some(Instant::now() + TARGET_WAIT);
                return Err(OTHER_SERVER.into());
            }
        }
        Ok(connection)
    }

    async fn send_over(&mut self, connection: &mut Sending) -> Result<(), Failure> {
        while !self.outgoing.is_empty() {
            let batch: Vec<&str> = self.outgoing.iter().take(BATCH).map(|waiting| &*waiting.text).collect();
            let count = batch.len();
            connection.send(&self.connector.channel, &batch).await?;
            self.outgoing.drain(..count).for_each(|mut waiting| waiting.answer(Outcome::Sent));
        }
        if !self.heartbeats.is_empty() {
            let heartbeats: Vec<&str> = self.heartbeats.iter().map(String::as_str).collect();
            connection.send(&self.connector.channel, &heartbeats).await?;
            self.heartbeats.clear();
            self.beaten.notify_one();
        }
        Ok(())
    }

    fn show_that_it_works(&mut self) {
        self.pauses.reset();
        self.queue_is_full = false;
        self.log.works();
    }

    /// Waits before the next attempt: for a new target if the listener is to give one. `None` if no other order can
    /// come.
    ///
    /// Afterwards it drops outdated messages: every cache entry that they affect has expired.
    async fn back_off(&mut self, failure: &Failure) -> Option<()> {
        self.queue_is_full = is_queue_full(failure);
        if self.queue_is_full {
            self.outgoing.iter_mut().for_each(|waiting| waiting.answer(Outcome::QueueIsFull));
        }
        let failure = if self.queue_is_full { QUEUE_IS_FULL.to_owned() } else { failure.to_string() };
        self.log.lost(&failure, Instant::now().into_std());
        // The next ones are made soon, and these may be too old by then.
        self.heartbeats.clear();
        let (pause, is_moving) = (Instant::now() + self.pauses.next_pause(), self.moving_until.is_some());
        let until = self.moving_until.map_or(pause, |moving| moving.max(pause));
        while let Ok(order) = timeout_at(until, self.orders.recv()).await {
            self.accept(order?);
            if is_moving && self.moving_until.is_none() {
                break;
            }
        }
        self.moving_until = None;
        self.outgoing.retain(|waiting| waiting.since.elapsed() < CACHE_TTL_WITH_FEED);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use sqlx::postgres::PgConnectOptions;
    use tokio::sync::Semaphore;

    use super::*;

    fn sender(orders: mpsc::UnboundedReceiver<Order>) -> Sender {
        let connector =
            Connector { options: PgConnectOptions::new_without_pgpass(), channel: "test".to_owned() };
        Sender {
            connector,
            orders,
            beaten: Arc::default(),
            connection: None,
            target: None,
            moving_until: None,
            outgoing: VecDeque::new(),
            heartbeats: Vec::new(),
            queue_is_full: false,
            pauses: RetryPauses::default(),
            log: FeedLog::of_sender(SERVER),
        }
    }

    /// A new connection could reach the old primary again, which would accept the message.
    #[tokio::test]
    async fn nothing_is_sent_until_the_listener_has_another_server() {
        let (orders, new_orders) = mpsc::unbounded_channel();
        let mut sender = sender(new_orders);
        // The test gives the target long before.
        sender.moving_until = Some(Instant::now() + Duration::from_secs(3_600));
        let (outcome, mut answer) = oneshot::channel();
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        orders
            .send(Order::Publish(Outgoing { text: "revocation".to_owned(), outcome, permit }))
            .ok()
            .unwrap();
        let failure = OTHER_SERVER.into();
        {
            let mut wait = pin!(sender.back_off(&failure));
            let mut poll = || wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(poll().is_pending());
            let (unreachable, _listener) = oneshot::channel();
            let target = Target { server: ServerId::started_at("noon"), unreachable };
            orders.send(Order::SendTo(target)).ok().unwrap();
            assert_eq!(poll(), Poll::Ready(Some(())));
        }
        assert!(sender.target.is_some() && sender.moving_until.is_none());
        assert_eq!(sender.outgoing.len(), 1);
        assert!(answer.try_recv().is_err(), "the message still waits");
    }

    /// A node that cannot listen still sends.
    #[tokio::test]
    async fn the_wait_for_the_listener_ends() {
        let (_orders, new_orders) = mpsc::unbounded_channel();
        let mut sender = sender(new_orders);
        sender.moving_until = Some(Instant::now());
        assert_eq!(sender.back_off(&OTHER_SERVER.into()).await, Some(()));
        assert!(sender.target.is_none() && sender.moving_until.is_none());
    }
}
