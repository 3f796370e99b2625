//! The rows that wait to be stored: at most as many as the settings say.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;

use futures_channel::oneshot::Sender;

use super::record::AuditRecord;

/// How many names of events are counted apart while the queue is full. There are fewer.
const MAX_COUNTED_EVENTS: usize = 128;

/// How many records of changes wait at most, beside the places of all other records: 1,024.
pub const CHANGE_ROWS: usize = 1_024;

/// How many of these places attempts take at most. The others are for the outcomes of changes that were begun.
const ATTEMPT_ROWS: usize = CHANGE_ROWS / 2;

/// A caller that waits until a row is stored. The value says whether the store took it.
pub(super) type Caller = Sender<Result<(), ()>>;

/// The caller may have gone.
pub(super) fn answer(caller: Caller, is_stored: Result<(), ()>) {
    let _gone_or_not = caller.send(is_stored);
}

/// What waits.
pub(super) enum Entry {
    /// A record, and the caller that waits for it.
    Record(Box<AuditRecord>, Option<Caller>),
    /// A caller that waits until everything before it is stored.
    Flush(Caller),
}

/// The queue. Changes by administrators, and of credentials, have places of their own and are taken first: many
/// other events cannot delay or refuse them.
#[derive(Default)]
pub(super) struct Queue {
    /// The records of changes.
    changes: VecDeque<Entry>,
    entries: VecDeque<Entry>,
    /// How many of the entries are records.
    records: usize,
    /// The records that found no place, by event.
    lost: BTreeMap<Cow<'static, str>, u64>,
    /// Wakes the writer.
    waker: Option<Waker>,
    /// Whether a caller came that must not wait for the next regular attempt.
    is_urgent: bool,
}

impl Queue {
    /// Adds a record, unless `limit` records wait. Returns whether it was added. A caller of one that was not added
    /// is dropped.
    pub(super) fn push(&mut self, record: AuditRecord, caller: Option<Caller>, limit: usize) -> bool {
        if self.records >= limit {
            self.count_lost(record.event);
            return false;
        }
        self.is_urgent |= caller.is_some();
        self.records += 1;
        self.entries.push_back(Entry::Record(Box::new(record), caller));
        true
    }

    /// Adds the record of a change, or of its attempt, which has a caller. It is taken before all other records.
    pub(super) fn push_change(&mut self, record: AuditRecord, caller: Option<Caller>) -> bool {
        let limit = if caller.is_some() { ATTEMPT_ROWS } else { CHANGE_ROWS };
        if self.changes.len() >= limit {
            self.count_lost(record.event);
            return false;
        }
        self.is_urgent |= caller.is_some();
        self.changes.push_back(Entry::Record(Box::new(record), caller));
        true
    }

    fn count_lost(&mut self, event: Cow<'static, str>) {
        let name = if self.lost.len() < MAX_COUNTED_EVENTS || self.lost.contains_key(&event) {
            event
        } else {
            Cow::Borrowed("other")
        };
        let count = self.lost.entry(name).or_default();
        *count = count.saturating_add(1);
    }

    pub(super) fn push_flush(&mut self, caller: Caller) {
        self.is_urgent = true;
        self.entries.push_back(Entry::Flush(caller));
    }

    pub(super) fn pop(&mut self) -> Option<Entry> {
        if let Some(change) = self.changes.pop_front() {
            return Some(change);
        }
        let entry = self.entries.pop_front();
        if matches!(entry, Some(Entry::Record(..))) {
            self.records -= 1;
        }
        entry
    }

    /// The counts of lost records, which begin at zero again.
    pub(super) fn take_lost(&mut self) -> BTreeMap<Cow<'static, str>, u64> {
        std::mem::take(&mut self.lost)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.entries.is_empty() && self.lost.is_empty()
    }

    /// Fails the callers of all records, because the store is down. Flushes wait on.
    pub(super) fn fail_callers(&mut self) {
        for entry in self.changes.iter_mut().chain(&mut self.entries) {
            if let Entry::Record(_, caller) = entry
                && let Some(caller) = caller.take()
            {
                answer(caller, Err(()));
            }
        }
    }

    pub(super) fn take_urgent(&mut self) -> bool {
        std::mem::take(&mut self.is_urgent)
    }

    /// The waker of the writer, to be woken outside of the lock.
    pub(super) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    pub(super) fn wait(&mut self, waker: &Waker) {
        self.waker = Some(waker.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::AuditOutcome;
    use crate::types::Timestamp;

    fn record(event: &'static str) -> AuditRecord {
        AuditRecord::new(Timestamp::from_seconds(1), event, AuditOutcome::Succeeded)
    }

    #[test]
    fn records_beyond_the_limit_are_counted_by_event() {
        let mut queue = Queue::default();
        for (event, added) in [("A", true), ("B", true), ("A", false), ("B", false), ("A", false)] {
            assert_eq!(queue.push(record(event), None, 2), added);
        }
        let lost = queue.take_lost();
        assert_eq!(lost.into_iter().collect::<Vec<_>>(), [("A".into(), 2), ("B".into(), 1)]);
        assert!(queue.pop().is_some());
        assert!(queue.push(record("C"), None, 2), "a place is free again");
        assert!(!queue.is_empty());
        assert_eq!(std::iter::from_fn(|| queue.pop()).count(), 2);
        assert!(queue.is_empty());
    }

    /// However many other records wait.
    #[test]
    fn changes_have_places_of_their_own_and_are_taken_first() {
        let mut queue = Queue::default();
        assert!(queue.push(record("LoginRefused"), None, 1));
        assert!(!queue.push(record("LoginRefused"), None, 1), "it is full");
        let mut answers = Vec::new();
        let mut attempt = |queue: &mut Queue| {
            let (caller, answer) = futures_channel::oneshot::channel();
            answers.push(answer);
            queue.push_change(record("AccountChanged"), Some(caller))
        };
        assert_eq!((0..ATTEMPT_ROWS).filter(|_| attempt(&mut queue)).count(), ATTEMPT_ROWS);
        assert!(!attempt(&mut queue), "the other places are for outcomes");
        let outcomes = (0..CHANGE_ROWS).filter(|_| queue.push_change(record("AccountChanged"), None));
        assert_eq!(outcomes.count(), CHANGE_ROWS - ATTEMPT_ROWS);
        let order: Vec<Entry> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order.len(), CHANGE_ROWS + 1);
        let is_refused =
            |entry: &Entry| matches!(entry, Entry::Record(record, _) if record.event == "LoginRefused");
        assert_eq!(order.iter().position(is_refused), Some(CHANGE_ROWS));
    }

    #[test]
    fn someone_who_flushes_takes_no_place_of_a_record() {
        let mut queue = Queue::default();
        let (caller, _answer) = futures_channel::oneshot::channel();
        queue.push_flush(caller);
        assert!(queue.take_urgent() && !queue.take_urgent());
        assert!(queue.push(record("A"), None, 1));
    }
}
