//! One trait for sqlx's drivers.
//!
//! In sqlx every type that generic code binds or reads is a trait bound of its own. [`Driver`]
//! states these bounds once, so that the rest of the crate only says `D: Dialect`.

use std::pin::Pin;

use sqlx::query::Query;
use sqlx::{
    ColumnIndex, Database, Decode, Encode, Execute, Executor, IntoArguments, Row, SqlStr, Type, query_with,
};

/// A running statement.
pub(crate) type Running<'c, T> = Pin<Box<dyn Future<Output = sqlx::Result<T>> + Send + 'c>>;

/// A statement as the driver takes it.
pub(crate) type DriverQuery<D> = Query<'static, D, <D as Database>::Arguments>;

/// A value for a placeholder. `None` is `NULL`.
pub(crate) enum Value<'v> {
    Number(i64),
    Flag(bool),
    Text(Option<&'v str>),
    Bytes(Option<&'v [u8]>),
}

/// A driver of sqlx that binds and reads the four types of [`Value`].
pub(crate) trait Driver: Database<Arguments: IntoArguments<Self>> {
    /// Copies `value` into the query's next placeholder.
    fn bind(query: DriverQuery<Self>, value: Value<'_>) -> DriverQuery<Self>;

    /// The values of `query` with another SQL text.
    fn with_sql(query: DriverQuery<Self>, sql: SqlStr) -> sqlx::Result<DriverQuery<Self>>;

    /// Runs a query without reading rows. A query that is a `&'static str` is sent without being
    /// prepared.
    fn execute<'c>(
        connection: &'c mut Self::Connection,
        query: impl Execute<'static, Self> + 'static,
    ) -> Running<'c, Self::QueryResult>;

    /// Reads the first row, if there is one.
    fn fetch_optional(
        connection: &mut Self::Connection,
        query: DriverQuery<Self>,
    ) -> Running<'_, Option<Self::Row>>;

    /// Reads all rows.
    fn fetch_all(connection: &mut Self::Connection, query: DriverQuery<Self>) -> Running<'_, Vec<Self::Row>>;

    /// Reads a column of numbers.
    fn get_number(row: &Self::Row, column: &str) -> sqlx::Result<i64>;

    /// Reads a Boolean column.
    fn get_flag(row: &Self::Row, column: &str) -> sqlx::Result<bool>;

    /// Reads a column of a text type.
    fn get_str<'r>(row: &'r Self::Row, column: &str) -> sqlx::Result<Option<&'r str>>;

    /// Reads a column of a binary type.
    fn get_bytes<'r>(row: &'r Self::Row, column: &str) -> sqlx::Result<Option<&'r [u8]>>;
}

impl<D> Driver for D
where
    D: Database<Arguments: IntoArguments<D>>,
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    for<'v> i64: Encode<'v, D> + Decode<'v, D> + Type<D>,
    for<'v> bool: Encode<'v, D> + Decode<'v, D> + Type<D>,
    for<'v> &'v str: ColumnIndex<D::Row> + Decode<'v, D>,
    for<'v> &'v [u8]: Decode<'v, D>,
    for<'v> Option<&'v str>: Encode<'v, D>,
    for<'v> Option<&'v [u8]>: Encode<'v, D>,
    str: Type<D>,
    [u8]: Type<D>,
{
    fn bind(query: DriverQuery<D>, value: Value<'_>) -> DriverQuery<D> {
        match value {
            Value::Number(number) => query.bind(number),
            Value::Flag(flag) => query.bind(flag),
            Value::Text(text) => query.bind(text),
            Value::Bytes(bytes) => query.bind(bytes),
        }
    }

    fn with_sql(mut query: DriverQuery<D>, sql: SqlStr) -> sqlx::Result<DriverQuery<D>> {
        let values = query.take_arguments().map_err(sqlx::Error::Encode)?;
        Ok(query_with(sql, values.unwrap_or_default()))
    }

    fn execute<'c>(
        connection: &'c mut D::Connection,
        query: impl Execute<'static, D> + 'static,
    ) -> Running<'c, D::QueryResult> {
        connection.execute(query)
    }

    fn fetch_optional(connection: &mut D::Connection, query: DriverQuery<D>) -> Running<'_, Option<D::Row>> {
        connection.fetch_optional(query)
    }

    fn fetch_all(connection: &mut D::Connection, query: DriverQuery<D>) -> Running<'_, Vec<D::Row>> {
        connection.fetch_all(query)
    }

    fn get_number(row: &D::Row, column: &str) -> sqlx::Result<i64> {
        row.try_get(column)
    }

    fn get_flag(row: &D::Row, column: &str) -> sqlx::Result<bool> {
        row.try_get(column)
    }

    fn get_str<'r>(row: &'r D::Row, column: &str) -> sqlx::Result<Option<&'r str>> {
        row.try_get(column)
    }

    fn get_bytes<'r>(row: &'r D::Row, column: &str) -> sqlx::Result<Option<&'r [u8]>> {
        row.try_get(column)
    }
}
