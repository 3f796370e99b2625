//! Random numbers that depend on the seed alone.

use std::time::Duration;

/// The generator SplitMix64.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// `true` in this percentage of the calls.
    pub(super) fn percent(&mut self, percentage: usize) -> bool {
        self.below(100) < percentage
    }

    /// A time below `end`, in milliseconds.
    pub(super) fn time_below(&mut self, end: Duration) -> Duration {
        Duration::from_millis(self.next() % u64::try_from(end.as_millis()).unwrap())
    }
}
