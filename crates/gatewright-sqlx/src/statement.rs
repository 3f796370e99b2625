//! A statement with the values for its placeholders.

use gatewright_core::{Epoch, PasswordHash, Timestamp};
use sqlx::query;

use crate::dialect::Dialect;
use crate::driver::{DriverQuery, Value};
use crate::row::Row;

/// A statement of `sql.rs` with the values for its placeholders, in their order.
pub(crate) struct Statement<D: Dialect>(DriverQuery<D>);

impl<D: Dialect> Statement<D> {
    pub(crate) fn new(statement: &'static str) -> Self {
        Self(query(D::sql(statement)))
    }

    pub(crate) fn number(self, number: i64) -> Self {
        Self(D::bind(self.0, Value::Number(number)))
    }

    pub(crate) fn flag(self, flag: bool) -> Self {
        Self(D::bind(self.0, Value::Flag(flag)))
    }

    pub(crate) fn text<'v>(self, text: impl Into<Option<&'v str>>) -> Self {
        Self(D::bind(self.0, Value::Text(text.into())))
    }

    pub(crate) fn bytes<'v>(self, bytes: impl Into<Option<&'v [u8]>>) -> Self {
        Self(D::bind(self.0, Value::Bytes(bytes.into())))
    }

    pub(crate) fn password_hash(self, hash: &PasswordHash) -> Self {
        self.text(D::password_hash(hash.expose()))
    }

    /// Binds an epoch as a signed number with the same bits.
    pub(crate) fn epoch(self, epoch: Epoch) -> Self {
        self.number(epoch.as_u64().cast_signed())
    }

    /// Binds a time in microseconds since 1970. A `Timestamp` never exceeds `i64::MAX`.
    pub(crate) fn time(self, time: Timestamp) -> Self {
        self.number(i64::try_from(time.as_micros()).unwrap_or(i64::MAX))
    }

    /// Runs the statement, and returns how many rows it changed.
    pub(crate) async fn execute(self, connection: &mut D::Connection) -> sqlx::Result<u64> {
        Ok(D::rows_affected(&D::execute(connection, self.0).await?))
    }

    /// Reads the first row, if there is one.
    pub(crate) async fn fetch_optional(self, connection: &mut D::Connection) -> sqlx::Result<Option<Row<D>>> {
        Ok(D::fetch_optional(connection, self.0).await?.map(Row::new))
    }

    /// Reads all rows.
    pub(crate) async fn fetch_all(self, connection: &mut D::Connection) -> sqlx::Result<Vec<Row<D>>> {
        Ok(D::fetch_all(connection, self.0).await?.into_iter().map(Row::new).collect())
    }
}
