//! The store suite on every store of the workspace. What speaks MySQL is Debian's MariaDB.

use gatewright_tests::servers::{mysql, postgres, redis};
use gatewright_tests::{memory, sqlite};

gatewright_testkit::store_suite!(memory_store, memory, in_memory);
gatewright_testkit::store_suite!(sqlite_store, sqlite);
gatewright_testkit::store_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
    on_postgres,
    postgres
);
gatewright_testkit::store_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
    on_mysql,
    mysql
);
gatewright_testkit::session_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
    on_redis,
    redis
);
