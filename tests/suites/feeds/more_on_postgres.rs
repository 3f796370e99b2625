//! Tests that only the PostgreSQL feed needs: its queue, idle connections, channels, encodings.

use std::time::Duration;

use example_service::testing::databases;
use gatewright::{HEARTBEAT_TIMEOUT, PostgresFeed, PostgresStore, Revocation, RevocationFeed, UserId};
use gatewright_testkit::block_on;
use gatewright_testkit::feed::{Listener, Network, Node, Received, sealed};
use gatewright_tests::World;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tokio::time::Instant;

use super::{OnPostgres, on_a_new_database, wired};

/// `gatewright_sqlx::MAX_WAITING`.
const MAX_WAITING: usize = 10_000;

fn user(id: impl ToString) -> Revocation {
    Revocation::user(UserId::new(id.to_string()).unwrap())
}

fn revocations(heard: Vec<Received>) -> Vec<Revocation> {
    let revocation =
        |heard| if let Received::Revocation(revocation) = heard { Some(revocation) } else { None };
    heard.into_iter().filter_map(revocation).collect()
}

/// A node without connections, and a listener of another node.
async fn disconnected_node(network: &OnPostgres) -> (Node, Node, std::sync::Arc<Listener>) {
    let (here, there) = (network.node().await, network.node().await);
    let listener = Listener::to(&*there.feed);
    listener.until_heartbeats(1).await;
    here.wire.shut();
    here.wire.until_connections(0).await;
    (here, there, listener)
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn waiting_messages_are_sent_in_order_after_a_reconnect() {
    let (here, _there, listener) = disconnected_node(&on_a_new_database().await).await;
    let messages: Vec<Revocation> = (0..700).map(user).collect();
    for message in &messages {
        drop(here.feed.publish(&sealed(message)));
    }
    here.wire.open();
    assert_eq!(revocations(listener.until_received(messages.last().unwrap()).await), messages);
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_full_queue_rejects_messages_at_once_and_sends_the_others() {
    let (here, _there, listener) = disconnected_node(&on_a_new_database().await).await;
    for number in 0..MAX_WAITING {
        drop(here.feed.publish(&sealed(&user(number))));
    }
    for number in 0..3 {
        let started = Instant::now();
        here.feed.publish(&sealed(&user(MAX_WAITING + number))).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    }
    here.wire.open();
    let received = revocations(listener.until_received(&user(MAX_WAITING - 1)).await).len();
    assert!(received >= MAX_WAITING, "{received}");
    here.feed.publish(&sealed(&user("next"))).await.unwrap();
    assert!(!revocations(listener.until_received(&user("next")).await).contains(&user(MAX_WAITING)));
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_node_without_listeners_reconnects_to_publish() {
    let network = on_a_new_database().await;
    let (here, there) = (network.node().await, network.node().await);
    let listener = Listener::to(&*there.feed);
    for number in 0..2 {
        here.wire.until_connections(0).await;
        here.feed.publish(&sealed(&user(number))).await.unwrap();
        listener.until_received(&user(number)).await;
    }
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn connections_that_the_server_terminates_are_replaced() {
    let network = on_a_new_database().await;
    let (here, there) = (network.node().await, network.node().await);
    let listeners = [Listener::to(&*here.feed), Listener::to(&*there.feed)];
    let mut admin = sqlx::PgConnection::connect(&network.url).await.unwrap();
    let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for round in 0..3 {
        for listener in &listeners {
            listener.until_heartbeats(1).await;
        }
        let before = listeners.each_ref().map(|listener| listener.clears());
        admin.execute(terminate).await.unwrap();
        for (listener, before) in listeners.iter().zip(before) {
            listener.until("the cache is cleared", |_| listener.clears() > before).await;
        }
        here.feed.publish(&sealed(&user(round))).await.unwrap();
        listeners[1].until_received(&user(round)).await;
    }
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn idle_session_timeout_does_not_end_the_listening_connection() {
    let network = on_a_new_database().await;
    let mut admin = sqlx::PgConnection::connect(&network.url).await.unwrap();
    let (_, name) = network.url.rsplit_once('/').unwrap();
    let timeout = format!("ALTER DATABASE {name} SET idle_session_timeout = '2s'");
    admin.execute(AssertSqlSafe(timeout)).await.unwrap();
    let node = network.node().await;
    let listener = Listener::to(&*node.feed);
    listener.until_heartbeats(1).await;
    let before = listener.clears();
    listener.until_heartbeats(9).await;
    // The timeout would end four connections in this time. A slow machine can lose one without it.
    assert!(listener.clears() - before < 3, "{:?}", listener.received());
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn messages_on_other_channels_or_databases_are_not_received() {
    let (network, elsewhere) = (on_a_new_database().await, on_a_new_database().await);
    // One name differs only in case; another must be quoted.
    let feeds = [
        PostgresFeed::connect(&network.url).await.unwrap(),
        PostgresFeed::connect_on(&network.url, "Gatewright_Revocations").await.unwrap(),
        PostgresFeed::connect_on(&network.url, "a \"b\"; c").await.unwrap(),
        PostgresFeed::connect(&elsewhere.url).await.unwrap(),
    ];
    let listeners = feeds.each_ref().map(|feed| Listener::to(feed));
    for listener in &listeners {
        listener.until_heartbeats(1).await;
    }
    for (number, feed) in feeds.iter().enumerate() {
        feed.publish(&sealed(&user(number))).await.unwrap();
    }
    for (number, listener) in listeners.iter().enumerate() {
        assert_eq!(revocations(listener.until_received(&user(number)).await), [user(number)]);
    }
}

/// A `SQL_ASCII` database can send bytes that are not text. A LATIN1 database cannot store every
/// user id, and one such id would hold up all messages that are sent with it.
#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_database_with_another_encoding_than_utf8_is_rejected() {
    let url = databases::postgres().await;
    let (address, name) = url.rsplit_once('/').unwrap();
    let mut admin = sqlx::PgConnection::connect(&url).await.unwrap();
    for encoding in ["SQL_ASCII", "LATIN1"] {
        let other = format!("{name}_{}", encoding.to_lowercase());
        let create = format!("CREATE DATABASE {other} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0");
        admin.execute(AssertSqlSafe(create)).await.unwrap();
        let error = PostgresFeed::connect(&format!("{address}/{other}")).await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("UTF8"), "{encoding}: {cause}");
    }
}

/// The feed has a runtime of its own. The one that connects it needs no clock, so a test may pause its
/// clock.
#[test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
fn the_feed_outlives_the_runtime_that_connected_it() {
    let url = block_on(databases::postgres());
    let bare = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let feed = bare().block_on(PostgresFeed::connect(&url)).unwrap();
    let listener = Listener::to(&feed);
    block_on(listener.until_heartbeats(1));
    bare().block_on(feed.publish(&sealed(&user(1)))).unwrap();
    block_on(listener.until_received(&user(1)));
    block_on(listener.until_heartbeats(2));
}

/// The statements are those that the documentation of [`PostgresFeed`] names.
#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn only_the_right_to_connect_takes_the_right_to_notify_away() {
    let url = databases::postgres().await;
    let (address, name) = url.rsplit_once('/').unwrap();
    let role = format!("{name}_role");
    let mut admin = sqlx::PgConnection::connect(&url).await.unwrap();
    let mut run = async |statement: String| admin.execute(AssertSqlSafe(statement)).await.unwrap();
    run(format!("CREATE ROLE {role} LOGIN PASSWORD 'hostile'")).await;
    let (scheme, rest) = address.split_once("://").unwrap();
    let (_, host) = rest.rsplit_once('@').unwrap();
    let hostile = format!("{scheme}://{role}:hostile@{host}/{name}");

    let mut client = sqlx::PgConnection::connect(&hostile).await.unwrap();
    client.execute("SELECT pg_notify('gatewright_revocations', 'x')").await.unwrap();
    run("REVOKE EXECUTE ON FUNCTION pg_catalog.pg_notify(text, text) FROM PUBLIC".to_owned()).await;
    client.execute("SELECT pg_notify('gatewright_revocations', 'x')").await.unwrap_err();
    client.execute("NOTIFY gatewright_revocations, 'x'").await.unwrap();
    run(format!("REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")).await;
    sqlx::PgConnection::connect(&hostile).await.unwrap_err();
    client.close().await.unwrap();
    run(format!("DROP ROLE {role}")).await;
}

/// The feed stays connected while the store is unreachable.
#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn cached_requests_send_no_query_to_the_database() {
    const REQUESTS: usize = 1_000;
    let network = on_a_new_database().await;
    let (url, wire) = wired(&network.url).await;
    let store = PostgresStore::connect(&url).await.unwrap();
    let feed = PostgresFeed::connect(&network.url).await.unwrap();
    let listener = Listener::to(&feed);
    let world = World::with(store, |builder| builder.with_revocation_feed(feed));
    listener.until_heartbeats(2).await;
    world.add("ada@example.com").await;
    let (cached, uncached) = (world.login("ada@example.com").await, world.login("ada@example.com").await);
    // Revocations that the logins published arrive first. They invalidate the user's entries.
    listener.until_heartbeats(2).await;
    assert_eq!(world.status(&cached.access_token).await, 200);
    wire.shut();
    wire.until_connections(0).await;
    for _ in 0..REQUESTS {
        assert_eq!(world.status(&cached.access_token).await, 200);
    }
    assert_eq!(world.status(&uncached.access_token).await, 503);
    world.clock.advance(HEARTBEAT_TIMEOUT + Duration::from_micros(1));
    assert_eq!(world.status(&cached.access_token).await, 503, "without heartbeats the cache is not used");
}
