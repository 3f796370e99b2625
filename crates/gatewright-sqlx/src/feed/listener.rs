//! The half of the feed that listens: a task with one connection for all receivers. It does not depend
//! on the connection that sends.

use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use gatewright_core::RevocationReceiver;
use gatewright_core::revocation::{
    FeedLog, Flood, FloodGate, HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT, MAX_FEED_MESSAGE_BYTES, Received,
    RetryPauses, flood_pause,
};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::consume_budget;
use tokio::time::{Instant, sleep_until};

use super::connections::{Backend, Connector, Listening};
use super::sender::{Order, Target};
use super::{IDLE_TIMEOUT, SERVER};
use crate::Failure;

/// How long LISTEN may take to have an effect. Nothing else waits for it.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);

/// How soon a heartbeat follows the first one of a connection. The pauses double up to
/// [`HEARTBEAT_INTERVAL`] until a message arrives: the first heartbeats may be sent before LISTEN has
/// an effect.
const FIRST_INTERVAL: Duration = Duration::from_millis(10);

/// Why the sender asks for another connection.
const MOVED: &str = "new connections reach another server than the one on which the node listens";

/// What prevents floods.
const ADVICE: &str = "take the right to connect to the database from roles that do not need it";

/// Why a connection ended.
enum End {
    /// There were no receivers for [`IDLE_TIMEOUT`].
    Idle,
    /// It failed, or no heartbeat came back.
    Lost(Failure),
    /// Too much arrived.
    Flooded(Flood),
}

/// Methods that return an `Option` return `None` if the last handle was dropped.
pub(super) struct Listener {
    connector: Connector,
    orders: mpsc::UnboundedSender<Order>,
    /// Notified when the server has heartbeats.
    beaten: Arc<Notify>,
    new_receivers: mpsc::UnboundedReceiver<RevocationReceiver>,
    receivers: Vec<RevocationReceiver>,
    /// A process of the server whose LISTEN has had no effect so far.
    unproven: Option<Backend>,
    pauses: RetryPauses,
    log: FeedLog,
}

/// What is known of a connection.
struct Progress {
    gate: FloodGate,
    /// Whether a message has arrived, so LISTEN has had its effect.
    is_proven: bool,
    /// When the last heartbeat of this node was made, and when the last one arrived. Messages of other nodes do
    /// not show that this node sends to the server on which it listens.
    made_at: Instant,
    answered_at: Instant,
    /// Since when the server has a heartbeat that has not come back.
    unanswered: Option<Instant>,
    /// When there was a receiver.
    needed_at: Instant,
    beat_at: Instant,
    interval: Duration,
}

impl Listener {
    pub(super) fn new(
        connector: Connector,
        orders: mpsc::UnboundedSender<Order>,
        beaten: Arc<Notify>,
        new_receivers: mpsc::UnboundedReceiver<RevocationReceiver>,
    ) -> Self {
        Self {
            connector,
            orders,
            beaten,
            new_receivers,
            receivers: Vec::new(),
            unproven: None,
            pauses: RetryPauses::default(),
            log: FeedLog::of_listener(SERVER),
        }
    }

    /// Runs until the feed's last handle is dropped.
    pub(super) async fn run(mut self) {
        while self.listen_once().await.is_some() {}
    }

    /// Opens a connection, serves it until it ends, and waits until there may be another one.
    async fn listen_once(&mut self) -> Option<()> {
        let opening = self.connector.clone().listener(self.unproven);
        let end = match self.accept_until(opening).await? {
            // The connection is closed at the end of this arm.
            Ok(mut listening) => self.serve(&mut listening).await?,
            Err(failure) => End::Lost(failure),
        };
        let pause = match end {
            End::Idle => Duration::ZERO,
            End::Flooded(flood) => {
                let now = Instant::now().into_std();
                self.log.flooded(flood, &self.connector.channel, ADVICE, now);
                flood_pause()
            }
            End::Lost(failure) => {
                self.log.lost(&failure, Instant::now().into_std());
                self.pauses.next_pause()
            }
        };
        self.accept_until(sleep_until(Instant::now() + pause)).await?;
        self.wait_until_needed().await
    }

    /// Awaits something, and accepts receivers meanwhile.
    async fn accept_until<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                output = &mut work => return Some(output),
                receiver = self.new_receivers.recv() => self.accept(receiver?),
            }
        }
    }

    fn accept(&mut self, receiver: RevocationReceiver) {
        receiver.clear();
        self.receivers.push(receiver);
    }

    async fn wait_until_needed(&mut self) -> Option<()> {
        self.receivers.retain(|receiver| !receiver.is_gone());
        if self.receivers.is_empty() {
            let receiver = self.new_receivers.recv().await?;
            self.accept(receiver);
        }
        Some(())
    }

    /// Delivers messages and asks for heartbeats until the connection ends.
    async fn serve(&mut self, listening: &mut Listening) -> Option<End> {
        self.unproven = Some(listening.backend());
        let (unreachable, mut is_unreachable) = oneshot::channel();
        let _ = self.orders.send(Order::SendTo(Target { server: listening.server().clone(), unreachable }));
        let mut progress = Progress::new();
        loop {
            tokio::select! {
                receiver = self.new_receivers.recv() => {
                    self.accept(receiver?);
                    progress.beat_at = Instant::now();
                }
                message = listening.receive() => {
                    // The driver reads as long as there is something to read. The sender has its turn, too.
                    consume_budget().await;
                    let delivered = message.map(|message| self.deliver(message.payload(), &mut progress));
                    match delivered {
                        Ok(Ok(())) => {}
                        Ok(Err(flood)) => {
                            self.receivers.iter().for_each(RevocationReceiver::suspend);
                            return Some(End::Flooded(flood));
                        }
                        Err(failure) => return Some(End::Lost(failure)),
                    }
                }
                () = self.beaten.notified() => progress.await_heartbeat(),
                _ = &mut is_unreachable => return Some(End::Lost(MOVED.into())),
                () = sleep_until(progress.beat_at) => {
                    if let Some(end) = self.beat(&mut progress) {
                        return Some(end);
                    }
                }
            }
        }
    }

    /// Passes a message to all receivers, unless it exceeds a limit. The first one shows that the node
    /// listens: the caches are cleared before, because messages may have been lost until then.
    fn deliver(&mut self, message: &str, progress: &mut Progress) -> Result<(), Flood> {
        progress.gate.admit(message.len(), Instant::now().into_std())?;
        // A receiver that subscribed before this message was published gets it.
        while let Ok(receiver) = self.new_receivers.try_recv() {
            self.accept(receiver);
        }
        if !mem::replace(&mut progress.is_proven, true) {
            self.unproven = None;
            progress.unanswered = None;
            self.receivers.iter().for_each(RevocationReceiver::clear);
        }
        let received = if message.len() > MAX_FEED_MESSAGE_BYTES {
            self.receivers.iter().for_each(RevocationReceiver::reject);
            Received::Rejected
        } else {
            let verdicts = self.receivers.iter().map(|receiver| receiver.receive(message));
            verdicts.max().unwrap_or(Received::Ignored)
        };
        if received == Received::OwnHeartbeat {
            progress.answered_at = Instant::now();
            progress.unanswered = None;
            self.pauses.reset();
            self.log.works();
        }
        progress.gate.count(received)
    }

    /// Asks for the heartbeats to send now, unless the connection has ended.
    fn beat(&mut self, progress: &mut Progress) -> Option<End> {
        let now = Instant::now();
        self.receivers.retain(|receiver| !receiver.is_gone());
        if self.receivers.is_empty() {
            progress.unanswered = None;
            if now.duration_since(progress.needed_at) > IDLE_TIMEOUT {
                return Some(End::Idle);
            }
        } else {
            progress.needed_at = now;
        }
        if let Some(failure) = progress.failure(now) {
            return Some(End::Lost(failure.into()));
        }
        let heartbeats: Vec<String> =
            self.receivers.iter().filter_map(RevocationReceiver::heartbeat).collect();
        if !heartbeats.is_empty() {
            progress.made_at = now;
            let _ = self.orders.send(Order::Beat(heartbeats));
        }
        progress.next_beat(now);
        None
    }
}

impl Progress {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            gate: FloodGate::new(now.into_std()),
            is_proven: false,
            made_at: now,
            answered_at: now,
            unanswered: None,
            needed_at: now,
            beat_at: now,
            interval: FIRST_INTERVAL,
        }
    }

    /// The server has the heartbeat that was made last. It may have come back already.
    fn await_heartbeat(&mut self) {
        if self.answered_at < self.made_at {
            self.unanswered.get_or_insert_with(Instant::now);
        }
    }

    /// Why the connection must be replaced. Only a heartbeat that the server has counts: a feed that
    /// cannot send still listens.
    fn failure(&self, now: Instant) -> Option<String> {
        let waited = now.duration_since(self.unanswered?);
        if self.is_proven && waited > HEARTBEAT_TIMEOUT {
            return Some(format!("no heartbeat arrived within {HEARTBEAT_TIMEOUT:?}"));
        }
        (!self.is_proven && waited > LISTEN_TIMEOUT).then(|| {
            format!(
                "LISTEN had no effect within {LISTEN_TIMEOUT:?}: a session that listens and keeps a transaction \
                 open makes it read the whole notification queue, and a pooler in transaction mode drops it"
            )
        })
    }

    fn next_beat(&mut self, now: Instant) {
        self.beat_at = now + self.interval;
        self.interval =
            if self.is_proven { HEARTBEAT_INTERVAL } else { HEARTBEAT_INTERVAL.min(self.interval * 2) };
    }
}
