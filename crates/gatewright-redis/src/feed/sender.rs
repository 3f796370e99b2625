//! The sending half of the feed: a task that takes batches from the queue and publishes them on one
//! connection.

use std::sync::Arc;
use std::time::Duration;

use gatewright_core::revocation::{FeedLog, FeedMessage};
use redis::{Pipeline, cmd, pipe};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::queue::{Message, Queue, Sent};
use super::{IDLE_TIMEOUT, SERVER};
use crate::connection::{SharedConnection, call_deadline, pause};
use crate::failure::Result;

/// The pause before a failed batch is sent again.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Accepts messages to send: revocations and heartbeats, in one order. A heartbeat is sent only
/// after each older message has been accepted or has expired, so it never overtakes a revocation.
#[derive(Clone)]
pub(super) struct Outbox {
    queue: Queue,
    connection: Arc<SharedConnection>,
    /// Wakes the task. The task ends when the last clone is dropped.
    wake: mpsc::Sender<()>,
}

impl Outbox {
    /// The outbox and its task. The task ends when the last clone is dropped and the queue is empty.
    pub(super) fn new(
        connection: SharedConnection,
        channel: String,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (wake, woken) = mpsc::channel(1);
        let (queue, connection) = (Queue::default(), Arc::new(connection));
        let log = FeedLog::of_sender(SERVER);
        let sender = Sender { connection: Arc::clone(&connection), channel, queue: queue.clone(), log };
        (Self { queue, connection, wake }, sender.run(woken))
    }

    /// Appends a revocation. `None` if the queue is full or the task has ended.
    pub(super) fn push(&self, message: &FeedMessage, lifetime: Duration) -> Option<Sent> {
        let (key, text) = (message.revocation().to_string(), message.as_str().to_owned());
        self.add(key, text, lifetime, false)
    }

    /// Appends a heartbeat, or drops it if the queue is full.
    pub(super) fn push_heartbeat(&self, text: String, lifetime: Duration) {
        self.add(text.clone(), text, lifetime, true);
    }

    /// Closes the connection. The next batch opens another one, to the server that the address leads to by then.
    pub(super) fn reconnect(&self) {
        self.connection.close();
    }

    fn add(&self, key: String, text: String, lifetime: Duration, is_heartbeat: bool) -> Option<Sent> {
        if self.wake.is_closed() {
            return None;
        }
        let sent = self.queue.add(key, text, Instant::now() + lifetime, is_heartbeat)?;
        // If the channel is full, the task has been woken already.
        let _ = self.wake.try_send(());
        Some(sent)
    }
}

/// The task.
struct Sender {
    connection: Arc<SharedConnection>,
    channel: String,
    queue: Queue,
    log: FeedLog,
}

impl Sender {
    async fn run(mut self, mut woken: mpsc::Receiver<()>) {
        loop {
            let Ok(woken) = timeout(IDLE_TIMEOUT, woken.recv()).await else {
                self.connection.close();
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

    /// Sends a batch until the server has accepted it or all its messages have expired. The next
    /// batch has to wait, because it may start with a heartbeat.
    async fn deliver(&mut self, mut batch: Vec<Message>) {
        loop {
            let now = Instant::now();
            batch.retain(|message| now < message.expires_at);
            if batch.is_empty() {
                return;
            }
            let Err(failure) = self.publish(&batch).await else { break };
            self.log.lost(&failure, Instant::now().into_std());
            pause(RETRY_PAUSE).await;
        }
        self.log.works();
        batch.into_iter().for_each(Message::confirm);
    }

    /// Publishes a batch in one round trip. A batch with a heartbeat needs two: before it is sent,
    /// the server must prove to be a primary. If a reply is lost, the messages are sent again and
    /// may arrive twice.
    async fn publish(&self, batch: &[Message]) -> Result<()> {
        let deadline = call_deadline();
        if batch.iter().any(|message| message.is_heartbeat) {
            self.connection.check_primary(deadline).await?;
        }
        let mut commands: Pipeline = pipe();
        for message in batch {
            let mut publish = cmd("PUBLISH");
            publish.arg(&self.channel).arg(&*message.text);
            commands.add_command(publish);
        }
        self.connection.send_to_primary(commands, deadline).await
    }
}
