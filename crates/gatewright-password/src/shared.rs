//! A queue that callers and threads share.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::queue::{Caller, Queue, Shares, Ticket};

/// A call that waits in a queue.
pub(crate) trait Refuse {
    /// Answers that the queue has no place.
    fn refuse(self);
}

/// The threads behind a queue. They end when this is dropped.
pub(crate) struct Threads<T>(pub(crate) Arc<Shared<T>>);

impl<T> Drop for Threads<T> {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.changed.notify_all();
    }
}

/// What the callers and the threads share.
pub(crate) struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    queue: Queue<T>,
    is_closed: bool,
}

impl<T> Shared<T> {
    pub(crate) fn new(shares: Shares) -> Self {
        let state = State { queue: Queue::new(shares), is_closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The number of waiting calls.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().queue.len()
    }

    /// No foreign code runs while the lock is held, so a panic cannot leave the state inconsistent.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next call. `None` when the threads are to end.
    pub(crate) fn next(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(call) = state.queue.next() {
                return Some(call);
            }
            if state.is_closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T: Refuse> Shared<T> {
    /// Queues a call. The call that loses its place to it is refused.
    pub(crate) fn enter(&self, caller: Caller, call: T) -> Place<'_, T> {
        let (ticket, loser) = self.lock().queue.enter(caller, call);
        self.changed.notify_one();
        if let Some(loser) = loser {
            loser.refuse();
        }
        Place { shared: self, ticket }
    }
}

/// The place of a call in the queue. It is free when this is dropped.
pub(crate) struct Place<'a, T> {
    shared: &'a Shared<T>,
    ticket: Ticket,
}

impl<T> Place<'_, T> {
    /// Leaves the queue. Returns the call if it was still in it.
    pub(crate) fn leave(&self) -> Option<T> {
        self.shared.lock().queue.leave(self.ticket)
    }
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        self.leave();
    }
}
