//! The differences between the databases.

use sqlx::SqlStr;

use crate::Failure;
use crate::connection::Checkout;
use crate::driver::Driver;
use crate::retry::Retry;
use crate::sql;

/// One of the databases that [`SqlStore`](crate::SqlStore) works with.
///
/// The stores are generic over this trait. The statements that all databases share are in `sql.rs`.
/// An implementation overrides those that its database needs in another form, and adds those without
/// a common form.
pub(crate) trait Dialect: Driver {
    /// How operations use connections and transactions.
    type Checkout: Checkout<Self>;

    /// The files that bring the tables up to date, in their order. The last one leaves the version
    /// that this program needs.
    const MIGRATIONS: &'static [&'static str];

    /// Returns a row if the table `gatewright_migrations` exists.
    const FIND_MIGRATIONS: &'static str;

    /// Which failures are retried, and within which time.
    const RETRY: Retry;

    /// Inserts an account without roles. If the address or the id is taken, the statement changes no row
    /// or violates a unique key.
    const INSERT_USER: &'static str = sql::INSERT_USER;

    /// Locks the row of a user until the transaction ends. `None` if the transaction already excludes all
    /// other writers.
    const LOCK_USER: Option<&'static str> = Some(sql::LOCK_USER);

    /// Reads the ids of a role's active holders and locks their rows. It may stop after two.
    const LOCK_HOLDERS: &'static str = sql::LOCK_HOLDERS;

    /// Reads the users after an id whose address contains a text, at most as many as the third value.
    const SEARCH_USERS: &'static str = sql::SEARCH_USERS;

    /// Reads a session and locks the row until the transaction ends.
    const LOCK_SESSION: &'static str = sql::LOCK_SESSION;

    /// Locks a row, so that logins of one user run one after the other and each sees the sessions
    /// that earlier logins created. `None` if the transaction already excludes all other writers.
    const LOCK_LOGINS: Option<&'static str> = Some(sql::LOCK_LOGINS);

    /// Deletes the sessions that had expired at the first value (a time), at most as many as the
    /// second value. It leaves out sessions that another transaction has locked.
    const DELETE_EXPIRED: &'static str;

    /// Whether `DELETE_EXPIRED` may be prepared.
    const PREPARES_DELETE_EXPIRED: bool = true;

    /// The statement with this database's placeholders. If `schema` is given, the application may have
    /// selected another one, and the statement names the schema of the tables.
    fn sql(statement: &'static str, schema: Option<&str>) -> SqlStr {
        let _ = schema;
        SqlStr::from_static(statement)
    }

    /// The text of a statement with the schema of its tables, if one is given and the database's statements must
    /// name it.
    fn in_schema(statement: String, schema: Option<&str>) -> String {
        let _ = schema;
        statement
    }

    /// How many rows a statement changed.
    fn rows_affected(result: &Self::QueryResult) -> u64;

    /// Reads a column of text, which may be `NULL`.
    fn text<'r>(row: &'r Self::Row, column: &str) -> Result<Option<&'r str>, Failure> {
        Ok(Self::get_str(row, column)?)
    }

    /// The value to bind for a password hash. `None` if the database cannot store this text: it is
    /// bound as `NULL`, and a comparison with `NULL` never matches.
    fn password_hash(hash: &str) -> Option<&str> {
        Some(hash)
    }
}
