//! The receiving half of the feed: a task with one subscription for all receivers. It replaces a
//! broken subscription.

use std::time::Duration;

use gatewright_core::RevocationReceiver;
use gatewright_core::revocation::{HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, PushInfo, PushKind, RedisError, Value};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::IDLE_TIMEOUT;
use super::sender::Outbox;
use crate::connection::{CONNECT_TIMEOUT, check_primary, pause, until};
use crate::failure::Result;

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
            let (pushes, messages) = unbounded_channel();
            let config = AsyncConnectionConfig::new().set_push_sender(pushes);
            let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
            connection.subscribe(&self.channel).await?;
            check_primary(&mut connection).await?;
            Ok::<_, RedisError>(Subscription { connection, messages })
        };
        Ok(until(Instant::now() + CONNECT_TIMEOUT, opening).await??)
    }
}

/// A connection that receives the channel's messages between replies.
pub(super) struct Subscription {
    connection: MultiplexedConnection,
    messages: UnboundedReceiver<PushInfo>,
}

impl Subscription {
    /// The next message, or `None` if the subscription has ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            let mut push = self.messages.recv().await?;
            match push.kind {
                PushKind::Message => return push.data.pop(),
                PushKind::Subscribe => {}
                // A disconnection, an unsubscription, or a push that the feed did not ask for.
                _ => return None,
            }
        }
    }

    /// Whether the server is still a primary. A demoted server relays the messages of the new
    /// primary, with gaps.
    async fn is_to_a_primary(&mut self) -> bool {
        let check = until(Instant::now() + CONNECT_TIMEOUT, check_primary(&mut self.connection)).await;
        check.is_ok_and(|check| check.is_ok())
    }
}

/// Why a subscription ended.
enum End {
    /// The connection failed, or the server is not a primary any more.
    Broken,
    /// There were no receivers for [`IDLE_TIMEOUT`].
    Idle,
}

/// The task. Its methods return `None` when the feed's last clone has been dropped.
pub(super) struct Listener {
    connector: Connector,
    outbox: Outbox,
    new_receivers: UnboundedReceiver<RevocationReceiver>,
    receivers: Vec<RevocationReceiver>,
}

impl Listener {
    pub(super) const fn new(
        connector: Connector,
        outbox: Outbox,
        new_receivers: UnboundedReceiver<RevocationReceiver>,
    ) -> Self {
        Self { connector, outbox, new_receivers, receivers: Vec::new() }
    }

    /// Delivers messages until the feed's last clone has been dropped.
    pub(super) async fn run(mut self, mut subscription: Subscription) {
        while let Some(next) = self.serve(subscription).await {
            subscription = next;
        }
    }

    /// Delivers the messages of a subscription and opens the next one. Then clears all receivers,
    /// before it delivers anything: Redis does not keep messages for subscribers that are not
    /// connected.
    async fn serve(&mut self, mut subscription: Subscription) -> Option<Subscription> {
        let end = self.deliver(&mut subscription).await?;
        drop(subscription);
        if matches!(end, End::Idle) {
            self.wait_for_receiver().await?;
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
                Err(failure) if !warned => {
                    tracing::warn!(
                        target: "gatewright",
                        %failure,
                        "Redis feed: cannot receive revocations, so caches are not used; will retry"
                    );
                    warned = true;
                }
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
        loop {
            tokio::select! {
                message = subscription.next() => {
                    let Some(message) = message else { return Some(End::Broken) };
                    received_at = Instant::now();
                    self.pass_on(&message);
                }
                receiver = self.new_receivers.recv() => {
                    let receiver = receiver?;
                    self.send_heartbeat(&receiver);
                    self.receivers.push(receiver);
                    received_at = Instant::now();
                }
                _ = beats.tick() => {
                    if !subscription.is_to_a_primary().await {
                        return Some(End::Broken);
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

    /// Passes a message to all receivers, or rejects it if it is not UTF-8.
    fn pass_on(&self, message: &Value) {
        let text = match message {
            Value::BulkString(bytes) => str::from_utf8(bytes).ok(),
            _ => None,
        };
        for receiver in &self.receivers {
            match text {
                Some(text) => {
                    receiver.receive(text);
                }
                None => receiver.reject(),
            }
        }
    }
}
