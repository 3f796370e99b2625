//! SQLite.

mod connect;
mod connection;
mod dialect;
mod file;
mod shared;
mod throttle;
mod transaction;

pub(crate) use throttle::Batches;

pub use connect::{ACQUIRE_TIMEOUT, BUSY_TIMEOUT};

/// Accounts and sessions in a SQLite database. Clones share their connections.
///
/// One connection writes and four read, so reads do not wait for a write. Writes in this process
/// wait for the connection in the order in which they began. Writes of other processes are waited
/// for up to [`BUSY_TIMEOUT`]. Every commit is on the disk before it is acknowledged (`synchronous
/// = FULL`). Steps of the throttle that begin at the same time share a commit.
///
/// ```
/// use gatewright::SqliteStore;
/// use gatewright::store::AccountStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), gatewright::store::StoreError> {
/// let store = SqliteStore::connect("sqlite::memory:").await?;
/// assert_eq!(store.count().await?.total, 0);
/// # Ok(())
/// # }
/// ```
pub type SqliteStore = crate::SqlStore<sqlx::Sqlite>;
