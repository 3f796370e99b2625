//! Tabs and thieves that share a session, on every storage of the workspace. In full size, 1,000 sessions
//! have tabs on each storage.

use gatewright::{MySqlStore, PostgresStore, SqliteStore};
use gatewright_testkit::block_on;
use gatewright_testkit::refresh::{Service, tabs};
use gatewright_tests::storages::{InDatabase, InMemory, OnRedis, tokens};

/// The number of sessions in full size.
const ALL: usize = 1_000;

/// The number of sessions on storages that write to a disk or a server.
const SOME: usize = 25;

gatewright_testkit::tabs_suite!(in_memory, InMemory::fresh, tokens, ALL);
gatewright_testkit::tabs_suite!(in_sqlite, InDatabase::<SqliteStore>::fresh, tokens, SOME);
gatewright_testkit::tabs_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
    on_postgres,
    InDatabase::<PostgresStore>::fresh,
    tokens,
    SOME
);
gatewright_testkit::tabs_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
    on_mysql,
    InDatabase::<MySqlStore>::fresh,
    tokens,
    SOME
);
gatewright_testkit::tabs_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
    on_redis,
    OnRedis::fresh,
    tokens,
    SOME
);

mod full_product {
    use super::*;

    gatewright_testkit::tabs_suite!(
        #[ignore = "full product: cargo xtask test --full"]
        in_sqlite,
        InDatabase::<SqliteStore>::fresh,
        tokens,
        ALL
    );
    gatewright_testkit::tabs_suite!(
        #[ignore = "full product: cargo xtask test --full"]
        on_postgres,
        InDatabase::<PostgresStore>::fresh,
        tokens,
        ALL
    );
    gatewright_testkit::tabs_suite!(
        #[ignore = "full product: cargo xtask test --full"]
        on_mysql,
        InDatabase::<MySqlStore>::fresh,
        tokens,
        ALL
    );
    gatewright_testkit::tabs_suite!(
        #[ignore = "full product: cargo xtask test --full"]
        on_redis,
        OnRedis::fresh,
        tokens,
        ALL
    );
}

/// On memory alone: the rules are those of the core.
#[test]
fn no_order_of_uses_hides_a_thief() {
    block_on(async {
        tabs::no_order_of_uses_hides_a_thief(Service::new(InMemory::fresh().await, tokens)).await
    });
}
