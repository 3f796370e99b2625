//! An application that uses the pool of a store, and changes every setting that the store needs.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use gatewright::store::StoreError;
use gatewright::{MySqlStore, PostgresStore, SqliteStore};
use gatewright_testkit::store::Store;
use gatewright_tests::database::Database;
use sqlx::pool::PoolOptions;
use sqlx::{ColumnIndex, Connection, Decode, Executor, MySql, Pool, Postgres, Row, Sqlite, Type};

/// Enough for the parallel calls of the suites.
const CONNECTIONS: u32 = 10;

/// An application that uses the pool of a store.
#[derive(Default)]
pub(super) struct Application {
    is_running: AtomicBool,
    pub(super) visits: AtomicUsize,
    /// The state of a connection with the application's settings.
    expected: OnceLock<String>,
    /// What the store left behind instead of the application's settings.
    pub(super) changes: Mutex<Vec<String>>,
}

/// A database whose pool an application uses too.
pub(super) trait SharedDatabase: sqlx::Database {
    /// The store.
    type Store: Database + Store;

    /// What the application creates at first.
    const SETUP: &'static [&'static str];

    /// Settings that would break the store's operations.
    const SETTINGS: &'static str;

    /// How the application leaves a connection: one after the other.
    const ENDINGS: &'static [&'static [&'static str]];

    /// Selects the settings as one text. On a server it shows an open transaction too.
    const STATE: &'static str;

    /// Fails if a transaction is open.
    const PROBE: &'static [&'static str];

    fn new_url() -> impl Future<Output = String>;

    fn migrate(pool: &Pool<Self>) -> impl Future<Output = Result<(), StoreError>> + Send;
    fn from_pool(pool: Pool<Self>) -> impl Future<Output = Result<Self::Store, StoreError>> + Send;
}

macro_rules! impl_shared_database {
    ($database:ident, $store:ident, $new_url:expr, $setup:expr, $settings:expr, $endings:expr, $state:expr, $probe:expr) => {
        impl SharedDatabase for $database {
            type Store = $store;
            const SETUP: &'static [&'static str] = &$setup;
            const SETTINGS: &'static str = $settings;
            const ENDINGS: &'static [&'static [&'static str]] = &$endings;
            const STATE: &'static str = $state;
            const PROBE: &'static [&'static str] = &$probe;

            async fn new_url() -> String {
                $new_url
            }

            async fn migrate(pool: &Pool<Self>) -> Result<(), StoreError> {
                $store::migrate(pool).await
            }

            async fn from_pool(pool: Pool<Self>) -> Result<$store, StoreError> {
                $store::from_pool(pool).await
            }
        }
    };
}

impl_shared_database!(
    Sqlite,
    SqliteStore,
    format!("{}?mode=rwc", SqliteStore::new_url().await),
    ["PRAGMA journal_mode = WAL"],
    "PRAGMA busy_timeout = 0",
    [&[], &["BEGIN"], &["BEGIN", "SELECT count(*) FROM gatewright_users"]],
    "SELECT CAST(timeout AS TEXT) FROM pragma_busy_timeout",
    ["BEGIN", "ROLLBACK"]
);
impl_shared_database!(
    Postgres,
    PostgresStore,
    PostgresStore::new_url().await,
    [
        "CREATE SCHEMA elsewhere",
        "CREATE TABLE elsewhere.gatewright_users (id BIGINT)",
        "CREATE TABLE elsewhere.gatewright_sessions (id BIGINT)",
    ],
    "SET search_path = elsewhere;
     SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY;
     SET statement_timeout = 0;
     SET lock_timeout = 1;
     SET synchronous_commit = off;
     SET client_encoding = 'LATIN1';
     SET ROLE pg_monitor",
    [&[], &["BEGIN"], &["BEGIN", "SELECT 1"], &["BEGIN", "SELECT 1 / 0"]],
    "SELECT concat_ws(' ', current_setting('search_path'), current_setting('default_transaction_isolation'),
         current_setting('default_transaction_read_only'), current_setting('statement_timeout'),
         current_setting('lock_timeout'), current_setting('synchronous_commit'),
         current_setting('client_encoding'), current_setting('role'),
         current_setting('idle_in_transaction_session_timeout'),
         transaction_timestamp() = statement_timestamp())",
    []
);
impl_shared_database!(
    MySql,
    MySqlStore,
    MySqlStore::new_url().await,
    [],
    "USE information_schema;
     SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY;
     SET SESSION innodb_lock_wait_timeout = 33, wait_timeout = 444, sql_mode = 'ANSI_QUOTES',
         unique_checks = 0, sql_safe_updates = 1, sql_select_limit = 1, completion_type = 'CHAIN',
         autocommit = 0;
     SET NAMES latin1 COLLATE latin1_bin",
    [&[], &["BEGIN"], &["BEGIN", "SELECT count(*) FROM information_schema.schemata"]],
    "SELECT CAST(CONCAT_WS(' ', DATABASE(), @@innodb_lock_wait_timeout, @@wait_timeout, @@sql_mode,
         @@unique_checks, @@sql_safe_updates, @@sql_select_limit, @@completion_type, @@autocommit,
         @@character_set_client, @@character_set_results, @@character_set_connection, @@collation_connection
         /*!50708 , @@max_execution_time, @@transaction_isolation, @@transaction_read_only */
         /*M!100100 , @@max_statement_time, @@tx_isolation, @@tx_read_only, @@in_transaction */) AS CHAR)",
    []
);

impl Application {
    /// Uses a connection before the store gets it.
    async fn visit<D: SharedDatabase>(&self, connection: &mut D::Connection) -> sqlx::Result<()>
    where
        for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    {
        if !self.is_running.load(Ordering::Relaxed) {
            return Ok(());
        }
        connection.execute(D::SETTINGS).await?;
        let visits = self.visits.fetch_add(1, Ordering::Relaxed);
        for statement in D::ENDINGS[visits % D::ENDINGS.len()] {
            drop(connection.execute(*statement).await); // one of them fails
        }
        Ok(())
    }

    /// Compares the connection that the store returns with the one that it got.
    async fn compare<D: SharedDatabase>(&self, connection: &mut D::Connection) -> sqlx::Result<()>
    where
        for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
        for<'r> String: Decode<'r, D> + Type<D>,
        usize: ColumnIndex<D::Row>,
    {
        if !self.is_running.load(Ordering::Relaxed) {
            return Ok(());
        }
        let found: String = connection.fetch_one(D::STATE).await?.try_get(0)?;
        let mut probes = Vec::new();
        for statement in D::PROBE {
            probes.extend(connection.execute(*statement).await.err());
        }
        let expected = self.expected.get();
        if Some(&found) != expected || !probes.is_empty() {
            self.changes.lock().unwrap().push(format!("{found}, not {expected:?}; {probes:?}"));
        }
        Ok(())
    }
}

/// A pool that this application uses too.
pub(super) async fn pool<D: SharedDatabase>(url: &str, application: &Arc<Application>) -> Pool<D>
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    for<'r> String: Decode<'r, D> + Type<D>,
    usize: ColumnIndex<D::Row>,
{
    let [first, next, last] = [(); 3].map(|()| Arc::clone(application));
    PoolOptions::new()
        .max_connections(CONNECTIONS)
        .after_connect(move |connection, _| {
            let application = Arc::clone(&first);
            Box::pin(async move { application.visit::<D>(connection).await })
        })
        .before_acquire(move |connection, _| {
            let application = Arc::clone(&next);
            Box::pin(async move { application.visit::<D>(connection).await.map(|()| true) })
        })
        .after_release(move |connection, _| {
            let application = Arc::clone(&last);
            Box::pin(async move { application.compare::<D>(connection).await.map(|()| true) })
        })
        .connect(url)
        .await
        .unwrap()
}

/// A store on the pool of an application that begins to use it now.
pub(super) async fn opened<D: SharedDatabase>(url: &str) -> (D::Store, Pool<D>, Arc<Application>)
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    for<'r> String: Decode<'r, D> + Type<D>,
    usize: ColumnIndex<D::Row>,
{
    let mut connection = D::Connection::connect(url).await.unwrap();
    connection.execute(D::SETTINGS).await.unwrap();
    let expected: String = connection.fetch_one(D::STATE).await.unwrap().try_get(0).unwrap();
    let application = Arc::new(Application { expected: expected.into(), ..Application::default() });
    let pool = pool::<D>(url, &application).await;
    D::migrate(&pool).await.unwrap();
    let store = D::from_pool(pool.clone()).await.unwrap();
    while usize::try_from(pool.size()).unwrap() > pool.num_idle() {
        tokio::task::yield_now().await;
    }
    application.is_running.store(true, Ordering::Relaxed);
    (store, pool, application)
}

/// The URL of a new database in which the application has created its part.
pub(super) async fn new_url<D: SharedDatabase>() -> String
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    let url = D::new_url().await;
    let mut application = D::Connection::connect(&url).await.unwrap();
    for statement in D::SETUP {
        application.execute(*statement).await.unwrap();
    }
    url
}

/// Two handles on one new database, each with a pool of its own that the application uses too.
pub(super) async fn handles<D: SharedDatabase>() -> [D::Store; 2]
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    for<'r> String: Decode<'r, D> + Type<D>,
    usize: ColumnIndex<D::Row>,
{
    let url = new_url::<D>().await;
    [opened::<D>(&url).await.0, opened::<D>(&url).await.0]
}

/// A store on a closed pool.
pub(super) async fn closed<D: SharedDatabase>() -> D::Store
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    for<'r> String: Decode<'r, D> + Type<D>,
    usize: ColumnIndex<D::Row>,
{
    let (store, pool, _) = opened::<D>(&new_url::<D>().await).await;
    pool.close().await;
    store
}
