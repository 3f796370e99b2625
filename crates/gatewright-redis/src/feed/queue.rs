//! The queue of messages to be sent: each text once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use super::MAX_WAITING;

/// How many messages go out at once.
const BATCH: usize = 256;

/// Becomes `true` when the message has been taken.
pub(super) type Sent = watch::Receiver<bool>;

/// A message on its way.
pub(super) struct Message {
    pub(super) text: Arc<str>,
    /// When it no longer matters.
    pub(super) expires: Instant,
    pub(super) is_heartbeat: bool,
    sent: watch::Sender<bool>,
}

impl Message {
    pub(super) fn confirm(self) {
        self.sent.send_replace(true);
    }
}

/// The messages whose sending has not begun.
#[derive(Clone, Default)]
pub(super) struct Queue(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    messages: VecDeque<Message>,
    /// The number of each message, counted from the first ever: its index is that minus `taken`.
    numbers: HashMap<Arc<str>, usize>,
    /// How many messages have left the queue.
    taken: usize,
}

impl Queue {
    /// Puts a message at the end. If the same text is in the queue already, that entry serves both: it will be sent after
    /// what it is about, and its expiry is extended. `None` when too many wait.
    pub(super) fn add(&self, text: String, expires: Instant, is_heartbeat: bool) -> Option<Sent> {
        let mut entries = self.entries();
        if let Some(place) = entries.numbers.get(&*text).map(|number| number.wrapping_sub(entries.taken)) {
            let message = entries.messages.get_mut(place)?;
            message.expires = message.expires.max(expires);
            return Some(message.sent.subscribe());
        }
        if entries.messages.len() >= MAX_WAITING {
            return None;
        }
        let (sent, told) = watch::channel(false);
        let text: Arc<str> = text.into();
        let number = entries.taken.wrapping_add(entries.messages.len());
        entries.numbers.insert(Arc::clone(&text), number);
        entries.messages.push_back(Message { text, expires, is_heartbeat, sent });
        Some(told)
    }

    /// The next batch. A heartbeat is always the first of its batch, so that it is not sent before all older messages have
    /// been taken: of one batch, the server may refuse a message and take the next.
    pub(super) fn next(&self) -> Option<Vec<Message>> {
        let mut entries = self.entries();
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let may_join = |message: &mut Message| batch.is_empty() || !message.is_heartbeat;
            let Some(message) = entries.messages.pop_front_if(may_join) else { break };
            entries.taken = entries.taken.wrapping_add(1);
            entries.numbers.remove(&message.text);
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
        queue.add(text.to_owned(), Instant::now(), is_heartbeat)
    }

    fn texts(batch: Option<Vec<Message>>) -> Vec<String> {
        batch.into_iter().flatten().map(|message| message.text.to_string()).collect()
    }

    #[test]
    fn a_heartbeat_is_the_first_of_its_batch_and_the_order_is_kept() {
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
    fn a_text_waits_once_and_all_who_pushed_it_are_told() {
        let queue = Queue::default();
        assert!(add(&queue, "first", false).is_some());
        let told: Vec<Sent> = (0..3).filter_map(|_| add(&queue, "same", false)).collect();
        let mut batch = queue.next().unwrap_or_default();
        assert_eq!(batch.len(), 2);
        // It is under way: whoever pushes it now means what happened since.
        let later = add(&queue, "same", false);
        if let Some(message) = batch.pop() {
            message.confirm();
        }
        let told: Vec<bool> = told.iter().map(|sent| *sent.borrow()).collect();
        assert_eq!(told, [true; 3]);
        assert!(later.is_some_and(|sent| !*sent.borrow()));
        assert_eq!(texts(queue.next()), ["same"]);
    }

    #[test]
    fn a_batch_and_a_line_have_an_end() {
        let queue = Queue::default();
        for number in 0..MAX_WAITING {
            assert!(add(&queue, &number.to_string(), false).is_some());
        }
        assert!(add(&queue, "one more", false).is_none());
        assert!(add(&queue, "7", false).is_some(), "it is there already");
        assert_eq!(texts(queue.next()).len(), BATCH);
        assert!(add(&queue, "one more", false).is_some());
    }
}
