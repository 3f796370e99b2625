//! The revocation feed between nodes: a session that one node revokes is rejected by the others.

use std::collections::HashSet;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use example_service::testing::databases;
use gatewright::http::Denial;
use gatewright::revocation::{HEARTBEAT_TIMEOUT, Revocation, RevocationFeed, Revoked};
use gatewright::store::{Prefix, SessionStore};
use gatewright::types::{SessionId, TokenText};
use gatewright::{AuthError, Identity, MemoryStore, RedisFeed, TokenPair};
use gatewright_testkit::feed::Listener;
use gatewright_testkit::{CountingStore, Watch};
use gatewright_tests::patience::{PATIENCE, redis_feed, until, until_ok};
use gatewright_tests::{World, from_another_node};
use redis::aio::PubSubStream;
use tokio::time::{Instant, timeout};
use xtask::services::Server;

use super::{query, raw, run, user};
use crate::endpoints::authenticate;

pub(super) const EMAIL: &str = "ada@example.com";

/// A node with its own feed. Its store is in memory, and all nodes of a test share it.
pub(super) struct Node {
    pub(super) world: World<CountingStore<MemoryStore>>,
    watch: Watch,
    pub(super) feed: RedisFeed,
}

impl Node {
    pub(super) async fn new(store: &MemoryStore, url: &str, prefix: &Prefix) -> Self {
        let feed = redis_feed(url, prefix).await;
        let (store, watch) = CountingStore::new(store.clone());
        let world = World::with(store, |builder| builder.with_revocation_feed(feed.clone()));
        Self { world, watch, feed }
    }

    /// Whether a request with this token succeeds without reading the store.
    pub(super) async fn is_cached(&self, token: &TokenText) -> bool {
        let _ = self.watch.reads();
        self.world.status(token).await == 200 && self.watch.reads() == 0
    }

    /// Waits until the token is cached, which requires that heartbeats arrive.
    pub(super) async fn until_cached(&self, token: &TokenText) {
        until("the token is cached", async || self.is_cached(token).await).await;
    }

    pub(super) async fn until_rejected(&self, token: &TokenText) {
        until("the token is rejected", async || self.world.status(token).await == 401).await;
    }

    pub(super) async fn identity(&self, token: &TokenText) -> Identity {
        authenticate(&self.world, token).await
    }

    /// Deletes the token's session in the store and publishes nothing.
    pub(super) async fn delete_silently(&self, token: &TokenText) -> SessionId {
        let identity = self.identity(token).await;
        let (user, session) = (&identity.user().id, identity.session());
        SessionStore::delete(&self.world.store, user, session).await.unwrap();
        session
    }

    /// A new session that the node has cached, although the store has deleted it.
    async fn deleted_but_cached(&self) -> (TokenPair, SessionId) {
        let started = Instant::now();
        loop {
            let pair = self.world.login(EMAIL).await;
            self.until_cached(&pair.access_token).await;
            let session = self.delete_silently(&pair.access_token).await;
            if self.is_cached(&pair.access_token).await {
                return (pair, session);
            }
            // The node lost its connection meanwhile, and cleared the cache.
            assert!(started.elapsed() < PATIENCE, "the cache is cleared again and again");
        }
    }

    /// Publishes, and waits until the server has accepted the message.
    pub(super) async fn publish(&self, revocation: Revocation) {
        let auth = &self.world.auth;
        until_ok(async || match revocation.revoked() {
            Revoked::Session(id) => auth.invalidate_session(*id).await,
            Revoked::User(id) => auth.invalidate_user(id).await,
            other => panic!("{other:?}"),
        })
        .await;
    }
}

/// On a busy machine the time of the publication may be over first. Then the feed sends the message later.
fn expect_done_or_published_late(ended: Result<(), impl Into<AuthError>>) {
    if let Err(error) = ended.map_err(Into::into) {
        assert_eq!(Denial::from(&error), Denial::Unavailable, "{error:?}");
    }
}

/// Two nodes, and a session that the second one has cached.
async fn two_nodes(url: &str, prefixes: [&Prefix; 2]) -> (Node, Node, TokenPair) {
    let store = MemoryStore::new();
    let [here, there] =
        [Node::new(&store, url, prefixes[0]).await, Node::new(&store, url, prefixes[1]).await];
    here.world.add(EMAIL).await;
    let pair = here.world.login(EMAIL).await;
    there.until_cached(&pair.access_token).await;
    (here, there, pair)
}

/// [`two_nodes`] on a new channel of the shared server.
async fn connected_nodes() -> (Node, Node, TokenPair) {
    let (url, prefix) = databases::redis();
    two_nodes(&url, [&prefix, &prefix]).await
}

/// [`two_nodes`] on a new server.
pub(super) async fn nodes_on(server: &Server) -> (Node, Node, TokenPair) {
    let prefix = Prefix::default();
    two_nodes(server.url(), [&prefix, &prefix]).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn a_logout_is_rejected_by_the_other_node_at_once() {
    let (here, there, _) = connected_nodes().await;
    for _ in 0..20 {
        let pair = here.world.login(EMAIL).await;
        there.until_cached(&pair.access_token).await;
        here.until_cached(&pair.access_token).await;
        let caller = here.identity(&pair.access_token).await;
        expect_done_or_published_late(here.world.auth.logout_all(&caller).await);
        assert_eq!(here.world.status(&pair.access_token).await, 401);
        there.until_rejected(&pair.access_token).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn publish_sends_without_being_polled() {
    let (here, there, _) = connected_nodes().await;
    let (pair, session) = there.deleted_but_cached().await;
    drop(here.feed.publish(&from_another_node(&Revocation::session(session))));
    there.until_rejected(&pair.access_token).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn nodes_with_another_prefix_receive_nothing() {
    let (url, prefix) = databases::redis();
    let (_, another) = databases::redis();
    let (here, there, pair) = two_nodes(&url, [&prefix, &another]).await;
    let user = there.identity(&pair.access_token).await.user().id.clone();
    // Listeners with another key reject every message of a node that reaches them.
    let arrived = [Listener::to(&here.feed), Listener::to(&there.feed)];
    arrived[0].until_heartbeats(1).await;
    for _ in 0..100 {
        here.publish(Revocation::user(user.clone())).await;
    }
    until("a message reaches its own node", async || {
        here.publish(Revocation::user(user.clone())).await;
        arrived[0].rejections() > 0
    })
    .await;
    arrived[1].until_heartbeats(1).await;
    assert_eq!(arrived[1].rejections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn the_cache_is_cleared_after_a_lost_connection() {
    let server = Server::redis("", &[]).unwrap();
    let mut admin = raw(server.url()).await;
    let node = Node::new(&MemoryStore::new(), server.url(), &Prefix::default()).await;
    node.world.add(EMAIL).await;
    let (pair, _) = node.deleted_but_cached().await;
    run(&mut admin, &["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    node.until_rejected(&pair.access_token).await;

    // The sender reconnects and repeats its messages. None is lost, so the cache stays valid.
    until("the cache is in use after the sender has reconnected", async || {
        let (pair, session) = node.deleted_but_cached().await;
        run(&mut admin, &["CLIENT", "KILL", "TYPE", "normal"]).await;
        node.publish(Revocation::user(user("eve"))).await;
        let is_cached = node.is_cached(&pair.access_token).await;
        node.publish(Revocation::session(session)).await;
        node.until_rejected(&pair.access_token).await;
        is_cached
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn without_a_server_publish_fails_in_time_and_works_after_its_restart() {
    let mut server = Server::redis("", &[]).unwrap();
    let (here, there, pair) = nodes_on(&server).await;
    let user = there.identity(&pair.access_token).await.user().id.clone();
    server.kill().unwrap();
    let started = Instant::now();
    let error = here.feed.publish(&from_another_node(&Revocation::user(user.clone()))).await.unwrap_err();
    assert_eq!(error.to_string(), "the store could not publish a revocation");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());

    // The cache is not used once the last heartbeat is too old.
    there.world.clock.advance(HEARTBEAT_TIMEOUT + Duration::from_micros(1));
    for _ in 0..2 {
        assert!(!there.is_cached(&pair.access_token).await);
    }
    server.run().unwrap();
    there.until_cached(&pair.access_token).await;
    here.publish(Revocation::user(user)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn messages_arrive_in_the_order_in_which_they_were_published() {
    let (url, prefix) = databases::redis();
    let mut subscription = redis::Client::open(&*url).unwrap().get_async_pubsub().await.unwrap();
    subscription.subscribe(format!("{}revocations", prefix.as_str())).await.unwrap();
    let mut messages = subscription.into_on_message();
    let store = MemoryStore::new();
    let nodes = [Node::new(&store, &url, &prefix).await, Node::new(&store, &url, &prefix).await];
    let (mut published, mut received, mut heartbeats) = (Vec::new(), Vec::new(), 0);
    for number in 0..500 {
        let revocation = Revocation::user(user(&format!("u{number}")));
        published.push(revocation.to_string());
        nodes[number % 2].publish(revocation).await;
    }
    // Both nodes send heartbeats. A message whose acknowledgement was lost is sent again.
    let mut known = HashSet::new();
    while received.len() < published.len() || heartbeats < 2 {
        let message = timeout(PATIENCE, next(&mut messages)).await.unwrap();
        let text: String = message.get_payload().unwrap();
        if text.starts_with("heartbeat ") {
            heartbeats += 1;
            continue;
        }
        let revocation = text.splitn(4, ' ').nth(3).unwrap().to_owned();
        if known.insert(revocation.clone()) {
            received.push(revocation);
        }
    }
    assert_eq!(received, published);
}

async fn next(messages: &mut PubSubStream) -> redis::Msg {
    let next = std::future::poll_fn(|context| futures_core::Stream::poll_next(Pin::new(messages), context));
    next.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn connections_close_with_the_last_receiver_and_the_last_handle() {
    let server = Server::redis("", &[]).unwrap();
    let mut admin = raw(server.url()).await;
    // Heartbeats keep both connections open until they are closed for good, so each number that the
    // test waits for stays.
    let mut until_connections = async |wanted| {
        until("that many connections are open", async || {
            query::<String>(&mut admin, &["CLIENT", "LIST"]).await.lines().count() == wanted
        })
        .await;
    };
    let feed = redis_feed(server.url(), &Prefix::default()).await;
    let listener = Listener::to(&feed);
    until_connections(3).await;
    drop(listener);
    until_connections(1).await;

    let _listener = Listener::to(&feed);
    until_connections(3).await;
    drop(feed);
    until_connections(1).await;
}

/// A text that is not authentic, or not UTF-8, may have been a revocation.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn forged_messages_clear_caches_and_nothing_else() {
    let (url, prefix) = databases::redis();
    let mut raw = raw(&url).await;
    let node = Node::new(&MemoryStore::new(), &url, &prefix).await;
    node.world.add(EMAIL).await;
    let pair = node.world.login(EMAIL).await;
    let channel = format!("{}revocations", prefix.as_str());
    let texts =
        [&b""[..], b"\xff\xfe", b"user \xff", b"session x", b"heartbeat", b"key 42", &[b'x'; 100_000]];
    for text in texts {
        node.until_cached(&pair.access_token).await;
        redis::cmd("PUBLISH").arg(&channel).arg(text).exec_async(&mut raw).await.unwrap();
        until("the cache is cleared", async || !node.is_cached(&pair.access_token).await).await;
        assert_eq!(node.world.status(&pair.access_token).await, 200);
        // Such messages clear the cache once a second at most.
        node.world.clock.advance(Duration::from_secs(1));
    }
}

/// The store and the feed are called at the first poll; the call is dropped while it waits.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn a_cancelled_logout_is_published() {
    let (here, there, pair) = connected_nodes().await;
    let caller = here.identity(&pair.access_token).await;
    {
        let mut logout = pin!(here.world.auth.logout_all(&caller));
        let first_poll =
            std::future::poll_fn(|context| Poll::Ready(logout.as_mut().poll(context).is_ready()));
        let _ = first_poll.await;
    }
    there.until_rejected(&pair.access_token).await;
}
