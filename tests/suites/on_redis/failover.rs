//! A primary that hands its role over: its connections stay open, and it answers on.

use std::time::Duration;

use gatewright::{
    MAX_SILENCE, MemoryStore, Prefix, RedisFeed, RedisStore, Revocation, RevocationFeed, SessionStore,
};
use redis::aio::MultiplexedConnection;
use redis::cmd;
use xtask::services::Server;

use super::feed::{EMAIL, Node, me, until};
use super::{DAY, begin, raw, session, user};

/// A server and a replica of it that has all it has.
struct Pair {
    primary: Server,
    replica: Server,
    at_primary: MultiplexedConnection,
    at_replica: MultiplexedConnection,
}

impl Pair {
    async fn start() -> Self {
        let [primary, replica] = [(); 2].map(|()| Server::redis("repl-diskless-sync-delay 0", &[]).unwrap());
        let mut pair = Self {
            at_primary: raw(primary.url()).await,
            at_replica: raw(replica.url()).await,
            primary,
            replica,
        };
        let passwords = [address(&pair.primary).0, address(&pair.replica).0];
        let set = |other: &str| cmd("CONFIG").arg("SET").arg("masterauth").arg(other).clone();
        set(&passwords[1]).exec_async(&mut pair.at_primary).await.unwrap();
        set(&passwords[0]).exec_async(&mut pair.at_replica).await.unwrap();
        let port = address(&pair.primary).1;
        cmd("REPLICAOF").arg("127.0.0.1").arg(port).exec_async(&mut pair.at_replica).await.unwrap();
        until("the replica is there", async || says(&mut pair.at_primary, "state=online").await).await;
        pair
    }

    /// The two change their roles, as before maintenance.
    async fn fail_over(&mut self) {
        let port = address(&self.replica).1;
        let mut fail_over = cmd("FAILOVER");
        fail_over.arg("TO").arg("127.0.0.1").arg(port);
        fail_over.exec_async(&mut self.at_primary).await.unwrap();
        until("it is demoted", async || says(&mut self.at_primary, "role:slave").await).await;
        until("it follows the other", async || says(&mut self.at_replica, "state=online").await).await;
    }

    /// The old primary is one again.
    async fn promote_again(&mut self) {
        cmd("REPLICAOF").arg("NO").arg("ONE").exec_async(&mut self.at_primary).await.unwrap();
    }
}

/// Password and port.
fn address(server: &Server) -> (String, String) {
    let url = server.url().trim_start_matches("redis://:").trim_end_matches('/');
    let (password, address) = url.split_once('@').unwrap();
    (password.to_owned(), address.rsplit_once(':').unwrap().1.to_owned())
}

async fn says(server: &mut MultiplexedConnection, state: &str) -> bool {
    let info: String = cmd("INFO").arg("replication").query_async(server).await.unwrap();
    info.contains(state)
}

async fn subscribers(server: &mut MultiplexedConnection) -> usize {
    let list: String = cmd("CLIENT").arg("LIST").arg("TYPE").arg("pubsub").query_async(server).await.unwrap();
    list.lines().count()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn a_replica_is_refused_where_a_connection_is_opened() {
    let pair = Pair::start().await;
    for error in [
        RedisStore::connect(pair.replica.url()).await.map(drop).unwrap_err(),
        RedisFeed::connect(pair.replica.url()).await.map(drop).unwrap_err(),
    ] {
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("no primary"), "{cause}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn a_demoted_server_is_not_read_for_longer_than_a_second_and_is_used_once_it_is_a_primary_again() {
    let mut pair = Pair::start().await;
    let store = RedisStore::connect(pair.primary.url()).await.unwrap();
    let one = session("ada", 0, DAY);
    begin(&store, &one).await;
    pair.fail_over().await;
    until("it is read no more", async || {
        let refused = [store.find(&one.user, one.id).await.map(drop), store.list(&one.user).await.map(drop)];
        refused.iter().all(Result::is_err)
    })
    .await;

    let elsewhere = RedisStore::connect(pair.replica.url()).await.unwrap();
    assert!(elsewhere.find(&one.user, one.id).await.unwrap().is_some());
    elsewhere.end_all(&user("ada")).await.unwrap();
    assert!(store.find(&one.user, one.id).await.is_err(), "an ended session is not read there");

    pair.promote_again().await;
    until("it is read again", async || store.find(&one.user, one.id).await.is_ok()).await;
}

/// One node is still where the primary was; another has found the new one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn what_is_announced_on_a_demoted_server_is_never_said_to_be_sent() {
    let mut pair = Pair::start().await;
    let store = MemoryStore::new();
    let here = Node::new(&store, pair.primary.url(), &Prefix::default()).await;
    let account = here.world.add(EMAIL).await;
    let tokens = here.world.login(EMAIL).await;
    here.until_it_remembers(&tokens.access_token).await;
    pair.fail_over().await;
    let there = Node::new(&store, pair.replica.url(), &Prefix::default()).await;
    there.until_it_remembers(&tokens.access_token).await;
    let session = me(&there, &tokens.access_token).await.session();
    SessionStore::end(&store, &account.id, session).await.unwrap();
    for _ in 0..3 {
        assert!(here.feed.announce(&Revocation::session(session)).await.is_err());
    }
    assert!(there.remembers(&tokens.access_token).await, "it could not hear");
    there.feed.announce(&Revocation::session(session)).await.unwrap();
    until("it hears its own", async || there.world.status(&tokens.access_token).await == 401).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn a_node_stops_listening_to_a_demoted_server_and_forgets_before_it_listens_again() {
    let mut pair = Pair::start().await;
    let store = MemoryStore::new();
    let node = Node::new(&store, pair.primary.url(), &Prefix::default()).await;
    let account = node.world.add(EMAIL).await;
    let tokens = node.world.login(EMAIL).await;
    node.until_it_remembers(&tokens.access_token).await;
    pair.fail_over().await;
    // Its own messages would come back still.
    until("it listens no more", async || subscribers(&mut pair.at_primary).await == 0).await;
    node.world.clock.advance(MAX_SILENCE + Duration::from_micros(1));
    assert!(!node.remembers(&tokens.access_token).await);
    let session = me(&node, &tokens.access_token).await.session();
    SessionStore::end(&store, &account.id, session).await.unwrap();
    assert_eq!(node.world.status(&tokens.access_token).await, 401);

    pair.promote_again().await;
    let tokens = node.world.login(EMAIL).await;
    node.until_it_remembers(&tokens.access_token).await;
    until("one connection listens", async || subscribers(&mut pair.at_primary).await == 1).await;
}
