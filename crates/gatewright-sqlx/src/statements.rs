//! The statements that the databases have in common. Those that differ stand beside each database's store.
//!
//! Each placeholder occurs once, in ascending order: for MySQL, whose placeholders have no numbers, [`unnumbered`] makes
//! them its own.

/// What of a user is read, by name: a statement with `*` changes its result when a newer node adds a column, and prepared
/// as it is it fails from then on.
macro_rules! user_columns {
    () => {
        "id, email, password_hash, role, is_active, epoch, created_at"
    };
}

/// What of a session is read.
macro_rules! session_columns {
    () => {
        "id, user_id, epoch, seed, scopes, created_at, last_used_at, idle_expires_at, expires_at, current_digest,
         previous_digest, rotated_at, address, user_agent"
    };
}

#[cfg(feature = "sqlite")]
pub(crate) use {session_columns, user_columns};

pub(crate) const FIND_USER: &str =
    concat!("SELECT ", user_columns!(), " FROM gatewright_users WHERE id = $1");
pub(crate) const FIND_USER_BY_EMAIL: &str =
    concat!("SELECT ", user_columns!(), " FROM gatewright_users WHERE email = $1");
pub(crate) const REPLACE_HASH: &str =
    "UPDATE gatewright_users SET password_hash = $1 WHERE id = $2 AND password_hash = $3";
pub(crate) const CHANGE_PASSWORD: &str = "UPDATE gatewright_users SET password_hash = $1, epoch = $2
     WHERE id = $3 AND password_hash = $4 AND is_active";
pub(crate) const DELETE_USER: &str = "DELETE FROM gatewright_users WHERE id = $1";
pub(crate) const COUNT_USERS: &str =
    "SELECT count(*), count(CASE WHEN is_active THEN 1 END) FROM gatewright_users";
pub(crate) const PAGE_OF_USERS: &str =
    concat!("SELECT ", user_columns!(), " FROM gatewright_users WHERE id > $1 ORDER BY id LIMIT $2");

pub(crate) const INSERT_SESSION: &str = "INSERT INTO gatewright_sessions (id, user_id, epoch, seed, scopes,
     created_at, last_used_at, idle_expires_at, expires_at, current_digest, rotated_at, address, user_agent)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
pub(crate) const FIND_SESSION: &str =
    concat!("SELECT ", session_columns!(), " FROM gatewright_sessions WHERE id = $1 AND user_id = $2");
pub(crate) const KEEP_ROTATION: &str =
    "UPDATE gatewright_sessions SET current_digest = $1, previous_digest = $2,
     rotated_at = $3, last_used_at = $4, idle_expires_at = $5 WHERE id = $6";
pub(crate) const END_SESSION: &str = "DELETE FROM gatewright_sessions WHERE id = $1 AND user_id = $2";
pub(crate) const END_ALL: &str = "DELETE FROM gatewright_sessions WHERE user_id = $1";
pub(crate) const KEEP_EPOCH: &str =
    "UPDATE gatewright_sessions SET epoch = $1 WHERE user_id = $2 AND id = $3";
pub(crate) const END_OTHERS: &str = "DELETE FROM gatewright_sessions WHERE user_id = $1 AND epoch <> $2";

/// What both servers have and SQLite has not: locks on rows, and a column for the order of beginning.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) mod server {
    pub(crate) const LOCK_USER: &str =
        concat!("SELECT ", user_columns!(), " FROM gatewright_users WHERE id = $1 FOR UPDATE");
    pub(crate) const LOCK_HOLDERS: &str =
        "SELECT id FROM gatewright_users WHERE role = $1 AND is_active ORDER BY id FOR UPDATE";
    pub(crate) const CHANGE_USER: &str =
        "UPDATE gatewright_users SET role = $1, is_active = $2, epoch = $3 WHERE id = $4";
    pub(crate) const LOCK_SESSION: &str = concat!(
        "SELECT ",
        session_columns!(),
        " FROM gatewright_sessions WHERE id = $1 AND user_id = $2 FOR UPDATE"
    );
    pub(crate) const LIST_SESSIONS: &str =
        concat!("SELECT ", session_columns!(), " FROM gatewright_sessions WHERE user_id = $1 ORDER BY seq");
    pub(crate) const YOUNGEST_BEYOND: &str =
        "SELECT seq FROM gatewright_sessions WHERE user_id = $1 ORDER BY seq DESC LIMIT 1 OFFSET $2";
    pub(crate) const END_UP_TO: &str = "DELETE FROM gatewright_sessions WHERE user_id = $1 AND seq <= $2";
}

/// A statement with MySQL's placeholders.
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

#[cfg(all(test, feature = "postgres", feature = "mysql"))]
mod tests {
    use super::{server, *};

    #[test]
    fn each_placeholder_occurs_once_and_in_order() {
        let statements = [
            FIND_USER,
            FIND_USER_BY_EMAIL,
            REPLACE_HASH,
            CHANGE_PASSWORD,
            server::CHANGE_USER,
            DELETE_USER,
            COUNT_USERS,
            PAGE_OF_USERS,
            INSERT_SESSION,
            FIND_SESSION,
            KEEP_ROTATION,
            END_SESSION,
            END_ALL,
            KEEP_EPOCH,
            END_OTHERS,
            server::LOCK_USER,
            server::LOCK_HOLDERS,
            server::LOCK_SESSION,
            server::LIST_SESSIONS,
            server::YOUNGEST_BEYOND,
            server::END_UP_TO,
        ];
        let source = include_str!("statements.rs");
        assert_eq!(source.matches("pub(crate) const").count() - 1, statements.len());
        for statement in statements {
            let numbers: Vec<usize> = statement
                .split('$')
                .skip(1)
                .map(|part| {
                    part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
                })
                .collect();
            assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>(), "{statement}");
        }
    }

    #[test]
    fn mysql_has_placeholders_without_numbers() {
        assert_eq!(unnumbered("a = $1 AND b IN ($2, $13)"), "a = ? AND b IN (?, ?)");
        assert_eq!(unnumbered(COUNT_USERS), COUNT_USERS);
    }
}
