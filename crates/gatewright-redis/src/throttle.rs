//! The throttle's store.
//!
//! Each state is a string of bytes. A step is a lock-free compare-and-swap loop: it reads the states, calls
//! `ThrottleStep::decide`, and writes with a script if no state has changed meanwhile. The rules of the throttle
//! are not repeated in Lua.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use gatewright_core::throttle::{
    CLOCK_TOLERANCE, Throttle, ThrottleDecision, ThrottleKey, ThrottleOutcome, ThrottleReach, ThrottleState,
    ThrottleStep, ThrottleWrite,
};
use gatewright_core::{StoreError, Timestamp};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::connection::{call_deadline, until};
use crate::failure::{Result, store_error};
use crate::scripts::STEP;
use crate::store::RedisStore;

/// How many times a step is attempted. Each conflict means that another step on one of its keys was made.
const MAX_ATTEMPTS: usize = 64;

/// The number of lanes in a process.
const LANES: u16 = 256;

/// A state that never expires is kept for ever. Others are kept for at most this long: 10 years.
const MAX_TTL: Duration = Duration::from_secs(3_650 * 86_400);

/// The states of a step's keys, in their order. `None` for a key without a state.
type States = Vec<Option<Vec<u8>>>;

/// Lets steps of this process on one key run one after the other: they would conflict.
pub(crate) struct Lanes(Vec<Mutex<()>>);

impl Default for Lanes {
    fn default() -> Self {
        Self((0..LANES).map(|_| Mutex::new(())).collect())
    }
}

impl Lanes {
    /// Waits for the lanes of these keys, in ascending order.
    async fn enter(&self, keys: &[ThrottleKey], deadline: Instant) -> Result<Vec<MutexGuard<'_, ()>>> {
        let number = |key: &ThrottleKey| {
            let [_, high, low, ..] = key.to_bytes();
            usize::from(u16::from_be_bytes([high, low]) % LANES)
        };
        let numbers: BTreeSet<usize> = keys.iter().map(number).collect();
        let mut entered = Vec::with_capacity(numbers.len());
        for lane in numbers.into_iter().filter_map(|number| self.0.get(number)) {
            entered.push(until(deadline, lane.lock()).await?);
        }
        Ok(entered)
    }
}

#[async_trait]
impl Throttle for RedisStore {
    /// # Cancel safety
    /// A dropped step is made completely or not at all. A script that has been sent may still run.
    async fn run_step(&self, step: &ThrottleStep) -> Result<ThrottleOutcome, StoreError> {
        self.run_throttle_step(step).await.map_err(store_error("run a step of the throttle"))
    }

    /// Redis deletes expired states itself, so this deletes none.
    async fn delete_expired_states(&self, _now: Timestamp, _limit: u32) -> Result<u64, StoreError> {
        let check = self.connection.check_primary(call_deadline()).await;
        check.map_err(store_error("delete expired states of the throttle"))?;
        Ok(0)
    }

    fn throttle_reach(&self) -> ThrottleReach {
        ThrottleReach::Shared
    }
}

impl RedisStore {
    /// A step that writes nothing, as that of a refused attempt, ends after the first read.
    async fn run_throttle_step(&self, step: &ThrottleStep) -> Result<ThrottleOutcome> {
        if step.keys().is_empty() {
            return Ok(step.decide(&[]).outcome);
        }
        let deadline = call_deadline();
        let keys: Vec<String> = step.keys().iter().map(|key| self.prefix.throttle_key(key)).collect();
        let decision = decide(step, &self.read_states(&keys, deadline).await?);
        if decision.writes.is_empty() {
            return Ok(decision.outcome);
        }
        let _entered = self.lanes.enter(step.keys(), deadline).await?;
        let mut states = self.read_states(&keys, deadline).await?;
        for _ in 0..MAX_ATTEMPTS {
            let ThrottleDecision { outcome, writes, .. } = decide(step, &states);
            if writes.is_empty() {
                return Ok(outcome);
            }
            match self.swap_states(step, &keys, &states, &writes, deadline).await? {
                None => return Ok(outcome),
                Some(changed) => states = changed,
            }
        }
        Err(format!("gave up after {MAX_ATTEMPTS} conflicting updates").into())
    }

    async fn read_states(&self, keys: &[String], deadline: Instant) -> Result<States> {
        let states: States = STEP.run_on::<_, &[u8]>(&self.connection, keys, &[], deadline).await?;
        complete(keys, states)
    }

    /// Writes if the states still are `expected`. Otherwise returns the states as they are.
    async fn swap_states(
        &self,
        step: &ThrottleStep,
        keys: &[String],
        expected: &States,
        writes: &[ThrottleWrite],
        deadline: Instant,
    ) -> Result<Option<States>> {
        let mut arguments = Vec::with_capacity(3 * keys.len());
        for (key, expected) in step.keys().iter().zip(expected) {
            let write = writes.iter().find(|write| write.key == *key);
            let new = write.map(|write| write.state.as_ref());
            arguments.push(expected.as_ref().map_or_else(|| b"-".to_vec(), |bytes| marked(bytes)));
            arguments.push(match new {
                None => b"keep".to_vec(),
                Some(None) => b"delete".to_vec(),
                Some(Some(state)) => marked(state.bytes()),
            });
            arguments.push(new.flatten().map_or(0, |state| ttl(state, step.now())).to_string().into_bytes());
        }
        let changed: Option<States> = STEP.run_on(&self.connection, keys, &arguments, deadline).await?;
        changed.map(|states| complete(keys, states)).transpose()
    }
}

/// A reply with another number of states is not one of the script's.
fn complete(keys: &[String], states: States) -> Result<States> {
    if states.len() == keys.len() {
        return Ok(states);
    }
    Err(format!("the script must return {} states, has returned {}", keys.len(), states.len()).into())
}

fn decide(step: &ThrottleStep, states: &States) -> ThrottleDecision {
    let states: Vec<Option<&[u8]>> = states.iter().map(Option::as_deref).collect();
    step.decide(&states)
}

/// The bytes after the mark of a state that exists.
fn marked(bytes: &[u8]) -> Vec<u8> {
    [b"=", bytes].concat()
}

/// For how many milliseconds Redis keeps a state; 0 for ever. The callers' clocks decide when a state expires, and
/// they may differ, so it is kept for [`CLOCK_TOLERANCE`] longer.
fn ttl(state: &ThrottleState, now: Timestamp) -> u64 {
    let micros = state.expires_at().as_micros().saturating_sub(now.as_micros());
    let needed = Duration::from_micros(micros).saturating_add(CLOCK_TOLERANCE);
    if needed > MAX_TTL { 0 } else { u64::try_from(needed.as_millis()).unwrap_or(0) }
}
