//! The PostgreSQL feed while a statement gets no answer, as after a session of another role has kept the
//! server's notification queue from getting shorter.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use gatewright::revocation::{Revocation, RevocationFeed};
use gatewright::{PostgresFeed, UserId};
use gatewright_testkit::feed::{Listener, Network, Node, Received, sealed};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, query_scalar};
use tokio::time::Instant;
use xtask::services::{Kind, Server};

use super::interceptor::{Interceptor, Mode};
use super::{OnPostgres, on_a_new_database};

/// How long a publication may take that does not wait for LISTEN. It fails after 5 seconds.
const SOON: Duration = Duration::from_secs(3);

/// The most bytes that may leave the proxy in a flood: what the feed reads, and what the buffers of two
/// sockets hold.
const MOST_FLOODED: usize = 32 << 20;

fn user(id: impl ToString) -> Revocation {
    Revocation::user(UserId::new(id.to_string()).unwrap())
}

/// How often a case begins again at most.
const ATTEMPTS: usize = 4;

/// Runs a case. On a machine that stalls, a feed replaces connections that no case is about. So a case
/// that ends with other connections than it should begins again, on a new database.
async fn steady(case: impl AsyncFn() -> Result<(), String>) {
    for _ in 1..ATTEMPTS {
        match case().await {
            Ok(()) => return,
            Err(problem) => eprintln!("the case begins again: {problem}"),
        }
    }
    case().await.unwrap();
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, seen: T, wanted: T) -> Result<(), String> {
    if seen == wanted { Ok(()) } else { Err(format!("{what}: {seen:?} instead of {wanted:?}")) }
}

/// Whether a publication that began then ended soon.
fn expect_soon(began: Instant) -> Result<(), String> {
    let elapsed = began.elapsed();
    if elapsed < SOON { Ok(()) } else { Err(format!("a publication took {elapsed:?}")) }
}

/// Another node, and a listener there.
async fn elsewhere(network: &OnPostgres) -> (Node, Arc<Listener>) {
    let there = network.node().await;
    let listener = Listener::to(&*there.feed);
    listener.until_heartbeats(1).await;
    (there, listener)
}

/// Publishes messages, and waits until each one has arrived elsewhere.
async fn publish_some(feed: &PostgresFeed, elsewhere: &Listener, name: &str) -> Result<(), String> {
    for number in 0..10 {
        let (message, began) = (user(format!("{name} {number}")), Instant::now());
        feed.publish(&sealed(&message)).await.map_err(|error| error.to_string())?;
        expect_soon(began)?;
        elsewhere.until_received(&message).await;
    }
    Ok(())
}

fn hears_nothing(listener: &Listener) -> bool {
    !listener.received().iter().any(|received| matches!(received, Received::Heartbeat(_)))
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_node_starts_and_publishes_while_listen_has_no_answer() {
    steady(async || {
        let network = on_a_new_database().await;
        let (_there, elsewhere) = elsewhere(&network).await;
        let (url, proxy) = Interceptor::of(&network.url).await;
        proxy.set(Mode::HoldListen);
        let feed = PostgresFeed::connect(&url).await.unwrap();
        let listener = Listener::to(&feed);
        proxy.until("LISTEN is sent", |seen| seen.listened >= 1).await;
        publish_some(&feed, &elsewhere, "held").await?;
        assert!(hears_nothing(&listener));

        proxy.set(Mode::Pass);
        listener.until_heartbeats(1).await;
        publish_some(&feed, &elsewhere, "passes").await?;
        expect("connections that sent", proxy.seen().notified, 1)
    })
    .await;
}

/// The feed closes its connection, sends no UNLISTEN, and keeps the one that sends.
#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_listen_without_an_answer_is_given_up_and_the_sender_kept() {
    steady(async || {
        let network = on_a_new_database().await;
        let (_there, elsewhere) = elsewhere(&network).await;
        let (url, proxy) = Interceptor::of(&network.url).await;
        proxy.set(Mode::HoldListen);
        let feed = PostgresFeed::connect(&url).await.unwrap();
        let _listener = Listener::to(&feed);
        proxy.until("the first LISTEN is given up", |seen| seen.given_up >= 1).await;
        publish_some(&feed, &elsewhere, "given up").await?;
        proxy.until("LISTEN is sent again", |seen| seen.listened >= 2).await;
        expect("connections that sent", proxy.seen().notified, 1)?;

        drop(feed);
        let seen = proxy.until("the last LISTEN is given up", |seen| seen.given_up >= 2).await;
        expect("UNLISTEN", seen.farewells, 0)
    })
    .await;
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn what_arrives_before_the_answer_to_listen_is_limited() {
    steady(async || {
        let network = on_a_new_database().await;
        let (_there, elsewhere) = elsewhere(&network).await;
        let (url, proxy) = Interceptor::of(&network.url).await;
        proxy.set(Mode::FloodListen);
        // Without a receiver, nothing is rejected, and only the number of messages is limited.
        let feed = PostgresFeed::connect(&url).await.unwrap();
        let seen = proxy.until("the flooded connection is closed", |seen| seen.given_up >= 1).await;
        assert!(seen.flooded < MOST_FLOODED, "{} bytes", seen.flooded);
        let listener = Listener::to(&feed);
        let is_suspended = |received: &[Received]| received.contains(&Received::Suspend);
        listener.until("the cache is suspended", is_suspended).await;
        publish_some(&feed, &elsewhere, "flooded").await?;

        proxy.set(Mode::Pass);
        listener.until_heartbeats(1).await;
        let seen = proxy.seen();
        expect("connections that sent, UNLISTEN", (seen.notified, seen.farewells), (1, 0))
    })
    .await;
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_flood_replaces_only_the_connection_that_listens() {
    const FLOOD: usize = 10_000;
    steady(async || {
        let network = on_a_new_database().await;
        let (url, proxy) = Interceptor::of(&network.url).await;
        let feed = PostgresFeed::connect(&url).await.unwrap();
        let listener = Listener::to(&feed);
        for flood in 1..=3 {
            listener.until_heartbeats(1).await;
            network.flood(FLOOD).await;
            let suspended = |received: &[Received]| {
                received.iter().filter(|received| **received == Received::Suspend).count() >= flood
            };
            listener.until("the cache is suspended", suspended).await;
            feed.publish(&sealed(&user(flood))).await.map_err(|error| error.to_string())?;
        }
        listener.until_heartbeats(1).await;
        let seen = proxy.seen();
        assert!(seen.listened >= 4, "{seen:?}");
        expect("connections that sent, UNLISTEN", (seen.notified, seen.farewells), (1, 0))
    })
    .await;
}

/// The hung connection is closed, and nothing waits for it.
#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_hung_sender_replaces_only_the_connection_that_sends() {
    steady(async || {
        let network = on_a_new_database().await;
        let (_there, elsewhere) = elsewhere(&network).await;
        let (url, proxy) = Interceptor::of(&network.url).await;
        let feed = PostgresFeed::connect(&url).await.unwrap();
        let listener = Listener::to(&feed);
        listener.until_heartbeats(1).await;
        proxy.set(Mode::HoldNotify);
        drop(feed.publish(&sealed(&user("held"))));
        proxy.until("the hung connection is closed", |seen| seen.given_up >= 1).await;
        proxy.set(Mode::Pass);
        elsewhere.until_received(&user("held")).await;
        listener.until_heartbeats(1).await;
        let seen = proxy.seen();
        expect("connections that listened, UNLISTEN", (seen.listened, seen.farewells), (1, 0))
    })
    .await;
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_full_queue_of_the_server_fails_publications_at_once_and_keeps_them() {
    steady(async || {
        let network = on_a_new_database().await;
        let (_there, elsewhere) = elsewhere(&network).await;
        let (url, proxy) = Interceptor::of(&network.url).await;
        let feed = PostgresFeed::connect(&url).await.unwrap();
        let listener = Listener::to(&feed);
        listener.until_heartbeats(1).await;
        proxy.set(Mode::FullQueue);
        for number in 0..3 {
            let began = Instant::now();
            let error = feed.publish(&sealed(&user(number))).await.unwrap_err();
            expect_soon(began)?;
            let cause = error.source().unwrap().to_string();
            assert!(cause.contains("queue is full"), "{cause}");
        }
        proxy.set(Mode::Pass);
        for number in 0..3 {
            elsewhere.until_received(&user(number)).await;
        }
        listener.until_heartbeats(1).await;
        let seen = proxy.seen();
        expect("connections that listened, that sent", (seen.listened, seen.notified), (1, 1))
    })
    .await;
}

/// A server of its own, whose queue a session of another role pins.
struct Pinned {
    server: Server,
    network: OnPostgres,
    hostile: PgConnection,
}

impl Pinned {
    async fn start() -> Self {
        let server = Server::start(Kind::Postgres).unwrap();
        let url = server.url().to_owned();
        let mut admin = PgConnection::connect(&url).await.unwrap();
        admin.execute("CREATE ROLE hostile LOGIN PASSWORD 'hostile'").await.unwrap();
        let (_, rest) = url.rsplit_once('@').unwrap();
        let mut hostile = PgConnection::connect(&format!("postgres://hostile:hostile@{rest}")).await.unwrap();
        for statement in ["LISTEN anything", "BEGIN", "SELECT 1"] {
            hostile.execute(statement).await.unwrap();
        }
        Self { server, network: OnPostgres { url }, hostile }
    }

    /// Adds messages of this length to the queue.
    async fn fill(&self, count: usize, length: usize) {
        let mut client = PgConnection::connect(&self.network.url).await.unwrap();
        let statement = format!(
            "SELECT count(pg_notify('gatewright_revocations', rpad(n::text, {length}, 'x'))) FROM generate_series(1, {count}) n"
        );
        client.execute(AssertSqlSafe(statement)).await.unwrap();
    }

    /// How full the queue is, as a fraction.
    async fn usage(&self) -> f64 {
        let mut client = PgConnection::connect(&self.network.url).await.unwrap();
        query_scalar("SELECT pg_notification_queue_usage()").fetch_one(&mut client).await.unwrap()
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL's programs"]
async fn nodes_listen_again_after_a_flood_of_a_pinned_queue() {
    const FLOOD: usize = 50_000;
    steady(async || {
        let pinned = Pinned::start().await;
        let (url, proxy) = Interceptor::of(&pinned.network.url).await;
        let feed = PostgresFeed::connect(&url).await.unwrap();
        let listener = Listener::to(&feed);
        listener.until_heartbeats(1).await;
        pinned.fill(FLOOD, 50).await;
        listener.until("the cache is suspended", |received| received.contains(&Received::Suspend)).await;
        feed.publish(&sealed(&user("flooded"))).await.map_err(|error| error.to_string())?;
        let began = Instant::now();
        listener.until_heartbeats(1).await;
        println!("queue {:.4}, listens again after {:?}", pinned.usage().await, began.elapsed());
        feed.publish(&sealed(&user("last"))).await.map_err(|error| error.to_string())?;
        listener.until_received(&user("last")).await;
        expect("connections that sent", proxy.seen().notified, 1)?;
        drop(pinned.hostile);
        drop(pinned.server);
        Ok(())
    })
    .await;
}

mod full_product {
    use super::*;

    /// It publishes meanwhile, and listens when the session has ended.
    #[tokio::test]
    #[ignore = "needs PostgreSQL's programs"]
    async fn a_node_sends_no_listen_to_a_server_with_a_long_queue() {
        let pinned = Pinned::start().await;
        while pinned.usage().await < 0.06 {
            pinned.fill(10_000, 7_900).await;
        }
        let (url, proxy) = Interceptor::of(&pinned.network.url).await;
        let feed = PostgresFeed::connect(&url).await.unwrap();
        let listener = Listener::to(&feed);
        for number in 0..1_000 {
            feed.publish(&sealed(&user(number))).await.unwrap();
        }
        assert_eq!((proxy.seen().listened, proxy.seen().notified), (0, 1));
        assert!(hears_nothing(&listener));
        pinned.hostile.close().await.unwrap();
        listener.until_heartbeats(1).await;
        assert!(proxy.seen().listened > 0);
        drop(pinned.server);
    }
}
