//! Databases on servers, each new and empty. They are left behind: the servers are thrown away.

use std::sync::atomic::{AtomicUsize, Ordering};

use gatewright::Prefix;
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection};

/// The URL of a new, empty database on PostgreSQL.
pub async fn postgres() -> String {
    let (server, name) = (server("GATEWRIGHT_TEST_POSTGRES_URL"), new_name());
    let mut connection = PgConnection::connect(&server).await.unwrap();
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    with_database(&server, &name)
}

/// The URL of a new, empty database on MySQL or MariaDB.
pub async fn mysql() -> String {
    let (server, name) = (server("GATEWRIGHT_TEST_MYSQL_URL"), new_name());
    let mut connection = MySqlConnection::connect(&server).await.unwrap();
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    with_database(&server, &name)
}

/// The URL of the Redis server, and a prefix that nobody has used.
#[must_use]
pub fn redis() -> (String, Prefix) {
    (server("GATEWRIGHT_TEST_REDIS_URL"), Prefix::new(new_name()).unwrap())
}

fn server(variable: &str) -> String {
    match std::env::var(variable) {
        Ok(url) => url,
        Err(_) => panic!("{variable} is not set: run `cargo xtask test`, or `cargo xtask services up`"),
    }
}

/// One that no other process has used on a server that stays.
fn new_name() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let mut random = [0; 4];
    getrandom::fill(&mut random).unwrap();
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("gatewright_test_{:08x}_{number}", u32::from_ne_bytes(random))
}

/// The URL with another database in the place of its own.
fn with_database(url: &str, name: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, String::new()), |(a, q)| (a, format!("?{q}")));
    let (host, _) = address.rsplit_once('/').unwrap();
    format!("{host}/{name}{query}")
}
