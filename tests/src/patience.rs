//! Waits for what an idle machine does within moments. Stores and feeds give up after a second or two,
//! so on a busy machine any of their calls may fail once although the code is right.

use std::fmt::Debug;
use std::time::Duration;

use gatewright::store::{Prefix, StoreError};
use gatewright::{RedisFeed, RedisStore};
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use tokio::time::Instant;

/// How long a test waits.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Checks the condition again and again until it holds.
///
/// # Panics
/// If that takes longer than [`PATIENCE`].
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::task::yield_now().await;
    }
}

/// Repeats a call until it succeeds. The call must have the same outcome if an earlier one, which
/// failed, was executed.
///
/// # Panics
/// If that takes longer than [`PATIENCE`].
pub async fn until_ok<T, E: Debug>(mut call: impl AsyncFnMut() -> Result<T, E>) -> T {
    let started = Instant::now();
    loop {
        match call().await {
            Ok(value) => return value,
            Err(error) => assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {error:?}"),
        }
        tokio::task::yield_now().await;
    }
}

/// Repeats a call until its error has another cause than a time limit.
///
/// # Panics
/// If the call succeeds, or if that takes longer than [`PATIENCE`].
pub async fn cause_of<T: Debug>(mut call: impl AsyncFnMut() -> Result<T, StoreError>) -> String {
    let started = Instant::now();
    loop {
        let cause = std::error::Error::source(&call().await.unwrap_err()).unwrap().to_string();
        if !cause.contains("in time") && !cause.contains("timed out") {
            return cause;
        }
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {cause}");
    }
}

/// A store on this Redis server.
pub async fn redis_store(url: &str) -> RedisStore {
    until_ok(async || RedisStore::connect(url).await).await
}

/// A feed over this Redis server.
pub async fn redis_feed(url: &str, prefix: &Prefix) -> RedisFeed {
    let started = Instant::now();
    // Not `until_ok`: the future would not be `Send`.
    loop {
        match RedisFeed::connect_on(url, prefix).await {
            Ok(feed) => return feed,
            Err(error) => assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {error:?}"),
        }
    }
}

/// A connection to Redis without Gatewright. The driver's own time limits are half a second for a
/// reply and one second for a connection.
pub async fn raw_redis(url: &str) -> MultiplexedConnection {
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(Some(PATIENCE))
        .set_connection_timeout(Some(PATIENCE));
    redis::Client::open(url).unwrap().get_multiplexed_async_connection_with_config(&config).await.unwrap()
}
