//! The feed between nodes over Redis: what one node revokes, another no longer believes.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use example_service::testing::databases;
use gatewright::{
    MAX_AGE_WITH_FEED, MAX_SILENCE, MemoryStore, Prefix, RedisFeed, Revocation, RevocationFeed, SessionStore,
};
use gatewright_testkit::{Watch, WatchedStore};
use gatewright_tests::World;
use redis::cmd;
use tokio::time::{Instant, timeout};
use xtask::services::Server;

use super::raw;

pub(super) const EMAIL: &str = "ada@example.com";
const PATIENCE: Duration = Duration::from_secs(20);

/// A node on a store in memory that all of a test's nodes share, and on a feed of its own.
pub(super) struct Node {
    pub(super) world: World<WatchedStore<MemoryStore>>,
    watch: Watch,
    pub(super) feed: RedisFeed,
}

impl Node {
    pub(super) async fn new(store: &MemoryStore, url: &str, prefix: &Prefix) -> Self {
        let feed = RedisFeed::connect_on(url, prefix).await.unwrap();
        let (store, watch) = WatchedStore::new(store.clone());
        let world = World::with(store, |builder| builder.with_revocation_feed(feed.clone()));
        Self { world, watch, feed }
    }

    /// Whether a request with this token is let in without a read of the stores.
    pub(super) async fn remembers(&self, token: &gatewright::TokenText) -> bool {
        let _ = self.watch.reads();
        self.world.status(token).await == 200 && self.watch.reads() == 0
    }

    /// Waits until heartbeats come back, so that what is read is remembered.
    pub(super) async fn until_it_remembers(&self, token: &gatewright::TokenText) {
        until("a heartbeat comes back", async || self.remembers(token).await).await;
    }
}

/// Asks again and again; nothing else shows what came in from elsewhere.
pub(super) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "{what}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn a_logout_on_one_node_is_refused_on_the_other_at_once_though_its_store_is_not_asked() {
    let (url, prefix) = databases::redis();
    let store = MemoryStore::new();
    let (here, there) = (Node::new(&store, &url, &prefix).await, Node::new(&store, &url, &prefix).await);
    here.world.add(EMAIL).await;
    for _ in 0..20 {
        let pair = here.world.login(EMAIL).await;
        there.until_it_remembers(&pair.access_token).await;
        here.until_it_remembers(&pair.access_token).await;
        here.world.auth.logout_all(&me(&here, &pair.access_token).await).await.unwrap();
        assert_eq!(here.world.status(&pair.access_token).await, 401);
        until("the other hears", async || there.world.status(&pair.access_token).await == 401).await;
    }
}

pub(super) async fn me(node: &Node, token: &gatewright::TokenText) -> gatewright::Identity {
    let headers = gatewright_tests::Bearer(format!("Bearer {}", token.expose()));
    let view = gatewright::RequestView::new("GET", &headers);
    node.world.auth.authenticate(&view).await.unwrap().unwrap()
}

/// The store of the other node never says so: it is the message that does.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn an_announcement_is_on_its_way_when_it_returns_and_not_when_it_is_polled() {
    let (url, prefix) = databases::redis();
    let store = MemoryStore::new();
    let (here, there) = (Node::new(&store, &url, &prefix).await, Node::new(&store, &url, &prefix).await);
    let account = here.world.add(EMAIL).await;
    let pair = here.world.login(EMAIL).await;
    there.until_it_remembers(&pair.access_token).await;
    let session = me(&there, &pair.access_token).await.session();
    SessionStore::end(&store, &account.id, session).await.unwrap();
    assert!(there.remembers(&pair.access_token).await, "nobody has said so");
    drop(here.feed.announce(&Revocation::session(session)));
    until("the other hears", async || there.world.status(&pair.access_token).await == 401).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn nodes_with_another_prefix_hear_nothing() {
    let (url, prefix) = databases::redis();
    let (_, another) = databases::redis();
    let store = MemoryStore::new();
    let (here, there) = (Node::new(&store, &url, &prefix).await, Node::new(&store, &url, &another).await);
    here.world.add(EMAIL).await;
    let pair = here.world.login(EMAIL).await;
    there.until_it_remembers(&pair.access_token).await;
    let account = me(&there, &pair.access_token).await.user().id.clone();
    for _ in 0..100 {
        here.feed.announce(&Revocation::user(account.clone())).await.unwrap();
        assert!(there.remembers(&pair.access_token).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn a_connection_that_breaks_has_a_node_forget_before_it_believes_again() {
    let server = Server::redis("", &[]).unwrap();
    let mut admin = raw(server.url()).await;
    let (store, prefix) = (MemoryStore::new(), Prefix::default());
    for kind in ["pubsub", "normal"] {
        // Of its own: forgetting makes room after it is seen to have happened, and takes what was just read along.
        let node = Node::new(&store, server.url(), &prefix).await;
        let email = format!("{kind}@example.com");
        let account = node.world.add(&email).await;
        let pair = node.world.login(&email).await;
        node.until_it_remembers(&pair.access_token).await;
        let session = me(&node, &pair.access_token).await.session();
        SessionStore::end(&store, &account.id, session).await.unwrap();
        // The message is lost with the connection, or was never sent.
        let mut kill = cmd("CLIENT");
        kill.arg("KILL").arg("TYPE").arg(kind).exec_async(&mut admin).await.unwrap();
        if kind == "normal" {
            // A heartbeat that could not be sent is sent again: what was heard stands.
            assert!(node.remembers(&pair.access_token).await);
            node.feed.announce(&Revocation::session(session)).await.unwrap();
        }
        until("it has forgotten", async || node.world.status(&pair.access_token).await == 401).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn without_a_server_nothing_is_handed_over_in_time_and_what_was_said_meanwhile_comes_later() {
    let mut server = Server::redis("", &[]).unwrap();
    let (store, prefix) = (MemoryStore::new(), Prefix::default());
    let url = server.url().to_owned();
    let (here, there) = (Node::new(&store, &url, &prefix).await, Node::new(&store, &url, &prefix).await);
    let account = here.world.add(EMAIL).await;
    let pair = here.world.login(EMAIL).await;
    there.until_it_remembers(&pair.access_token).await;
    server.kill().unwrap();
    let started = Instant::now();
    let error = here.feed.announce(&Revocation::user(account.id.clone())).await.unwrap_err();
    assert_eq!(error.to_string(), "the store could not announce a revocation");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());

    // Guards whose clock goes on notice the silence.
    there.world.clock.advance(MAX_SILENCE + Duration::from_micros(1));
    assert!(!there.remembers(&pair.access_token).await);
    assert!(!there.remembers(&pair.access_token).await);

    server.run().unwrap();
    there.until_it_remembers(&pair.access_token).await;
    here.feed.announce(&Revocation::user(account.id)).await.unwrap();
    assert!(started.elapsed() < MAX_AGE_WITH_FEED);
}

/// Of many announcements on many nodes none is overtaken by a heartbeat that was sent after it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn messages_come_in_the_order_in_which_they_were_handed_over() {
    let (url, prefix) = databases::redis();
    let mut heard = redis::Client::open(&*url).unwrap().get_async_pubsub().await.unwrap();
    heard.subscribe(format!("{}revocations", prefix.as_str())).await.unwrap();
    let mut heard = heard.into_on_message();
    let store = MemoryStore::new();
    let nodes = [Node::new(&store, &url, &prefix).await, Node::new(&store, &url, &prefix).await];
    let (mut announced, mut beats) = (Vec::new(), 0);
    let mut came = Vec::new();
    for number in 0..500 {
        let user = gatewright::UserId::new(format!("u{number}")).unwrap();
        nodes[number % 2].feed.announce(&Revocation::user(user)).await.unwrap();
        announced.push(format!("user u{number}"));
    }
    while came.len() < announced.len() {
        let message = timeout(PATIENCE, next(&mut heard)).await.unwrap();
        let text: String = message.get_payload().unwrap();
        if text.starts_with("heartbeat ") {
            beats += 1;
        } else {
            came.push(text);
        }
    }
    assert_eq!(came, announced);
    assert!(beats >= 2, "{beats} heartbeats of two nodes");
}

async fn next(messages: &mut redis::aio::PubSubStream) -> redis::Msg {
    let next = std::future::poll_fn(|context| {
        let messages = pin!(&mut *messages);
        futures_core::Stream::poll_next(messages, context)
    });
    next.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn a_feed_keeps_nothing_alive_and_ends_with_who_listens() {
    let server = Server::redis("", &[]).unwrap();
    let mut admin = raw(server.url()).await;
    let (store, prefix) = (MemoryStore::new(), Prefix::default());
    let node = Node::new(&store, server.url(), &prefix).await;
    let connections = async |admin: &mut redis::aio::MultiplexedConnection| {
        let list: String = cmd("CLIENT").arg("LIST").query_async(admin).await.unwrap();
        list.lines().count()
    };
    until("both connections stand", async || connections(&mut admin).await == 3).await;
    let Node { world, feed, .. } = node;
    drop(world);
    until("the subscription has ended", async || connections(&mut admin).await == 2).await;
    drop(feed);
    until("nothing is left", async || connections(&mut admin).await == 1).await;
}

/// What is no message, and what is no text, is less than was said.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn whoever_writes_to_the_channel_can_empty_caches_and_nothing_more() {
    let (url, prefix) = databases::redis();
    let mut raw = raw(&url).await;
    let node = Node::new(&MemoryStore::new(), &url, &prefix).await;
    node.world.add(EMAIL).await;
    let pair = node.world.login(EMAIL).await;
    let channel = format!("{}revocations", prefix.as_str());
    let mut cases = 0;
    for hostile in
        [&b""[..], b"\xff\xfe", b"user \xff", b"session x", b"heartbeat", b"key 42", &[b'x'; 100_000]]
    {
        node.until_it_remembers(&pair.access_token).await;
        cmd("PUBLISH").arg(&channel).arg(hostile).exec_async(&mut raw).await.unwrap();
        until("it has forgotten", async || !node.remembers(&pair.access_token).await).await;
        assert_eq!(node.world.status(&pair.access_token).await, 200);
        cases += 1;
    }
    assert_eq!(cases, 7);
}

/// A call that is given up is polled no more; what it said is said.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn a_logout_that_is_given_up_in_its_middle_tells_the_others_all_the_same() {
    let (url, prefix) = databases::redis();
    let store = MemoryStore::new();
    let (here, there) = (Node::new(&store, &url, &prefix).await, Node::new(&store, &url, &prefix).await);
    here.world.add(EMAIL).await;
    let pair = here.world.login(EMAIL).await;
    there.until_it_remembers(&pair.access_token).await;
    let caller = me(&here, &pair.access_token).await;
    {
        let mut logout = pin!(here.world.auth.logout_all(&caller));
        // One look, and gone: on a store in memory everything has happened but the answer of the feed.
        let looked = std::future::poll_fn(|context| Poll::Ready(logout.as_mut().poll(context).is_ready()));
        let _ = looked.await;
    }
    until("the other hears", async || there.world.status(&pair.access_token).await == 401).await;
}

/// How often a server has read from connections.
async fn reads(admin: &mut redis::aio::MultiplexedConnection) -> u64 {
    let info: String = cmd("INFO").arg("stats").query_async(admin).await.unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix("total_reads_processed:")).unwrap();
    line.parse().unwrap()
}

async fn hold(admin: &mut redis::aio::MultiplexedConnection) {
    cmd("CLIENT").arg("PAUSE").arg(500).arg("WRITE").exec_async(admin).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn one_user_who_ends_a_session_over_and_over_takes_no_place_from_others() {
    let server = Server::redis("", &[]).unwrap();
    let mut admin = raw(server.url()).await;
    let (store, prefix) = (MemoryStore::new(), Prefix::default());
    let (here, there) =
        (Node::new(&store, server.url(), &prefix).await, Node::new(&store, server.url(), &prefix).await);
    let account = here.world.add(EMAIL).await;
    let pair = here.world.login(EMAIL).await;
    there.until_it_remembers(&pair.access_token).await;
    let session = me(&there, &pair.access_token).await.session();
    hold(&mut admin).await;
    let flooded = Revocation::user(gatewright::UserId::new("eve").unwrap());
    let flood: Vec<_> = (0..20_000).map(|_| here.feed.announce(&flooded)).collect();
    SessionStore::end(&store, &account.id, session).await.unwrap();
    here.feed.announce(&Revocation::session(session)).await.unwrap();
    until("the other hears", async || there.world.status(&pair.access_token).await == 401).await;
    for announced in flood {
        announced.await.unwrap();
    }
    let pair = here.world.login(EMAIL).await;
    here.until_it_remembers(&pair.access_token).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn what_waits_is_sent_many_at_a_time() {
    const WAITING: usize = 9_000;
    let server = Server::redis("", &[]).unwrap();
    let mut admin = raw(server.url()).await;
    let node = Node::new(&MemoryStore::new(), server.url(), &Prefix::default()).await;
    node.feed.announce(&Revocation::user(gatewright::UserId::new("u").unwrap())).await.unwrap();
    hold(&mut admin).await;
    let before = reads(&mut admin).await;
    let waiting: Vec<_> = (0..WAITING)
        .map(|number| gatewright::UserId::new(format!("u{number}")).unwrap())
        .map(|user| node.feed.announce(&Revocation::user(user)))
        .collect();
    for announced in waiting {
        announced.await.unwrap();
    }
    let reads = reads(&mut admin).await - before;
    assert!(reads < 1_000, "{reads} reads for {WAITING} messages");
}
