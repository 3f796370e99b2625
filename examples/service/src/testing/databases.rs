//! New, empty databases on the servers of the tests. They are left behind: the servers are
//! temporary.

use std::sync::atomic::{AtomicUsize, Ordering};

use gatewright::store::Prefix;
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection};

/// The URL of a new, empty database on PostgreSQL.
pub async fn postgres() -> String {
    create_database::<PgConnection>("GATEWRIGHT_TEST_POSTGRES_URL").await
}

/// The URL of a new, empty database on MySQL or MariaDB.
pub async fn mysql() -> String {
    create_database::<MySqlConnection>("GATEWRIGHT_TEST_MYSQL_URL").await
}

async fn create_database<C: Connection>(variable: &str) -> String
where
    for<'c> &'c mut C: Executor<'c>,
{
    let (server, name) = (server(variable), new_name());
    let mut connection = C::connect(&server).await.unwrap();
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    with_database(&server, &name)
}

/// The URL of the Redis server, and a new prefix.
#[must_use]
pub fn redis() -> (String, Prefix) {
    (server("GATEWRIGHT_TEST_REDIS_URL"), Prefix::new(new_name()).unwrap())
}

fn server(variable: &str) -> String {
    match std::env::var(variable) {
        Ok(url) => url,
        Err(_) => panic!("{variable}: is not set; run `cargo xtask test`, or `cargo xtask services up`"),
    }
}

/// A random name: the server may outlive the process.
fn new_name() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let mut random = [0; 4];
    getrandom::fill(&mut random).unwrap();
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("gatewright_test_{:08x}_{number}", u32::from_ne_bytes(random))
}

/// Replaces the database in a URL.
fn with_database(url: &str, name: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, String::new()), |(a, q)| (a, format!("?{q}")));
    let (host, _) = address.rsplit_once('/').unwrap();
    format!("{host}/{name}{query}")
}
