//! The suite of the throttle on every store of the workspace, and cases beyond it.

mod bursts;
mod expired_states;
mod faults;
mod interleavings;

use std::collections::BTreeMap;
use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use example_service::testing::databases;
use gatewright::store::Prefix;
use gatewright::throttle::{
    Attempt, ClientOrigin, Throttle, ThrottleDigests, ThrottleOutcome, ThrottleSettings, ThrottleStep,
};
use gatewright::types::{DerivedKey, Timestamp};
use gatewright::{MySqlStore, PostgresStore, RedisStore, SqliteStore, UserId};
use gatewright_tests::database::{Database, handles};
use gatewright_tests::memory;
use gatewright_tests::patience::{raw_redis, redis_store, until_ok};
use redis::aio::MultiplexedConnection;
use sqlx::Connection;
use xtask::services::Server;

use super::{closed, closed_in_memory, redis, sqlite_in_memory};

/// A store whose server has ended.
async fn without_server() -> RedisStore {
    let server = Server::redis("", &[]).unwrap();
    redis_store(server.url()).await
}

gatewright_testkit::throttle_suite!(memory_store, memory, in_memory);
gatewright_testkit::throttle_suite!(sqlite_store, handles::<SqliteStore>, closed::<SqliteStore>);
gatewright_testkit::throttle_suite!(sqlite_store_in_memory, sqlite_in_memory, closed_in_memory);
gatewright_testkit::throttle_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
    on_postgres,
    handles::<PostgresStore>,
    closed::<PostgresStore>
);
gatewright_testkit::throttle_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
    on_mysql,
    handles::<MySqlStore>,
    closed::<MySqlStore>
);
gatewright_testkit::throttle_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
    on_redis,
    redis,
    without_server
);

/// Expands each case as a test on each store that is not in memory.
macro_rules! on_each_store {
    ($($case:ident)+) => { $(
        mod $case {
            use crate::stores::throttle::{InRedis, InSql};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_sqlite() {
                super::$case(InSql::<gatewright::SqliteStore>::fresh().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
            async fn on_postgres() {
                super::$case(InSql::<gatewright::PostgresStore>::fresh().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
            async fn on_mysql() {
                super::$case(InSql::<gatewright::MySqlStore>::fresh().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
            async fn on_redis() {
                super::$case(InRedis::fresh().await).await;
            }
        }
    )+ };
}
use on_each_store;

/// The states by their keys.
type States = BTreeMap<Vec<u8>, Vec<u8>>;

/// A new, empty throttle of two nodes, and a connection to its storage without Gatewright.
trait Storage {
    type Node: Throttle + Clone;

    fn nodes(&self) -> [Self::Node; 2];

    /// A further node.
    fn open(&self) -> impl Future<Output = Self::Node>;

    fn states(&mut self) -> impl Future<Output = States>;

    /// Replaces every state by these bytes.
    fn overwrite(&mut self, bytes: &'static [u8]) -> impl Future<Output = ()>;
}

/// In a SQL database.
struct InSql<D: Database> {
    url: String,
    nodes: [D; 2],
    raw: D::Connection,
}

impl<D: Database> InSql<D> {
    async fn fresh() -> Self {
        let url = D::new_url().await;
        let nodes = [D::open(&url).await.unwrap(), D::open(&url).await.unwrap()];
        let raw = D::Connection::connect(&url).await.unwrap();
        Self { url, nodes, raw }
    }

    async fn execute(&mut self, statement: &'static str) {
        D::execute(&mut self.raw, statement).await;
    }
}

impl<D: Database> Storage for InSql<D> {
    type Node = D;

    fn nodes(&self) -> [D; 2] {
        self.nodes.clone()
    }

    async fn open(&self) -> D {
        D::open(&self.url).await.unwrap()
    }

    async fn states(&mut self) -> States {
        D::states(&mut self.raw).await
    }

    async fn overwrite(&mut self, bytes: &'static [u8]) {
        D::overwrite(&mut self.raw, bytes).await;
    }
}

/// In Redis, below a prefix of its own.
struct InRedis {
    url: String,
    prefix: Prefix,
    nodes: [RedisStore; 2],
    raw: MultiplexedConnection,
}

impl InRedis {
    async fn fresh() -> Self {
        let (url, prefix) = databases::redis();
        let nodes = [redis_store(&url).await, redis_store(&url).await];
        let nodes = nodes.map(|node| node.with_prefix(prefix.clone()));
        let raw = raw_redis(&url).await;
        Self { url, prefix, nodes, raw }
    }

    async fn keys(&mut self) -> Vec<String> {
        let all = format!("{}{{throttle}}:*", self.prefix.as_str());
        redis::cmd("KEYS").arg(all).query_async(&mut self.raw).await.unwrap()
    }
}

impl Storage for InRedis {
    type Node = RedisStore;

    fn nodes(&self) -> [RedisStore; 2] {
        self.nodes.clone()
    }

    async fn open(&self) -> RedisStore {
        redis_store(&self.url).await.with_prefix(self.prefix.clone())
    }

    async fn states(&mut self) -> States {
        let mut states = States::new();
        for key in self.keys().await {
            let state = redis::cmd("GET").arg(&key).query_async(&mut self.raw).await.unwrap();
            let digits = key.rsplit_once(':').unwrap().1;
            let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
            states.insert((0..digits.len()).step_by(2).map(byte).collect(), state);
        }
        states
    }

    async fn overwrite(&mut self, bytes: &'static [u8]) {
        for key in self.keys().await {
            redis::cmd("SET").arg(key).arg(bytes).exec_async(&mut self.raw).await.unwrap();
        }
    }
}

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

fn after(seconds: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(seconds))
}

fn digests() -> ThrottleDigests {
    ThrottleDigests::new(&DerivedKey::new([7; 32]))
}

/// A login of a user from network `number`.
fn login(name: &str, number: usize) -> Attempt {
    let address = Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(number).unwrap());
    digests().login(name, Some(&UserId::new(name).unwrap()), ClientOrigin::Address(address.into()))
}

fn settings() -> Arc<ThrottleSettings> {
    Arc::default()
}

async fn run<T: Throttle>(node: &T, step: ThrottleStep) -> ThrottleOutcome {
    node.run_step(&step).await.unwrap()
}
