//! Listening: one subscription for all receivers, renewed whenever it breaks.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use gatewright_core::RevocationReceiver;
use gatewright_core::revocation::{HEARTBEAT_INTERVAL, MAX_SILENCE};
use redis::aio::PubSubStream;
use redis::{Client, Msg, RedisError};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::IDLE;
use super::send::Queue;
use crate::Parsed;
use crate::link::{OPEN_TIMEOUT, pause};

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

    /// Returns once the server has confirmed the subscription.
    pub(super) async fn open(&self) -> Parsed<PubSubStream> {
        let opening = async {
            let mut subscription = self.client.get_async_pubsub().await?;
            subscription.subscribe(&self.channel).await?;
            Ok::<_, RedisError>(subscription.into_on_message())
        };
        Ok(timeout(OPEN_TIMEOUT, opening).await??)
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
    pub(super) async fn run(mut self, mut subscription: PubSubStream) {
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
    async fn subscribe_again(&mut self) -> Option<PubSubStream> {
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

    async fn pass_on(&mut self, messages: &mut PubSubStream) -> End {
        let mut beats = interval(HEARTBEAT_INTERVAL);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut heard_at, mut needed_at) = (Instant::now(), Instant::now());
        loop {
            tokio::select! {
                message = next(messages) => {
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

    /// A heartbeat that finds no place is as good as lost.
    fn beat(&self, receiver: &RevocationReceiver) {
        if let Some(beat) = receiver.heartbeat() {
            self.queue.push(beat, MAX_SILENCE, None);
        }
    }

    /// What is no text is no message of this version: less is known than was said.
    fn hear(&self, message: &Msg) {
        match std::str::from_utf8(message.get_payload_bytes()) {
            Ok(text) => self.receivers.iter().for_each(|receiver| receiver.hear(text)),
            Err(_) => self.receivers.iter().for_each(RevocationReceiver::reset),
        }
    }
}

async fn next(messages: &mut PubSubStream) -> Option<Msg> {
    poll_fn(|context| Pin::new(&mut *messages).poll_next(context)).await
}
