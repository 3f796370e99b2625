//! Tests that only the PostgreSQL feed needs: its queue, idle connections, channels, encodings.

use std::collections::HashSet;
use std::time::Duration;

use example_service::testing::databases;
use gatewright::revocation::{HEARTBEAT_TIMEOUT, Revocation, RevocationFeed};
use gatewright::{PostgresFeed, PostgresStore, UserId};
use gatewright_testkit::block_on;
use gatewright_testkit::feed::{Listener, Network, Node, Received, sealed};
use gatewright_tests::World;
use gatewright_tests::patience::until;
use sqlx::{AssertSqlSafe, Connection, Executor};

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

/// How often a test begins again because the listener has lost its connection, and messages with it, as
/// can happen on a slow machine.
const ROUNDS: usize = 5;

/// Waits until the message has arrived. Returns all revocations that have arrived, each once: if an
/// acknowledgement is lost, its messages are sent again. `None` if the listener has lost its connection
/// since it had `cleared` its cache so often.
async fn until_last(listener: &Listener, last: Revocation, cleared: usize) -> Option<Vec<Revocation>> {
    let wanted = Received::Revocation(last);
    let is_over = |received: &[Received]| listener.clears() > cleared || received.contains(&wanted);
    let mut arrived = revocations(listener.until("the last message arrives", is_over).await);
    let mut known = HashSet::new();
    arrived.retain(|revocation| known.insert(revocation.to_string()));
    (listener.clears() == cleared).then_some(arrived)
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
    for _ in 0..ROUNDS {
        let (here, _there, listener) = disconnected_node(&on_a_new_database().await).await;
        let cleared = listener.clears();
        let messages: Vec<Revocation> = (0..700).map(user).collect();
        for message in &messages {
            drop(here.feed.publish(&sealed(message)));
        }
        here.wire.open();
        let Some(arrived) = until_last(&listener, user(699), cleared).await else { continue };
        assert_eq!(arrived, messages);
        return;
    }
    panic!("the listener lost its connection in each of {ROUNDS} rounds");
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_full_queue_rejects_messages_at_once_and_sends_the_others() {
    for _ in 0..ROUNDS {
        let (here, _there, listener) = disconnected_node(&on_a_new_database().await).await;
        let cleared = listener.clears();
        for number in 0..MAX_WAITING {
            drop(here.feed.publish(&sealed(&user(number))));
        }
        for number in 0..3 {
            let rejected = tokio::select! {
                biased;
                rejected = here.feed.publish(&sealed(&user(MAX_WAITING + number))) => rejected,
                () = std::future::ready(()) => panic!("the publication waits"),
            };
            rejected.unwrap_err();
        }
        here.wire.open();
        let Some(arrived) = until_last(&listener, user(MAX_WAITING - 1), cleared).await else { continue };
        assert_eq!(arrived.len(), MAX_WAITING);
        listener.until_reached(&*here.feed, &user("next")).await;
        assert!(!revocations(listener.received()).contains(&user(MAX_WAITING)));
        return;
    }
    panic!("the listener lost its connection in each of {ROUNDS} rounds");
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_node_without_listeners_reconnects_to_publish() {
    let network = on_a_new_database().await;
    let (here, there) = (network.node().await, network.node().await);
    let listener = Listener::to(&*there.feed);
    for number in 0..2 {
        here.wire.until_connections(0).await;
        listener.until_reached(&*here.feed, &user(number)).await;
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
        listeners[1].until_reached(&*here.feed, &user(round)).await;
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
    let _listener = Listener::to(&*node.feed);
    // The other connection sends a heartbeat every second.
    let idle = "SELECT count(*) FROM pg_sleep(0.1), pg_stat_activity WHERE datname = current_database()
        AND pid <> pg_backend_pid() AND clock_timestamp() - state_change > interval '5 s'";
    until("a connection is idle for longer than the timeout", async || {
        sqlx::query_scalar::<_, i64>(idle).fetch_one(&mut admin).await.unwrap() > 0
    })
    .await;
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
    for (number, (feed, listener)) in feeds.iter().zip(&listeners).enumerate() {
        listener.until_reached(feed, &user(number)).await;
    }
    for (number, listener) in listeners.iter().enumerate() {
        let received = revocations(listener.received());
        assert!(received.iter().all(|revocation| *revocation == user(number)), "{received:?}");
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
    // On a slow machine a publication can miss its deadline.
    let mut attempts = 0..10;
    while bare().block_on(feed.publish(&sealed(&user(1)))).is_err() {
        attempts.next().expect("a publication succeeds");
    }
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
    // On a slow machine the feed can lose its connection, and the node clears its cache.
    until("the cache answers", async || {
        wire.open();
        // Revocations that the logins published arrive first. They invalidate the user's entries.
        listener.until_heartbeats(2).await;
        until("the session is cached", async || world.status(&cached.access_token).await == 200).await;
        let cleared = listener.clears();
        wire.shut();
        wire.until_connections(0).await;
        for _ in 0..REQUESTS {
            let status = world.status(&cached.access_token).await;
            if listener.clears() > cleared {
                return false;
            }
            assert_eq!(status, 200);
        }
        true
    })
    .await;
    assert_eq!(world.status(&uncached.access_token).await, 503);
    world.clock.advance(HEARTBEAT_TIMEOUT + Duration::from_micros(1));
    assert_eq!(world.status(&cached.access_token).await, 503, "without heartbeats the cache is not used");
}
