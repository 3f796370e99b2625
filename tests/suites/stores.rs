//! The store suites on every store of the workspace, and cases beyond them. MySQL is tested on
//! MariaDB.

mod schema_upgrade;
mod outages;
mod crash_recovery;
mod malformed_rows;
mod write_races;
mod shared_pools;
mod expired_sessions;
mod throttle;
mod audit;
mod audit_crash;
#[cfg(unix)]
mod database_files;

use gatewright::{MySqlStore, PostgresStore, RedisStore, SqliteStore};
use gatewright_testkit::refresh::Storage;
use gatewright_tests::database::{Database, handles};
use gatewright_tests::memory;
use gatewright_tests::storages::OnRedis;

/// A store whose connections are closed.
async fn closed<D: Database>() -> D {
    let [store, _] = handles::<D>().await;
    store.close().await;
    store
}

/// Two handles on one new database in memory, with one connection in all.
async fn sqlite_in_memory() -> [SqliteStore; 2] {
    let store = SqliteStore::connect("sqlite::memory:").await.unwrap();
    [store.clone(), store]
}

/// A closed database in memory.
async fn closed_in_memory() -> SqliteStore {
    let [store, _] = sqlite_in_memory().await;
    store.close().await;
    store
}

/// Two handles on sessions below a new prefix, each with its own connection.
pub(crate) async fn redis() -> [RedisStore; 2] {
    let storage = OnRedis::fresh().await;
    [storage.open().await.1, storage.open().await.1]
}

gatewright_testkit::store_suite!(memory_store, memory, in_memory);
gatewright_testkit::store_suite!(sqlite_store, handles::<SqliteStore>, closed::<SqliteStore>);
gatewright_testkit::store_suite!(sqlite_store_in_memory, sqlite_in_memory, closed_in_memory);
gatewright_testkit::store_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
    on_postgres,
    handles::<PostgresStore>,
    closed::<PostgresStore>
);
gatewright_testkit::store_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
    on_mysql,
    handles::<MySqlStore>,
    closed::<MySqlStore>
);
gatewright_testkit::session_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
    on_redis,
    redis
);
