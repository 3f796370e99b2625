//! The differences between the databases.

use gatewright_core::throttle::ThrottleStep;
use sqlx::SqlStr;

use crate::Failure;
use crate::connection::{Checkout, Pools};
use crate::driver::Driver;
use crate::retry::Retry;
use crate::sql;
use crate::throttle::Ran;

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

    /// Deletes the states of the throttle that expired before the first value (a time), at most as many as
    /// the second value. It leaves out states that another transaction has locked.
    const DELETE_EXPIRED_STATES: &'static str;

    /// Whether `DELETE_EXPIRED` and `DELETE_EXPIRED_STATES` may be prepared.
    const PREPARES_DELETE_EXPIRED: bool = true;

    /// Writes one state of the throttle, two, and so on.
    const PUT_STATES: [&'static str; sql::MAX_KEYS] = sql::PUT_STATES;

    /// Runs a step of the throttle that may write: it excludes all other steps on the same keys, and reads their
    /// states once more.
    fn run_step(
        pools: &Pools<Self>,
        step: &ThrottleStep,
    ) -> impl Future<Output = Result<Ran, Failure>> + Send;

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
