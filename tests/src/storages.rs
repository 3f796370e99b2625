//! The storages of the refresh suite: every store of the workspace, and what it keeps over a
//! restart.

use std::path::PathBuf;

use example_service::testing::databases;
use gatewright::{
    AccountStore, Jwt, MemoryStore, MySqlStore, PostgresStore, Prefix, RedisStore, SessionStore, SqliteStore,
};
use gatewright_testkit::refresh::{Durability, Storage};
use sqlx::{AssertSqlSafe, Connection, Row};

use crate::{SECRET, new_file};

const TABLES: [&str; 2] = ["gatewright_users", "gatewright_sessions"];

/// An issuer and verifier with this issuer's name and the key of every test.
#[must_use]
pub fn tokens(issuer: &str) -> Jwt {
    Jwt::hs256(SECRET, issuer, "api").build().unwrap()
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

/// In a SQLite file: a node is a handle with its own connections.
#[derive(Debug)]
pub struct InSqlite(PathBuf);

impl InSqlite {
    /// A new, empty file.
    pub async fn fresh() -> Self {
        Self(new_file("refresh.db"))
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.0.display())
    }
}

impl Storage for InSqlite {
    type Accounts = SqliteStore;
    type Sessions = SqliteStore;
    const SESSIONS: Durability = Durability::Durable;

    async fn open(&self) -> (SqliteStore, SqliteStore) {
        let store = SqliteStore::connect(&self.url()).await.unwrap();
        (store.clone(), store)
    }

    fn restart(&mut self) {}

    async fn values(&self) -> Vec<Vec<u8>> {
        let mut raw = sqlx::SqliteConnection::connect(&self.url()).await.unwrap();
        let mut values = Vec::new();
        for table in TABLES {
            let columns = format!("SELECT name FROM pragma_table_info('{table}')");
            let columns: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(columns)).fetch_all(&mut raw).await.unwrap();
            for column in columns {
                let select = format!("SELECT coalesce(CAST({column} AS BLOB), x'') FROM {table}");
                let rows = sqlx::query(AssertSqlSafe(select)).fetch_all(&mut raw).await.unwrap();
                values.extend(rows.iter().map(|row| row.get::<Vec<u8>, _>(0)));
            }
        }
        values
    }
}

/// In a database on PostgreSQL.
#[derive(Debug)]
pub struct OnPostgres(String);

impl OnPostgres {
    /// A new, empty database.
    pub async fn fresh() -> Self {
        Self(databases::postgres().await)
    }
}

impl Storage for OnPostgres {
    type Accounts = PostgresStore;
    type Sessions = PostgresStore;
    const SESSIONS: Durability = Durability::Durable;

    async fn open(&self) -> (PostgresStore, PostgresStore) {
        let store = PostgresStore::connect(&self.0).await.unwrap();
        (store.clone(), store)
    }

    fn restart(&mut self) {}

    async fn values(&self) -> Vec<Vec<u8>> {
        let mut raw = sqlx::PgConnection::connect(&self.0).await.unwrap();
        let columns = "SELECT table_name::text, column_name::text, data_type::text
            FROM information_schema.columns WHERE table_name LIKE 'gatewright%'";
        let mut values = Vec::new();
        for column in sqlx::query(columns).fetch_all(&mut raw).await.unwrap() {
            let [table, name, kind] = [0, 1, 2].map(|at| column.get::<&str, _>(at));
            let bytes =
                if kind == "bytea" { name.to_owned() } else { format!("convert_to({name}::text, 'UTF8')") };
            let select = format!("SELECT coalesce({bytes}, ''::bytea) FROM {table}");
            let rows = sqlx::query(AssertSqlSafe(select)).fetch_all(&mut raw).await.unwrap();
            values.extend(rows.iter().map(|row| row.get::<Vec<u8>, _>(0)));
        }
        values
    }
}

/// In a database on MySQL or MariaDB.
#[derive(Debug)]
pub struct OnMysql(String);

impl OnMysql {
    /// A new, empty database.
    pub async fn fresh() -> Self {
        Self(databases::mysql().await)
    }
}

impl Storage for OnMysql {
    type Accounts = MySqlStore;
    type Sessions = MySqlStore;
    const SESSIONS: Durability = Durability::Durable;

    async fn open(&self) -> (MySqlStore, MySqlStore) {
        let store = MySqlStore::connect(&self.0).await.unwrap();
        (store.clone(), store)
    }

    fn restart(&mut self) {}

    async fn values(&self) -> Vec<Vec<u8>> {
        let mut raw = sqlx::MySqlConnection::connect(&self.0).await.unwrap();
        let columns =
            "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR) FROM information_schema.columns
            WHERE table_schema = DATABASE() AND table_name IN ('gatewright_users', 'gatewright_sessions')";
        let mut values = Vec::new();
        for column in sqlx::query(columns).fetch_all(&mut raw).await.unwrap() {
            let [table, name] = [0, 1].map(|at| column.get::<&str, _>(at));
            let select = format!("SELECT coalesce(CAST({name} AS BINARY), '') FROM {table}");
            let rows = sqlx::query(AssertSqlSafe(select)).fetch_all(&mut raw).await.unwrap();
            values.extend(rows.iter().map(|row| row.get::<Vec<u8>, _>(0)));
        }
        values
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
        let sessions = RedisStore::connect(&self.url).await.unwrap();
        (self.accounts.clone(), sessions.with_prefix(self.prefix.clone()))
    }

    fn restart(&mut self) {}

    async fn values(&self) -> Vec<Vec<u8>> {
        let raw = redis::Client::open(&*self.url).unwrap();
        let mut raw = raw.get_multiplexed_async_connection().await.unwrap();
        let all = format!("{}*", self.prefix.as_str());
        let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg(all).query_async(&mut raw).await.unwrap();
        let mut values = InMemory(self.accounts.clone()).values().await;
        for key in keys {
            let fields: Vec<Vec<u8>> = redis::cmd("HGETALL").arg(&key).query_async(&mut raw).await.unwrap();
            values.push(key);
            values.extend(fields);
        }
        values
    }
}
