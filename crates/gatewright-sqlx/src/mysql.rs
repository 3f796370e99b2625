//! MySQL and MariaDB.

mod accounts;
mod connect;
mod sessions;

use sqlx::mysql::{MySqlConnection, MySqlDatabaseError, MySqlRow};
use sqlx::{AssertSqlSafe, Row};

pub use connect::MySqlStore;

use crate::Parsed;
use crate::row::Columns;
use crate::statements::unnumbered;

pub(crate) type Connection = MySqlConnection;

fn sql(statement: &'static str) -> AssertSqlSafe<String> {
    AssertSqlSafe(unnumbered(statement))
}

/// Text as a column can keep it: any.
const fn text(text: &str) -> &str {
    text
}

/// Whether another's lock was in the way: a deadlock, a lock waited for too long, a row that changed since it was read.
/// The server may have undone the one statement alone; the transaction is given up in any case.
fn is_conflict(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
    error.is_some_and(|error| matches!(error.number(), 1205 | 1213 | 1020))
}

impl Columns for MySqlRow {
    fn text(&self, column: &str) -> Parsed<&str> {
        Ok(std::str::from_utf8(self.try_get(column)?)?)
    }

    fn optional_text(&self, column: &str) -> Parsed<Option<&str>> {
        let bytes: Option<&[u8]> = self.try_get(column)?;
        Ok(bytes.map(std::str::from_utf8).transpose()?)
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
