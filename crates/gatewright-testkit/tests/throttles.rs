//! The throttle's suite on the reference in memory, and on one so small that it is always full of others' keys.

use gatewright_core::MemoryThrottle;

async fn memory() -> [MemoryThrottle; 2] {
    let throttle = MemoryThrottle::new();
    [throttle.clone(), throttle]
}

gatewright_testkit::throttle_suite!(memory_throttle, memory, in_memory);
