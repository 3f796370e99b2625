//! The limits of the feed: a queue that fills, a channel without rights, messages that are too long.

use gatewright::revocation::{Revocation, RevocationFeed};
use gatewright::store::Prefix;
use gatewright::{MemoryStore, RedisFeed, UserId};
use gatewright_tests::from_another_node;
use gatewright_tests::patience::until;
use redis::aio::MultiplexedConnection;
use xtask::services::Server;

use super::feed::{EMAIL, Node, nodes_on};
use super::{query, raw, run, user};

/// How many times the server has read from its connections.
async fn reads(admin: &mut MultiplexedConnection) -> u64 {
    let info: String = query(admin, &["INFO", "stats"]).await;
    let line = info.lines().find_map(|line| line.strip_prefix("total_reads_processed:")).unwrap();
    line.parse().unwrap()
}

/// Holds back the replies to all writes until [`resume_writes`], so that messages wait in the queue.
async fn pause_writes(admin: &mut MultiplexedConnection) {
    run(admin, &["CLIENT", "PAUSE", "60000", "WRITE"]).await;
}

async fn resume_writes(admin: &mut MultiplexedConnection) {
    run(admin, &["CLIENT", "UNPAUSE"]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn equal_messages_take_one_place_in_the_queue() {
    let server = Server::redis("", &[]).unwrap();
    let (here, there, pair) = nodes_on(&server).await;
    let session = there.identity(&pair.access_token).await.session();
    // They differ in node and number.
    let messages = [(); 2].map(|()| from_another_node(&Revocation::user(user("eve"))));
    let mut admin = raw(server.url()).await;
    pause_writes(&mut admin).await;
    let flood: Vec<_> = (0..20_000).map(|number| here.feed.publish(&messages[number % 2])).collect();
    resume_writes(&mut admin).await;
    there.delete_silently(&pair.access_token).await;
    here.publish(Revocation::session(session)).await;
    there.until_rejected(&pair.access_token).await;
    for publication in flood {
        publication.await.unwrap();
    }
    let pair = here.world.login(EMAIL).await;
    here.until_cached(&pair.access_token).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn waiting_messages_are_sent_in_batches() {
    const WAITING: usize = 9_000;
    let server = Server::redis("", &[]).unwrap();
    let mut admin = raw(server.url()).await;
    let node = Node::new(&MemoryStore::new(), server.url(), &Prefix::default()).await;
    node.publish(Revocation::user(user("u"))).await;
    let users = (0..WAITING).map(|number| UserId::new(format!("u{number}")).unwrap());
    let messages: Vec<_> = users.map(|user| from_another_node(&Revocation::user(user))).collect();
    pause_writes(&mut admin).await;
    let before = reads(&mut admin).await;
    // The time of a publication may be over before the server has all messages. The feed sends them anyway.
    messages.iter().for_each(|message| drop(node.feed.publish(message)));
    resume_writes(&mut admin).await;
    node.publish(Revocation::user(user("last"))).await;
    let reads = reads(&mut admin).await - before;
    assert!(reads < 1_000, "{reads} reads for {WAITING} messages");
}

/// The rights are those that the documentation of [`RedisFeed`] names.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn only_users_with_the_channel_can_publish_on_it() {
    let server = Server::redis("", &[]).unwrap();
    let mut admin = raw(server.url()).await;
    let rest = server.url().rsplit_once('@').unwrap().1;
    for (name, channel) in [("app", "&gatewright:revocations"), ("other", "&other:*")] {
        run(&mut admin, &["ACL", "SETUSER", name, "on", ">hush", "~*", "+@all", "resetchannels", channel])
            .await;
    }
    let store = MemoryStore::new();
    let app = Node::new(&store, &format!("redis://app:hush@{rest}"), &Prefix::default()).await;
    app.world.add(EMAIL).await;
    app.until_cached(&app.world.login(EMAIL).await.access_token).await;

    let mut other = raw(&format!("redis://other:hush@{rest}")).await;
    let publish = |arguments: &[&str]| redis::cmd("PUBLISH").arg(arguments).to_owned();
    publish(&["other:news", "x"]).exec_async(&mut other).await.unwrap();
    publish(&["gatewright:revocations", "x"]).exec_async(&mut other).await.unwrap_err();
    let script = "return redis.call('PUBLISH', 'gatewright:revocations', 'x')";
    redis::cmd("EVAL").arg(script).arg(0).exec_async(&mut other).await.unwrap_err();
    RedisFeed::connect(&format!("redis://other:hush@{rest}")).await.unwrap_err();
}

/// The server closes the subscriber's connection instead.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn the_documented_limit_keeps_long_messages_from_the_node() {
    let server = Server::redis("client-output-buffer-limit pubsub 8mb 4mb 10", &[]).unwrap();
    let (here, there, pair) = nodes_on(&server).await;
    let mut admin = raw(server.url()).await;
    let mut before = Vec::new();
    until("both nodes have subscribed", async || {
        before = subscriptions(&mut admin).await;
        before.len() == 2
    })
    .await;
    redis::cmd("PUBLISH")
        .arg("gatewright:revocations")
        .arg("x".repeat(9 << 20))
        .exec_async(&mut admin)
        .await
        .unwrap();
    until("the connections are replaced", async || {
        let now = subscriptions(&mut admin).await;
        now.len() == before.len() && now.iter().all(|id| !before.contains(id))
    })
    .await;
    let session = there.delete_silently(&pair.access_token).await;
    here.publish(Revocation::session(session)).await;
    there.until_rejected(&pair.access_token).await;
}

/// The ids of the connections that have subscribed.
async fn subscriptions(admin: &mut MultiplexedConnection) -> Vec<String> {
    let list: String = query(admin, &["CLIENT", "LIST", "TYPE", "PUBSUB"]).await;
    list.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}
