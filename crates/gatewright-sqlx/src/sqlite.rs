//! SQLite.

mod accounts;
mod connect;
mod sessions;

use gatewright_core::StoreError;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

pub use connect::{ACQUIRE_TIMEOUT, BUSY_TIMEOUT, SqliteStore};

use crate::row::Columns;
use crate::{Failure, Parsed};

fn broken<E: Into<Failure>>(action: &'static str) -> impl Fn(E) -> StoreError {
    move |error| StoreError::new(action, error)
}

impl Columns for SqliteRow {
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
