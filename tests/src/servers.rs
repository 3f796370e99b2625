//! Stores on the servers of the tests.

use example_service::testing::databases;
use gatewright::{MySqlStore, PostgresStore, RedisStore};

/// Two handles on one new, empty database, each with its own connections.
pub async fn postgres() -> [PostgresStore; 2] {
    let url = databases::postgres().await;
    [PostgresStore::connect(&url).await.unwrap(), PostgresStore::connect(&url).await.unwrap()]
}

/// Two handles on one new, empty database, each with its own connections.
pub async fn mysql() -> [MySqlStore; 2] {
    let url = databases::mysql().await;
    [MySqlStore::connect(&url).await.unwrap(), MySqlStore::connect(&url).await.unwrap()]
}

/// Two handles on sessions below a new prefix, each with its own connection.
pub async fn redis() -> [RedisStore; 2] {
    let (url, prefix) = databases::redis();
    let store = async || RedisStore::connect(&url).await.unwrap().with_prefix(prefix.clone());
    [store().await, store().await]
}
