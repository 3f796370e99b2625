//! A cluster: each user's sessions in one slot, whichever node has it.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use gatewright::{
    Epoch, Prefix, RedisStore, Rotation, RotationRequest, Session, SessionId, SessionStore, StoreError,
    Timestamp, TokenDigest, UserId,
};
use redis::cmd;
use tokio::time::Instant;
use xtask::services::Server;

use super::{DAY, begin, raw, session, user};

const PASSWORD: &str = "of-all-nodes";

/// A store on a cluster that ends with it.
#[derive(Clone)]
struct Clustered {
    store: RedisStore,
    _nodes: Arc<[Node]>,
}

struct Node {
    url: String,
    bus: u16,
    _server: Server,
}

impl Node {
    fn start() -> Self {
        let bus = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = format!("requirepass {PASSWORD}\ncluster-enabled yes\ncluster-port {bus}");
        let server = Server::redis(&settings, &[]).unwrap();
        let (_, address) = server.url().trim_end_matches('/').rsplit_once('@').unwrap();
        Self { url: format!("redis://:{PASSWORD}@{address}/"), bus, _server: server }
    }

    fn said_to_be_plain(&self) -> String {
        format!("{}?sslmode=disable", self.url)
    }

    fn port(&self) -> &str {
        self.url.trim_end_matches('/').rsplit_once(':').unwrap().1
    }
}

/// So many nodes that share the slots.
async fn nodes(count: u16) -> Vec<Node> {
    let nodes: Vec<Node> = (0..count).map(|_| Node::start()).collect();
    let share = 16_384 / count;
    for (number, node) in (0..count).zip(&nodes) {
        let mut own = raw(&node.url).await;
        let mut add = cmd("CLUSTER");
        add.arg("ADDSLOTSRANGE").arg(number * share).arg((number + 1) * share - 1);
        add.exec_async(&mut own).await.unwrap();
        let mut meet = cmd("CLUSTER");
        meet.arg("MEET").arg("127.0.0.1").arg(nodes[0].port()).arg(nodes[0].bus);
        meet.exec_async(&mut own).await.unwrap();
    }
    let started = Instant::now();
    for node in &nodes {
        let mut own = raw(&node.url).await;
        loop {
            let info: String = cmd("CLUSTER").arg("INFO").query_async(&mut own).await.unwrap();
            if info.contains("cluster_state:ok") && info.contains(&format!("cluster_size:{count}")) {
                break;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "{info}");
            // A moment, by the server: it has no replica that could answer sooner.
            cmd("WAIT").arg(1).arg(50).exec_async(&mut own).await.unwrap();
        }
    }
    nodes
}

/// Two handles, each with connections of its own, on a new cluster of one node.
async fn one_node() -> [Clustered; 2] {
    let nodes: Arc<[Node]> = nodes(1).await.into();
    let store = async || {
        let url = nodes[0].said_to_be_plain();
        let store = RedisStore::connect_cluster(&[&url]).await.unwrap();
        Clustered { store, _nodes: Arc::clone(&nodes) }
    };
    [store().await, store().await]
}

gatewright_testkit::session_suite!(
    #[ignore = "needs Redis' program"]
    of_one_node,
    one_node
);

#[async_trait::async_trait]
impl SessionStore for Clustered {
    async fn begin(&self, session: &Session, current: TokenDigest, limit: u32) -> Result<u64, StoreError> {
        self.store.begin(session, current, limit).await
    }

    async fn find(&self, user: &UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.store.find(user, id).await
    }

    async fn list(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        self.store.list(user).await
    }

    async fn rotate(&self, request: &RotationRequest) -> Result<Rotation, StoreError> {
        self.store.rotate(request).await
    }

    async fn end(&self, user: &UserId, id: SessionId) -> Result<(), StoreError> {
        self.store.end(user, id).await
    }

    async fn end_all(&self, user: &UserId) -> Result<(), StoreError> {
        self.store.end_all(user).await
    }

    async fn retain(&self, user: &UserId, keep: SessionId, epoch: Epoch) -> Result<(), StoreError> {
        self.store.retain(user, keep, epoch).await
    }

    async fn purge_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.store.purge_expired(now).await
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn users_are_spread_over_nodes_and_a_clean_up_reaches_all() {
    const USERS: usize = 200;
    let nodes = nodes(2).await;
    let urls: Vec<String> = nodes.iter().map(Node::said_to_be_plain).collect();
    // One node suffices to find the other.
    let store = RedisStore::connect_cluster(&[&urls[1]]).await.unwrap();
    assert_eq!(store.warnings(), []);
    for number in 0..USERS {
        let owner = format!("u{number}");
        begin(&store, &session(&owner, 0, 60)).await;
        begin(&store, &session(&owner, 0, DAY)).await;
        assert_eq!(store.list(&user(&owner)).await.unwrap().len(), 2);
    }
    let mut kept = Vec::new();
    for node in &nodes {
        kept.push(cmd("DBSIZE").query_async::<usize>(&mut raw(&node.url).await).await.unwrap());
    }
    assert!(kept.iter().all(|own| *own > USERS / 4) && kept.iter().sum::<usize>() == USERS, "{kept:?}");
    let now = session("any", 60, 0).created_at;
    assert_eq!(store.purge_expired(now).await.unwrap(), USERS as u64);
    assert_eq!(store.purge_expired(now).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn a_slot_that_moved_is_followed() {
    let nodes = nodes(2).await;
    let url = nodes[0].said_to_be_plain();
    let store = RedisStore::connect_cluster(&[&url]).await.unwrap();
    let mut admins = [raw(&nodes[0].url).await, raw(&nodes[1].url).await];
    let mut own = Vec::new();
    for admin in &mut admins {
        own.push(cmd("CLUSTER").arg("MYID").query_async::<String>(admin).await.unwrap());
    }
    // A user without sessions yet, so that only the slot moves.
    let key = format!("{}sessions:{{ada}}", Prefix::default().as_str());
    let slot: u16 = cmd("CLUSTER").arg("KEYSLOT").arg(&key).query_async(&mut admins[0]).await.unwrap();
    let target = usize::from(slot < 8_192);
    for admin in &mut admins {
        let mut give = cmd("CLUSTER");
        give.arg("SETSLOT").arg(slot).arg("NODE").arg(&own[target]).exec_async(admin).await.unwrap();
    }
    let one = session("ada", 0, DAY);
    begin(&store, &one).await;
    assert!(store.find(&one.user, one.id).await.unwrap().is_some());
    assert_eq!(cmd("EXISTS").arg(&key).query_async::<u64>(&mut admins[target]).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn a_users_id_alone_chooses_the_slot_whatever_is_in_it() {
    let [Clustered { store, _nodes: nodes }, _] = one_node().await;
    let mut admin = raw(&nodes[0].url).await;
    let mut cases = 0;
    for (id, tag) in
        [("ada", "ada"), ("{x}ada", "%7Bx%7Dada"), ("}{", "%7D%7B"), ("}", "%7D"), ("a b", "a%20b")]
    {
        for second in 0..3 {
            begin(&store, &session(id, second, DAY)).await;
        }
        let mut slots = Vec::new();
        let keys: Vec<String> = cmd("KEYS").arg("*").query_async(&mut admin).await.unwrap();
        for key in keys.iter().map(String::as_str).chain([tag]) {
            slots.push(cmd("CLUSTER").arg("KEYSLOT").arg(key).query_async::<u16>(&mut admin).await.unwrap());
        }
        assert_eq!((slots.len(), slots[0]), (2, slots[1]), "{id}: {keys:?}");
        store.end_all(&user(id)).await.unwrap();
        cases += 1;
    }
    assert_eq!(cases, 5);
}

#[tokio::test]
async fn plain_text_to_a_cluster_is_to_be_asked_for_even_on_this_machine() {
    let error = RedisStore::connect_cluster(&["redis://:hush@127.0.0.1:1/"]).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("plain text to a cluster's nodes"), "{cause}");
    let error = RedisStore::connect_cluster(&[]).await.unwrap_err();
    assert_eq!(error.to_string(), "the store could not open Redis");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn a_user_whose_slot_is_on_its_way_is_served_where_the_key_is() {
    let nodes = nodes(2).await;
    let url = nodes[0].said_to_be_plain();
    let store = RedisStore::connect_cluster(&[&url]).await.unwrap();
    let one = session("ada", 0, DAY);
    begin(&store, &one).await;
    let mut admins = [raw(&nodes[0].url).await, raw(&nodes[1].url).await];
    let mut own = Vec::new();
    for admin in &mut admins {
        own.push(cmd("CLUSTER").arg("MYID").query_async::<String>(admin).await.unwrap());
    }
    let key = format!("{}sessions:{{ada}}", Prefix::default().as_str());
    let slot: u16 = cmd("CLUSTER").arg("KEYSLOT").arg(&key).query_async(&mut admins[0]).await.unwrap();
    let source = usize::from(slot >= 8_192);
    let target = 1 - source;
    for (node, state, other) in [(target, "IMPORTING", source), (source, "MIGRATING", target)] {
        let mut set = cmd("CLUSTER");
        set.arg("SETSLOT").arg(slot).arg(state).arg(&own[other]);
        set.exec_async(&mut admins[node]).await.unwrap();
    }
    assert!(store.find(&one.user, one.id).await.unwrap().is_some(), "it has not moved");
    let mut migrate = cmd("MIGRATE");
    migrate.arg("127.0.0.1").arg(nodes[target].port()).arg(&key).arg(0).arg(5_000).arg("AUTH").arg(PASSWORD);
    migrate.exec_async(&mut admins[source]).await.unwrap();

    assert!(store.find(&one.user, one.id).await.unwrap().is_some());
    begin(&store, &session("ada", 1, DAY)).await;
    assert_eq!(store.list(&one.user).await.unwrap().len(), 2);
    store.end_all(&one.user).await.unwrap();
    assert!(store.list(&one.user).await.unwrap().is_empty());
    begin(&store, &one).await;
    let exists = cmd("EXISTS").arg(&key).query_async::<u64>(&mut admins[source]).await;
    assert_eq!(exists.unwrap_err().code(), Some("ASK"), "it is at the other");
}
