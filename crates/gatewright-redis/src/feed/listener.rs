//! Receiving: one subscription for all receivers, replaced whenever it breaks.

use std::ops::ControlFlow;
use std::time::Duration;

use gatewright_core::RevocationReceiver;
use gatewright_core::revocation::{HEARTBEAT_INTERVAL, MAX_SILENCE};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, PushInfo, PushKind, RedisError, Value};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::IDLE;
use super::sender::Outbox;
use crate::link::{OPEN_TIMEOUT, pause};
use crate::{Parsed, role};

/// Between two attempts to subscribe.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a subscription on which nothing comes is kept, though heartbeats are sent.
const DEAD_AFTER: Duration = Duration::from_secs(2 * MAX_SILENCE.as_secs());

/// Makes subscriptions.
pub(super) struct Connector {
    client: Client,
    channel: String,
}

impl Connector {
    pub(super) const fn new(client: Client, channel: String) -> Self {
        Self { client, channel }
    }

    /// Returns once a primary has confirmed the subscription.
    pub(super) async fn open(&self) -> Parsed<Subscription> {
        let opening = async {
            let (pushed, messages) = unbounded_channel();
            let config = AsyncConnectionConfig::new().set_push_sender(pushed);
            let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
            connection.subscribe(&self.channel).await?;
            role::prove(&mut connection).await?;
            Ok::<_, RedisError>(Subscription { connection, messages })
        };
        Ok(timeout(OPEN_TIMEOUT, opening).await??)
    }
}

/// A connection on which messages come in between answers.
pub(super) struct Subscription {
    connection: MultiplexedConnection,
    messages: UnboundedReceiver<PushInfo>,
}

impl Subscription {
    /// The next message; `None` when no more can come.
    async fn next(&mut self) -> Option<Value> {
        loop {
            let mut pushed = self.messages.recv().await?;
            match pushed.kind {
                PushKind::Message => return pushed.data.pop(),
                PushKind::Subscribe => {}
                // The server has closed the connection or ended the subscription, or speaks of what was not asked for.
                _ => return None,
            }
        }
    }

    /// Whether the server says that it is a primary. One that was demoted relays messages of the new one, with gaps.
    async fn is_to_a_primary(&mut self) -> bool {
        let proof = timeout(OPEN_TIMEOUT, role::prove(&mut self.connection)).await;
        proof.is_ok_and(|proof| proof.is_ok())
    }
}

/// Why a subscription ended.
enum Close {
    /// The connection broke, or the server is no primary any more.
    Broken,
    /// Nobody has listened for a while.
    Idle,
    /// The feed's last handle is gone.
    Dropped,
}

/// The task that receives.
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

    /// Delivers messages until the feed's last handle is gone. Receivers are reset after each new subscription, before
    /// anything is delivered: Redis keeps no messages for those who were not subscribed.
    pub(super) async fn run(mut self, mut subscription: Subscription) {
        loop {
            let close = self.deliver(&mut subscription).await;
            drop(subscription);
            let goes_on = match close {
                Close::Broken => true,
                Close::Idle => self.wait_for_receiver().await,
                Close::Dropped => false,
            };
            if !goes_on {
                return;
            }
            let Some(renewed) = self.resubscribe().await else { return };
            self.receivers.iter().for_each(RevocationReceiver::reset);
            subscription = renewed;
        }
    }

    /// `false` when the feed's last handle is gone.
    async fn wait_for_receiver(&mut self) -> bool {
        let receiver = self.new_receivers.recv().await;
        let has_subscribed = receiver.is_some();
        self.receivers.extend(receiver);
        has_subscribed
    }

    /// `None` when the feed's last handle is gone meanwhile.
    async fn resubscribe(&mut self) -> Option<Subscription> {
        let mut warned = false;
        loop {
            let subscription = self.connector.open().await;
            if self.accept_new().is_break() {
                return None;
            }
            match subscription {
                Ok(subscription) => {
                    if warned {
                        tracing::info!(target: "gatewright", "revocations are heard over Redis again");
                    }
                    return Some(subscription);
                }
                Err(failure) if !warned => {
                    tracing::warn!(target: "gatewright", %failure, "revocations cannot be heard over Redis");
                    warned = true;
                }
                Err(_) => {}
            }
            self.receivers.retain(|receiver| !receiver.is_gone());
            if self.receivers.is_empty() && !self.wait_for_receiver().await {
                return None;
            }
            pause(PAUSE).await;
        }
    }

    /// Accepts receivers that subscribed meanwhile. Breaks when the feed's last handle is gone.
    fn accept_new(&mut self) -> ControlFlow<()> {
        loop {
            match self.new_receivers.try_recv() {
                Ok(receiver) => self.receivers.push(receiver),
                Err(TryRecvError::Empty) => return ControlFlow::Continue(()),
                Err(TryRecvError::Disconnected) => return ControlFlow::Break(()),
            }
        }
    }

    /// Delivers messages and sends heartbeats until the subscription ends.
    async fn deliver(&mut self, subscription: &mut Subscription) -> Close {
        let mut beats = interval(HEARTBEAT_INTERVAL);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut received_at, mut needed_at) = (Instant::now(), Instant::now());
        loop {
            tokio::select! {
                message = subscription.next() => {
                    let Some(message) = message else { return Close::Broken };
                    received_at = Instant::now();
                    self.pass_on(&message);
                }
                receiver = self.new_receivers.recv() => {
                    let Some(receiver) = receiver else { return Close::Dropped };
                    self.beat(&receiver);
                    self.receivers.push(receiver);
                    received_at = Instant::now();
                }
                _ = beats.tick() => {
                    if !subscription.is_to_a_primary().await {
                        return Close::Broken;
                    }
                    self.receivers.retain(|receiver| !receiver.is_gone());
                    self.receivers.iter().for_each(|receiver| self.beat(receiver));
                    let is_needed = !self.receivers.is_empty();
                    if is_needed && received_at.elapsed() > DEAD_AFTER {
                        return Close::Broken;
                    }
                    if !is_needed && needed_at.elapsed() > IDLE {
                        return Close::Idle;
                    }
                    if is_needed {
                        needed_at = Instant::now();
                    }
                }
            }
        }
    }

    fn beat(&self, receiver: &RevocationReceiver) {
        if let Some(beat) = receiver.heartbeat() {
            self.outbox.beat(beat, MAX_SILENCE);
        }
    }

    /// Passes a message to all receivers. Bytes that are no text are a message of an unknown version: the caches are emptied.
    fn pass_on(&self, message: &Value) {
        let text = match message {
            Value::BulkString(bytes) => str::from_utf8(bytes).ok(),
            _ => None,
        };
        match text {
            Some(text) => self.receivers.iter().for_each(|receiver| receiver.receive(text)),
            None => self.receivers.iter().for_each(RevocationReceiver::reset),
        }
    }
}
