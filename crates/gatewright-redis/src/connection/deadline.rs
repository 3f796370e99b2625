//! Time limits of calls to Redis.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::failure::Result;

/// The time limit of one call to Redis: 1.6 seconds, including the wait for a connection.
///
/// A token refresh makes up to three calls to stores. With this limit it fails after at most 5
/// seconds.
pub const CALL_TIMEOUT: Duration = Duration::from_millis(1_600);

/// The time limit of one attempt to connect.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The deadline of a call that starts now.
pub(crate) fn call_deadline() -> Instant {
    Instant::now() + CALL_TIMEOUT
}

/// The output of `reply`, or a failure if it is not ready at the deadline.
pub(crate) async fn until<T>(deadline: Instant, reply: impl Future<Output = T>) -> Result<T> {
    timeout_at(deadline, reply).await.map_err(|_| "Redis did not reply in time".into())
}

#[expect(clippy::disallowed_methods, reason = "a server that is down sends no event when it is back")]
pub(crate) async fn pause(length: Duration) {
    tokio::time::sleep(length).await;
}
