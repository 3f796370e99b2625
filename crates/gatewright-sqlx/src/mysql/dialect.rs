//! MySQL and MariaDB as a dialect.

use gatewright_core::throttle::ThrottleStep;
use sqlx::mysql::{MySqlDatabaseError, MySqlQueryResult, MySqlRow};
use sqlx::{AssertSqlSafe, MySql, SqlSafeStr, SqlStr};

use crate::Failure;
use crate::connection::Pools;
use crate::dialect::Dialect;
use crate::driver::Driver;
use crate::retry::Retry;
use crate::server::CALL_TIMEOUT;
use crate::server::connection::ServerConnection;
use crate::server::throttle;
use crate::sql::{MAX_KEYS, put_states, unnumbered};
use crate::throttle::Ran;

/// Locks rows in the order of the values. Each row is found by its key: a scan of the table, which a server may
/// prefer for a list of values, would wait for other rows.
const LOCK_STATES: &str = "(SELECT stripe FROM gatewright_throttle_locks WHERE stripe = $1 FOR UPDATE)
     UNION ALL (SELECT stripe FROM gatewright_throttle_locks WHERE stripe = $2 FOR UPDATE)
     UNION ALL (SELECT stripe FROM gatewright_throttle_locks WHERE stripe = $3 FOR UPDATE)
     UNION ALL (SELECT stripe FROM gatewright_throttle_locks WHERE stripe = $4 FOR UPDATE)
     UNION ALL (SELECT stripe FROM gatewright_throttle_locks WHERE stripe = $5 FOR UPDATE)";

impl Dialect for MySql {
    type Checkout = ServerConnection<Self>;

    const MIGRATIONS: &'static [&'static str] = &[
        include_str!("../../migrations/mysql/0001_users_and_sessions.sql"),
        include_str!("../../migrations/mysql/0002_clients_of_sessions.sql"),
        include_str!("../../migrations/mysql/0003_throttle.sql"),
        include_str!("../../migrations/mysql/0004_audit.sql"),
    ];
    const FIND_MIGRATIONS: &'static str = "SELECT 1 FROM information_schema.tables
         WHERE table_schema = DATABASE() AND table_name = 'gatewright_migrations'";
    const RETRY: Retry = Retry { is_conflict, timeout: Some(CALL_TIMEOUT) };
    // If the address is taken, this violates a unique key. `INSERT IGNORE` would also ignore other
    // errors.
    const INSERT_USER: &'static str =
        "INSERT INTO gatewright_users (id, email, email_key, username, username_key, password_hash, is_active, epoch, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, TRUE, $7, $8)";
    // The roles come first: otherwise the server may read, and so lock, all users.
    const LOCK_HOLDERS: &'static str =
        "SELECT STRAIGHT_JOIN u.id FROM gatewright_user_roles r JOIN gatewright_users u ON u.id = r.user_id
         WHERE r.role = $1 AND u.is_active ORDER BY r.user_id FOR UPDATE";
    // The rows that are not locked come first: otherwise the server may wait for all others. The deleted
    // table has no alias: with another current database, the server would look for the alias there.
    const DELETE_EXPIRED: &'static str = "DELETE gatewright_sessions FROM (SELECT id FROM gatewright_sessions
         WHERE idle_expires_at <= $1 ORDER BY idle_expires_at LIMIT $2 FOR UPDATE SKIP LOCKED) expired
         STRAIGHT_JOIN gatewright_sessions ON gatewright_sessions.id = expired.id";
    const DELETE_EXPIRED_STATES: &'static str =
        "DELETE gatewright_throttle FROM (SELECT id FROM gatewright_throttle
         WHERE expires_at < $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED) expired
         STRAIGHT_JOIN gatewright_throttle ON gatewright_throttle.id = expired.id";
    // MariaDB 10.11 ignores SKIP LOCKED in a subquery when a prepared statement runs again.
    const PREPARES_DELETE_EXPIRED: bool = false;
    const PUT_STATES: [&'static str; MAX_KEYS] =
        put_states!("ON DUPLICATE KEY UPDATE state = VALUES(state), expires_at = VALUES(expires_at)");

    fn sql(statement: &'static str, schema: Option<&str>) -> SqlStr {
        AssertSqlSafe(Self::in_schema(unnumbered(statement), schema)).into_sql_str()
    }

    /// Only the names of tables contain the prefix.
    fn in_schema(statement: String, schema: Option<&str>) -> String {
        let Some(schema) = schema else { return statement };
        statement.replace("gatewright_", &format!("`{}`.gatewright_", schema.replace('`', "``")))
    }

    fn rows_affected(result: &MySqlQueryResult) -> u64 {
        result.rows_affected()
    }

    /// The columns are binary (see `migrations/mysql`), so the driver returns bytes.
    fn text<'r>(row: &'r MySqlRow, column: &str) -> Result<Option<&'r str>, Failure> {
        Ok(Self::get_bytes(row, column)?.map(str::from_utf8).transpose()?)
    }

    async fn run_step(pools: &Pools<Self>, step: &ThrottleStep) -> Result<Ran, Failure> {
        throttle::run_step(pools, step, LOCK_STATES).await
    }
}

/// A deadlock, a lock timeout, or a row that has changed since it was read.
///
/// The server may have rolled back only the failed statement. `Checkout::end` rolls the whole
/// transaction back.
fn is_conflict(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
    error.is_some_and(|error| matches!(error.number(), 1205 | 1213 | 1020))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_named_with_their_schema() {
        let statement = "DELETE FROM gatewright_users WHERE id = $1";
        let named = MySql::sql(statement, Some("a`b"));
        assert_eq!(named.as_str(), "DELETE FROM `a``b`.gatewright_users WHERE id = ?");
        assert_eq!(MySql::sql(statement, None).as_str(), "DELETE FROM gatewright_users WHERE id = ?");
    }
}
