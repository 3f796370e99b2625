//! A budget that is refilled at a steady rate.

use std::time::Duration;

use super::attempts::since;
use super::bytes::{Reader, Writer};
use crate::types::Timestamp;

/// How much of a budget is used: all of it is free again at `free_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) free_at: Timestamp,
}

/// The size of a budget, and how long it takes until one more of it is free.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) size: u32,
    pub(super) interval: Duration,
}

impl Budget {
    /// A budget that is as many times as large, and is refilled as many times as fast.
    pub(super) fn times(self, factor: u32) -> Self {
        let factor = factor.max(1);
        Self { size: self.size.saturating_mul(factor), interval: self.interval / factor }
    }
}

impl Rate {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self { free_at: now }
    }

    /// A budget that is used up now.
    pub(super) fn used_up(now: Timestamp, budget: Budget) -> Self {
        Self { free_at: now.saturating_add(budget.interval.saturating_mul(budget.size)) }
    }

    /// How long until one of the budget is free; `None` if one is free. `reserved` are taken as used.
    pub(super) fn wait(&self, now: Timestamp, budget: Budget, reserved: u32) -> Option<Duration> {
        let most = budget.interval.saturating_mul(budget.size.saturating_sub(1));
        let used = since(self.free_at, now).unwrap_or_default();
        let used = used.saturating_add(budget.interval.saturating_mul(reserved));
        used.checked_sub(most).filter(|rest| !rest.is_zero())
    }

    pub(super) fn take(&mut self, now: Timestamp, budget: Budget) {
        self.free_at = self.free_at.max(now).saturating_add(budget.interval);
    }

    pub(super) fn rebase(&mut self, back: Duration) {
        self.free_at = self.free_at.saturating_sub(back);
    }

    pub(super) fn write(&self, to: &mut Writer) {
        to.time(self.free_at);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self { free_at: from.time()? })
    }
}
