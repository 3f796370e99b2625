//! The receiving half of the feed: a task with one subscription for all receivers. It replaces a
//! broken subscription.

use std::time::Duration;

use gatewright_core::RevocationReceiver;
use gatewright_core::revocation::{
    Flood, FloodGate, HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT, LogLimit, Received, flood_pause,
};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::IDLE_TIMEOUT;
use super::inbox::{Inbox, Incoming, inbox};
use super::sender::Outbox;
use crate::connection::{CONNECT_TIMEOUT, check_primary, pause, until};
use crate::failure::{Failure, Result};

/// The pause before a failed subscription is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// How long a subscription may receive nothing. Heartbeats should arrive every second.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(2 * HEARTBEAT_TIMEOUT.as_secs());

/// Opens subscriptions.
pub(super) struct Connector {
    client: Client,
    channel: String,
}

impl Connector {
    pub(super) const fn new(client: Client, channel: String) -> Self {
        Self { client, channel }
    }

    /// Subscribes, and returns when a primary has confirmed it.
    pub(super) async fn open(&self) -> Result<Subscription> {
        let opening = async {
            let (inlet, inbox) = inbox();
            let push = move |push| {
                inlet.push(push);
                Ok::<_, RedisError>(())
            };
            let config = AsyncConnectionConfig::new().set_push_sender(push);
            let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
            connection.subscribe(&self.channel).await?;
            check_primary(&mut connection).await?;
            Ok::<_, RedisError>(Subscription { connection, inbox })
        };
        Ok(until(Instant::now() + CONNECT_TIMEOUT, opening).await??)
    }
}

/// A connection that receives the channel's messages between replies. Dropping it closes the
/// connection, without reading what the server has sent.
pub(super) struct Subscription {
    connection: MultiplexedConnection,
    inbox: Inbox,
}

impl Subscription {
    /// Checks that the server is still a primary. A demoted server relays the messages of the new
    /// primary, with gaps.
    async fn check(&mut self) -> Result<(), End> {
        let check = until(Instant::now() + CONNECT_TIMEOUT, check_primary(&mut self.connection));
        tokio::select! {
            // In a flood the reply would come late, and the driver would read until then.
            biased;
            flood = self.inbox.overrun() => Err(End::Flooded(flood)),
            check = check => if matches!(check, Ok(Ok(()))) { Ok(()) } else { Err(End::Broken) },
        }
    }
}

/// Why a subscription ended.
enum End {
    /// The connection failed, or the server is not a primary any more.
    Broken,
    /// There were no receivers for [`IDLE_TIMEOUT`].
    Idle,
    /// Too much arrived.
    Flooded(Flood),
}

/// The task. Its methods return `None` when the feed's last clone has been dropped.
pub(super) struct Listener {
    connector: Connector,
    outbox: Outbox,
    new_receivers: UnboundedReceiver<RevocationReceiver>,
    receivers: Vec<RevocationReceiver>,
    losses: LogLimit,
    floods: LogLimit,
}

impl Listener {
    pub(super) fn new(
        connector: Connector,
        outbox: Outbox,
        new_receivers: UnboundedReceiver<RevocationReceiver>,
    ) -> Self {
        let (losses, floods) = (LogLimit::default(), LogLimit::default());
        Self { connector, outbox, new_receivers, receivers: Vec::new(), losses, floods }
    }

    /// Subscribes and reports the outcome. Then delivers messages until the feed's last clone has been
    /// dropped. Ends if nothing waits for the outcome any more.
    pub(super) async fn run(mut self, mut opened: oneshot::Sender<Result<()>>) {
        let subscription = tokio::select! {
            subscription = self.connector.open() => subscription,
            () = opened.closed() => return,
        };
        let (subscription, outcome) = match subscription {
            Ok(subscription) => (Some(subscription), Ok(())),
            Err(failure) => (None, Err(failure)),
        };
        if let (Ok(()), Some(subscription)) = (opened.send(outcome), subscription) {
            self.deliver_all(subscription).await;
        }
    }

    async fn deliver_all(&mut self, mut subscription: Subscription) {
        while let Some(next) = self.serve(subscription).await {
            subscription = next;
        }
    }

    /// Delivers the messages of a subscription and opens the next one. Then clears all receivers,
    /// before it delivers anything: Redis does not keep messages for subscribers that are not
    /// connected.
    async fn serve(&mut self, mut subscription: Subscription) -> Option<Subscription> {
        let end = self.deliver(&mut subscription).await?;
        if matches!(end, End::Flooded(_)) {
            self.receivers.iter().for_each(RevocationReceiver::suspend);
        }
        drop(subscription);
        match end {
            End::Broken => {}
            End::Idle => self.wait_for_receiver().await?,
            End::Flooded(flood) => {
                self.log_flood(flood);
                pause(flood_pause()).await;
            }
        }
        let next = self.resubscribe().await?;
        self.receivers.iter().for_each(RevocationReceiver::clear);
        Some(next)
    }

    async fn wait_for_receiver(&mut self) -> Option<()> {
        let receiver = self.new_receivers.recv().await?;
        self.receivers.push(receiver);
        Some(())
    }

    async fn resubscribe(&mut self) -> Option<Subscription> {
        let mut warned = false;
        loop {
            let subscription = self.connector.open().await;
            self.accept_new()?;
            match subscription {
                Ok(subscription) => {
                    if warned {
                        tracing::info!(target: "gatewright", "Redis feed: receives revocations again");
                    }
                    return Some(subscription);
                }
                Err(failure) if !warned => warned = self.log_loss(&failure),
                Err(_) => {}
            }
            self.receivers.retain(|receiver| !receiver.is_gone());
            if self.receivers.is_empty() {
                self.wait_for_receiver().await?;
            }
            pause(RETRY_PAUSE).await;
        }
    }

    /// Accepts the receivers that subscribed meanwhile.
    fn accept_new(&mut self) -> Option<()> {
        loop {
            match self.new_receivers.try_recv() {
                Ok(receiver) => self.receivers.push(receiver),
                Err(TryRecvError::Empty) => return Some(()),
                Err(TryRecvError::Disconnected) => return None,
            }
        }
    }

    /// Delivers messages and sends heartbeats until the subscription ends.
    async fn deliver(&mut self, subscription: &mut Subscription) -> Option<End> {
        let mut beats = interval(HEARTBEAT_INTERVAL);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut received_at, mut needed_at) = (Instant::now(), Instant::now());
        let mut gate = FloodGate::new(received_at.into_std());
        loop {
            tokio::select! {
                incoming = subscription.inbox.next() => {
                    match incoming.and_then(|incoming| self.pass_on(&incoming, &mut gate)) {
                        Ok(Some(Received::Accepted)) => received_at = Instant::now(),
                        Ok(Some(_)) => {}
                        Ok(None) => return Some(End::Broken),
                        Err(flood) => return Some(End::Flooded(flood)),
                    }
                }
                receiver = self.new_receivers.recv() => {
                    let receiver = receiver?;
                    self.send_heartbeat(&receiver);
                    self.receivers.push(receiver);
                    received_at = Instant::now();
                }
                _ = beats.tick() => {
                    if let Err(end) = subscription.check().await {
                        return Some(end);
                    }
                    self.receivers.retain(|receiver| !receiver.is_gone());
                    self.receivers.iter().for_each(|receiver| self.send_heartbeat(receiver));
                    if !self.receivers.is_empty() {
                        needed_at = Instant::now();
                        if received_at.elapsed() > SILENCE_TIMEOUT {
                            return Some(End::Broken);
                        }
                    } else if needed_at.elapsed() > IDLE_TIMEOUT {
                        return Some(End::Idle);
                    }
                }
            }
        }
    }

    fn send_heartbeat(&self, receiver: &RevocationReceiver) {
        if let Some(heartbeat) = receiver.heartbeat() {
            self.outbox.push_heartbeat(heartbeat, HEARTBEAT_TIMEOUT);
        }
    }

    /// Passes a message to all receivers, unless it exceeds a limit. Returns `None` at the end of the
    /// subscription.
    fn pass_on(&self, incoming: &Incoming, gate: &mut FloodGate) -> Result<Option<Received>, Flood> {
        let (length, text) = match incoming {
            Incoming::Message(bytes) => (bytes.len(), str::from_utf8(bytes).ok()),
            Incoming::TooLong(length) => (*length, None),
            Incoming::End => return Ok(None),
        };
        gate.admit(length, Instant::now().into_std())?;
        let received = if let Some(text) = text {
            let verdicts = self.receivers.iter().map(|receiver| receiver.receive(text));
            verdicts.max().unwrap_or(Received::Ignored)
        } else {
            self.receivers.iter().for_each(RevocationReceiver::reject);
            Received::Rejected
        };
        gate.count(received)?;
        Ok(Some(received))
    }

    /// Returns whether it logged the loss.
    fn log_loss(&mut self, failure: &Failure) -> bool {
        let count = self.losses.count(Instant::now().into_std());
        if let Some(count) = count {
            tracing::warn!(
                target: "gatewright",
                %failure,
                count,
                "Redis feed: cannot receive revocations, so caches are not used; will retry"
            );
        }
        count.is_some()
    }

    fn log_flood(&mut self, flood: Flood) {
        if let Some(count) = self.floods.count(Instant::now().into_std()) {
            tracing::warn!(
                target: "gatewright",
                %flood,
                count,
                channel = self.connector.channel,
                "Redis feed: was flooded and its connection closed, so caches are not used until it subscribes \
                 again; with an ACL, let only the application's user publish on the channel"
            );
        }
    }
}
