//! Sending: one queue, one connection, one batch after the other.

use std::time::Duration;

use redis::{Pipeline, cmd, pipe};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::IDLE;
use super::waiting::{Message, Waiting};
use crate::Parsed;
use crate::link::{Link, deadline, pause};

pub(super) use super::waiting::Sent;

/// Between two attempts to send.
const PAUSE: Duration = Duration::from_millis(100);

/// The way of all messages, heartbeats and revocations. Whatever is pushed goes out in this order, and a heartbeat only when
/// all before it have been taken or have grown too old: it overtakes no revocation.
#[derive(Clone)]
pub(super) struct Queue {
    waiting: Waiting,
    /// Wakes the sender, which ends when no clone of this is left.
    wake: mpsc::Sender<()>,
}

impl Queue {
    /// Sends until the last clone is gone and what it was given is sent.
    pub(super) fn open(link: Link, channel: String) -> Self {
        let (wake, woken) = mpsc::channel(1);
        let waiting = Waiting::default();
        tokio::spawn(Sender { link, channel, waiting: waiting.clone(), is_cut_off: false }.run(woken));
        Self { waiting, wake }
    }

    /// Puts a message on its way; one that waits already is not put there twice. `None` when too many wait, or the runtime
    /// has ended.
    pub(super) fn push(&self, text: String, lifetime: Duration) -> Option<Sent> {
        self.add(text, lifetime, false)
    }

    /// Puts a heartbeat on its way. One that finds no place is as good as lost.
    pub(super) fn beat(&self, text: String, lifetime: Duration) {
        self.add(text, lifetime, true);
    }

    fn add(&self, text: String, lifetime: Duration, is_heartbeat: bool) -> Option<Sent> {
        if self.wake.is_closed() {
            return None;
        }
        let sent = self.waiting.add(text, Instant::now() + lifetime, is_heartbeat)?;
        // Where one waits already, the sender is about to look.
        let _ = self.wake.try_send(());
        Some(sent)
    }
}

struct Sender {
    link: Link,
    channel: String,
    waiting: Waiting,
    is_cut_off: bool,
}

impl Sender {
    async fn run(mut self, mut woken: mpsc::Receiver<()>) {
        loop {
            let Ok(woken) = timeout(IDLE, woken.recv()).await else {
                self.link.close();
                continue;
            };
            while let Some(batch) = self.waiting.next() {
                self.deliver(batch).await;
            }
            if woken.is_none() {
                return;
            }
        }
    }

    /// Sends a batch until it is taken whole, or means nothing any more: what follows may be a heartbeat.
    async fn deliver(&mut self, mut batch: Vec<Message>) {
        loop {
            let now = Instant::now();
            batch.retain(|message| now < message.expires);
            if batch.is_empty() {
                return;
            }
            let Err(failure) = self.publish(&batch).await else { break };
            if !std::mem::replace(&mut self.is_cut_off, true) {
                tracing::warn!(target: "gatewright", %failure, "revocations cannot be sent over Redis");
            }
            pause(PAUSE).await;
        }
        if std::mem::take(&mut self.is_cut_off) {
            tracing::info!(target: "gatewright", "revocations are sent over Redis again");
        }
        batch.into_iter().for_each(Message::was_sent);
    }

    /// In one round trip, and a heartbeat in two: a server that was demoted is told none. Messages whose answer is lost are
    /// sent again: they may come twice.
    async fn publish(&self, batch: &[Message]) -> Parsed<()> {
        let until = deadline();
        if batch.iter().any(|message| message.is_heartbeat) {
            self.link.prove(until).await?;
        }
        let mut publish: Pipeline = pipe();
        for message in batch {
            let mut one = cmd("PUBLISH");
            one.arg(&self.channel).arg(&*message.text);
            publish.add_command(one);
        }
        self.link.send_to_primary(publish, until).await
    }
}
