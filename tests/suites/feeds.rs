//! The feed suites on every feed of the workspace, and what one of them adds.

mod killed;
mod postgres;

use std::sync::Arc;

use async_trait::async_trait;
use example_service::testing::databases;
use gatewright::{LocalFeed, PostgresFeed, Prefix, RedisFeed};
use gatewright_testkit::feed::{Ends, Network, Node, Wire};
use sqlx::Connection;

async fn local() -> Ends {
    let feed = LocalFeed::new();
    [Arc::new(feed.clone()), Arc::new(feed)]
}

gatewright_testkit::local_feed_suite!(local_feed, local);

/// Nodes that each reach one database over a wire.
struct OnPostgres {
    url: String,
}

#[async_trait]
impl Network for OnPostgres {
    async fn node(&self) -> Node {
        let (url, wire) = self.wired().await;
        Node { feed: Arc::new(PostgresFeed::connect(&url).await.unwrap()), wire }
    }

    async fn say(&self, text: &str) {
        let mut anybody = sqlx::PgConnection::connect(&self.url).await.unwrap();
        let notify = sqlx::query("SELECT pg_notify('gatewright_revocations', $1)").bind(text);
        notify.execute(&mut anybody).await.unwrap();
    }
}

impl OnPostgres {
    /// The database over a new wire.
    async fn wired(&self) -> (String, Wire) {
        let server = server(&self.url);
        let wire = Wire::to(server).await;
        (self.url.replacen(server, &wire.address().to_string(), 1), wire)
    }
}

/// The server's address in a URL.
pub(crate) fn server(url: &str) -> &str {
    let (_, rest) = url.rsplit_once('@').unwrap();
    rest.split(['/', '?']).next().unwrap()
}

async fn on_a_new_database() -> OnPostgres {
    OnPostgres { url: databases::postgres().await }
}

gatewright_testkit::feed_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
    on_postgres,
    on_a_new_database
);

/// Nodes that each reach one channel of Redis over a wire.
struct OnRedis {
    url: String,
    prefix: Prefix,
}

#[async_trait]
impl Network for OnRedis {
    async fn node(&self) -> Node {
        let server = server(&self.url);
        let wire = Wire::to(server).await;
        let url = self.url.replacen(server, &wire.address().to_string(), 1);
        Node { feed: Arc::new(RedisFeed::connect_on(&url, &self.prefix).await.unwrap()), wire }
    }

    async fn say(&self, text: &str) {
        let anybody = redis::Client::open(&*self.url).unwrap();
        let mut anybody = anybody.get_multiplexed_async_connection().await.unwrap();
        let channel = format!("{}revocations", self.prefix.as_str());
        redis::cmd("PUBLISH").arg(channel).arg(text).exec_async(&mut anybody).await.unwrap();
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
