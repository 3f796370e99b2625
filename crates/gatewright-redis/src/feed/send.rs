//! Sending: one queue, one connection, one message after the other.

use std::time::Duration;

use redis::cmd;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::{IDLE, MAX_WAITING};
use crate::Parsed;
use crate::link::{Link, deadline, pause};

/// Between two attempts to send.
const PAUSE: Duration = Duration::from_millis(100);

/// A message on its way.
struct Message {
    text: String,
    /// When it means nothing any more.
    expires: Instant,
    told: Option<oneshot::Sender<()>>,
}

/// The way of all messages, heartbeats and revocations. Whatever is pushed goes out in this order, and the next one only
/// when the one before has been taken or has grown too old: no heartbeat overtakes a revocation.
#[derive(Clone)]
pub(super) struct Queue(mpsc::Sender<Message>);

impl Queue {
    /// Sends until the last clone is gone and what it was given is sent.
    pub(super) fn open(link: Link, channel: String) -> Self {
        let (queue, messages) = mpsc::channel(MAX_WAITING);
        tokio::spawn(send(link, channel, messages));
        Self(queue)
    }

    /// Puts a message on its way. `false` when too many wait, or the runtime has ended.
    pub(super) fn push(&self, text: String, lifetime: Duration, told: Option<oneshot::Sender<()>>) -> bool {
        self.0.try_send(Message { text, expires: Instant::now() + lifetime, told }).is_ok()
    }
}

async fn send(link: Link, channel: String, mut messages: mpsc::Receiver<Message>) {
    let mut is_cut_off = false;
    loop {
        let Ok(message) = timeout(IDLE, messages.recv()).await else {
            link.close();
            continue;
        };
        let Some(message) = message else { return };
        while Instant::now() < message.expires {
            let Err(failure) = publish(&link, &channel, &message).await else {
                if std::mem::take(&mut is_cut_off) {
                    tracing::info!(target: "gatewright", "revocations are sent over Redis again");
                }
                let _ = message.told.map(|told| told.send(()));
                break;
            };
            if !std::mem::replace(&mut is_cut_off, true) {
                tracing::warn!(target: "gatewright", %failure, "revocations cannot be sent over Redis");
            }
            pause(PAUSE).await;
        }
    }
}

/// A message whose answer is lost is sent again: it may come twice.
async fn publish(link: &Link, channel: &str, message: &Message) -> Parsed<()> {
    let mut publish = cmd("PUBLISH");
    publish.arg(channel).arg(&message.text);
    link.ask(&publish, deadline()).await
}
