//! The throttle: how many attempts an account and a network have, and how long they wait.
//!
//! ```text
//! login ─► ThrottleDigests ─► Attempt ─► ThrottleStep::acquire ─► Throttle::run ─► admitted or limited
//!                                              hash of the password
//!                             Attempt ─► ThrottleStep::succeed, fail, give_back ─► Throttle::run
//! ```
//!
//! A [`Throttle`] keeps one short text of bytes for each key. It knows no rule: [`ThrottleStep::decide`]
//! reads the bytes of all keys of a step, decides, and says what to write. So all stores decide alike.

mod settings;
mod key;
mod bytes;
mod attempts;
mod rate;
mod network;
mod owner;
mod bucket;
mod state;
mod step;
mod store;
mod memory;

pub use key::{Attempt, ClientOrigin, KeyKind, Purpose, ThrottleDigests, ThrottleKey};
pub use memory::{DEFAULT_MEMORY_KEYS, MAX_MEMORY_KEYS, MemoryThrottle, SHARED_BUCKETS};
pub use owner::LockStage;
pub use settings::{
    ACCOUNT_FAILURES, FAILURES_RESET, FIRST_WAIT, IN_FLIGHT_RETRY, IN_FLIGHT_TIMEOUT, KNOWN_NETWORK_LIFETIME,
    KNOWN_NETWORKS, KNOWN_NETWORKS_ONLY_AFTER, LOCK_AFTER, LONGEST_WAIT, NETWORK_FAILURES, NETWORK_IN_FLIGHT,
    NETWORK_INTERVAL, PASSWORD_CHANGE_FAILURES, REFUSED_REQUEST_INTERVAL, REFUSED_REQUESTS,
    REGISTRATION_INTERVAL, REGISTRATIONS, SHARED_BUCKET_FACTOR, SHARED_NETWORK_FACTOR, STUFFING_ACCOUNTS,
    STUFFING_DURATION, STUFFING_INTERVAL, STUFFING_WINDOW, ThrottleSettings, WIDE_NETWORK_FACTOR,
};
pub use state::{CLOCK_TOLERANCE, MAX_STATE_BYTES, ThrottleState};
pub use step::{Limit, ThrottleDecision, ThrottleOutcome, ThrottleStep, ThrottleWrite};
pub use store::{MAX_EXPIRED_PER_STEP, Throttle, ThrottleReach};

pub(crate) use settings::check;
