//! Users, accounts and sessions in SQL databases, by feature: `sqlite` (default), `postgres`, `mysql`.
//!
//! ```text
//! connect ──► SqliteStore    ──► accounts: UserStore, AccountStore
//!   │ migrations  PostgresStore  sessions: SessionStore
//!   │ pools       MySqlStore
//! ```
//!
//! `PostgresFeed` carries revocations between the nodes of one PostgreSQL database (`postgres/feed.rs`).
//!
//! `statements.rs` has the statements that the databases share, `server.rs` the verbs and the deadlines that PostgreSQL
//! and MySQL share; what differs stands beside each store. The tables (`gatewright_users`, `gatewright_sessions`) are made
//! and kept up to date when a store connects; the history of that is in `_gatewright_migrations`, apart from an
//! application's own.
//!
//! | | SQLite | PostgreSQL | MySQL, MariaDB |
//! |---|---|---|---|
//! | one verb | a transaction with the write lock | one statement, or a transaction that locks its rows | as PostgreSQL |
//! | logins of one user | one writer | an advisory lock | a row of `gatewright_session_locks` |
//! | what another's lock spoilt | waited for | tried again, at most 10 times | as PostgreSQL |
//! | a call that is given up | is undone | costs its connection | as PostgreSQL |
//! | a call that fails has failed | after 3 s | after 1.6 s | after 1.6 s |
//! | TLS | | verified, except on this machine | as PostgreSQL |
//! | identifiers | bytes | bytes (`COLLATE "C"`) | bytes (`VARBINARY`) |
//!
//! Migrations only add, so nodes of two versions work on one database, and one of the older version may start again.
//!
//! A connection that breaks while a commit is under way leaves the store without an answer: it says so with an error, and
//! what was asked for has happened or not. A refresh that is tried again inside the grace window gets the same successor
//! either way.
#![cfg_attr(
    feature = "sqlite",
    doc = r#"
```
use gatewright_core::AccountStore;
use gatewright_sqlx::SqliteStore;

# #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
let store = SqliteStore::connect("sqlite::memory:").await?;
assert_eq!(store.count().await?.total, 0);
# Ok(()) }
```
"#
)]

mod statements;
mod migrations;
mod row;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod server;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "mysql")]
mod mysql;

use std::error::Error;

#[cfg(feature = "mysql")]
pub use mysql::MySqlStore;
#[cfg(feature = "postgres")]
pub use postgres::{
    ANNOUNCE_TIMEOUT, DEFAULT_CHANNEL, MAX_CHANNEL_BYTES, MAX_WAITING, PostgresFeed, PostgresStore,
};
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub use server::{CALL_TIMEOUT, MAX_CONNECTIONS, START_TIMEOUT};
#[cfg(feature = "sqlite")]
pub use sqlite::{ACQUIRE_TIMEOUT, BUSY_TIMEOUT, SqliteStore};

type Failure = Box<dyn Error + Send + Sync>;
type Parsed<T> = Result<T, Failure>;
