//! Users, accounts and sessions in SQL databases: SQLite today.
//!
//! ```text
//! connect ──► SqliteStore ──► accounts: UserStore, AccountStore
//!   │ migrations              sessions: SessionStore
//!   │ one writer, some readers
//! ```
//!
//! The tables (`gatewright_users`, `gatewright_sessions`) are made and kept up to date at [`SqliteStore::connect`]; the
//! history of that is in `_gatewright_migrations`, apart from an application's own.
//!
//! ```
//! use gatewright_core::AccountStore;
//! use gatewright_sqlx::SqliteStore;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = SqliteStore::connect("sqlite::memory:").await?;
//! assert_eq!(store.count().await?.total, 0);
//! # Ok(()) }
//! ```

mod row;
mod connect;
mod accounts;
mod sessions;

pub use connect::{ACQUIRE_TIMEOUT, BUSY_TIMEOUT, SqliteStore};
