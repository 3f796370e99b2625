//! Sending: one queue, one connection, one batch after the other.

use std::time::Duration;

use redis::{Pipeline, cmd, pipe};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::IDLE;
use super::queue::{Message, Queue};
use crate::Parsed;
use crate::link::{Link, deadline, pause};

pub(super) use super::queue::Sent;

/// Between two attempts to send.
const PAUSE: Duration = Duration::from_millis(100);

/// Where all messages are put, heartbeats and revocations. They are sent in the order in which they were put, and a heartbeat
/// only when all before it have been taken or are too old: it never overtakes a revocation.
#[derive(Clone)]
pub(super) struct Outbox {
    queue: Queue,
    /// Wakes the sender, which ends when no clone of this is left.
    wake: mpsc::Sender<()>,
}

impl Outbox {
    /// Starts the sender, which ends when the last clone is gone and the queue is empty.
    pub(super) fn open(link: Link, channel: String) -> Self {
        let (wake, woken) = mpsc::channel(1);
        let queue = Queue::default();
        tokio::spawn(Sender { link, channel, queue: queue.clone(), warned: false }.run(woken));
        Self { queue, wake }
    }

    /// Puts a message at the end, unless the same waits already. `None` when too many wait, or the runtime has ended.
    pub(super) fn push(&self, text: String, lifetime: Duration) -> Option<Sent> {
        self.add(text, lifetime, false)
    }

    /// Puts a heartbeat at the end. Where too many messages wait it is dropped.
    pub(super) fn beat(&self, text: String, lifetime: Duration) {
        self.add(text, lifetime, true);
    }

    fn add(&self, text: String, lifetime: Duration, is_heartbeat: bool) -> Option<Sent> {
        if self.wake.is_closed() {
            return None;
        }
        let sent = self.queue.add(text, Instant::now() + lifetime, is_heartbeat)?;
        // A full channel means that the sender has been woken already.
        let _ = self.wake.try_send(());
        Some(sent)
    }
}

/// The task that sends.
struct Sender {
    link: Link,
    channel: String,
    queue: Queue,
    warned: bool,
}

impl Sender {
    async fn run(mut self, mut woken: mpsc::Receiver<()>) {
        loop {
            let Ok(woken) = timeout(IDLE, woken.recv()).await else {
                self.link.close();
                continue;
            };
            while let Some(batch) = self.queue.next() {
                self.deliver(batch).await;
            }
            if woken.is_none() {
                return;
            }
        }
    }

    /// Sends a batch, again and again, until all of it is taken or too old to matter: what follows may be a heartbeat.
    async fn deliver(&mut self, mut batch: Vec<Message>) {
        loop {
            let now = Instant::now();
            batch.retain(|message| now < message.expires);
            if batch.is_empty() {
                return;
            }
            let Err(failure) = self.publish(&batch).await else { break };
            if !std::mem::replace(&mut self.warned, true) {
                tracing::warn!(target: "gatewright", %failure, "revocations cannot be sent over Redis");
            }
            pause(PAUSE).await;
        }
        if std::mem::take(&mut self.warned) {
            tracing::info!(target: "gatewright", "revocations are sent over Redis again");
        }
        batch.into_iter().for_each(Message::confirm);
    }

    /// Sends in one round trip, or in two with a heartbeat, which is sent to a proven primary only. Messages whose answer is
    /// lost are sent again, and may arrive twice.
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
