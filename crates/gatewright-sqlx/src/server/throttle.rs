//! Steps of the throttle on a server.
//!
//! A step locks a row of `gatewright_throttle_locks` for each of its keys, in ascending order. So steps on one
//! key run one after the other, also if the key has no state yet, and no two steps wait for each other.

use std::collections::BTreeSet;

use gatewright_core::throttle::{ThrottleKey, ThrottleStep};
use tokio::sync::{Mutex, MutexGuard};

use crate::Failure;
use crate::connection::{Outcome, Pools, Transaction};
use crate::dialect::Dialect;
use crate::statement::Statement;
use crate::throttle::{Ran, change, look, padded};

/// The number of rows in `gatewright_throttle_locks`. Steps with keys that share a row wait for each other.
const STRIPES: u16 = 1_024;

/// The number of lanes in a process.
const LANES: u16 = 256;

/// Excludes steps of this process from each other before they check out a connection. Otherwise an attack on one
/// account would occupy all connections, each of which waits for the same row.
pub(crate) struct Lanes(Vec<Mutex<()>>);

impl Default for Lanes {
    fn default() -> Self {
        Self((0..LANES).map(|_| Mutex::new(())).collect())
    }
}

/// The lanes of a step. Other steps in them wait until this is dropped.
struct Entered<'a> {
    _lanes: Vec<MutexGuard<'a, ()>>,
    /// Whether other steps were in a lane before.
    has_waited: bool,
}

impl Lanes {
    /// Waits for the lanes of these rows, in ascending order.
    async fn enter(&self, stripes: &BTreeSet<u16>) -> Entered<'_> {
        let numbers: BTreeSet<usize> = stripes.iter().map(|stripe| usize::from(stripe % LANES)).collect();
        let (mut lanes, mut has_waited) = (Vec::with_capacity(numbers.len()), false);
        for lane in numbers.into_iter().filter_map(|number| self.0.get(number)) {
            lanes.push(match lane.try_lock() {
                Ok(entered) => entered,
                Err(_) => {
                    has_waited = true;
                    lane.lock().await
                }
            });
        }
        Entered { _lanes: lanes, has_waited }
    }
}

/// Runs a step that may write. `lock` locks up to five rows of `gatewright_throttle_locks` in ascending order.
pub(crate) async fn run_step<D: Dialect>(
    pools: &Pools<D>,
    step: &ThrottleStep,
    lock: &'static str,
) -> Result<Ran, Failure> {
    let stripes: BTreeSet<u16> = step.keys().iter().map(stripe).collect();
    let entered = pools.waiting.lanes.enter(&stripes).await;
    if entered.has_waited
        && let Some(outcome) = look(pools, step).await?
    {
        return Ok(Ran { outcome, has_written: false });
    }
    let mut transaction = pools.begin().await?;
    let ran = match lock_rows(&mut transaction, &stripes, lock).await {
        Ok(()) => change(&mut transaction, step).await,
        Err(failure) => Err(failure),
    };
    let outcome = ran.map(|ran| if ran.has_written { Outcome::Commit(ran) } else { Outcome::RollBack(ran) });
    transaction.end(outcome).await
}

/// The row that steps with this key lock. All nodes of all versions must agree on it. The digest is spread
/// evenly, and without its key nobody can choose names that share a row.
fn stripe(key: &ThrottleKey) -> u16 {
    let [_, high, low, ..] = key.to_bytes();
    u16::from_be_bytes([high, low]) % STRIPES
}

async fn lock_rows<D: Dialect>(
    transaction: &mut Transaction<D>,
    stripes: &BTreeSet<u16>,
    lock: &'static str,
) -> Result<(), Failure> {
    let numbers: Vec<i64> = stripes.iter().copied().map(i64::from).collect();
    let Some(values) = padded(&numbers)? else { return Ok(()) };
    let rows = transaction.fetch_all(values.fold(Statement::new(lock), Statement::number)).await?;
    let locked = rows.iter().map(|row| row.number("stripe")).collect::<Result<BTreeSet<i64>, _>>()?;
    match numbers.iter().find(|number| !locked.contains(number)) {
        None => Ok(()),
        Some(missing) => Err(format!(
            "gatewright_throttle_locks: must have the rows 0 to {}; insert the row {missing}",
            STRIPES - 1
        )
        .into()),
    }
}
