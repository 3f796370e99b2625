//! Failover: a demoted primary keeps its connections open and continues to answer.

use std::time::Duration;

use gatewright::revocation::{HEARTBEAT_TIMEOUT, Revocation, RevocationFeed};
use gatewright::store::{Prefix, SessionStore};
use gatewright::{MemoryStore, RedisFeed, RedisStore, TokenPair};
use gatewright_testkit::feed::Listener;
use gatewright_tests::from_another_node;
use gatewright_tests::patience::{cause_of, redis_store, until, until_ok};
use redis::aio::MultiplexedConnection;
use xtask::services::Server;

use super::feed::{EMAIL, Node};
use super::{DAY, create, exists, query, raw, run, session, user};

/// A primary and its replica, in sync.
struct Pair {
    primary: Server,
    replica: Server,
    at_primary: MultiplexedConnection,
    at_replica: MultiplexedConnection,
}

impl Pair {
    async fn start() -> Self {
        let [primary, replica] = [(); 2].map(|()| Server::redis("repl-diskless-sync-delay 0", &[]).unwrap());
        let (mut at_primary, mut at_replica) = (raw(primary.url()).await, raw(replica.url()).await);
        let (primary_password, port) = password_and_port(&primary);
        run(&mut at_primary, &["CONFIG", "SET", "masterauth", &password_and_port(&replica).0]).await;
        run(&mut at_replica, &["CONFIG", "SET", "masterauth", &primary_password]).await;
        run(&mut at_replica, &["REPLICAOF", "127.0.0.1", &port]).await;
        until("the replica is in sync", async || replication(&mut at_primary, "state=online").await).await;
        Self { primary, replica, at_primary, at_replica }
    }

    /// The two servers exchange their roles, as before maintenance.
    async fn fail_over(&mut self) {
        let (_, port) = password_and_port(&self.replica);
        let Self { at_primary, at_replica, .. } = self;
        run(at_primary, &["FAILOVER", "TO", "127.0.0.1", &port]).await;
        until("the primary is demoted", async || replication(at_primary, "role:slave").await).await;
        until("it is in sync", async || replication(at_replica, "state=online").await).await;
    }

    /// Makes the old primary a primary again.
    async fn promote_again(&mut self) {
        run(&mut self.at_primary, &["REPLICAOF", "NO", "ONE"]).await;
    }

    /// A node on the primary, and a session that it has cached.
    async fn node(&self, store: &MemoryStore) -> (Node, TokenPair) {
        let node = Node::new(store, self.primary.url(), &Prefix::default()).await;
        node.world.add(EMAIL).await;
        let tokens = node.world.login(EMAIL).await;
        node.until_cached(&tokens.access_token).await;
        (node, tokens)
    }
}

fn password_and_port(server: &Server) -> (String, String) {
    let url = server.url().trim_start_matches("redis://:").trim_end_matches('/');
    let (password, address) = url.split_once('@').unwrap();
    (password.to_owned(), address.rsplit_once(':').unwrap().1.to_owned())
}

/// Whether `INFO replication` contains this line or field.
async fn replication(server: &mut MultiplexedConnection, state: &str) -> bool {
    query::<String>(server, &["INFO", "replication"]).await.contains(state)
}

async fn subscribers(server: &mut MultiplexedConnection) -> usize {
    query::<String>(server, &["CLIENT", "LIST", "TYPE", "pubsub"]).await.lines().count()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn connecting_to_a_replica_is_an_error() {
    let pair = Pair::start().await;
    for cause in [
        cause_of(async || RedisStore::connect(pair.replica.url()).await).await,
        cause_of(async || RedisFeed::connect(pair.replica.url()).await).await,
    ] {
        assert!(cause.contains("not a primary"), "{cause}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn a_demoted_server_is_not_used_until_it_is_a_primary_again() {
    let mut pair = Pair::start().await;
    let store = redis_store(pair.primary.url()).await;
    let one = session("ada", 0, DAY);
    create(&store, &one).await;
    pair.fail_over().await;
    until("the demoted server is not read", async || {
        let results = [store.find(&one.user, one.id).await.map(drop), store.list(&one.user).await.map(drop)];
        results.iter().all(Result::is_err)
    })
    .await;

    let on_new_primary = redis_store(pair.replica.url()).await;
    assert!(exists(&on_new_primary, &one).await);
    until_ok(async || on_new_primary.delete_all(&user("ada")).await).await;
    assert!(store.find(&one.user, one.id).await.is_err(), "the old primary still has the session");

    pair.promote_again().await;
    until("the server is read again", async || store.find(&one.user, one.id).await.is_ok()).await;
}

/// One node still uses the old primary; the other already uses the new one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn publishing_on_a_demoted_server_is_an_error() {
    let mut pair = Pair::start().await;
    let store = MemoryStore::new();
    let (here, tokens) = pair.node(&store).await;
    pair.fail_over().await;
    let there = Node::new(&store, pair.replica.url(), &Prefix::default()).await;
    // A listener with another key rejects every message of a node that reaches it.
    let arrived = Listener::to(&there.feed);
    there.until_cached(&tokens.access_token).await;
    let session = there.delete_silently(&tokens.access_token).await;
    for _ in 0..3 {
        assert!(here.feed.publish(&from_another_node(&Revocation::session(session))).await.is_err());
    }
    arrived.until_heartbeats(1).await;
    assert_eq!(arrived.rejections(), 0, "the message cannot arrive");
    there.publish(Revocation::session(session)).await;
    there.until_rejected(&tokens.access_token).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn a_node_unsubscribes_from_a_demoted_server_and_clears_its_cache() {
    let mut pair = Pair::start().await;
    let (node, tokens) = pair.node(&MemoryStore::new()).await;
    pair.fail_over().await;
    // On a demoted server, the node would still receive its own messages.
    until("the node has unsubscribed", async || subscribers(&mut pair.at_primary).await == 0).await;
    node.world.clock.advance(HEARTBEAT_TIMEOUT + Duration::from_micros(1));
    assert!(!node.is_cached(&tokens.access_token).await);
    node.delete_silently(&tokens.access_token).await;
    assert_eq!(node.world.status(&tokens.access_token).await, 401);

    pair.promote_again().await;
    let tokens = node.world.login(EMAIL).await;
    node.until_cached(&tokens.access_token).await;
    until("the node has subscribed again", async || subscribers(&mut pair.at_primary).await == 1).await;
}
