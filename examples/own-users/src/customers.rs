//! The shop's customers: its own table, type and ids. The implementations of [`AuthUser`] and
//! [`UserStore`] connect them to Gatewright.

use async_trait::async_trait;
use gatewright::store::{CompareAndSwap, StoreError};
use gatewright::types::Epoch;
use gatewright::{AuthUser, LoginName, PasswordHash, UserId, UserStore};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row, SqlitePool, query, query_as};

/// The shop's table.
///
/// - `email` holds addresses in the form that [`LoginName::as_email`] returns.
/// - `epoch` is the only column that Gatewright needs: a changed number ends all sessions of the
///   customer.
/// - `AUTOINCREMENT` prevents the reuse of ids: a token of a deleted customer must not become one
///   of another customer.
pub const TABLE: &str = "CREATE TABLE IF NOT EXISTS customers (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    email TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    staff INTEGER NOT NULL DEFAULT FALSE,
    blocked INTEGER NOT NULL DEFAULT FALSE,
    epoch INTEGER NOT NULL DEFAULT (random())
) STRICT";

const BY_NUMBER: &str = "SELECT * FROM customers WHERE number = ?";
const BY_EMAIL: &str = "SELECT * FROM customers WHERE email = ?";

/// A row of the table.
#[derive(Debug, Clone)]
pub struct Customer {
    /// The customer's number.
    pub number: i64,
    /// The customer's name.
    pub name: String,
    password: PasswordHash,
    staff: bool,
    blocked: bool,
    epoch: i64,
}

impl AuthUser for Customer {
    fn id(&self) -> UserId {
        UserId::from(self.number)
    }

    fn roles(&self) -> impl Iterator<Item = &str> {
        self.staff.then_some("staff").into_iter()
    }

    fn is_active(&self) -> bool {
        !self.blocked
    }

    fn password_hash(&self) -> Option<PasswordHash> {
        Some(self.password.clone())
    }

    fn epoch(&self) -> Epoch {
        Epoch::from_u64(self.epoch.cast_unsigned())
    }
}

impl FromRow<'_, SqliteRow> for Customer {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            number: row.try_get("number")?,
            name: row.try_get("name")?,
            password: PasswordHash::new(row.try_get::<String, _>("password")?),
            staff: row.try_get("staff")?,
            blocked: row.try_get("blocked")?,
            epoch: row.try_get("epoch")?,
        })
    }
}

/// The customers, in the shop's database.
#[derive(Debug, Clone)]
pub struct Customers(pub SqlitePool);

#[async_trait]
impl UserStore for Customers {
    type User = Customer;

    async fn find_by_id(&self, id: &UserId) -> Result<Option<Customer>, StoreError> {
        let Some(number) = number(id) else { return Ok(None) };
        query_as(BY_NUMBER).bind(number).fetch_optional(&self.0).await.map_err(failed)
    }

    async fn find_by_login(&self, name: &LoginName) -> Result<Option<Customer>, StoreError> {
        let Some(email) = name.as_email() else { return Ok(None) };
        query_as(BY_EMAIL).bind(email.as_str()).fetch_optional(&self.0).await.map_err(failed)
    }

    async fn replace_password_hash(
        &self,
        id: &UserId,
        expected: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<CompareAndSwap, StoreError> {
        let Some(number) = number(id) else { return Ok(CompareAndSwap::Conflict) };
        let update = query("UPDATE customers SET password = ? WHERE number = ? AND password = ?");
        let update = update.bind(new.expose()).bind(number).bind(expected.expose());
        let result = update.execute(&self.0).await.map_err(failed)?;
        Ok(if result.rows_affected() == 0 { CompareAndSwap::Conflict } else { CompareAndSwap::Swapped })
    }
}

/// The number in an id. Only the form that [`AuthUser::id`] writes is valid, not "01" or "+1".
fn number(id: &UserId) -> Option<i64> {
    id.as_str().parse().ok().filter(|number| UserId::from(*number) == *id)
}

fn failed(error: sqlx::Error) -> StoreError {
    StoreError::new("query the shop's database", error)
}
