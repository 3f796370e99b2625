//! The feed suite on each feed, and tests that only one feed needs.

mod interceptor;
mod server_crash;
mod more_on_postgres;
mod stuck_on_postgres;
mod two_primaries;

use std::sync::Arc;

use async_trait::async_trait;
use example_service::testing::databases;
use gatewright::PostgresFeed;
use gatewright::revocation::LocalFeed;
use gatewright::store::Prefix;
use gatewright_testkit::feed::{Ends, Network, Node, Wire};
use gatewright_tests::patience::{raw_redis, redis_feed};
use sqlx::Connection;

async fn local() -> Ends {
    let feed = LocalFeed::new();
    [Arc::new(feed.clone()), Arc::new(feed)]
}

gatewright_testkit::local_feed_suite!(local_feed, local);

/// The address in a server's URL.
pub(crate) fn server(url: &str) -> &str {
    let (_, rest) = url.rsplit_once('@').unwrap();
    rest.split(['/', '?']).next().unwrap()
}

/// A new wire to the URL's server, and the URL that leads over it.
pub(crate) async fn wired(url: &str) -> (String, Wire) {
    let wire = Wire::to(server(url)).await;
    (url.replacen(server(url), &wire.address().to_string(), 1), wire)
}

/// Nodes on one database. Each has its own wire to it.
struct OnPostgres {
    url: String,
}

#[async_trait]
impl Network for OnPostgres {
    async fn node(&self) -> Node {
        let (url, wire) = wired(&self.url).await;
        Node { feed: Arc::new(PostgresFeed::connect(&url).await.unwrap()), wire }
    }

    async fn send_raw(&self, text: &str) {
        let mut client = sqlx::PgConnection::connect(&self.url).await.unwrap();
        let notify = sqlx::query("SELECT pg_notify('gatewright_revocations', $1)").bind(text);
        notify.execute(&mut client).await.unwrap();
    }

    /// In one statement, by a client that reads no notification itself.
    async fn flood(&self, count: usize) {
        let mut client = sqlx::PgConnection::connect(&self.url).await.unwrap();
        let notify = "SELECT pg_notify('gatewright_revocations', 'x' || n) FROM generate_series(1, $1) n";
        sqlx::query(notify).bind(i64::try_from(count).unwrap()).execute(&mut client).await.unwrap();
    }
}

async fn on_a_new_database() -> OnPostgres {
    OnPostgres { url: databases::postgres().await }
}

gatewright_testkit::feed_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
    on_postgres,
    on_a_new_database
);

/// Nodes on one Redis channel. Each has its own wire to the server.
struct OnRedis {
    url: String,
    prefix: Prefix,
}

#[async_trait]
impl Network for OnRedis {
    async fn node(&self) -> Node {
        let (url, wire) = wired(&self.url).await;
        Node { feed: Arc::new(redis_feed(&url, &self.prefix).await), wire }
    }

    async fn send_raw(&self, text: &str) {
        let mut client = raw_redis(&self.url).await;
        let channel = format!("{}revocations", self.prefix.as_str());
        redis::cmd("PUBLISH").arg(channel).arg(text).exec_async(&mut client).await.unwrap();
    }

    async fn flood(&self, count: usize) {
        let mut client = raw_redis(&self.url).await;
        let channel = format!("{}revocations", self.prefix.as_str());
        let mut flood = redis::pipe();
        for number in 0..count {
            flood.cmd("PUBLISH").arg(&channel).arg(format!("x{number}")).ignore();
        }
        flood.exec_async(&mut client).await.unwrap();
    }
}

async fn on_a_new_channel() -> OnRedis {
    let (url, prefix) = databases::redis();
    OnRedis { url, prefix }
}

gatewright_testkit::feed_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
    on_redis,
    on_a_new_channel
);
