//! Databases on servers, each new and empty. They are left behind: the servers are thrown away.

use std::sync::atomic::{AtomicUsize, Ordering};

use gatewright::{MySqlStore, PostgresStore};
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection};

/// Two handles, each with connections of its own, on one new, empty database.
pub async fn postgres() -> [PostgresStore; 2] {
    let url = postgres_database().await;
    [PostgresStore::connect(&url).await.unwrap(), PostgresStore::connect(&url).await.unwrap()]
}

/// Two handles, each with connections of its own, on one new, empty database.
pub async fn mysql() -> [MySqlStore; 2] {
    let url = mysql_database().await;
    [MySqlStore::connect(&url).await.unwrap(), MySqlStore::connect(&url).await.unwrap()]
}

/// The URL of a new, empty database.
pub async fn postgres_database() -> String {
    let server = server("GATEWRIGHT_TEST_POSTGRES_URL");
    let name = new_name();
    let mut connection = PgConnection::connect(&server).await.unwrap();
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    with_database(&server, &name)
}

/// The URL of a new, empty database.
pub async fn mysql_database() -> String {
    let server = server("GATEWRIGHT_TEST_MYSQL_URL");
    let name = new_name();
    let mut connection = MySqlConnection::connect(&server).await.unwrap();
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    with_database(&server, &name)
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
    gatewright::Randomness::fill(&gatewright::SystemRandomness, &mut random).unwrap();
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("gatewright_test_{:08x}_{number}", u32::from_ne_bytes(random))
}

/// The URL with another database in the place of its own.
#[must_use]
pub fn with_database(url: &str, name: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, String::new()), |(a, q)| (a, format!("?{q}")));
    let (host, _) = address.rsplit_once('/').unwrap();
    format!("{host}/{name}{query}")
}
