//! Redis Cluster: all sessions of a user are in one slot, and slots can move to another node.

use std::sync::Arc;

use gatewright::RedisStore;
use gatewright::store::{Prefix, SessionStore};
use gatewright_testkit::{Hook, Intercepted, run_case};
use gatewright_tests::patience::{until, until_ok};
use redis::aio::MultiplexedConnection;
use redis::cmd;
use xtask::services::Server;

use super::{DAY, cause, create, digest, exists, query, raw, run, session, user};

const PASSWORD: &str = "of-all-nodes";
const SLOTS: u16 = 16_384;

struct Node {
    url: String,
    _server: Server,
}

impl Node {
    fn start() -> Self {
        let settings = format!("requirepass {PASSWORD}\ncluster-enabled yes\nappendfsync always");
        let server = Server::redis(&settings, &[]).unwrap();
        let (_, address) = server.url().trim_end_matches('/').rsplit_once('@').unwrap();
        Self { url: format!("redis://:{PASSWORD}@{address}/"), _server: server }
    }

    fn port(&self) -> &str {
        self.url.trim_end_matches('/').rsplit_once(':').unwrap().1
    }

    async fn store(&self) -> RedisStore {
        let url = format!("{}?sslmode=disable", self.url);
        until_ok(async || RedisStore::connect_cluster(&[&url]).await).await
    }
}

/// Starts a cluster of `count` nodes, each with an equal share of the slots.
async fn start_nodes(count: u16) -> Vec<Node> {
    let nodes: Vec<Node> = (0..count).map(|_| Node::start()).collect();
    let share = SLOTS / count;
    for (number, node) in (0..count).zip(&nodes) {
        let mut admin = raw(&node.url).await;
        let (first, last) = ((number * share).to_string(), ((number + 1) * share - 1).to_string());
        run(&mut admin, &["CLUSTER", "ADDSLOTSRANGE", &first, &last]).await;
        run(&mut admin, &["CLUSTER", "MEET", "127.0.0.1", nodes[0].port()]).await;
    }
    for node in &nodes {
        let mut admin = raw(&node.url).await;
        until("the cluster has all nodes", async || {
            // Waits for 50 ms: there is no replica that could reply earlier.
            run(&mut admin, &["WAIT", "1", "50"]).await;
            let info: String = query(&mut admin, &["CLUSTER", "INFO"]).await;
            info.contains("cluster_state:ok") && info.contains(&format!("cluster_size:{count}"))
        })
        .await;
    }
    nodes
}

/// Keeps the nodes running as long as a store that uses them.
#[derive(Clone)]
struct KeepRunning(Arc<[Node]>);

impl Hook for KeepRunning {}

/// Two handles, each with its own connections, on a new cluster of one node.
async fn one_node() -> [Intercepted<RedisStore, KeepRunning>; 2] {
    let nodes = KeepRunning(start_nodes(1).await.into());
    let store = async || Intercepted::with_hook(nodes.0[0].store().await, nodes.clone());
    [store().await, store().await]
}

gatewright_testkit::session_suite!(
    #[ignore = "needs Redis' program"]
    of_one_node,
    one_node
);

#[test]
#[ignore = "needs Redis' program"]
fn users_are_spread_over_all_nodes_and_delete_expired_reaches_them() {
    run_case(async || {
        const USERS: usize = 200;
        let nodes = start_nodes(2).await;
        // One node is enough to find the other.
        let store = nodes[1].store().await;
        assert_eq!(store.warnings(), []);
        for number in 0..USERS {
            let owner = format!("u{number}");
            create(&store, &session(&owner, 0, 60)).await;
            create(&store, &session(&owner, 0, DAY)).await;
            assert_eq!(store.list(&user(&owner)).await.unwrap().len(), 2);
        }
        let mut sizes = Vec::new();
        for node in &nodes {
            sizes.push(query::<usize>(&mut raw(&node.url).await, &["DBSIZE"]).await);
        }
        assert!(
            sizes.iter().all(|size| *size > USERS / 4) && sizes.iter().sum::<usize>() == USERS,
            "{sizes:?}"
        );
        let now = session("any", 60, 0).created_at;
        assert_eq!(store.delete_expired(now).await.unwrap(), USERS as u64);
        assert_eq!(store.delete_expired(now).await.unwrap(), 0);
    });
}

/// Two nodes, and the slot of a user that moves from one of them to the other.
struct Move {
    nodes: Vec<Node>,
    admins: [MultiplexedConnection; 2],
    ids: [String; 2],
    key: String,
    slot: String,
    source: usize,
    target: usize,
}

impl Move {
    async fn prepare() -> Self {
        let nodes = start_nodes(2).await;
        let mut admins = [raw(&nodes[0].url).await, raw(&nodes[1].url).await];
        let mut ids = [String::new(), String::new()];
        for (id, admin) in ids.iter_mut().zip(&mut admins) {
            *id = query(admin, &["CLUSTER", "MYID"]).await;
        }
        let key = format!("{}sessions:{{ada}}", Prefix::default().as_str());
        let slot: u16 = query(&mut admins[0], &["CLUSTER", "KEYSLOT", &key]).await;
        let source = usize::from(slot >= SLOTS / 2);
        Self { nodes, admins, ids, key, slot: slot.to_string(), source, target: 1 - source }
    }

    /// Sets the state of the slot at the node `at`; `other` is the node that the state refers to.
    async fn set_slot(&mut self, at: usize, state: &str, other: usize) {
        run(&mut self.admins[at], &["CLUSTER", "SETSLOT", &self.slot, state, &self.ids[other]]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis' program"]
async fn calls_follow_a_moved_slot() {
    let mut moved = Move::prepare().await;
    let store = moved.nodes[0].store().await;
    let (source, target) = (moved.source, moved.target);
    // The user has no sessions yet, so only the slot moves. A node that imports a slot takes a new epoch
    // with it: otherwise an older message of the source could take the slot back.
    moved.set_slot(target, "IMPORTING", source).await;
    for node in [target, source] {
        moved.set_slot(node, "NODE", target).await;
    }
    let one = session("ada", 0, DAY);
    create(&store, &one).await;
    assert!(exists(&store, &one).await);
    assert_eq!(query::<u64>(&mut moved.admins[target], &["EXISTS", &moved.key]).await, 1);
}

#[test]
#[ignore = "needs Redis' program"]
fn calls_for_a_moving_slot_reach_the_node_that_has_the_key() {
    run_case(async || {
        let mut moving = Move::prepare().await;
        let store = moving.nodes[0].store().await;
        let one = session("ada", 0, DAY);
        create(&store, &one).await;
        let (source, target) = (moving.source, moving.target);
        moving.set_slot(target, "IMPORTING", source).await;
        moving.set_slot(source, "MIGRATING", target).await;
        assert!(exists(&store, &one).await, "the key has not moved yet");
        let Move { nodes, admins, key, .. } = &mut moving;
        let migrate =
            ["MIGRATE", "127.0.0.1", nodes[target].port(), key.as_str(), "0", "60000", "AUTH", PASSWORD];
        run(&mut admins[source], &migrate).await;

        assert!(exists(&store, &one).await);
        create(&store, &session("ada", 1, DAY)).await;
        assert_eq!(store.list(&one.user).await.unwrap().len(), 2);
        store.replace_all(&session("ada", 2, DAY), digest("t0")).await.unwrap();
        assert_eq!(store.list(&one.user).await.unwrap().len(), 1);
        store.delete_all(&one.user).await.unwrap();
        assert!(store.list(&one.user).await.unwrap().is_empty());
        create(&store, &one).await;
        let exists = cmd("EXISTS").arg(&*key).query_async::<u64>(&mut admins[source]).await;
        assert_eq!(exists.unwrap_err().code(), Some("ASK"), "the key is on the target node");
    });
}

#[test]
#[ignore = "needs Redis' program"]
fn the_user_id_alone_chooses_the_slot() {
    run_case(async || {
        let nodes = start_nodes(1).await;
        let store = nodes[0].store().await;
        let mut admin = raw(&nodes[0].url).await;
        for (id, tag) in
            [("ada", "ada"), ("{x}ada", "%7Bx%7Dada"), ("}{", "%7D%7B"), ("}", "%7D"), ("a b", "a%20b")]
        {
            for second in 0..3 {
                create(&store, &session(id, second, DAY)).await;
            }
            let mut slots = Vec::new();
            let keys: Vec<String> = query(&mut admin, &["KEYS", "*"]).await;
            for key in keys.iter().map(String::as_str).chain([tag]) {
                slots.push(query::<u16>(&mut admin, &["CLUSTER", "KEYSLOT", key]).await);
            }
            assert_eq!((slots.len(), slots[0]), (2, slots[1]), "{id}: {keys:?}");
            store.delete_all(&user(id)).await.unwrap();
        }
    });
}

#[tokio::test]
async fn plain_text_to_a_cluster_requires_sslmode_disable() {
    let error = RedisStore::connect_cluster(&["redis://:hush@127.0.0.1:1/"]).await.unwrap_err();
    assert!(cause(&error).starts_with("plain text to a cluster"), "{}", cause(&error));
    let error = RedisStore::connect_cluster(&[]).await.unwrap_err();
    assert_eq!(error.to_string(), "the store could not connect to Redis");
}
