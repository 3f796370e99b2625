//! The throttle: the one in memory of the core.

use async_trait::async_trait;
use gatewright_core::throttle::{Throttle, ThrottleOutcome, ThrottleReach, ThrottleStep};
use gatewright_core::{StoreError, Timestamp};

use crate::MemoryStore;

#[async_trait]
impl Throttle for MemoryStore {
    async fn run_step(&self, step: &ThrottleStep) -> Result<ThrottleOutcome, StoreError> {
        self.throttle.run_step(step).await
    }

    async fn delete_expired_states(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.throttle.delete_expired_states(now, limit).await
    }

    fn throttle_reach(&self) -> ThrottleReach {
        self.throttle.throttle_reach()
    }
}
