//! Sessions in Redis.

mod address;
mod link;
mod key;
mod script;
mod record;
mod warning;
mod store;
mod sessions;
mod feed;

use std::error::Error;

use gatewright_core::StoreError;

pub use feed::{MAX_WAITING, RedisFeed};
pub use key::{DEFAULT_PREFIX, InvalidPrefix, MAX_PREFIX_BYTES, Prefix};
pub use link::CALL_TIMEOUT;
pub use store::RedisStore;
pub use warning::Warning;

type Failure = Box<dyn Error + Send + Sync>;
type Parsed<T> = Result<T, Failure>;

/// A failure as the store's error.
fn broken(action: &'static str) -> impl FnOnce(Failure) -> StoreError {
    move |failure| StoreError::new(action, failure)
}
