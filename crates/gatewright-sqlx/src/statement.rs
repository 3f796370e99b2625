//! A statement with the values for its placeholders.

use gatewright_core::{Epoch, PasswordHash, Timestamp};
use sqlx::{AssertSqlSafe, query};

use crate::dialect::Dialect;
use crate::driver::{DriverQuery, Value};
use crate::row::Row;

/// A statement of `sql.rs` with the values for its placeholders, in their order.
pub(crate) struct Statement<D: Dialect> {
    text: &'static str,
    /// The values, in a query without SQL.
    values: DriverQuery<D>,
    /// Values in the text of a statement that is not prepared.
    numbers: Vec<i64>,
}

impl<D: Dialect> Statement<D> {
    pub(crate) fn new(text: &'static str) -> Self {
        Self { text, values: query(""), numbers: Vec::new() }
    }

    /// A statement of the dialect that deletes what had expired at a time, at most `limit` rows.
    pub(crate) fn delete_expired(text: &'static str, now: Timestamp, limit: u32) -> Self {
        if D::PREPARES_DELETE_EXPIRED {
            return Self::new(text).time(now).number(limit.into());
        }
        Self { numbers: vec![micros(now), limit.into()], ..Self::new(text) }
    }

    fn bind(self, value: Value<'_>) -> Self {
        Self { values: D::bind(self.values, value), ..self }
    }

    pub(crate) fn number(self, number: i64) -> Self {
        self.bind(Value::Number(number))
    }

    pub(crate) fn flag(self, flag: bool) -> Self {
        self.bind(Value::Flag(flag))
    }

    pub(crate) fn text<'v>(self, text: impl Into<Option<&'v str>>) -> Self {
        self.bind(Value::Text(text.into()))
    }

    pub(crate) fn bytes<'v>(self, bytes: impl Into<Option<&'v [u8]>>) -> Self {
        self.bind(Value::Bytes(bytes.into()))
    }

    pub(crate) fn password_hash(self, hash: &PasswordHash) -> Self {
        self.text(D::password_hash(hash.expose()))
    }

    /// Binds an epoch as a signed number with the same bits.
    pub(crate) fn epoch(self, epoch: Epoch) -> Self {
        self.number(epoch.as_u64().cast_signed())
    }

    /// Binds a time in microseconds since 1970.
    pub(crate) fn time(self, time: Timestamp) -> Self {
        self.number(micros(time))
    }

    /// Runs the statement, and returns how many rows it changed. On a connection of the application,
    /// `schema` is that of the tables.
    pub(crate) async fn execute(
        self,
        connection: &mut D::Connection,
        schema: Option<&str>,
    ) -> sqlx::Result<u64> {
        if self.numbers.is_empty() {
            return Ok(D::rows_affected(&D::execute(connection, self.query(schema)?).await?));
        }
        Ok(D::rows_affected(&D::execute(connection, AssertSqlSafe(self.with_numbers(schema))).await?))
    }

    /// The text with the numbers in place of the placeholders. The schema comes last, because its name may contain
    /// a question mark.
    fn with_numbers(&self, schema: Option<&str>) -> String {
        let text = D::sql(self.text, None).as_str().to_owned();
        let numbers = self.numbers.iter().map(ToString::to_string);
        D::in_schema(numbers.fold(text, |text, number| text.replacen('?', &number, 1)), schema)
    }

    /// Reads the first row, if there is one.
    pub(crate) async fn fetch_optional(
        self,
        connection: &mut D::Connection,
        schema: Option<&str>,
    ) -> sqlx::Result<Option<Row<D>>> {
        Ok(D::fetch_optional(connection, self.query(schema)?).await?.map(Row::new))
    }

    /// Reads all rows.
    pub(crate) async fn fetch_all(
        self,
        connection: &mut D::Connection,
        schema: Option<&str>,
    ) -> sqlx::Result<Vec<Row<D>>> {
        Ok(D::fetch_all(connection, self.query(schema)?).await?.into_iter().map(Row::new).collect())
    }

    fn query(self, schema: Option<&str>) -> sqlx::Result<DriverQuery<D>> {
        D::with_sql(self.values, D::sql(self.text, schema))
    }
}

/// A `Timestamp` never exceeds `i64::MAX`.
fn micros(time: Timestamp) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(all(test, feature = "mysql"))]
mod tests {
    use sqlx::MySql;

    use super::*;

    #[test]
    fn numbers_replace_placeholders_and_not_question_marks_in_the_schemas_name() {
        let (text, now) = ("DELETE FROM gatewright_a WHERE b = $1 LIMIT $2", Timestamp::from_micros(7));
        let statement = Statement::<MySql>::delete_expired(text, now, 8);
        assert_eq!(statement.with_numbers(Some("x?y")), "DELETE FROM `x?y`.gatewright_a WHERE b = 7 LIMIT 8");
        assert_eq!(statement.with_numbers(None), "DELETE FROM gatewright_a WHERE b = 7 LIMIT 8");
    }
}
