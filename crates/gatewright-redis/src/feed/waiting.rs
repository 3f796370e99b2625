//! What waits to be sent: each text once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use super::MAX_WAITING;

/// How many messages go out at once.
const BATCH: usize = 256;

/// Tells all who pushed a message when it has been taken.
pub(super) type Sent = watch::Receiver<bool>;

/// A message on its way.
pub(super) struct Message {
    pub(super) text: Arc<str>,
    /// When it means nothing any more.
    pub(super) expires: Instant,
    pub(super) is_heartbeat: bool,
    sent: watch::Sender<bool>,
}

impl Message {
    pub(super) fn was_sent(self) {
        self.sent.send_replace(true);
    }
}

/// The messages that nobody has begun to send.
#[derive(Clone, Default)]
pub(super) struct Waiting(Arc<Mutex<Line>>);

#[derive(Default)]
struct Line {
    messages: VecDeque<Message>,
    /// How many had left the line when each came.
    numbers: HashMap<Arc<str>, usize>,
    gone: usize,
}

impl Waiting {
    /// Puts a message at the end. One that is there already says the same to all who hear it, and says it after whatever it
    /// is about: it waits for longer, and once. `None` when too many wait.
    pub(super) fn add(&self, text: String, expires: Instant, is_heartbeat: bool) -> Option<Sent> {
        let mut line = self.line();
        if let Some(place) = line.numbers.get(&*text).map(|number| number.wrapping_sub(line.gone)) {
            let message = line.messages.get_mut(place)?;
            message.expires = message.expires.max(expires);
            return Some(message.sent.subscribe());
        }
        if line.messages.len() >= MAX_WAITING {
            return None;
        }
        let (sent, told) = watch::channel(false);
        let text: Arc<str> = text.into();
        let number = line.gone.wrapping_add(line.messages.len());
        line.numbers.insert(Arc::clone(&text), number);
        line.messages.push_back(Message { text, expires, is_heartbeat, sent });
        Some(told)
    }

    /// What is to be sent next, in one go. A heartbeat is the first of its batch, so that it is not sent before all older
    /// messages have been taken: of a batch, the server may refuse one and take the next.
    pub(super) fn next(&self) -> Option<Vec<Message>> {
        let mut line = self.line();
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let may_join = |message: &mut Message| batch.is_empty() || !message.is_heartbeat;
            let Some(message) = line.messages.pop_front_if(may_join) else { break };
            line.gone = line.gone.wrapping_add(1);
            line.numbers.remove(&message.text);
            batch.push(message);
        }
        (!batch.is_empty()).then_some(batch)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(waiting: &Waiting, text: &str, is_heartbeat: bool) -> Option<Sent> {
        waiting.add(text.to_owned(), Instant::now(), is_heartbeat)
    }

    fn texts(batch: Option<Vec<Message>>) -> Vec<String> {
        batch.into_iter().flatten().map(|message| message.text.to_string()).collect()
    }

    #[test]
    fn a_heartbeat_is_the_first_of_its_batch_and_the_order_is_kept() {
        let waiting = Waiting::default();
        for (text, is_heartbeat) in [("h1", true), ("a", false), ("b", false), ("h2", true), ("h3", true)] {
            assert!(add(&waiting, text, is_heartbeat).is_some());
        }
        assert_eq!(texts(waiting.next()), ["h1", "a", "b"]);
        assert_eq!(texts(waiting.next()), ["h2"]);
        assert_eq!(texts(waiting.next()), ["h3"]);
        assert!(waiting.next().is_none());
    }

    #[test]
    fn a_text_waits_once_and_all_who_pushed_it_are_told() {
        let waiting = Waiting::default();
        assert!(add(&waiting, "first", false).is_some());
        let told: Vec<Sent> = (0..3).filter_map(|_| add(&waiting, "same", false)).collect();
        let mut batch = waiting.next().unwrap_or_default();
        assert_eq!(batch.len(), 2);
        // It is under way: whoever pushes it now means what happened since.
        let later = add(&waiting, "same", false);
        if let Some(message) = batch.pop() {
            message.was_sent();
        }
        let told: Vec<bool> = told.iter().map(|sent| *sent.borrow()).collect();
        assert_eq!(told, [true; 3]);
        assert!(later.is_some_and(|sent| !*sent.borrow()));
        assert_eq!(texts(waiting.next()), ["same"]);
    }

    #[test]
    fn a_batch_and_a_line_have_an_end() {
        let waiting = Waiting::default();
        for number in 0..MAX_WAITING {
            assert!(add(&waiting, &number.to_string(), false).is_some());
        }
        assert!(add(&waiting, "one more", false).is_none());
        assert!(add(&waiting, "7", false).is_some(), "it is there already");
        assert_eq!(texts(waiting.next()).len(), BATCH);
        assert!(add(&waiting, "one more", false).is_some());
    }
}
