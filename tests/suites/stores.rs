//! The store suites on every store of the workspace, and cases beyond them. MySQL is tested on
//! MariaDB.

mod schema_upgrade;
mod outages;
mod crash_recovery;

use gatewright::{MySqlStore, PostgresStore, SqliteStore};
use gatewright_tests::servers::{mysql, postgres, redis};
use gatewright_tests::{memory, sqlite};

async fn closed_sqlite() -> SqliteStore {
    let [store, _] = sqlite().await;
    store.close().await;
    store
}

async fn closed_postgres() -> PostgresStore {
    let [store, _] = postgres().await;
    store.close().await;
    store
}

async fn closed_mysql() -> MySqlStore {
    let [store, _] = mysql().await;
    store.close().await;
    store
}

gatewright_testkit::store_suite!(memory_store, memory, in_memory);
gatewright_testkit::store_suite!(sqlite_store, sqlite, closed_sqlite);
gatewright_testkit::store_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
    on_postgres,
    postgres,
    closed_postgres
);
gatewright_testkit::store_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
    on_mysql,
    mysql,
    closed_mysql
);
gatewright_testkit::session_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
    on_redis,
    redis
);
