//! The statements. Those that a database needs in another form are in its `dialect.rs`.
//!
//! Each placeholder occurs once and in ascending order, because MySQL's placeholders have no
//! numbers: [`unnumbered`] turns `$1` into `?`.

/// The columns of a user, with one of the user's roles. Statements name them instead of `*`: a prepared
/// statement with `*` fails once a migration of a newer node has added a column.
macro_rules! user_columns {
    () => {
        "u.id, u.email, u.username, u.password_hash, u.is_active, u.epoch, u.created_at, r.role"
    };
}

/// The roles of the users `u`: one row for each role, and one row for a user without a role.
macro_rules! their_roles {
    () => {
        " u LEFT JOIN gatewright_user_roles r ON r.user_id = u.id "
    };
}

/// The columns of a session.
macro_rules! session_columns {
    () => {
        "id, user_id, epoch, seed, scopes, created_at, auth_time, amr, last_used_at, pending_used_at, earlier_used_at,
         idle_expires_at, expires_at, current_digest, used, rotated_at, rotated_by_address, rotated_by_user_agent, foreign_graces,
         foreign_grace_seen, address, user_agent"
    };
}

pub(crate) const INSERT_USER: &str =
    "INSERT INTO gatewright_users (id, email, email_key, username, username_key, password_hash, is_active, epoch, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, TRUE, $7, $8) ON CONFLICT DO NOTHING";
pub(crate) const INSERT_ROLE: &str = "INSERT INTO gatewright_user_roles (role, user_id) VALUES ($1, $2)";
pub(crate) const DELETE_ROLE: &str = "DELETE FROM gatewright_user_roles WHERE role = $1 AND user_id = $2";
pub(crate) const DELETE_ROLES: &str = "DELETE FROM gatewright_user_roles WHERE user_id = $1";
pub(crate) const FIND_USER: &str =
    concat!("SELECT ", user_columns!(), " FROM gatewright_users", their_roles!(), "WHERE u.id = $1");
pub(crate) const FIND_USER_BY_EMAIL: &str =
    concat!("SELECT ", user_columns!(), " FROM gatewright_users", their_roles!(), "WHERE u.email_key = $1");
pub(crate) const FIND_USER_BY_USERNAME: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM gatewright_users",
    their_roles!(),
    "WHERE u.username_key = $1"
);
pub(crate) const FIND_TAKEN_USERNAME: &str = "SELECT id FROM gatewright_users WHERE username_key = $1";
pub(crate) const FIND_TAKEN: &str = "SELECT id FROM gatewright_users WHERE id = $1 OR email_key = $2";
pub(crate) const LOCK_USER: &str = "SELECT id FROM gatewright_users WHERE id = $1 FOR UPDATE";
/// Locks the rows of both tables. A transaction that waited for them reads what the other one committed: a
/// role that was deleted, and a user who was disabled, are not among the rows.
pub(crate) const LOCK_HOLDERS: &str =
    "SELECT u.id FROM gatewright_user_roles r JOIN gatewright_users u ON u.id = r.user_id
     WHERE r.role = $1 AND u.is_active ORDER BY r.user_id FOR UPDATE";
pub(crate) const FIND_HOLDER: &str =
    "SELECT u.id FROM gatewright_user_roles r JOIN gatewright_users u ON u.id = r.user_id
     WHERE r.role = $1 AND u.is_active LIMIT 1";
pub(crate) const REPLACE_PASSWORD_HASH: &str =
    "UPDATE gatewright_users SET password_hash = $1 WHERE id = $2 AND password_hash = $3";
pub(crate) const CHANGE_PASSWORD: &str = "UPDATE gatewright_users SET password_hash = $1, epoch = $2
     WHERE id = $3 AND password_hash = $4 AND epoch = $5 AND is_active";
pub(crate) const UPDATE_USER: &str =
    "UPDATE gatewright_users SET password_hash = $1, is_active = $2, epoch = $3 WHERE id = $4";
pub(crate) const DELETE_USER: &str = "DELETE FROM gatewright_users WHERE id = $1";
pub(crate) const COUNT_USERS: &str =
    "SELECT count(*) AS total, count(CASE WHEN is_active THEN 1 END) AS active FROM gatewright_users";
pub(crate) const PAGE_OF_USERS: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM (SELECT id, email, username, password_hash, is_active, epoch, created_at FROM gatewright_users
     WHERE id > $1 ORDER BY id LIMIT $2)",
    their_roles!(),
    "ORDER BY u.id"
);

/// `instr` compares bytes and has no wildcards.
pub(crate) const SEARCH_USERS: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM (SELECT id, email, username, password_hash, is_active, epoch, created_at FROM gatewright_users
     WHERE id > $1 AND instr(email_key, $2) > 0 ORDER BY id LIMIT $3)",
    their_roles!(),
    "ORDER BY u.id"
);

pub(crate) const INSERT_SESSION: &str = "INSERT INTO gatewright_sessions (id, user_id, epoch, seed, scopes,
     created_at, auth_time, amr, address, user_agent, expires_at, last_used_at, pending_used_at, earlier_used_at, idle_expires_at,
     current_digest, used, rotated_at, rotated_by_address, rotated_by_user_agent, foreign_graces,
     foreign_grace_seen)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
     $22)";
pub(crate) const FIND_SESSION: &str =
    concat!("SELECT ", session_columns!(), " FROM gatewright_sessions WHERE id = $1 AND user_id = $2");
pub(crate) const LOCK_SESSION: &str = concat!(
    "SELECT ",
    session_columns!(),
    " FROM gatewright_sessions WHERE id = $1 AND user_id = $2 FOR UPDATE"
);
pub(crate) const LIST_SESSIONS: &str =
    concat!("SELECT ", session_columns!(), " FROM gatewright_sessions WHERE user_id = $1 ORDER BY seq");
pub(crate) const LOCK_LOGINS: &str =
    "SELECT stripe FROM gatewright_session_locks WHERE stripe = $1 FOR UPDATE";
/// The newest session beyond the limit.
pub(crate) const FIND_SURPLUS: &str =
    "SELECT seq FROM gatewright_sessions WHERE user_id = $1 ORDER BY seq DESC LIMIT 1 OFFSET $2";
/// Deletes this session and all older ones.
pub(crate) const DELETE_UP_TO: &str = "DELETE FROM gatewright_sessions WHERE user_id = $1 AND seq <= $2";
pub(crate) const UPDATE_ROTATION: &str =
    "UPDATE gatewright_sessions SET last_used_at = $1, pending_used_at = $2, earlier_used_at = $3,
     idle_expires_at = $4, current_digest = $5, used = $6, rotated_at = $7, rotated_by_address = $8,
     rotated_by_user_agent = $9, foreign_graces = $10, foreign_grace_seen = $11 WHERE id = $12";
pub(crate) const DELETE_SESSION: &str = "DELETE FROM gatewright_sessions WHERE id = $1 AND user_id = $2";
pub(crate) const DELETE_ALL: &str = "DELETE FROM gatewright_sessions WHERE user_id = $1";

/// The largest number of keys in a step of the throttle. A statement with fewer keys repeats the last one.
pub(crate) const MAX_KEYS: usize = 5;
pub(crate) const FIND_STATES: &str =
    "SELECT id, state FROM gatewright_throttle WHERE id IN ($1, $2, $3, $4, $5)";
pub(crate) const DELETE_STATES: &str = "DELETE FROM gatewright_throttle WHERE id IN ($1, $2, $3, $4, $5)";
/// The rows are locked in the order of their numbers, not in that of the values.
#[cfg(feature = "postgres")]
pub(crate) const LOCK_STATES: &str = "SELECT stripe FROM gatewright_throttle_locks
     WHERE stripe IN ($1, $2, $3, $4, $5) ORDER BY stripe FOR UPDATE";

/// Statements that write one state, two, and so on up to [`MAX_KEYS`]. `$update` replaces states that exist.
macro_rules! put_states {
    ($update:literal) => {
        [
            put_states!("($1, $2, $3)", $update),
            put_states!("($1, $2, $3), ($4, $5, $6)", $update),
            put_states!("($1, $2, $3), ($4, $5, $6), ($7, $8, $9)", $update),
            put_states!("($1, $2, $3), ($4, $5, $6), ($7, $8, $9), ($10, $11, $12)", $update),
            put_states!(
                "($1, $2, $3), ($4, $5, $6), ($7, $8, $9), ($10, $11, $12), ($13, $14, $15)",
                $update
            ),
        ]
    };
    ($rows:literal, $update:literal) => {
        concat!("INSERT INTO gatewright_throttle (id, state, expires_at) VALUES ", $rows, " ", $update)
    };
}
#[cfg(feature = "mysql")]
pub(crate) use put_states;

pub(crate) const PUT_STATES: [&str; MAX_KEYS] =
    put_states!("ON CONFLICT (id) DO UPDATE SET state = excluded.state, expires_at = excluded.expires_at");

/// The columns of the audit trail, in the order in which they are written.
macro_rules! audit_columns {
    () => {
        "writer, number, occurred_at, event, outcome, cause, actor, subject, session_id, client_address,
         user_agent, login_name, method, route, request_id, detail, salt, personal_digest, mac"
    };
}

/// A page of the audit trail, the newest row first. `$filter` is the first condition.
macro_rules! audit_page {
    ($filter:literal, $rest:literal) => {
        concat!("SELECT ", audit_columns!(), " FROM gatewright_audit WHERE ", $filter, $rest)
    };
}

pub(crate) const AUDIT_COLUMN_COUNT: usize = 19;
pub(crate) const AUDIT_INSERT: &str = concat!("INSERT INTO gatewright_audit (", audit_columns!(), ") VALUES");
pub(crate) const AUDIT_LAST: &str = concat!(
    "SELECT ",
    audit_columns!(),
    " FROM gatewright_audit WHERE writer = $1 ORDER BY number DESC LIMIT 1"
);
/// The first row of the next writer. All chains are found by one such search for each, not by a walk through the table.
pub(crate) const AUDIT_NEXT_CHAIN: &str =
    "SELECT writer, number FROM gatewright_audit WHERE writer > $1 ORDER BY writer, number LIMIT 1";
/// The first row of this writer or the next one.
pub(crate) const AUDIT_CHAIN_FROM: &str =
    "SELECT writer, number FROM gatewright_audit WHERE writer >= $1 ORDER BY writer, number LIMIT 1";
pub(crate) const AUDIT_LAST_NUMBER: &str =
    "SELECT number FROM gatewright_audit WHERE writer = $1 ORDER BY number DESC LIMIT 1";
pub(crate) const AUDIT_CHAIN: &str = concat!(
    "SELECT ",
    audit_columns!(),
    " FROM gatewright_audit WHERE writer = $1 AND number > $2 ORDER BY number LIMIT $3"
);
/// Looks at a limited part of a chain: the first number since a time, and the last number of the part; 0 without one.
pub(crate) const AUDIT_FIRST_SINCE: &str =
    "SELECT coalesce(min(CASE WHEN occurred_at >= $1 THEN number END), 0) AS first_number,
            coalesce(max(number), 0) AS last_number
     FROM (SELECT number, occurred_at FROM gatewright_audit WHERE writer = $2 AND number > $3
           ORDER BY number LIMIT $4) AS part";
pub(crate) const AUDIT_FIRST: &str =
    "SELECT number FROM gatewright_audit WHERE writer = $1 AND number <= $2 ORDER BY number LIMIT 1";
pub(crate) const AUDIT_DELETE: &str = "DELETE FROM gatewright_audit WHERE writer = $1 AND number <= $2";
pub(crate) const AUDIT_PERSONAL: &str = "SELECT writer, number FROM gatewright_audit
     WHERE actor = $1 AND (client_address IS NOT NULL OR user_agent IS NOT NULL)
     UNION ALL SELECT writer, number FROM gatewright_audit
     WHERE subject = $2 AND actor IS NULL AND (client_address IS NOT NULL OR user_agent IS NOT NULL) LIMIT $3";
pub(crate) const AUDIT_ERASE: &str =
    "UPDATE gatewright_audit SET client_address = NULL, user_agent = NULL, salt = NULL
     WHERE writer = $1 AND number = $2";
pub(crate) const AUDIT_PAGE: &str = audit_page!(
    "occurred_at >= $1 AND occurred_at <= $2",
    " AND (occurred_at < $3 OR (writer, number) < ($4, $5))
     ORDER BY occurred_at DESC, writer DESC, number DESC LIMIT $6"
);
pub(crate) const AUDIT_PAGE_BY_EVENT: &str = audit_page!(
    "event = $1 AND occurred_at >= $2 AND occurred_at <= $3",
    " AND (occurred_at < $4 OR (writer, number) < ($5, $6))
     ORDER BY occurred_at DESC, writer DESC, number DESC LIMIT $7"
);
pub(crate) const AUDIT_PAGE_BY_ACTOR: &str = audit_page!(
    "actor = $1 AND (event = $2 OR $3) AND occurred_at >= $4 AND occurred_at <= $5",
    " AND (occurred_at < $6 OR (writer, number) < ($7, $8))
     ORDER BY occurred_at DESC, writer DESC, number DESC LIMIT $9"
);
pub(crate) const AUDIT_PAGE_BY_SUBJECT: &str = audit_page!(
    "subject = $1 AND (actor = $2 OR $3) AND (event = $4 OR $5) AND occurred_at >= $6 AND occurred_at <= $7",
    " AND (occurred_at < $8 OR (writer, number) < ($9, $10))
     ORDER BY occurred_at DESC, writer DESC, number DESC LIMIT $11"
);

/// The statement with MySQL's placeholders.
#[cfg(feature = "mysql")]
pub(crate) fn unnumbered(statement: &str) -> String {
    let mut parts = statement.split('$');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push('?');
        plain.push_str(part.trim_start_matches(|character: char| character.is_ascii_digit()));
    }
    plain
}

#[cfg(all(test, feature = "mysql"))]
mod tests {
    use super::*;

    #[test]
    fn each_placeholder_occurs_once_and_in_order() {
        let sources = [include_str!("sql.rs"), include_str!("mysql/dialect.rs")];
        let statements = sources.iter().flat_map(|source| source.split("const ").skip(1));
        let numbered = statements.filter(|statement| statement.contains("$1"));
        let mut checked = 0;
        for statement in numbered {
            let statement = statement.split(';').next().unwrap();
            let numbers = numbers(statement);
            assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "{statement}");
            checked += 1;
        }
        assert!(checked > 20, "{checked} statements were checked");
        let mysql = <sqlx::MySql as crate::dialect::Dialect>::PUT_STATES;
        for statements in [PUT_STATES, mysql] {
            for (index, statement) in statements.into_iter().enumerate() {
                assert_eq!(numbers(statement), (1..=3 * (index + 1)).collect::<Vec<_>>(), "{statement}");
            }
        }
    }

    /// The numbers of the placeholders, in their order.
    fn numbers(statement: &str) -> Vec<usize> {
        let digits = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>();
        statement.split('$').skip(1).map(|part| digits(part).parse().unwrap_or(0)).collect()
    }

    #[test]
    fn mysql_has_placeholders_without_numbers() {
        assert_eq!(unnumbered("a = $1 AND b IN ($2, $13)"), "a = ? AND b IN (?, ?)");
        assert_eq!(unnumbered(COUNT_USERS), COUNT_USERS);
    }
}
