//! The queue of messages to send. Messages with the same content are queued once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

/// The maximum number of different messages that wait to be sent: 10 000. Further messages fail at
/// once.
pub const MAX_WAITING: usize = 10_000;

/// The maximum number of messages in one round trip.
const BATCH_SIZE: usize = 256;

/// Becomes `true` when the server has accepted the message.
pub(super) type Sent = watch::Receiver<bool>;

/// A message to send.
pub(super) struct Message {
    /// What the message says. Equal keys have the same effect, also if their texts differ.
    key: Arc<str>,
    pub(super) text: String,
    /// From then on the message has no effect.
    pub(super) expires_at: Instant,
    pub(super) is_heartbeat: bool,
    sent: watch::Sender<bool>,
}

impl Message {
    pub(super) fn confirm(self) {
        self.sent.send_replace(true);
    }
}

/// The messages that no batch contains yet.
#[derive(Clone, Default)]
pub(super) struct Queue(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    messages: VecDeque<Message>,
    /// By key, the number of each message since the queue was created. Its index in `messages` is the
    /// number minus `taken`.
    numbers: HashMap<Arc<str>, usize>,
    /// How many messages have left the queue.
    taken: usize,
}

impl Queue {
    /// Appends a message. If one with the same key waits already, that one is used for both: it will
    /// be sent after this call, and it expires at the later of the two times. `None` if
    /// [`MAX_WAITING`] messages wait.
    pub(super) fn add(
        &self,
        key: String,
        text: String,
        expires_at: Instant,
        is_heartbeat: bool,
    ) -> Option<Sent> {
        let mut entries = self.entries();
        if let Some(index) = entries.numbers.get(&*key).map(|number| number.wrapping_sub(entries.taken)) {
            let message = entries.messages.get_mut(index)?;
            message.expires_at = message.expires_at.max(expires_at);
            return Some(message.sent.subscribe());
        }
        if entries.messages.len() >= MAX_WAITING {
            return None;
        }
        let (sent, receiver) = watch::channel(false);
        let key: Arc<str> = key.into();
        let number = entries.taken.wrapping_add(entries.messages.len());
        entries.numbers.insert(Arc::clone(&key), number);
        entries.messages.push_back(Message { key, text, expires_at, is_heartbeat, sent });
        Some(receiver)
    }

    /// The next batch. A heartbeat is always the first of its batch, so it is sent after all older
    /// messages have been accepted. Inside a batch, the server may reject a message and accept the
    /// next one.
    pub(super) fn next(&self) -> Option<Vec<Message>> {
        let mut entries = self.entries();
        let mut batch = Vec::new();
        while batch.len() < BATCH_SIZE {
            let may_join = |message: &mut Message| batch.is_empty() || !message.is_heartbeat;
            let Some(message) = entries.messages.pop_front_if(may_join) else { break };
            entries.taken = entries.taken.wrapping_add(1);
            entries.numbers.remove(&message.key);
            batch.push(message);
        }
        (!batch.is_empty()).then_some(batch)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(queue: &Queue, text: &str, is_heartbeat: bool) -> Option<Sent> {
        queue.add(text.to_owned(), format!("{text} sealed"), Instant::now(), is_heartbeat)
    }

    fn texts(batch: Option<Vec<Message>>) -> Vec<String> {
        let text = |message: Message| message.text.strip_suffix(" sealed").unwrap_or_default().to_owned();
        batch.into_iter().flatten().map(text).collect()
    }

    #[test]
    fn a_heartbeat_starts_a_new_batch_and_the_order_is_kept() {
        let queue = Queue::default();
        for (text, is_heartbeat) in [("h1", true), ("a", false), ("b", false), ("h2", true), ("h3", true)] {
            assert!(add(&queue, text, is_heartbeat).is_some());
        }
        assert_eq!(texts(queue.next()), ["h1", "a", "b"]);
        assert_eq!(texts(queue.next()), ["h2"]);
        assert_eq!(texts(queue.next()), ["h3"]);
        assert!(queue.next().is_none());
    }

    #[test]
    fn equal_messages_are_queued_once_and_confirmed_to_all_callers() {
        let queue = Queue::default();
        assert!(add(&queue, "first", false).is_some());
        let receivers: Vec<Sent> = (0..3).filter_map(|_| add(&queue, "same", false)).collect();
        let mut batch = queue.next().unwrap_or_default();
        assert_eq!(batch.len(), 2);
        // The message is being sent. An equal one may now refer to a later change, so it must be
        // sent as well.
        let later = add(&queue, "same", false);
        if let Some(message) = batch.pop() {
            message.confirm();
        }
        let confirmed: Vec<bool> = receivers.iter().map(|sent| *sent.borrow()).collect();
        assert_eq!(confirmed, [true; 3]);
        assert!(later.is_some_and(|sent| !*sent.borrow()));
        assert_eq!(texts(queue.next()), ["same"]);
    }

    #[test]
    fn batches_and_the_queue_have_a_maximum_size() {
        let queue = Queue::default();
        for number in 0..MAX_WAITING {
            assert!(add(&queue, &number.to_string(), false).is_some());
        }
        assert!(add(&queue, "one more", false).is_none());
        assert!(add(&queue, "7", false).is_some(), "an equal message waits already");
        assert_eq!(texts(queue.next()).len(), BATCH_SIZE);
        assert!(add(&queue, "one more", false).is_some());
    }
}
