//! PostgreSQL.

mod accounts;
mod connect;
mod feed;
mod sessions;

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

pub use connect::PostgresStore;
pub use feed::{ANNOUNCE_TIMEOUT, DEFAULT_CHANNEL, MAX_CHANNEL_BYTES, MAX_WAITING, PostgresFeed};

use crate::Parsed;
use crate::row::Columns;

pub(crate) type Connection = PgConnection;

const fn sql(statement: &'static str) -> &'static str {
    statement
}

/// Text as a column can keep it. PostgreSQL has no text with a NUL in it; nothing equals what takes its place, and
/// nowhere can it be written.
fn text(text: &str) -> Option<&str> {
    (!text.contains('\0')).then_some(text)
}

/// Whether the database undid all because of another's lock: a serialization failure, a deadlock, a lock waited for too
/// long.
fn is_conflict(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| ["40001", "40P01", "55P03"].contains(&&*code))
}

impl Columns for PgRow {
    fn text(&self, column: &str) -> Parsed<&str> {
        Ok(self.try_get(column)?)
    }

    fn optional_text(&self, column: &str) -> Parsed<Option<&str>> {
        Ok(self.try_get(column)?)
    }

    fn bytes(&self, column: &str) -> Parsed<Option<&[u8]>> {
        Ok(self.try_get(column)?)
    }

    fn number(&self, column: &str) -> Parsed<i64> {
        Ok(self.try_get(column)?)
    }

    fn flag(&self, column: &str) -> Parsed<bool> {
        Ok(self.try_get(column)?)
    }
}
