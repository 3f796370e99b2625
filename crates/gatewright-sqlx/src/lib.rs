//! Users, accounts, sessions, the throttle and the audit trail in SQL databases, by feature: `sqlite` (default), `postgres`,
//! `mysql`.
//!
//! ```text
//! SqliteStore, PostgresStore, MySqlStore     one type, SqlStore<D>, for three databases
//!   │ connect     {sqlite,postgres,mysql}/connect.rs, migrations.rs
//!   │ from_pool   {sqlite,postgres,mysql}/shared.rs
//!   ▼
//! accounts.rs     UserStore, AccountStore
//! sessions.rs     SessionStore
//! throttle.rs     Throttle
//! audit.rs        AuditStore
//!   │ statements  sql.rs; those that differ: {sqlite,postgres,mysql}/dialect.rs
//!   │ retries     retry.rs
//!   ▼
//! connection.rs   checked-out connections and transactions
//! ```
//!
//! The stores are written once, generic over the trait `Dialect` (`dialect.rs`), which holds
//! everything that differs between the databases. [`PostgresFeed`] (`feed.rs`) carries revocations
//! between the nodes that use one PostgreSQL database.
//!
//! # Tables
//! When a store connects, it creates its tables (`gatewright_users`, `gatewright_user_roles`,
//! `gatewright_sessions`, `gatewright_session_locks`, `gatewright_throttle`,
//! `gatewright_throttle_locks`, `gatewright_audit`) or brings them up to date. SQLite needs no table of locks. If the
//! tables are up to date, the store only reads their version: a role that may not create tables is
//! enough. Migrations only add to the tables. So nodes of two versions can use one database, and a node of the older version
//! can still start after a newer version has migrated the tables.
//!
//! The statements are in the folder `migrations` of this crate, one file for each version. Another
//! tool can run them: each file records its number in the table `gatewright_migrations`.
//!
//! # Pools of the application
//! A store opens its own connections with `connect`. With `from_pool` it uses a pool of the
//! application. `migrate` creates the tables there, and `from_pool` does not. The store expects no
//! setting from a connection and leaves none behind. It needs one connection for each operation, so
//! do not wait for the store while you hold the last connection of the pool or, on SQLite, the write
//! lock. [`sqlx`] is the driver in the version that the stores use.
//!
//! # The databases compared
//!
//! | | SQLite | PostgreSQL | MySQL, MariaDB |
//! |---|---|---|---|
//! | a write | a transaction that holds the write lock | one statement, or a transaction with row locks | as PostgreSQL |
//! | parallel logins of one user | one writer at a time | a row lock in `gatewright_session_locks` | as PostgreSQL |
//! | parallel steps of the throttle | one transaction for all that wait | row locks in `gatewright_throttle_locks` | as PostgreSQL |
//! | a conflict with another transaction | does not occur | up to 10 attempts | as PostgreSQL |
//! | a cancelled operation | takes effect completely or not at all | the same; its connection is closed | as PostgreSQL |
//! | an operation fails after at most | 3 s | 1.6 s; a step of the throttle [`STEP_TIMEOUT`] | as PostgreSQL |
//! | TLS | | verified, except on the same machine | as PostgreSQL |
//! | deleting expired sessions | up to 100 in a login | the same, without those that are locked | as PostgreSQL |
//! | comparison of text | bytes | bytes (`COLLATE "C"`) | bytes (`VARBINARY`) |
//!
//! # Unknown outcomes
//! If a connection breaks during a commit, the operation returns an error, although the change may
//! have happened. Each refresh token has exactly one successor. A client that sends the refresh
//! again within the grace window gets this successor, whether the change has happened or not.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(any(feature = "mysql", feature = "postgres", feature = "sqlite")),
    expect(dead_code, reason = "without a database, nothing opens a store")
)]

mod scheme;
mod options;
mod driver;
mod sql;
mod retry;
mod row;
mod statement;
mod connection;
mod dialect;
mod migrations;
mod store;
mod accounts;
mod sessions;
mod throttle;
mod audit;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod server;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod feed;

use std::error::Error;

/// The driver, in the version that the stores use.
pub use sqlx;

#[cfg(feature = "postgres")]
pub use feed::{DEFAULT_CHANNEL, MAX_CHANNEL_BYTES, MAX_WAITING, PUBLISH_TIMEOUT, PostgresFeed};
#[cfg(feature = "mysql")]
pub use mysql::MySqlStore;
pub use options::{MAX_POOL_SIZE, SqlOptions};
#[cfg(feature = "postgres")]
pub use postgres::PostgresStore;
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub use server::{CALL_TIMEOUT, MAX_CONNECTIONS, START_TIMEOUT};
#[cfg(feature = "sqlite")]
pub use sqlite::{ACQUIRE_TIMEOUT, BUSY_TIMEOUT, SqliteStore};
pub use store::SqlStore;
pub use throttle::STEP_TIMEOUT;

/// The cause of a `StoreError`.
type Failure = Box<dyn Error + Send + Sync>;
