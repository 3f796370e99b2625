//! MySQL and MariaDB.

mod connect;
mod dialect;
mod foreign;
mod shared;

/// Accounts and sessions in a MySQL or MariaDB database. Clones share their connections.
///
/// A commit is as durable as the server's `innodb_flush_log_at_trx_commit` makes it. By default it
/// is on the disk before it is acknowledged. Developed and tested on MariaDB 10.11.
///
/// ```no_run
/// use gatewright::MySqlStore;
///
/// # async fn example() -> Result<(), gatewright::store::StoreError> {
/// let store = MySqlStore::connect("mysql://app:secret@db.example.com/app").await?;
/// # Ok(())
/// # }
/// ```
pub type MySqlStore = crate::SqlStore<sqlx::MySql>;
