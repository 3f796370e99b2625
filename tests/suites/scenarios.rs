//! The refresh suite on every storage of the workspace. `cargo xtask test` prints a table of the
//! results.

use gatewright::{MySqlStore, PostgresStore, SqliteStore};
use gatewright_tests::storages::{InDatabase, InMemory, OnRedis, tokens};

gatewright_testkit::refresh_suite!(in_memory, InMemory::fresh, tokens);
gatewright_testkit::refresh_suite!(in_sqlite, InDatabase::<SqliteStore>::fresh, tokens);
gatewright_testkit::refresh_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
    on_postgres,
    InDatabase::<PostgresStore>::fresh,
    tokens
);
gatewright_testkit::refresh_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
    on_mysql,
    InDatabase::<MySqlStore>::fresh,
    tokens
);
gatewright_testkit::refresh_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
    on_redis,
    OnRedis::fresh,
    tokens
);
