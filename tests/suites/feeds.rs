//! The feed suites on every feed of the workspace.

use std::sync::Arc;

use async_trait::async_trait;
use example_service::testing::databases;
use gatewright::{LocalFeed, PostgresFeed};
use gatewright_testkit::feed::{Ends, Network, Node, Wire};
use sqlx::Connection;

async fn local() -> Ends {
    let feed = LocalFeed::new();
    [Arc::new(feed.clone()), Arc::new(feed)]
}

gatewright_testkit::local_feed_suite!(local_feed, local);

struct OnPostgres {
    url: String,
}

#[async_trait]
impl Network for OnPostgres {
    async fn node(&self) -> Node {
        let server = server(&self.url);
        let wire = Wire::to(server).await;
        let url = self.url.replacen(server, &wire.address().to_string(), 1);
        Node { feed: Arc::new(PostgresFeed::connect(&url).await.unwrap()), wire }
    }

    async fn say(&self, text: &str) {
        let mut anybody = sqlx::PgConnection::connect(&self.url).await.unwrap();
        let notify = sqlx::query("SELECT pg_notify('gatewright_revocations', $1)").bind(text);
        notify.execute(&mut anybody).await.unwrap();
    }
}

/// The server's address in a URL.
fn server(url: &str) -> &str {
    let (_, rest) = url.rsplit_once('@').unwrap();
    rest.split(['/', '?']).next().unwrap()
}

async fn postgres() -> OnPostgres {
    OnPostgres { url: databases::postgres().await }
}

gatewright_testkit::feed_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
    on_postgres,
    postgres
);
