//! PostgreSQL.

pub(crate) mod connect;
mod dialect;
mod shared;

/// Accounts and sessions in a PostgreSQL database. Clones share their connections.
///
/// A commit is as durable as the server's `synchronous_commit` makes it. By default it is on the
/// disk before it is acknowledged.
///
/// ```no_run
/// use gatewright::PostgresStore;
///
/// # async fn example() -> Result<(), gatewright::store::StoreError> {
/// let store = PostgresStore::connect("postgres://app:secret@db.example.com/app").await?;
/// # Ok(())
/// # }
/// ```
pub type PostgresStore = crate::SqlStore<sqlx::Postgres>;
