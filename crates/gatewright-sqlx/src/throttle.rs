//! The states of the throttle: bytes for each key. `ThrottleStep::decide` has all the rules.
//!
//! ```text
//! run_step ──► look: one statement, no lock ──► nothing to write: done
//!                │
//!                ▼ D::run_step
//! server/throttle.rs    locks the keys' rows of gatewright_throttle_locks
//! sqlite/throttle.rs    one transaction for all steps that wait for the writer
//!                │
//!                ▼ change: reads the states again, decides, writes
//! ```
//!
//! A refused attempt ends at `look`. So a flood of them takes no lock and writes nothing.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use gatewright_core::throttle::{
    CLOCK_TOLERANCE, Throttle, ThrottleDecision, ThrottleKey, ThrottleOutcome, ThrottleReach, ThrottleState,
    ThrottleStep,
};
use gatewright_core::{StoreError, Timestamp};

use crate::Failure;
use crate::connection::{Checkout, Pools, Transaction};
use crate::dialect::Dialect;
use crate::retry::Retry;
use crate::row::Row;
use crate::sql::{DELETE_STATES, FIND_STATES, MAX_KEYS};
use crate::statement::Statement;
use crate::store::SqlStore;

/// How long a step of the throttle on PostgreSQL or MySQL may take: 5 seconds. If hundreds of users log in at the same
/// time, a step waits for the rows of its keys and for a connection behind those of the others. Each statement, and
/// each wait for a lock on the server, keeps a shorter limit.
pub const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// After how many steps that wrote something one of them deletes expired states.
const STEPS_PER_DELETION: u32 = 16;

/// How many expired states such a step deletes at most: more than the steps since the last deletion can have added.
const MAX_DELETED: u32 = 100;

/// The steps of this process that wait for each other, and what they count together.
#[derive(Default)]
pub(crate) struct Waiting {
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(crate) lanes: crate::server::throttle::Lanes,
    #[cfg(feature = "sqlite")]
    pub(crate) batches: crate::sqlite::Batches,
    written: AtomicU32,
}

impl Waiting {
    /// Counts a step that wrote something. Returns whether it also deletes expired states.
    fn is_deletion_due(&self) -> bool {
        self.written.fetch_add(1, Ordering::Relaxed).is_multiple_of(STEPS_PER_DELETION)
    }
}

/// What a step has done.
#[derive(Debug, Clone)]
pub(crate) struct Ran {
    pub(crate) outcome: ThrottleOutcome,
    pub(crate) has_written: bool,
}

#[async_trait]
impl<D: Dialect> Throttle for SqlStore<D> {
    /// # Cancel safety
    /// A dropped step is made completely or not at all. On SQLite it may still be made after it was dropped.
    async fn run_step(&self, step: &ThrottleStep) -> Result<ThrottleOutcome, StoreError> {
        let timeout = D::RETRY.timeout.map(|_| STEP_TIMEOUT);
        let retry = Retry { timeout, ..D::RETRY };
        let ran = retry.run("run a step of the throttle", || run(&self.pools, step)).await?;
        if ran.has_written && self.pools.waiting.is_deletion_due() {
            delete_some_expired(&self.pools, step.now()).await;
        }
        Ok(ran.outcome)
    }

    async fn delete_expired_states(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let delete = || Statement::delete_expired(D::DELETE_EXPIRED_STATES, now, limit);
        self.pools.execute("delete expired states of the throttle", delete).await
    }

    fn throttle_reach(&self) -> ThrottleReach {
        ThrottleReach::Shared
    }
}

async fn run<D: Dialect>(pools: &Pools<D>, step: &ThrottleStep) -> Result<Ran, Failure> {
    match look(pools, step).await? {
        Some(outcome) => Ok(Ran { outcome, has_written: false }),
        None => D::run_step(pools, step).await,
    }
}

/// The outcome of a step that writes nothing. It takes no lock: one statement reads all states as they were at
/// one moment.
pub(crate) async fn look<D: Dialect>(
    pools: &Pools<D>,
    step: &ThrottleStep,
) -> Result<Option<ThrottleOutcome>, Failure> {
    let rows = match with_keys(FIND_STATES, step.keys())? {
        Some(select) => D::Checkout::fetch_all(pools, select).await?,
        None => Vec::new(),
    };
    let ThrottleDecision { outcome, writes, .. } = decide(step, &rows)?;
    Ok(writes.is_empty().then_some(outcome))
}

/// Reads, decides and writes. The transaction must exclude all other steps on these keys.
pub(crate) async fn change<D: Dialect>(
    transaction: &mut Transaction<D>,
    step: &ThrottleStep,
) -> Result<Ran, Failure> {
    let decision = read(transaction, step).await?;
    let has_written = !decision.writes.is_empty();
    write(transaction, &decision).await?;
    Ok(Ran { outcome: decision.outcome, has_written })
}

/// Reads the states and decides.
pub(crate) async fn read<D: Dialect>(
    transaction: &mut Transaction<D>,
    step: &ThrottleStep,
) -> Result<ThrottleDecision, Failure> {
    let rows = match with_keys(FIND_STATES, step.keys())? {
        Some(select) => transaction.fetch_all(select).await?,
        None => Vec::new(),
    };
    decide(step, &rows)
}

/// Writes what was decided.
pub(crate) async fn write<D: Dialect>(
    transaction: &mut Transaction<D>,
    decision: &ThrottleDecision,
) -> Result<(), Failure> {
    let put: Vec<_> =
        decision.writes.iter().filter_map(|write| Some((write.key, write.state.as_ref()?))).collect();
    if let Some(index) = put.len().checked_sub(1) {
        let text = D::PUT_STATES.get(index).ok_or("a step of the throttle writes too many states")?;
        let bind = |statement: Statement<D>, (key, state): &(ThrottleKey, &ThrottleState)| {
            statement.bytes(&key.to_bytes()[..]).bytes(state.bytes()).time(state.expires_at())
        };
        transaction.execute(put.iter().fold(Statement::new(text), bind)).await?;
    }
    let gone = decision.writes.iter().filter(|write| write.state.is_none());
    let gone: Vec<ThrottleKey> = gone.map(|write| write.key).collect();
    if let Some(delete) = with_keys(DELETE_STATES, &gone)? {
        transaction.execute(delete).await?;
    }
    Ok(())
}

/// A statement whose values are these keys. `None` without a key.
fn with_keys<D: Dialect>(text: &'static str, keys: &[ThrottleKey]) -> Result<Option<Statement<D>>, Failure> {
    let Some(places) = padded(keys)? else { return Ok(None) };
    let bind = |statement: Statement<D>, key: ThrottleKey| statement.bytes(&key.to_bytes()[..]);
    Ok(Some(places.fold(Statement::new(text), bind)))
}

/// These values, the last one repeated so often that there are [`MAX_KEYS`]. `None` without a value.
pub(crate) fn padded<T: Copy>(values: &[T]) -> Result<Option<impl Iterator<Item = T> + '_>, Failure> {
    if values.len() > MAX_KEYS {
        return Err(format!(
            "a step of the throttle must have at most {MAX_KEYS} keys, has {}",
            values.len()
        )
        .into());
    }
    let Some(last) = values.last() else { return Ok(None) };
    Ok(Some(values.iter().copied().chain(std::iter::repeat(*last)).take(MAX_KEYS)))
}

fn decide<D: Dialect>(step: &ThrottleStep, rows: &[Row<D>]) -> Result<ThrottleDecision, Failure> {
    let stored = rows.iter().map(Row::throttle_state).collect::<Result<Vec<_>, _>>()?;
    let state_of = |key: &ThrottleKey| {
        let id = key.to_bytes();
        stored.iter().find(|(stored, _)| *stored == id).map(|(_, state)| *state)
    };
    let states: Vec<Option<&[u8]>> = step.keys().iter().map(state_of).collect();
    Ok(step.decide(&states))
}

/// Deletes states that expired some time ago, after a step has been committed: a node whose clock is ahead by
/// less than [`CLOCK_TOLERANCE`] deletes nothing that the others need. A failure does not concern the step, and a
/// later one deletes them: so it is not reported. `delete_expired_states` reports its own.
async fn delete_some_expired<D: Dialect>(pools: &Pools<D>, now: Timestamp) {
    let before = now.saturating_sub(CLOCK_TOLERANCE);
    let delete = || Statement::delete_expired(D::DELETE_EXPIRED_STATES, before, MAX_DELETED);
    let _deleted_or_not = pools.execute("delete expired states of the throttle", delete).await;
}
