//! The atomics of the generation counters. The crate in `loom` compiles that file with its own.

pub(super) use std::sync::atomic::{AtomicU64, Ordering};
