//! The SQL databases of the tests: a new database, the store on it, and a connection without
//! Gatewright.

use std::collections::BTreeMap;
use std::future::Future;

use example_service::testing::databases;
use gatewright::audit::AuditStore;
use gatewright::store::StoreError;
use gatewright::throttle::Throttle;
use gatewright::{MySqlStore, PostgresStore, SqliteStore};
use gatewright_testkit::store::Store;
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection, SqliteConnection};

use crate::new_file;

/// A store of accounts, sessions, the throttle and the audit trail in a SQL database.
pub trait Database: Store + Throttle + AuditStore {
    /// A connection without Gatewright.
    type Connection: Connection;

    /// The URL of a new, empty database.
    fn new_url() -> impl Future<Output = String>;

    /// Opens a handle with its own connections.
    fn open(url: &str) -> impl Future<Output = Result<Self, StoreError>> + Send;

    /// Closes the connections of this handle and its clones.
    fn close(&self) -> impl Future<Output = ()>;

    /// Runs a statement on a connection without Gatewright.
    fn execute(connection: &mut Self::Connection, statement: &'static str) -> impl Future<Output = ()>;

    /// Returns the bytes of every value in every row of every table. Values that are not bytes are
    /// returned as text.
    fn values(url: &str) -> impl Future<Output = Vec<Vec<u8>>>;

    /// The states of the throttle by their keys.
    fn states(connection: &mut Self::Connection) -> impl Future<Output = BTreeMap<Vec<u8>, Vec<u8>>>;

    /// Replaces every state of the throttle by these bytes.
    fn overwrite(connection: &mut Self::Connection, bytes: &'static [u8]) -> impl Future<Output = ()>;
}

/// Implements [`Database`]. `$columns` selects each column: its table, and the expression for its
/// bytes. `$bytes` makes a value of hexadecimal digits.
macro_rules! impl_database {
    ($store:ident, $connection:ident, $new_url:expr, $columns:literal, $bytes:expr) => {
        impl Database for $store {
            type Connection = $connection;

            async fn new_url() -> String {
                $new_url
            }

            async fn open(url: &str) -> Result<Self, StoreError> {
                Self::connect(url).await
            }

            async fn close(&self) {
                Self::close(self).await;
            }

            async fn execute(connection: &mut $connection, statement: &'static str) {
                connection.execute(statement).await.unwrap();
            }

            async fn values(url: &str) -> Vec<Vec<u8>> {
                let mut raw = $connection::connect(url).await.unwrap();
                let columns: Vec<(String, String)> =
                    sqlx::query_as($columns).fetch_all(&mut raw).await.unwrap();
                let mut values = Vec::new();
                for (table, bytes) in columns {
                    let select = sqlx::query_scalar(AssertSqlSafe(format!("SELECT {bytes} FROM {table}")));
                    let rows: Vec<Option<Vec<u8>>> = select.fetch_all(&mut raw).await.unwrap();
                    values.extend(rows.into_iter().flatten());
                }
                values
            }

            async fn states(connection: &mut $connection) -> BTreeMap<Vec<u8>, Vec<u8>> {
                let select = sqlx::query_as("SELECT id, state FROM gatewright_throttle");
                let rows: Vec<(Vec<u8>, Vec<u8>)> = select.fetch_all(connection).await.unwrap();
                rows.into_iter().collect()
            }

            async fn overwrite(connection: &mut $connection, bytes: &'static [u8]) {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
                let update =
                    AssertSqlSafe(format!("UPDATE gatewright_throttle SET state = {}", ($bytes)(hex)));
                connection.execute(update).await.unwrap();
            }
        }
    };
}

impl_database!(
    SqliteStore,
    SqliteConnection,
    format!("sqlite://{}", new_file("store.db").display()),
    "SELECT tables.name, 'CAST(' || columns.name || ' AS BLOB)'
     FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns WHERE tables.type = 'table'",
    |hex: String| format!("x'{hex}'")
);
impl_database!(
    PostgresStore,
    PgConnection,
    databases::postgres().await,
    "SELECT table_name::text, CASE data_type WHEN 'bytea' THEN column_name::text
         ELSE format('convert_to(%I::text, ''UTF8'')', column_name) END
     FROM information_schema.columns WHERE table_schema = 'public'",
    |hex: String| format!("'\\x{hex}'")
);
impl_database!(
    MySqlStore,
    MySqlConnection,
    databases::mysql().await,
    "SELECT CAST(table_name AS CHAR), CAST(CONCAT('CAST(', column_name, ' AS BINARY)') AS CHAR)
     FROM information_schema.columns WHERE table_schema = DATABASE()",
    |hex: String| format!("x'{hex}'")
);

/// Two handles on one new, empty database, each with its own connections.
pub async fn handles<D: Database>() -> [D; 2] {
    let url = D::new_url().await;
    [D::open(&url).await.unwrap(), D::open(&url).await.unwrap()]
}
