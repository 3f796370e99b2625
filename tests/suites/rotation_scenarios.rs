//! The test vectors of the rotation on every store of the workspace. `cargo xtask test` prints a
//! table of the results.

use gatewright::{MySqlStore, PostgresStore, RedisStore, SqliteStore};
use gatewright_testkit::refresh::Storage;
use gatewright_tests::database::handles;
use gatewright_tests::memory;
use gatewright_tests::storages::OnRedis;

/// Two handles on sessions below a new prefix, each with its own connection.
async fn redis() -> [RedisStore; 2] {
    let storage = OnRedis::fresh().await;
    [storage.open().await.1, storage.open().await.1]
}

gatewright_testkit::rotation_vector_suite!(in_memory, memory);
gatewright_testkit::rotation_vector_suite!(in_sqlite, handles::<SqliteStore>);
gatewright_testkit::rotation_vector_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
    on_postgres,
    handles::<PostgresStore>
);
gatewright_testkit::rotation_vector_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
    on_mysql,
    handles::<MySqlStore>
);
gatewright_testkit::rotation_vector_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
    on_redis,
    redis
);
