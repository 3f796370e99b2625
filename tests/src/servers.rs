//! Stores on servers.

use example_service::testing::databases;
use gatewright::{MySqlStore, PostgresStore, RedisStore};

/// Two handles, each with connections of its own, on one new, empty database.
pub async fn postgres() -> [PostgresStore; 2] {
    let url = databases::postgres().await;
    [PostgresStore::connect(&url).await.unwrap(), PostgresStore::connect(&url).await.unwrap()]
}

/// Two handles, each with connections of its own, on one new, empty database.
pub async fn mysql() -> [MySqlStore; 2] {
    let url = databases::mysql().await;
    [MySqlStore::connect(&url).await.unwrap(), MySqlStore::connect(&url).await.unwrap()]
}

/// Two handles, each with a connection of its own, on sessions that nobody else uses.
pub async fn redis() -> [RedisStore; 2] {
    let (url, prefix) = databases::redis();
    let store = async || RedisStore::connect(&url).await.unwrap().with_prefix(prefix.clone());
    [store().await, store().await]
}
