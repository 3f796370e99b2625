//! PostgreSQL as a dialect.

use gatewright_core::throttle::ThrottleStep;
use sqlx::Postgres;
use sqlx::postgres::PgQueryResult;

use crate::Failure;
use crate::connection::Pools;
use crate::dialect::Dialect;
use crate::retry::Retry;
use crate::server::CALL_TIMEOUT;
use crate::server::connection::ServerConnection;
use crate::server::throttle;
use crate::sql::LOCK_STATES;
use crate::throttle::Ran;

impl Dialect for Postgres {
    type Checkout = ServerConnection<Self>;

    const MIGRATIONS: &'static [&'static str] = &[
        include_str!("../../migrations/postgres/0001_users_and_sessions.sql"),
        include_str!("../../migrations/postgres/0002_clients_of_sessions.sql"),
        include_str!("../../migrations/postgres/0003_throttle.sql"),
        include_str!("../../migrations/postgres/0004_audit.sql"),
    ];
    // `to_regclass` alone may not see a table that another transaction has just created.
    const FIND_MIGRATIONS: &'static str = "SELECT 1 FROM pg_catalog.pg_class
         WHERE relname = 'gatewright_migrations' AND relkind = 'r' AND pg_catalog.pg_table_is_visible(oid)";
    const RETRY: Retry = Retry { is_conflict, timeout: Some(CALL_TIMEOUT) };
    // PostgreSQL has no `instr`.
    const SEARCH_USERS: &'static str =
        "SELECT u.id, u.email, u.username, u.password_hash, u.is_active, u.epoch, u.created_at, r.role
         FROM (SELECT id, email, username, password_hash, is_active, epoch, created_at FROM gatewright_users
         WHERE id > $1 AND strpos(email_key, $2) > 0 ORDER BY id LIMIT $3) u
         LEFT JOIN gatewright_user_roles r ON r.user_id = u.id ORDER BY u.id";
    // `SKIP LOCKED`: other nodes are deleting or using these rows.
    const DELETE_EXPIRED: &'static str =
        "DELETE FROM gatewright_sessions WHERE id IN (SELECT id FROM gatewright_sessions
         WHERE idle_expires_at <= $1 ORDER BY idle_expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)";
    const DELETE_EXPIRED_STATES: &'static str =
        "DELETE FROM gatewright_throttle WHERE id IN (SELECT id FROM gatewright_throttle
         WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

    fn rows_affected(result: &PgQueryResult) -> u64 {
        result.rows_affected()
    }

    /// PostgreSQL rejects text with a NUL byte, so a hash with one is bound as `NULL`: it matches
    /// no stored hash, and it cannot be stored.
    fn password_hash(hash: &str) -> Option<&str> {
        (!hash.contains('\0')).then_some(hash)
    }

    async fn run_step(pools: &Pools<Self>, step: &ThrottleStep) -> Result<Ran, Failure> {
        throttle::run_step(pools, step, LOCK_STATES).await
    }
}

/// A serialization failure, a deadlock, or a lock timeout. PostgreSQL rolls the transaction back.
fn is_conflict(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| ["40001", "40P01", "55P03"].contains(&&*code))
}
