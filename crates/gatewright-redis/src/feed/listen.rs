//! Listening: one subscription for each receiver, renewed whenever it breaks.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use gatewright_core::RevocationReceiver;
use gatewright_core::revocation::{HEARTBEAT_INTERVAL, MAX_SILENCE};
use redis::aio::PubSubStream;
use redis::{Client, Msg, RedisError};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::send::Queue;
use crate::Parsed;
use crate::link::{OPEN_TIMEOUT, pause};

/// Between two attempts to subscribe.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a subscription on which nothing comes is kept, though heartbeats are sent.
const DEAD_AFTER: Duration = Duration::from_secs(2 * MAX_SILENCE.as_secs());

/// Passes on what comes until the receiver is gone. It forgets what it knows each time it listens again, before it hears
/// anything: Redis keeps no message for who is not there.
pub(super) async fn listen(client: Client, channel: Arc<str>, receiver: RevocationReceiver, queue: Queue) {
    let mut is_deaf = false;
    while !receiver.is_gone() {
        match subscribe(&client, &channel).await {
            Ok(messages) => {
                receiver.reset();
                if std::mem::take(&mut is_deaf) {
                    tracing::info!("revocations are heard from Redis again");
                }
                pass_on(messages, &channel, &receiver, &queue).await;
            }
            Err(failure) => {
                if !std::mem::replace(&mut is_deaf, true) {
                    tracing::warn!(%failure, "revocations cannot be heard from Redis");
                }
            }
        }
        pause(PAUSE).await;
    }
}

/// Returns once the server has confirmed the subscription.
async fn subscribe(client: &Client, channel: &str) -> Parsed<PubSubStream> {
    let opening = async {
        let mut subscription = client.get_async_pubsub().await?;
        subscription.subscribe(channel).await?;
        Ok::<_, RedisError>(subscription.into_on_message())
    };
    Ok(timeout(OPEN_TIMEOUT, opening).await??)
}

/// Returns when the subscription has broken, or the receiver is gone.
async fn pass_on(
    mut messages: PubSubStream,
    channel: &Arc<str>,
    receiver: &RevocationReceiver,
    queue: &Queue,
) {
    let mut beats = interval(HEARTBEAT_INTERVAL);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard_at = Instant::now();
    loop {
        tokio::select! {
            message = next(&mut messages) => {
                let Some(message) = message else { return };
                heard_at = Instant::now();
                hear(receiver, &message);
            }
            _ = beats.tick() => {
                let Some(beat) = receiver.heartbeat() else { return };
                if heard_at.elapsed() > DEAD_AFTER {
                    return;
                }
                queue.push(Arc::clone(channel), beat, MAX_SILENCE, None);
            }
        }
    }
}

async fn next(messages: &mut PubSubStream) -> Option<Msg> {
    poll_fn(|context| Pin::new(&mut *messages).poll_next(context)).await
}

/// What is no text is no message of this version: less is known than was said.
fn hear(receiver: &RevocationReceiver, message: &Msg) {
    match std::str::from_utf8(message.get_payload_bytes()) {
        Ok(text) => receiver.hear(text),
        Err(_) => receiver.reset(),
    }
}
