//! Steps of the throttle on SQLite.
//!
//! SQLite has one writer, and each commit waits for the disk. So steps that wait for the writer at the same time
//! run in one transaction, one after the other. A task runs it. It does not end when a caller is cancelled.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gatewright_core::throttle::ThrottleStep;
use sqlx::Sqlite;
use tokio::sync::oneshot::{self, Sender};

use crate::Failure;
use crate::connection::{Outcome, Pools, Transaction};
use crate::throttle::{Ran, Waiting, read, write};

/// How many steps share a transaction at most. It holds the write lock for a few tens of milliseconds.
const MAX_STEPS: usize = 256;

/// The steps that wait for the next transaction.
#[derive(Default)]
pub(crate) struct Batches(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    steps: Vec<Entry>,
    /// Whether a task runs them.
    is_running: bool,
}

/// A step, and where its result goes.
struct Entry {
    step: ThrottleStep,
    caller: Sender<Result<Ran, Failure>>,
}

impl Batches {
    /// Adds a step. Returns whether the caller must start the task.
    fn add(&self, entry: Entry) -> bool {
        let mut queue = self.lock();
        queue.steps.push(entry);
        !mem::replace(&mut queue.is_running, true)
    }

    /// The next steps whose callers still wait. If there are none, the task must end.
    fn next(&self) -> Option<Vec<Entry>> {
        let mut queue = self.lock();
        queue.steps.retain(|entry| !entry.caller.is_closed());
        let count = queue.steps.len().min(MAX_STEPS);
        queue.is_running = count > 0;
        queue.is_running.then(|| queue.steps.drain(..count).collect())
    }

    /// All steps that wait now.
    fn all(&self) -> Vec<Entry> {
        mem::take(&mut self.lock().steps)
    }

    /// No foreign code runs while the lock is held, and no method panics between two changes.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a task that was dropped because its runtime ended. Its callers get an error.
struct Running(Option<Arc<Waiting>>);

impl Drop for Running {
    fn drop(&mut self) {
        let Some(waiting) = self.0.take() else { return };
        let mut queue = waiting.batches.lock();
        queue.is_running = false;
        queue.steps.clear();
    }
}

/// Runs a step that may write.
pub(super) async fn run_step(pools: &Pools<Sqlite>, step: &ThrottleStep) -> Result<Ran, Failure> {
    let (caller, result) = oneshot::channel();
    if pools.waiting.batches.add(Entry { step: step.clone(), caller }) {
        drop(tokio::spawn(run_all(pools.clone())));
    }
    result.await.unwrap_or_else(|_| Err("the runtime that ran the step has ended".into()))
}

/// Runs steps until none waits.
async fn run_all(pools: Pools<Sqlite>) {
    let mut running = Running(Some(Arc::clone(&pools.waiting)));
    while let Some(entries) = pools.waiting.batches.next() {
        run_batch(&pools, entries).await;
    }
    running.0 = None;
}

/// Runs these steps in one transaction, and answers them after its commit. If it fails, steps that wait by now
/// fail too: the next transaction would wait for the same lock as long again.
async fn run_batch(pools: &Pools<Sqlite>, entries: Vec<Entry>) {
    let (steps, callers): (Vec<_>, Vec<_>) =
        entries.into_iter().map(|entry| (entry.step, entry.caller)).unzip();
    match commit(pools, &steps).await {
        Ok(results) => callers.into_iter().zip(results).for_each(|(caller, result)| answer(caller, result)),
        Err(failure) => {
            let cause = failure.to_string();
            let later = pools.waiting.batches.all().into_iter().map(|entry| entry.caller);
            callers.into_iter().chain(later).for_each(|caller| answer(caller, Err(cause.as_str().into())));
        }
    }
}

/// The caller may have been cancelled meanwhile.
fn answer(caller: Sender<Result<Ran, Failure>>, result: Result<Ran, Failure>) {
    let _received_or_not = caller.send(result);
}

/// The results of the steps. A step whose states cannot be read fails alone, because it has written nothing.
async fn commit(pools: &Pools<Sqlite>, steps: &[ThrottleStep]) -> Result<Vec<Result<Ran, Failure>>, Failure> {
    let mut transaction = pools.begin().await?;
    let results = run_each(&mut transaction, steps).await;
    let outcome = results.map(|results| {
        let has_written = results.iter().flatten().any(|ran| ran.has_written);
        if has_written { Outcome::Commit(results) } else { Outcome::RollBack(results) }
    });
    transaction.end(outcome).await
}

async fn run_each(
    transaction: &mut Transaction<Sqlite>,
    steps: &[ThrottleStep],
) -> Result<Vec<Result<Ran, Failure>>, Failure> {
    let mut results = Vec::with_capacity(steps.len());
    for step in steps {
        let decision = match read(transaction, step).await {
            Ok(decision) => decision,
            Err(failure) => {
                results.push(Err(failure));
                continue;
            }
        };
        write(transaction, &decision).await?;
        let has_written = !decision.writes.is_empty();
        results.push(Ok(Ran { outcome: decision.outcome, has_written }));
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use gatewright_core::throttle::ThrottleDigests;
    use gatewright_core::{Timestamp, UserId};

    use super::*;

    #[test]
    fn a_task_that_is_dropped_fails_its_callers_and_the_next_step_starts_another() {
        let waiting = Arc::<Waiting>::default();
        let owner = ThrottleDigests::owner(&UserId::from(1));
        let step = ThrottleStep::look(&owner, &Arc::default(), Timestamp::from_seconds(0));
        let add = || {
            let (caller, result) = oneshot::channel();
            (waiting.batches.add(Entry { step: step.clone(), caller }), result)
        };
        let ((starts, mut first), (starts_another, second)) = (add(), add());
        assert_eq!((starts, starts_another), (true, false));
        drop(second);
        drop(Running(Some(Arc::clone(&waiting))));
        assert!(first.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Closed));
        let (starts, _third) = add();
        assert!(starts);
        assert_eq!(waiting.batches.next().map(|entries| entries.len()), Some(1));
        assert!(waiting.batches.next().is_none());
        assert!(add().0);
        assert!(waiting.batches.next().is_none(), "a caller that was cancelled is left out");
    }
}
