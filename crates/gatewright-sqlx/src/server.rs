//! The parts that PostgreSQL and MySQL share: limits, the pool, and the start.

pub(crate) mod shared;
pub(crate) mod connection;
pub(crate) mod migrate;
pub(crate) mod throttle;
pub(crate) mod url;

use std::time::Duration;

use gatewright_core::StoreError;
use sqlx::pool::PoolOptions;
use sqlx::{Connection, Database};
use tokio::time::timeout;

use crate::Failure;
use crate::options::SqlOptions;
use crate::store::cannot_open;

/// How long an operation on PostgreSQL or MySQL may take: 1.6 seconds, including its waits for a
/// connection and for locks. A refresh makes three operations, so it fails after 5 seconds at the
/// latest.
pub const CALL_TIMEOUT: Duration = Duration::from_millis(1_600);

/// How many connections a store on PostgreSQL or MySQL opens at most, unless
/// [`SqlOptions`](crate::SqlOptions) set another number.
pub const MAX_CONNECTIONS: u32 = 10;

/// How long `connect` to PostgreSQL or MySQL may take: 60 seconds, because another node may be
/// running the migrations.
pub const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a connection may take to answer a ping, before it is checked out and before it is
/// returned.
///
/// If the network drops all packets, no answer ever comes. Without this limit the connection would
/// occupy a place in the pool until the operating system closes it.
const PING_TIMEOUT: Duration = Duration::from_millis(500);

/// The options of a store's pool.
pub(crate) fn pool<D: Database>(options: &SqlOptions) -> Result<PoolOptions<D>, Failure> {
    let pool = PoolOptions::new()
        .max_connections(options.max_connections(1, MAX_CONNECTIONS)?)
        .acquire_timeout(CALL_TIMEOUT)
        // The pool's own test has no timeout. If the test below fails, the pool opens another
        // connection at once.
        .test_before_acquire(false)
        .before_acquire(|connection: &mut D::Connection, _| {
            Box::pin(async move { Ok(matches!(timeout(PING_TIMEOUT, connection.ping()).await, Ok(Ok(())))) })
        });
    Ok(pool)
}

/// Opens a store, within [`START_TIMEOUT`].
pub(crate) async fn start<T>(opening: impl Future<Output = Result<T, Failure>>) -> Result<T, StoreError> {
    in_time(opening).await.map_err(cannot_open)
}

/// Opens something within [`START_TIMEOUT`].
pub(crate) async fn in_time<T>(opening: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let opened = timeout(START_TIMEOUT, opening).await;
    opened.unwrap_or_else(|_| Err(format!("timed out after {START_TIMEOUT:?}").into()))
}

/// Asserts that neither the error nor its cause shows the secret.
#[cfg(test)]
pub(crate) fn assert_hides(secret: &str, error: &StoreError) {
    let cause = std::error::Error::source(error).unwrap();
    let shown = format!("{error} {error:?} {cause} {cause:?}");
    assert!(!shown.contains(secret), "{shown}");
}
