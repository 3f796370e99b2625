//! Models of the generation counters: readers that fill the cache, while others revoke.
//!
//! Each model runs in every order of the steps of its threads with at most three preemptions. The counters of
//! the core pass, and counters with a mistake fail.

#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use gatewright_core::{SessionId, SystemRandom, Timestamp, UserId};
use gatewright_loom::{CoreCounters, Counters};
use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use loom::sync::{Arc, Mutex};
use loom::thread;

/// How often a model interrupts a thread that could go on. More than two or three show no further
/// mistakes in practice, and take hours.
const PREEMPTIONS: usize = 3;

/// The message of a model that fails.
const ADMITTED: &str = "the cache admitted a revoked session";

/// A node: its counters, its cache of one session, and the stores.
struct Node<C: Counters> {
    counters: C,
    /// Whether the stores still have the session: a read that begins after a change sees it. An atomic of
    /// loom may return an older value.
    lives: Mutex<bool>,
    /// The snapshot of the cached session.
    cached: Mutex<Option<C::Snapshot>>,
}

impl<C: Counters> Node<C> {
    fn new(counters: C) -> Arc<Self> {
        Arc::new(Self { counters, lives: Mutex::new(true), cached: Mutex::new(None) })
    }

    /// Reads the session from the stores, and caches it if it lives.
    fn read_and_cache(&self) {
        let Some(snapshot) = self.counters.snapshot() else { return };
        let lives = *self.lives.lock().unwrap();
        if lives {
            *self.cached.lock().unwrap() = Some(snapshot);
        }
    }

    fn end(&self) {
        *self.lives.lock().unwrap() = false;
    }

    /// Whether the cache admits the session.
    fn admits(&self) -> bool {
        let cached = self.cached.lock().unwrap();
        cached.as_ref().is_some_and(|snapshot| self.counters.is_current(snapshot))
    }
}

/// What the feed of a node receives.
#[derive(Clone, Copy)]
enum Message {
    /// The session ended.
    Revoked,
    /// The session ended, and its message may have been lost: everything is invalidated.
    Cleared,
    /// The session ends after the message: the outcome of the change is unknown.
    Unconfirmed,
    /// Everything is invalidated, and nothing ended.
    ClearedForNothing,
}

impl Message {
    fn receive<C: Counters>(self, node: &Node<C>) {
        match self {
            Self::ClearedForNothing => return node.counters.bump_all(),
            Self::Revoked => {
                node.end();
                node.counters.bump(true);
            }
            Self::Cleared => {
                node.end();
                node.counters.bump_all();
            }
            Self::Unconfirmed => {
                node.counters.bump(false);
                node.end();
            }
        }
        assert!(!node.admits(), "{ADMITTED}");
    }
}

/// What a thread of a model does.
type Work<C> = Box<dyn FnOnce(&Node<C>) + Send>;

/// So many readers, while the node receives these messages. After a session has ended, the cache does not
/// admit it.
fn check<C: Counters>(
    counters: impl Fn() -> C + Send + Sync + 'static,
    readers: usize,
    messages: &'static [Message],
) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(PREEMPTIONS);
    model.check(move || {
        let node = Node::new(counters());
        let spawn = |work: Work<C>| {
            let node = Arc::clone(&node);
            thread::spawn(move || work(&node))
        };
        let mut threads = Vec::new();
        for _ in 0..readers {
            threads.push(spawn(Box::new(Node::read_and_cache)));
        }
        for message in messages {
            threads.push(spawn(Box::new(|node| message.receive(node))));
        }
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(!node.admits(), "{ADMITTED}");
    });
}

fn core() -> impl Fn() -> CoreCounters + Send + Sync + 'static {
    let session = SessionId::generate(Timestamp::from_seconds(1), &SystemRandom).unwrap();
    let user = UserId::new("42").unwrap();
    move || CoreCounters::new(session, user.clone())
}

#[test]
fn a_session_that_was_read_before_its_revocation_is_not_admitted_after_it() {
    check(core(), 1, &[Message::Revoked]);
}

#[test]
fn a_session_that_was_read_before_a_clear_is_not_admitted_after_it() {
    check(core(), 1, &[Message::Cleared]);
}

#[test]
fn of_two_clears_at_one_time_each_invalidates_the_cache() {
    check(core(), 1, &[Message::Cleared, Message::Cleared]);
}

#[test]
fn a_clear_between_the_steps_of_a_snapshot_does_not_hide_the_snapshot() {
    check(core(), 1, &[Message::ClearedForNothing, Message::Cleared]);
}

#[test]
fn a_session_is_not_cached_while_a_change_may_still_take_effect() {
    check(core(), 1, &[Message::Unconfirmed]);
}

/// Counters with a mistake.
struct Broken {
    mistake: Mistake,
    /// Whether a snapshot was taken since the last time that everything was invalidated.
    taken: AtomicBool,
    global: AtomicU64,
    generation: AtomicU64,
    unconfirmed: AtomicBool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    /// A clear without a snapshot changes nothing, but snapshots do not set the flag.
    NoFlag,
    /// A clear resets the flag before it increments the generation: a second clear finds no flag and
    /// returns before the increment.
    FlagResetBeforeTheIncrement,
    /// A clear resets the flag after it incremented the generation: it resets the flag of a snapshot of
    /// the new generation.
    FlagResetAfterTheIncrement,
    /// A snapshot sets the flag before it loads the generation, in two steps: a clear between both resets
    /// the flag, and the next clear does not see the snapshot.
    FlagSetBeforeTheLoad,
    /// A snapshot looks for unconfirmed revocations before it loads the generation.
    UnconfirmedBeforeTheLoad,
}

impl Broken {
    fn with(mistake: Mistake) -> impl Fn() -> Self + Send + Sync + 'static {
        move || Self {
            mistake,
            taken: AtomicBool::new(false),
            global: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            unconfirmed: AtomicBool::new(false),
        }
    }
}

impl Counters for Broken {
    type Snapshot = (u64, u64);

    fn snapshot(&self) -> Option<(u64, u64)> {
        let early = self.unconfirmed.load(SeqCst);
        if self.mistake != Mistake::NoFlag {
            self.taken.store(true, SeqCst);
        }
        let snapshot = (self.global.load(SeqCst), self.generation.load(SeqCst));
        let is_unconfirmed = match self.mistake {
            Mistake::UnconfirmedBeforeTheLoad => early,
            _ => self.unconfirmed.load(SeqCst),
        };
        (!is_unconfirmed).then_some(snapshot)
    }

    fn is_current(&self, snapshot: &(u64, u64)) -> bool {
        *snapshot == (self.global.load(SeqCst), self.generation.load(SeqCst))
    }

    fn bump(&self, is_confirmed: bool) {
        if !is_confirmed {
            self.unconfirmed.store(true, SeqCst);
        }
        self.generation.fetch_add(1, SeqCst);
    }

    fn bump_all(&self) {
        if self.mistake == Mistake::FlagResetAfterTheIncrement {
            if self.taken.load(SeqCst) {
                self.global.fetch_add(1, SeqCst);
                self.taken.store(false, SeqCst);
            }
        } else if self.taken.swap(false, SeqCst) {
            self.global.fetch_add(1, SeqCst);
        }
    }
}

#[test]
#[should_panic(expected = "the cache admitted a revoked session")]
fn a_snapshot_that_sets_no_flag_is_caught() {
    check(Broken::with(Mistake::NoFlag), 1, &[Message::Cleared]);
}

#[test]
#[should_panic(expected = "the cache admitted a revoked session")]
fn a_flag_that_is_reset_before_the_increment_is_caught() {
    check(Broken::with(Mistake::FlagResetBeforeTheIncrement), 1, &[Message::Cleared, Message::Cleared]);
}

#[test]
#[should_panic(expected = "the cache admitted a revoked session")]
fn a_flag_that_is_reset_after_the_increment_is_caught() {
    check(
        Broken::with(Mistake::FlagResetAfterTheIncrement),
        1,
        &[Message::ClearedForNothing, Message::Cleared],
    );
}

#[test]
#[should_panic(expected = "the cache admitted a revoked session")]
fn a_flag_that_is_set_one_step_before_the_load_is_caught() {
    check(Broken::with(Mistake::FlagSetBeforeTheLoad), 1, &[Message::ClearedForNothing, Message::Cleared]);
}

#[test]
#[should_panic(expected = "the cache admitted a revoked session")]
fn a_check_for_unconfirmed_revocations_before_the_load_is_caught() {
    check(Broken::with(Mistake::UnconfirmedBeforeTheLoad), 1, &[Message::Unconfirmed]);
}
