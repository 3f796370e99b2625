//! The task that makes rows of records and stores them.
//!
//! It runs only while there is something to do. If it is dropped, because its runtime ended, the next event starts
//! another one: the chain and the rows that wait stay.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use super::chain::{CHECKPOINT, CHECKPOINT_INTERVAL, CHECKPOINT_ROWS, Chain, STARTED};
use super::check::AuditCheckpoint;
use super::key::FIRST_MAC;
use super::notice;
use super::queue::{Caller, Entry, Queue, answer};
use super::row::{AuditRow, WriterId};
use super::settings::AuditSettings;
use super::store::{AppendOutcome, AuditStore, MAX_APPENDED_ROWS};
use crate::event::Meter;
use crate::store::StoreError;
use crate::types::{Clock, RandomError, SecureRandom, Timer, random_bytes};

/// How many records become rows at a time. The trail's own rows come in addition.
const BATCH: usize = 100;
const _: () = assert!(BATCH + 4 <= MAX_APPENDED_ROWS, "a start, two checkpoints and an overflow");

/// The pause after a failure of the store, which doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The shortest time between two lines about a store that is down.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// What the sink, the callers and the task share.
pub(super) struct Core {
    pub(super) store: Arc<dyn AuditStore>,
    pub(super) settings: AuditSettings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) timer: Arc<dyn Timer>,
    pub(super) randomness: Arc<dyn SecureRandom>,
    pub(super) meter: Meter,
    state: Mutex<State>,
}

struct State {
    queue: Queue,
    /// `None` while a task has it.
    progress: Option<Progress>,
}

/// How far the writer is.
#[derive(Default)]
struct Progress {
    /// `None` before the first row.
    chain: Option<Chain>,
    /// Entries that were taken from the queue and are no rows yet.
    taken: VecDeque<Entry>,
    lost: BTreeMap<Cow<'static, str>, u64>,
    /// Rows that are not stored yet.
    rows: Vec<AuditRow>,
    /// The callers that wait for these rows.
    callers: Vec<Caller>,
    /// The flushes that wait for these rows. They wait on if the store fails.
    flushes: Vec<Caller>,
    /// The last row that is stored.
    end: Option<AuditCheckpoint>,
    /// When the first row after the last checkpoint was made.
    unchecked_since: Option<Duration>,
    pause: Duration,
    reported_at: Option<Duration>,
}

impl Core {
    pub(super) fn new(
        store: Arc<dyn AuditStore>,
        settings: AuditSettings,
        (clock, timer, randomness): (Arc<dyn Clock>, Arc<dyn Timer>, Arc<dyn SecureRandom>),
        meter: Meter,
    ) -> Self {
        let state = State { queue: Queue::default(), progress: Some(Progress::default()) };
        Self { store, settings, clock, timer, randomness, meter, state: Mutex::new(state) }
    }

    /// Adds to the queue, and starts the task or wakes it.
    pub(super) fn push<T>(self: &Arc<Self>, add: impl FnOnce(&mut Queue) -> T) -> T {
        let mut state = self.lock();
        let added = add(&mut state.queue);
        let waker = state.queue.take_waker();
        let progress = state.progress.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        if let Some(progress) = progress {
            let writer = Writer { core: Arc::clone(self), progress, has_ended: false };
            self.store.spawn_writer(Box::pin(writer.run()));
        }
        added
    }

    /// No foreign code runs while the lock is held, and no method panics between two changes.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task. When it is dropped, the next event starts another one.
struct Writer {
    core: Arc<Core>,
    progress: Progress,
    /// Whether it has given the progress back.
    has_ended: bool,
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let mut progress = std::mem::take(&mut self.progress);
        // The callers get an error, also those in the queue: nothing works for them.
        progress.callers.clear();
        progress.flushes.clear();
        let now = self.core.timer.now();
        let is_reported = progress.reported_at.is_some_and(|at| now.saturating_sub(at) < REPORT_INTERVAL);
        if !is_reported {
            progress.reported_at = Some(now);
        }
        let mut state = self.core.lock();
        state.queue.fail_callers();
        state.progress = Some(progress);
        drop(state);
        if !is_reported {
            notice::no_runtime();
        }
    }
}

impl Writer {
    async fn run(mut self) {
        loop {
            if let Err(error) = self.write().await {
                self.report(&error);
                self.pause().await;
            } else if self.is_idle() && self.wait().await == Work::None {
                return;
            }
        }
    }

    /// Makes the next rows and stores them.
    async fn write(&mut self) -> Result<(), StoreError> {
        self.start().await?;
        self.make_rows().map_err(|error| StoreError::new("make a row of the audit trail", error))?;
        if !self.progress.rows.is_empty() {
            match self.core.store.append_rows(&self.progress.rows).await? {
                AppendOutcome::Appended => {}
                AppendOutcome::Taken => self.settle_taken().await?,
            }
        }
        self.stored();
        Ok(())
    }

    /// Begins the chain, or continues that of an earlier process with the same name.
    async fn start(&mut self) -> Result<(), StoreError> {
        if self.progress.chain.is_some() {
            return Ok(());
        }
        let (settings, core) = (&self.core.settings, &self.core);
        let chain = match &settings.writer {
            None => Chain::new(core.new_writer()?, settings.key.clone()),
            Some(writer) => self.named_chain(writer).await?,
        };
        self.progress.chain = Some(chain);
        Ok(())
    }

    /// The chain of a name, after its last row. If someone wrote an unreadable row there, a new chain begins: the trail
    /// goes on, and `verify` reports that row.
    async fn named_chain(&self, writer: &WriterId) -> Result<Chain, StoreError> {
        let core = &self.core;
        let mut chain = Chain::new(writer.clone(), core.settings.key.clone());
        let Some(last) = core.store.last_row(writer).await? else { return Ok(chain) };
        if last.is_readable && self.is_ours(&last).await? {
            chain.resume_after(&last);
            return Ok(chain);
        }
        tracing::error!(target: "gatewright", writer = %writer, number = last.number, "the last row of this writer in the audit trail was changed, or has another key; this process continues under a new name");
        Ok(Chain::new(core.new_writer()?, core.settings.key.clone()))
    }

    /// Whether a row verifies under our key: a chain has one key from its first row on. Without a key it has no MAC.
    async fn is_ours(&self, last: &AuditRow) -> Result<bool, StoreError> {
        let (Some(key), Some(mac)) = (&self.core.settings.key, &last.mac) else {
            return Ok(self.core.settings.key.is_none() && last.mac.is_none());
        };
        let before = last.number.saturating_sub(2);
        let rows = self.core.store.chain_rows(&last.writer, before, 1).await?;
        let link = match rows.first() {
            Some(before) if before.number < last.number => before.link(),
            _ if last.number == 1 => FIRST_MAC,
            // Retention deleted the row before it. `verify` checks the chain against the row that says so.
            _ => return Ok(true),
        };
        Ok(key.mac(&[&link, &last.canonical()])[..] == mac[..])
    }

    fn make_rows(&mut self) -> Result<(), RandomError> {
        if !self.progress.rows.is_empty() {
            return Ok(());
        }
        self.take_entries();
        let core = Arc::clone(&self.core);
        let Progress { chain, taken, lost, rows, callers, flushes, .. } = &mut self.progress;
        let Some(chain) = chain else { return Ok(()) };
        let mut is_flushed = false;
        while rows.len() < BATCH && !is_flushed {
            let salt = random_bytes(&*core.randomness)?;
            if rows.is_empty()
                && !chain.is_started()
                && let Some(first) = taken.front()
            {
                // No row of a chain is older than the rows before it, unless a clock was set back.
                let time = match first {
                    Entry::Record(record, _) => record.time,
                    Entry::Flush(_) => core.clock.now(),
                };
                rows.push(chain.start(time, random_bytes(&*core.randomness)?, salt));
                continue;
            }
            match taken.pop_front() {
                Some(Entry::Record(record, caller)) => {
                    callers.extend(caller);
                    rows.push(chain.append(*record, salt));
                }
                Some(Entry::Flush(caller)) => {
                    flushes.push(caller);
                    is_flushed = true;
                }
                None => break,
            }
            if chain.unchecked >= CHECKPOINT_ROWS {
                rows.push(chain.checkpoint(core.clock.now(), random_bytes(&*core.randomness)?));
            }
        }
        if !lost.is_empty() {
            let salt = random_bytes(&*core.randomness)?;
            rows.push(chain.append(notice::overflow(core.clock.now(), &std::mem::take(lost)), salt));
        }
        self.add_checkpoint(is_flushed)
    }

    /// Takes entries from the queue, unless some of the last time are left.
    fn take_entries(&mut self) {
        if !self.is_idle() {
            return;
        }
        let mut state = self.core.lock();
        self.progress.taken.extend(std::iter::from_fn(|| state.queue.pop()).take(BATCH));
        self.progress.lost = state.queue.take_lost();
    }

    /// Adds a checkpoint of rows that have none, if it is due or someone flushes.
    fn add_checkpoint(&mut self, is_flushed: bool) -> Result<(), RandomError> {
        let now = self.core.timer.now();
        let Progress { chain: Some(chain), rows, unchecked_since, .. } = &mut self.progress else {
            return Ok(());
        };
        if chain.unchecked == 0 {
            *unchecked_since = None;
            return Ok(());
        }
        let since = *unchecked_since.get_or_insert(now);
        if is_flushed || now.saturating_sub(since) >= CHECKPOINT_INTERVAL {
            rows.push(chain.checkpoint(self.core.clock.now(), random_bytes(&*self.core.randomness)?));
            *unchecked_since = None;
        }
        Ok(())
    }

    /// A row with such a number is there. If it is ours, the outcome of an earlier attempt was not known. If it is not,
    /// another process has our name, and we continue under a new one.
    async fn settle_taken(&mut self) -> Result<(), StoreError> {
        let (Some(chain), Some(ours)) = (&self.progress.chain, self.progress.rows.last()) else {
            return Ok(());
        };
        let before = ours.number.saturating_sub(1);
        let stored = self.core.store.chain_rows(&chain.writer, before, 1).await?;
        let is_ours =
            |row: &AuditRow| row.number == ours.number && row.personal_digest == ours.personal_digest;
        if stored.first().is_some_and(is_ours) {
            return Ok(());
        }
        tracing::error!(target: "gatewright", writer = %chain.writer, "another process writes the audit trail under the same name; this one continues under a new name");
        // The end of the old chain is a checkpoint from now on: in the log, and in the first row of the new chain.
        self.progress.end.iter().for_each(notice::checkpoint);
        let chain = Chain::new(self.core.new_writer()?, self.core.settings.key.clone());
        let end = self.progress.end.clone();
        let mut renamed = chain.after(end.map(|end| (end.writer, end.number, end.mac)));
        let random = || {
            random_bytes(&*self.core.randomness)
                .map_err(|error| StoreError::new("make a row of the audit trail", error))
        };
        let mut rows = vec![renamed.start(self.core.clock.now(), random()?, random()?)];
        let own = |row: &&AuditRow| !matches!(&*row.record.event, CHECKPOINT | STARTED);
        for row in self.progress.rows.iter().filter(own) {
            rows.push(renamed.append(row.record.clone(), random()?));
        }
        self.progress.chain = Some(renamed);
        self.progress.rows = rows;
        self.progress.unchecked_since = None;
        self.add_checkpoint(!self.progress.flushes.is_empty())
            .map_err(|error| StoreError::new("make a row of the audit trail", error))?;
        Err(StoreError::new("append to the audit trail", "another process has the name of this writer"))
    }

    /// The rows are stored: their callers get the answer.
    fn stored(&mut self) {
        if let Some(last) = self.progress.rows.last() {
            self.progress.end = Some(AuditCheckpoint::of(last));
        }
        for row in self.progress.rows.drain(..).filter(|row| row.record.event == CHECKPOINT) {
            notice::checkpoint(&AuditCheckpoint::of(&row));
        }
        let waiting = self.progress.callers.drain(..).chain(self.progress.flushes.drain(..));
        waiting.for_each(|caller| answer(caller, Ok(())));
        if self.progress.reported_at.take().is_some() {
            tracing::info!(target: "gatewright", "the audit trail is stored again");
        }
        self.progress.pause = Duration::ZERO;
    }

    /// Fails the callers that must not wait, and logs the failure once a minute.
    fn report(&mut self, error: &StoreError) {
        let Progress { callers, taken, reported_at, .. } = &mut self.progress;
        let taken = taken.iter_mut().filter_map(|entry| match entry {
            Entry::Record(_, caller) => caller.take(),
            Entry::Flush(_) => None,
        });
        callers.drain(..).chain(taken).for_each(|caller| answer(caller, Err(())));
        self.core.lock().queue.fail_callers();
        let now = self.core.timer.now();
        if reported_at.is_some_and(|at| now.saturating_sub(at) < REPORT_INTERVAL) {
            return;
        }
        *reported_at = Some(now);
        notice::unavailable(error);
    }

    /// Waits until the next attempt: for a while, or until someone must not wait.
    async fn pause(&mut self) {
        let pause = (self.progress.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.progress.pause = pause;
        let (mut sleep, core) = (self.core.timer.sleep(pause), &self.core);
        poll_fn(|context| {
            {
                let mut state = core.lock();
                if state.queue.take_urgent() {
                    return Poll::Ready(());
                }
                state.queue.wait(context.waker());
            }
            sleep.as_mut().poll(context)
        })
        .await;
    }

    /// Whether nothing is left that was taken from the queue.
    fn is_idle(&self) -> bool {
        self.progress.taken.is_empty() && self.progress.lost.is_empty()
    }

    /// Waits for work: an entry, or a checkpoint that is due. If there will be none, the next event starts another
    /// task.
    async fn wait(&mut self) -> Work {
        let until = self.progress.unchecked_since.map(|since| since.saturating_add(CHECKPOINT_INTERVAL));
        let mut sleep = until.map(|until| self.core.timer.sleep(until.saturating_sub(self.core.timer.now())));
        let Self { core, progress, has_ended } = self;
        poll_fn(|context| {
            let mut state = core.lock();
            if !state.queue.is_empty() {
                return Poll::Ready(Work::Some);
            }
            let Some(sleep) = &mut sleep else {
                state.progress = Some(std::mem::take(progress));
                *has_ended = true;
                return Poll::Ready(Work::None);
            };
            state.queue.wait(context.waker());
            drop(state);
            sleep.as_mut().poll(context).map(|()| Work::Some)
        })
        .await
    }
}

#[derive(PartialEq, Eq)]
enum Work {
    Some,
    None,
}

impl Core {
    fn new_writer(&self) -> Result<WriterId, StoreError> {
        WriterId::generate(&*self.randomness)
            .map_err(|error| StoreError::new("begin a chain of the audit trail", error))
    }
}
