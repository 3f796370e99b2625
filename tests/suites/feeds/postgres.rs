//! What the feed over PostgreSQL adds to its contract: what is kept while it is cut off, and whom it refuses.

use std::time::Duration;

use example_service::testing::databases;
use gatewright::{MAX_SILENCE, PostgresFeed, PostgresStore, Revocation, RevocationFeed, UserId};
use gatewright_testkit::block_on;
use gatewright_testkit::feed::{Heard, Listener, Network};
use gatewright_tests::World;
use sqlx::{AssertSqlSafe, Connection, Executor};
use tokio::time::Instant;

use super::on_a_new_database;

/// As many as may wait (`gatewright_sqlx::MAX_WAITING`).
const MAX_WAITING: usize = 10_000;

fn user(id: impl ToString) -> Revocation {
    Revocation::user(UserId::new(id.to_string()).unwrap())
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn what_was_announced_while_a_node_was_cut_off_is_sent_when_it_is_back_and_in_order_on_postgres() {
    let network = on_a_new_database().await;
    let (here, there) = (network.node().await, network.node().await);
    let listener = Listener::to(&*there.feed);
    listener.until_beaten(1).await;
    here.wire.shut();
    here.wire.until_connections(0).await;
    let messages: Vec<Revocation> = (0..700).map(user).collect();
    for message in &messages {
        drop(here.feed.announce(message));
    }
    here.wire.open();
    let heard = listener.until_revoked(messages.last().unwrap()).await;
    let revoked: Vec<_> = heard.into_iter().filter(|heard| matches!(heard, Heard::Revocation(_))).collect();
    assert_eq!(revoked, messages.into_iter().map(Heard::Revocation).collect::<Vec<_>>());
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn more_than_may_wait_is_refused_at_once_and_takes_no_place_from_the_rest_on_postgres() {
    let network = on_a_new_database().await;
    let (here, there) = (network.node().await, network.node().await);
    let listener = Listener::to(&*there.feed);
    listener.until_beaten(1).await;
    here.wire.shut();
    here.wire.until_connections(0).await;
    for number in 0..MAX_WAITING {
        drop(here.feed.announce(&user(number)));
    }
    for number in 0..3 {
        let begun = Instant::now();
        here.feed.announce(&user(MAX_WAITING + number)).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
    here.wire.open();
    let heard = listener.until_revoked(&user(MAX_WAITING - 1)).await;
    let revoked = heard.iter().filter(|heard| matches!(heard, Heard::Revocation(_))).count();
    assert!(revoked >= MAX_WAITING, "{revoked}");
    here.feed.announce(&user("next")).await.unwrap();
    assert!(!listener.until_revoked(&user("next")).await.contains(&Heard::Revocation(user(MAX_WAITING))));
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_node_that_only_announces_connects_again_after_a_rest_on_postgres() {
    let network = on_a_new_database().await;
    let (here, there) = (network.node().await, network.node().await);
    let listener = Listener::to(&*there.feed);
    for number in 0..2 {
        here.wire.until_connections(0).await;
        here.feed.announce(&user(number)).await.unwrap();
        listener.until_revoked(&user(number)).await;
    }
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn connections_that_the_server_ends_are_made_again_on_postgres() {
    let network = on_a_new_database().await;
    let (here, there) = (network.node().await, network.node().await);
    let listeners = [Listener::to(&*here.feed), Listener::to(&*there.feed)];
    let mut administrator = sqlx::PgConnection::connect(&network.url).await.unwrap();
    for round in 0..3 {
        for listener in &listeners {
            listener.until_beaten(1).await;
        }
        let before = listeners.each_ref().map(|listener| listener.resets());
        administrator
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .await
            .unwrap();
        for (listener, before) in listeners.iter().zip(before) {
            let is_reset =
                |heard: &[Heard]| heard.iter().filter(|heard| **heard == Heard::Reset).count() > before;
            listener.until("everything is forgotten", is_reset).await;
        }
        here.feed.announce(&user(round)).await.unwrap();
        listeners[1].until_revoked(&user(round)).await;
    }
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_server_that_ends_idle_sessions_leaves_the_listener_alone_on_postgres() {
    let network = on_a_new_database().await;
    let mut administrator = sqlx::PgConnection::connect(&network.url).await.unwrap();
    let (_, name) = network.url.rsplit_once('/').unwrap();
    let impatient = format!("ALTER DATABASE {name} SET idle_session_timeout = '2s'");
    administrator.execute(AssertSqlSafe(impatient)).await.unwrap();
    let node = network.node().await;
    let listener = Listener::to(&*node.feed);
    listener.until_beaten(1).await;
    let before = listener.resets();
    listener.until_beaten(9).await;
    // One that is ended every two seconds would be made again four times; a slow machine may lose one by itself.
    assert!(listener.resets() - before < 3, "{:?}", listener.heard());
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn who_speaks_on_another_channel_or_in_another_database_is_not_heard_on_postgres() {
    let (network, elsewhere) = (on_a_new_database().await, on_a_new_database().await);
    // A name that must be quoted, and one that differs in case alone.
    let feeds = [
        PostgresFeed::connect(&network.url).await.unwrap(),
        PostgresFeed::connect_on(&network.url, "Gatewright_Revocations").await.unwrap(),
        PostgresFeed::connect_on(&network.url, "a \"b\"; c").await.unwrap(),
        PostgresFeed::connect(&elsewhere.url).await.unwrap(),
    ];
    let listeners = feeds.each_ref().map(|feed| Listener::to(feed));
    for (number, feed) in feeds.iter().enumerate() {
        feed.announce(&user(number)).await.unwrap();
    }
    for (number, listener) in listeners.iter().enumerate() {
        let mut heard = listener.until_revoked(&user(number)).await;
        heard.retain(|heard| matches!(heard, Heard::Revocation(_)));
        assert_eq!(heard, [Heard::Revocation(user(number))]);
    }
}

/// In `SQL_ASCII` anybody could send bytes that are no text; in LATIN1 one id that it cannot write would hold up all others.
#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_database_that_is_not_in_utf8_is_refused_on_postgres() {
    let url = databases::postgres().await;
    let (address, name) = url.rsplit_once('/').unwrap();
    let mut administrator = sqlx::PgConnection::connect(&url).await.unwrap();
    for encoding in ["SQL_ASCII", "LATIN1"] {
        let other = format!("{name}_{}", encoding.to_lowercase());
        let create = format!("CREATE DATABASE {other} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0");
        administrator.execute(AssertSqlSafe(create)).await.unwrap();
        let error = PostgresFeed::connect(&format!("{address}/{other}")).await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("not UTF8"), "{encoding}: {cause}");
    }
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
fn a_feed_whose_runtime_has_ended_says_so_on_postgres() {
    let (feed, listener) = block_on(async {
        let feed = PostgresFeed::connect(&databases::postgres().await).await.unwrap();
        let listener = Listener::to(&feed);
        listener.until_beaten(1).await;
        (feed, listener)
    });
    let heard = listener.heard();
    block_on(async {
        feed.announce(&user(1)).await.unwrap_err();
        let late = Listener::to(&feed);
        assert_eq!(late.heard(), []);
    });
    assert_eq!(listener.heard(), heard);
}

/// The store is out of reach and the feed is not: whoever is remembered is let in, and nothing else can be.
#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_warm_request_asks_the_database_nothing_on_postgres() {
    const REQUESTS: usize = 1_000;
    let network = on_a_new_database().await;
    let (url, wire) = network.wired().await;
    let store = PostgresStore::connect(&url).await.unwrap();
    let feed = PostgresFeed::connect(&network.url).await.unwrap();
    let ear = Listener::to(&feed);
    let world = World::with(store, |builder| builder.with_revocation_feed(feed));
    ear.until_beaten(2).await;
    world.add("ada@example.com").await;
    let (warm, cold) = (world.login("ada@example.com").await, world.login("ada@example.com").await);
    // What was announced at the logins comes back, and has the user read once more.
    ear.until_beaten(2).await;
    assert_eq!(world.status(&warm.access_token).await, 200);
    wire.shut();
    wire.until_connections(0).await;
    let mut answers = Vec::new();
    for _ in 0..REQUESTS {
        answers.push(world.status(&warm.access_token).await);
    }
    assert_eq!(answers, [200; REQUESTS]);
    assert_eq!(world.status(&cold.access_token).await, 503);
    // Without heartbeats, what is remembered counts no more.
    world.clock.advance(MAX_SILENCE + Duration::from_micros(1));
    assert_eq!(world.status(&warm.access_token).await, 503);
}
