//! Fills the stores' own tables with sessions, ten for each user. They differ only in their
//! numbers.

use std::time::Duration;

use gatewright::UserId;
use gatewright::types::{SessionId, Timestamp};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

/// The time until the sessions expire.
pub(crate) const LIFETIME: Duration = Duration::from_secs(7 * 86_400);

const SESSIONS_PER_USER: u64 = 10;

/// The user of the session.
pub(crate) fn user_of(session: u64) -> UserId {
    UserId::new(format!("user-{}", session / SESSIONS_PER_USER)).unwrap()
}

/// The session's id. Ids increase with time, as UUIDv7 does.
pub(crate) fn id_of(session: u64) -> SessionId {
    let hex = format!("{session:012x}");
    let (high, low) = hex.split_at(8);
    format!("{high}-{low}-7000-8000-{hex}").parse().unwrap()
}

/// The digest of the session's token number `step`.
pub(crate) fn digest_of(session: u64, step: u64) -> [u8; 32] {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&step.to_be_bytes());
    digest[24..].copy_from_slice(&session.to_be_bytes());
    digest
}

const COLUMNS: &str =
    "id, user_id, epoch, seed, scopes, created_at, auth_time, last_used_at, pending_used_at, earlier_used_at,
    idle_expires_at, expires_at, current_digest, used, rotated_at, foreign_graces, foreign_grace_seen";

/// Inserts the sessions from `from` up to `to`, and their users.
pub(crate) async fn sqlite(url: &str, from: u64, to: u64, now: Timestamp) {
    let (now, end) = (now.as_micros(), now.saturating_add(LIFETIME).as_micros());
    let numbers = |from, to| {
        format!(
            "WITH RECURSIVE numbers (n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {to})"
        )
    };
    let users = numbers(from / SESSIONS_PER_USER, to / SESSIONS_PER_USER);
    let sessions = numbers(from, to);
    let mut raw = SqliteConnection::connect(url).await.unwrap();
    for statement in [
        "BEGIN IMMEDIATE".to_owned(),
        format!(
            "{users} INSERT INTO gatewright_users (id, email, email_key, password_hash, is_active, epoch, created_at)
             SELECT 'user-' || n, 'user-' || n || '@example.com', 'user-' || n || '@example.com',
             'none', 1, 1, {now} FROM numbers"
        ),
        format!(
            "{users} INSERT INTO gatewright_user_roles (role, user_id) SELECT 'user', 'user-' || n FROM numbers"
        ),
        format!(
            "{sessions} INSERT INTO gatewright_sessions ({COLUMNS})
             SELECT printf('%08x-%04x-7000-8000-%012x', n >> 16, n & 65535, n), 'user-' || (n / {SESSIONS_PER_USER}),
             1, unhex(printf('%064x', n)), 'read write', {now}, {now}, {now}, {now}, {now}, {end}, {end}, unhex(printf('%064x', n)),
             x'', {now}, 0, 0
             FROM numbers"
        ),
        "COMMIT".to_owned(),
        "ANALYZE".to_owned(),
        "PRAGMA wal_checkpoint(TRUNCATE)".to_owned(),
    ] {
        raw.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    raw.close().await.unwrap();
}

/// As [`sqlite`].
pub(crate) async fn postgres(url: &str, from: u64, to: u64, now: Timestamp) {
    let (now, end) = (now.as_micros(), now.saturating_add(LIFETIME).as_micros());
    let numbers = |from: u64, to: u64| format!("generate_series({from}::bigint, {}) AS n", to - 1);
    let users = numbers(from / SESSIONS_PER_USER, to / SESSIONS_PER_USER);
    let sessions = numbers(from, to);
    let mut raw = PgConnection::connect(url).await.unwrap();
    for statement in [
        format!(
            "INSERT INTO gatewright_users (id, email, email_key, password_hash, is_active, epoch, created_at)
             SELECT 'user-' || n, 'user-' || n || '@example.com', 'user-' || n || '@example.com',
             'none', TRUE, 1, {now} FROM {users}"
        ),
        format!("INSERT INTO gatewright_user_roles (role, user_id) SELECT 'user', 'user-' || n FROM {users}"),
        format!(
            "INSERT INTO gatewright_sessions ({COLUMNS})
             SELECT lpad(to_hex(n >> 16), 8, '0') || '-' || lpad(to_hex(n & 65535), 4, '0') || '-7000-8000-'
             || lpad(to_hex(n), 12, '0'), 'user-' || (n / {SESSIONS_PER_USER}), 1, decode(lpad(to_hex(n), 64, '0'), 'hex'),
             'read write', {now}, {now}, {now}, {now}, {now}, {end}, {end}, decode(lpad(to_hex(n), 64, '0'), 'hex'),
             ''::bytea, {now}, 0, FALSE
             FROM {sessions}"
        ),
        "VACUUM ANALYZE".to_owned(),
        "CHECKPOINT".to_owned(),
    ] {
        raw.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    raw.close().await.unwrap();
}
