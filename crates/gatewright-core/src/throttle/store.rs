//! The trait of a throttle.

use std::sync::Arc;

use async_trait::async_trait;

use super::step::{ThrottleOutcome, ThrottleStep};
use crate::store::StoreError;
use crate::types::Timestamp;

/// How many expired states [`Throttle::delete_expired_states`] is asked to delete at a time: 1,000.
pub const MAX_EXPIRED_PER_STEP: u32 = 1_000;

/// Which processes share a throttle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThrottleReach {
    /// This process alone. Each further process multiplies every budget.
    Process,
    /// All processes that open the same store.
    Shared,
}

/// Keeps the states of the throttle: bytes and an expiry for each key.
///
/// # Contract
/// - `run_step` is atomic: no other step on one of its keys runs between its reads and its writes. It reads the
///   states of [`ThrottleStep::keys`], calls [`ThrottleStep::decide`], writes all of its writes or none, and
///   returns its outcome. A store that locks rows locks them in the order of the keys. One that compares and
///   swaps decides again after a conflict.
/// - A step that is not admitted writes only repaired states, so a flood of refused attempts causes no writes.
/// - A completed step is visible to all processes that share the throttle, and survives a restart if the store
///   does.
/// - A state may be deleted from its [`expires_at`](super::ThrottleState::expires_at) on, and not before. A store
///   in memory with a limit may count further keys together instead.
/// - It stores the bytes unchanged, and looks into none.
///
/// # Errors
/// Every method fails with a [`StoreError`] if the store is down. The client gets 503 then, unless
/// [`ThrottleFailure::Admit`](crate::auth::ThrottleFailure::Admit) is set.
///
/// # Cancel safety
/// A cancelled step was made, or not. A reservation without an outcome is forgotten after
/// [`IN_FLIGHT_TIMEOUT`](super::IN_FLIGHT_TIMEOUT).
///
/// # Test an implementation
/// With `throttle_suite!` of `gatewright-testkit`.
#[async_trait]
pub trait Throttle: Send + Sync + 'static {
    /// Runs one step.
    ///
    /// # Errors
    /// The store failed.
    async fn run_step(&self, step: &ThrottleStep) -> Result<ThrottleOutcome, StoreError>;

    /// Deletes at most `limit` states that expired before `now`, and returns how many. It only frees space.
    ///
    /// # Errors
    /// The store failed.
    async fn delete_expired_states(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;

    /// Which processes share the throttle.
    fn throttle_reach(&self) -> ThrottleReach;
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<T: Throttle + ?Sized> Throttle for Arc<T> {
    async fn run_step(&self, step: &ThrottleStep) -> Result<ThrottleOutcome, StoreError> {
        (**self).run_step(step).await
    }

    async fn delete_expired_states(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        (**self).delete_expired_states(now, limit).await
    }

    fn throttle_reach(&self) -> ThrottleReach {
        (**self).throttle_reach()
    }
}
