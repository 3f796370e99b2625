//! Sending: one queue, one connection, one message after the other.

use std::sync::Arc;
use std::time::Duration;

use redis::cmd;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::link::{Link, deadline, pause};
use crate::{Parsed, link};

/// Between two attempts to send.
const PAUSE: Duration = Duration::from_millis(50);

/// A message on its way.
struct Message {
    channel: Arc<str>,
    text: String,
    /// When it means nothing any more.
    expires: Instant,
    told: Option<oneshot::Sender<()>>,
}

/// The way of all messages, heartbeats and revocations. Whatever is pushed goes out in this order, and the next one only
/// when the one before has been taken or has grown too old: no heartbeat overtakes a revocation.
#[derive(Clone)]
pub(super) struct Queue(UnboundedSender<Message>);

impl Queue {
    /// Sends until the last clone is gone and what it was given is sent.
    pub(super) fn open(link: Link, runtime: &Handle) -> Self {
        let (queue, messages) = unbounded_channel();
        runtime.spawn(send(link, messages));
        Self(queue)
    }

    /// Puts a message on its way. Where the runtime has ended nothing is sent, and who waits to be told hears of it.
    pub(super) fn push(
        &self,
        channel: Arc<str>,
        text: String,
        lifetime: Duration,
        told: Option<oneshot::Sender<()>>,
    ) {
        let _ = self.0.send(Message { channel, text, expires: Instant::now() + lifetime, told });
    }
}

async fn send(link: Link, mut messages: UnboundedReceiver<Message>) {
    let mut is_cut_off = false;
    while let Some(message) = messages.recv().await {
        while Instant::now() < message.expires {
            let Err(failure) = publish(&link, &message).await else {
                if std::mem::take(&mut is_cut_off) {
                    tracing::info!("revocations are sent to Redis again");
                }
                let _ = message.told.map(|told| told.send(()));
                break;
            };
            if !std::mem::replace(&mut is_cut_off, true) {
                tracing::warn!(%failure, "revocations cannot be sent to Redis");
            }
            pause(PAUSE).await;
        }
    }
}

/// A message whose answer is lost is sent again: it may come twice.
async fn publish(link: &link::Link, message: &Message) -> Parsed<()> {
    let mut publish = cmd("PUBLISH");
    publish.arg(&*message.channel).arg(&message.text);
    link.ask(&publish, deadline()).await
}
