//! Listening: one subscription for all receivers, renewed whenever it breaks.

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
use super::send::Queue;
use crate::link::{OPEN_TIMEOUT, pause};
use crate::{Parsed, role};

/// Between two attempts to subscribe.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a subscription on which nothing comes is kept, though heartbeats are sent.
const DEAD_AFTER: Duration = Duration::from_secs(2 * MAX_SILENCE.as_secs());

/// Where subscriptions are made.
pub(super) struct Door {
    client: Client,
    channel: String,
}

impl Door {
    pub(super) const fn new(client: Client, channel: String) -> Self {
        Self { client, channel }
    }

    /// Returns once a primary has confirmed the subscription.
    pub(super) async fn open(&self) -> Parsed<Subscription> {
        let opening = async {
            let (heard, messages) = unbounded_channel();
            let config = AsyncConnectionConfig::new().set_push_sender(heard);
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

    /// Whether the server answers that it is a primary: one that was demoted passes on what it is told by others, with
    /// gaps.
    async fn is_to_a_primary(&mut self) -> bool {
        let proof = timeout(OPEN_TIMEOUT, role::prove(&mut self.connection)).await;
        proof.is_ok_and(|proof| proof.is_ok())
    }
}

/// Why nothing comes from a subscription any more.
enum End {
    /// It has broken.
    Broken,
    /// Nobody has listened for a while.
    Idle,
    /// The feed's last handle is gone.
    Dropped,
}

/// Those who listen, and those who are yet to come.
pub(super) struct Hall {
    door: Door,
    queue: Queue,
    coming: UnboundedReceiver<RevocationReceiver>,
    receivers: Vec<RevocationReceiver>,
}

impl Hall {
    pub(super) const fn new(door: Door, queue: Queue, coming: UnboundedReceiver<RevocationReceiver>) -> Self {
        Self { door, queue, coming, receivers: Vec::new() }
    }

    /// Passes on what comes until the feed's last handle is gone. Receivers forget what they know each time it listens again,
    /// before they hear anything: Redis keeps no message for who is not there.
    pub(super) async fn run(mut self, mut subscription: Subscription) {
        loop {
            let end = self.pass_on(&mut subscription).await;
            drop(subscription);
            let has_come = match end {
                End::Broken => true,
                End::Idle => self.wait_for_somebody().await,
                End::Dropped => false,
            };
            if !has_come {
                return;
            }
            let Some(renewed) = self.subscribe_again().await else { return };
            self.receivers.iter().for_each(RevocationReceiver::reset);
            subscription = renewed;
        }
    }

    async fn wait_for_somebody(&mut self) -> bool {
        let somebody = self.coming.recv().await;
        let has_come = somebody.is_some();
        self.receivers.extend(somebody);
        has_come
    }

    /// `None` when the feed's last handle is gone meanwhile.
    async fn subscribe_again(&mut self) -> Option<Subscription> {
        let mut is_deaf = false;
        loop {
            let subscription = self.door.open().await;
            if self.let_in().is_break() {
                return None;
            }
            match subscription {
                Ok(subscription) => {
                    if is_deaf {
                        tracing::info!(target: "gatewright", "revocations are heard over Redis again");
                    }
                    return Some(subscription);
                }
                Err(failure) if !is_deaf => {
                    tracing::warn!(target: "gatewright", %failure, "revocations cannot be heard over Redis");
                    is_deaf = true;
                }
                Err(_) => {}
            }
            self.receivers.retain(|receiver| !receiver.is_gone());
            if self.receivers.is_empty() && !self.wait_for_somebody().await {
                return None;
            }
            pause(PAUSE).await;
        }
    }

    /// Takes in whoever has come. Breaks when nobody can come any more.
    fn let_in(&mut self) -> ControlFlow<()> {
        loop {
            match self.coming.try_recv() {
                Ok(receiver) => self.receivers.push(receiver),
                Err(TryRecvError::Empty) => return ControlFlow::Continue(()),
                Err(TryRecvError::Disconnected) => return ControlFlow::Break(()),
            }
        }
    }

    async fn pass_on(&mut self, subscription: &mut Subscription) -> End {
        let mut beats = interval(HEARTBEAT_INTERVAL);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut heard_at, mut needed_at) = (Instant::now(), Instant::now());
        loop {
            tokio::select! {
                message = subscription.next() => {
                    let Some(message) = message else { return End::Broken };
                    heard_at = Instant::now();
                    self.hear(&message);
                }
                somebody = self.coming.recv() => {
                    let Some(receiver) = somebody else { return End::Dropped };
                    self.beat(&receiver);
                    self.receivers.push(receiver);
                    heard_at = Instant::now();
                }
                _ = beats.tick() => {
                    self.receivers.retain(|receiver| !receiver.is_gone());
                    if !subscription.is_to_a_primary().await {
                        return End::Broken;
                    }
                    self.receivers.iter().for_each(|receiver| self.beat(receiver));
                    if !self.receivers.is_empty() {
                        needed_at = Instant::now();
                    } else if needed_at.elapsed() > IDLE {
                        return End::Idle;
                    }
                    if !self.receivers.is_empty() && heard_at.elapsed() > DEAD_AFTER {
                        return End::Broken;
                    }
                }
            }
        }
    }

    fn beat(&self, receiver: &RevocationReceiver) {
        if let Some(beat) = receiver.heartbeat() {
            self.queue.beat(beat, MAX_SILENCE);
        }
    }

    /// What is no text is no message of this version: less is known than was said.
    fn hear(&self, message: &Value) {
        let text = match message {
            Value::BulkString(bytes) => str::from_utf8(bytes).ok(),
            _ => None,
        };
        match text {
            Some(text) => self.receivers.iter().for_each(|receiver| receiver.hear(text)),
            None => self.receivers.iter().for_each(RevocationReceiver::reset),
        }
    }
}
