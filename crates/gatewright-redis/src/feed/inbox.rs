//! The messages that the connection has received and the listener has not read yet. They are limited
//! in number and in bytes: the driver reads from the connection as fast as the server sends.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use gatewright_core::revocation::{
    Flood, MAX_BYTES_PER_SECOND, MAX_FEED_MESSAGE_BYTES, MAX_MESSAGES_PER_SECOND,
};
use redis::{PushInfo, PushKind, Value};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;
use tokio::task::coop::poll_proceed;

/// How many messages may wait until the driver pauses, so that the listener reads them and notices a
/// flood. The driver has read more by then: what its buffer contains.
const READ_AHEAD: usize = 256;

/// What arrived on a connection.
pub(super) enum Incoming {
    /// A message that is short enough to be read.
    Message(Vec<u8>),
    /// A message of this length, which was dropped unread.
    TooLong(usize),
    /// The subscription has ended.
    End,
}

/// The end that the driver fills. It never blocks.
pub(super) struct Inlet {
    sender: Sender<Incoming>,
    bytes: Arc<AtomicUsize>,
    overrun: watch::Sender<bool>,
}

/// The end that the listener reads.
pub(super) struct Inbox {
    receiver: Receiver<Incoming>,
    /// The length of all messages that wait.
    bytes: Arc<AtomicUsize>,
    /// Whether more arrived than fits.
    overrun: watch::Receiver<bool>,
}

pub(super) fn inbox() -> (Inlet, Inbox) {
    let (sender, receiver) = channel(MAX_MESSAGES_PER_SECOND);
    let (overrun, is_overrun) = watch::channel(false);
    let bytes = Arc::<AtomicUsize>::default();
    (Inlet { sender, bytes: Arc::clone(&bytes), overrun }, Inbox { receiver, bytes, overrun: is_overrun })
}

impl Inlet {
    /// Takes a push of the server. After an overrun it drops all of them.
    pub(super) fn push(&self, push: PushInfo) {
        let incoming = match push.kind {
            PushKind::Message => message(push.data),
            PushKind::Subscribe => return,
            // A disconnection, an unsubscription, or a push that the feed did not ask for.
            _ => Incoming::End,
        };
        if *self.overrun.borrow() {
            return;
        }
        let length = incoming.length();
        let waiting = self.bytes.fetch_add(length, Ordering::Relaxed).saturating_add(length);
        if waiting > MAX_BYTES_PER_SECOND || self.sender.try_send(incoming).is_err() {
            self.overrun.send_replace(true);
        }
        if self.sender.max_capacity() - self.sender.capacity() >= READ_AHEAD {
            let_others_run();
        }
    }
}

/// Spends what is left of the driver's turn, in which it would read up to a megabyte. The runtime
/// then runs other tasks before the driver reads again.
fn let_others_run() {
    let mut context = Context::from_waker(Waker::noop());
    // A turn has fewer steps than this.
    for _ in 0..=u8::MAX {
        match poll_proceed(&mut context) {
            Poll::Ready(step) => step.made_progress(),
            Poll::Pending => return,
        }
    }
}

fn message(mut data: Vec<Value>) -> Incoming {
    match data.pop() {
        Some(Value::BulkString(bytes)) if bytes.len() > MAX_FEED_MESSAGE_BYTES => {
            Incoming::TooLong(bytes.len())
        }
        Some(Value::BulkString(bytes)) => Incoming::Message(bytes),
        _ => Incoming::End,
    }
}

impl Incoming {
    /// How many bytes it holds while it waits.
    const fn length(&self) -> usize {
        if let Self::Message(bytes) = self { bytes.len() } else { 0 }
    }
}

impl Inbox {
    /// The next message.
    ///
    /// # Errors
    /// More arrived than fits. The waiting messages are not delivered.
    ///
    /// # Cancel safety
    /// A dropped call loses no message.
    pub(super) async fn next(&mut self) -> Result<Incoming, Flood> {
        let incoming = self.receiver.recv().await.unwrap_or(Incoming::End);
        // The messages that filled the inbox are still in it, so an overrun waits for no other one.
        if *self.overrun.borrow() {
            return Err(Flood::Messages);
        }
        self.bytes.fetch_sub(incoming.length(), Ordering::Relaxed);
        Ok(incoming)
    }

    /// Waits for an overrun, while nothing is read.
    pub(super) async fn overrun(&mut self) -> Flood {
        if self.overrun.wait_for(|is_overrun| *is_overrun).await.is_err() {
            // The connection has ended.
            pending::<()>().await;
        }
        Flood::Messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(bytes: usize) -> PushInfo {
        let text = |text: &str| Value::BulkString(text.into());
        let data = vec![text("channel"), Value::BulkString(vec![b'x'; bytes])];
        PushInfo { kind: PushKind::Message, data }
    }

    #[tokio::test]
    async fn messages_that_fit_arrive_in_order_and_free_their_place() {
        let (inlet, mut inbox) = inbox();
        for round in 0..3 {
            for length in 0..MAX_MESSAGES_PER_SECOND / 2 {
                inlet.push(push(length % 700));
            }
            for length in 0..MAX_MESSAGES_PER_SECOND / 2 {
                let next = inbox.next().await;
                assert!(
                    matches!(next, Ok(Incoming::Message(bytes)) if bytes.len() == length % 700),
                    "{round}"
                );
            }
        }
    }

    #[tokio::test]
    async fn an_overrun_in_number_or_in_bytes_ends_the_inbox() {
        for (length, fitting) in [
            (0, MAX_MESSAGES_PER_SECOND),
            (MAX_FEED_MESSAGE_BYTES, MAX_BYTES_PER_SECOND / MAX_FEED_MESSAGE_BYTES),
        ] {
            let (inlet, mut inbox) = inbox();
            for _ in 0..fitting {
                inlet.push(push(length));
            }
            assert!(inbox.next().await.is_ok(), "{length}");
            inlet.push(push(length));
            assert!(inbox.next().await.is_ok(), "{length}: one place was free");
            for _ in 0..2 {
                inlet.push(push(length));
            }
            assert!(inbox.next().await.is_err(), "{length}");
        }
    }

    #[tokio::test]
    async fn a_long_message_is_dropped_unread_and_its_length_is_reported() {
        let (inlet, mut inbox) = inbox();
        for length in [MAX_FEED_MESSAGE_BYTES + 1, 10 * MAX_BYTES_PER_SECOND] {
            inlet.push(push(length));
            assert!(matches!(inbox.next().await, Ok(Incoming::TooLong(reported)) if reported == length));
        }
    }

    #[tokio::test]
    async fn anything_but_a_message_of_bytes_ends_the_subscription() {
        for push in [
            PushInfo { kind: PushKind::Disconnection, data: Vec::new() },
            PushInfo { kind: PushKind::Unsubscribe, data: Vec::new() },
            PushInfo { kind: PushKind::Message, data: vec![Value::Int(1)] },
        ] {
            let (inlet, mut inbox) = inbox();
            inlet.push(PushInfo { kind: PushKind::Subscribe, data: Vec::new() });
            inlet.push(push);
            assert!(matches!(inbox.next().await, Ok(Incoming::End)));
        }
    }
}
