//! Test doubles: a clock, a timer, a hasher, an event sink, stores and a feed that a test controls.

mod clock;
mod counting_store;
mod events;
mod failing_store;
mod hasher;
mod intercepted;
mod manual_feed;
mod seeded_random;
mod shared_secret;
mod timer;

pub use clock::FixedClock;
pub use counting_store::{CountingStore, Watch};
pub use events::EventRecorder;
pub use failing_store::{FailingStore, Outage};
pub use hasher::TestHasher;
pub use intercepted::{Hook, Intercepted, Method};
pub use manual_feed::ManualFeed;
pub use seeded_random::SeededRandom;
pub use shared_secret::shared_secret;
pub use timer::ManualTimer;
