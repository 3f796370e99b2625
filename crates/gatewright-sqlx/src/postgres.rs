//! PostgreSQL.

pub(crate) mod connect;
mod dialect;

/// Accounts and sessions in a PostgreSQL database. Clones share their connections.
///
/// A commit is as durable as the server's `synchronous_commit` makes it. By default it is on the
/// disk before it is acknowledged.
pub type PostgresStore = crate::SqlStore<sqlx::Postgres>;
