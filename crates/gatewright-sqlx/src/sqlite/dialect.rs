//! SQLite as a dialect.
//!
//! A transaction takes the write lock when it begins, so no row needs a lock of its own, and there
//! are no conflicts to retry.

use gatewright_core::throttle::ThrottleStep;
use sqlx::Sqlite;
use sqlx::sqlite::SqliteQueryResult;

use super::connection::SqliteCheckout;
use super::throttle;
use crate::Failure;
use crate::connection::Pools;
use crate::dialect::Dialect;
use crate::retry::Retry;
use crate::sql::FIND_SESSION;
use crate::throttle::Ran;

impl Dialect for Sqlite {
    type Checkout = SqliteCheckout;

    const MIGRATIONS: &'static [&'static str] = &[
        include_str!("../../migrations/sqlite/0001_users_and_sessions.sql"),
        include_str!("../../migrations/sqlite/0002_clients_of_sessions.sql"),
        include_str!("../../migrations/sqlite/0003_throttle.sql"),
        include_str!("../../migrations/sqlite/0004_audit.sql"),
    ];
    const FIND_MIGRATIONS: &'static str =
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'gatewright_migrations'";
    // Each wait has its own limit: `ACQUIRE_TIMEOUT` for a connection, `BUSY_TIMEOUT` for the lock.
    const RETRY: Retry = Retry { is_conflict: |_| false, timeout: None };
    const LOCK_USER: Option<&'static str> = None;
    const LOCK_HOLDERS: &'static str =
        "SELECT u.id FROM gatewright_user_roles r JOIN gatewright_users u ON u.id = r.user_id
         WHERE r.role = $1 AND u.is_active LIMIT 2";
    const LOCK_SESSION: &'static str = FIND_SESSION;
    const LOCK_LOGINS: Option<&'static str> = None;
    const DELETE_EXPIRED: &'static str = "DELETE FROM gatewright_sessions WHERE seq IN
         (SELECT seq FROM gatewright_sessions WHERE idle_expires_at <= $1 LIMIT $2)";
    const DELETE_EXPIRED_STATES: &'static str = "DELETE FROM gatewright_throttle WHERE id IN
         (SELECT id FROM gatewright_throttle WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";

    fn rows_affected(result: &SqliteQueryResult) -> u64 {
        result.rows_affected()
    }

    async fn run_step(pools: &Pools<Self>, step: &ThrottleStep) -> Result<Ran, Failure> {
        throttle::run_step(pools, step).await
    }
}
