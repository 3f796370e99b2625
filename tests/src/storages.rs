//! The storages of the refresh suite: every store of the workspace, and what it keeps over a
//! restart.

use std::marker::PhantomData;

use example_service::testing::databases;
use gatewright::store::{AccountStore, Prefix, SessionStore};
use gatewright::{Jwt, MemoryStore, RedisStore};
use gatewright_testkit::refresh::{Durability, Storage};
use redis::aio::MultiplexedConnection;

use crate::database::Database;
use crate::patience::{raw_redis, redis_store};
use crate::secret;

/// An issuer and verifier with this issuer's name and the key of every test.
#[must_use]
pub fn tokens(issuer: &str) -> Jwt {
    Jwt::hs256(secret()).issuer(issuer).audience("api").build().unwrap()
}

/// In memory: nodes are handles in one process, and a restart loses everything.
#[derive(Debug, Default)]
pub struct InMemory(MemoryStore);

impl InMemory {
    /// A new, empty store.
    pub async fn fresh() -> Self {
        Self::default()
    }
}

impl Storage for InMemory {
    type Accounts = MemoryStore;
    type Sessions = MemoryStore;
    const SESSIONS: Durability = Durability::Volatile;

    async fn open(&self) -> (MemoryStore, MemoryStore) {
        (self.0.clone(), self.0.clone())
    }

    fn restart(&mut self) {
        self.0 = MemoryStore::new();
    }

    async fn values(&self) -> Vec<Vec<u8>> {
        let mut values = Vec::new();
        for account in self.0.page(None, 100).await.unwrap() {
            let texts = [account.id.as_str(), account.email.as_str(), account.password_hash.expose()];
            values.extend(texts.map(|text| text.as_bytes().to_vec()));
            for session in self.0.list(&account.id).await.unwrap() {
                let texts = [session.id.to_string(), session.scopes.as_str().to_owned()];
                values.extend(texts.map(String::into_bytes));
                values.push(session.seed.expose().to_vec());
            }
        }
        values
    }
}

/// In a SQL database: a node is a handle with its own connections.
#[derive(Debug)]
pub struct InDatabase<D> {
    url: String,
    store: PhantomData<D>,
}

impl<D: Database> InDatabase<D> {
    /// A new, empty database.
    pub async fn fresh() -> Self {
        Self { url: D::new_url().await, store: PhantomData }
    }
}

impl<D: Database> Storage for InDatabase<D> {
    type Accounts = D;
    type Sessions = D;
    const SESSIONS: Durability = Durability::Durable;

    async fn open(&self) -> (D, D) {
        let store = D::open(&self.url).await.unwrap();
        (store.clone(), store)
    }

    fn restart(&mut self) {}

    async fn values(&self) -> Vec<Vec<u8>> {
        D::values(&self.url).await
    }
}

/// Sessions in Redis, below a prefix of their own; accounts in memory.
#[derive(Debug)]
pub struct OnRedis {
    accounts: MemoryStore,
    url: String,
    prefix: Prefix,
}

impl OnRedis {
    /// A new prefix.
    pub async fn fresh() -> Self {
        let (url, prefix) = databases::redis();
        Self { accounts: MemoryStore::new(), url, prefix }
    }
}

impl Storage for OnRedis {
    type Accounts = MemoryStore;
    type Sessions = RedisStore;
    const SESSIONS: Durability = Durability::Durable;

    async fn open(&self) -> (MemoryStore, RedisStore) {
        let sessions = redis_store(&self.url).await;
        (self.accounts.clone(), sessions.with_prefix(self.prefix.clone()))
    }

    fn restart(&mut self) {}

    async fn values(&self) -> Vec<Vec<u8>> {
        let mut raw = raw_redis(&self.url).await;
        let mut values = InMemory(self.accounts.clone()).values().await;
        values.extend(redis_values(&mut raw, &self.prefix).await);
        values
    }
}

/// The keys below a prefix, with the fields of sessions and the states of the throttle.
pub async fn redis_values(raw: &mut MultiplexedConnection, prefix: &Prefix) -> Vec<Vec<u8>> {
    let all = format!("{}*", prefix.as_str());
    let keys: Vec<String> = redis::cmd("KEYS").arg(all).query_async(raw).await.unwrap();
    let mut values = Vec::new();
    for key in keys {
        if key.contains("{throttle}") {
            values.push(redis::cmd("GET").arg(&key).query_async(raw).await.unwrap());
        } else {
            let fields: Vec<Vec<u8>> = redis::cmd("HGETALL").arg(&key).query_async(raw).await.unwrap();
            values.extend(fields);
        }
        values.push(key.into_bytes());
    }
    values
}
