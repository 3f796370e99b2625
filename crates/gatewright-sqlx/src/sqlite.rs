//! SQLite.

mod connect;
mod dialect;
mod file;

pub use connect::{ACQUIRE_TIMEOUT, BUSY_TIMEOUT};

/// Accounts and sessions in a SQLite database. Clones share their connections.
///
/// One connection writes and four read, so reads do not wait for a write. Writers in this process
/// queue for the connection in order; writers in other processes wait for SQLite's lock, see
/// [`BUSY_TIMEOUT`]. Every commit is on the disk before it is acknowledged (`synchronous = FULL`).
pub type SqliteStore = crate::SqlStore<sqlx::Sqlite>;
