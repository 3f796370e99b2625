//! 500 attempts at once on two nodes.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use gatewright::PostgresStore;
use gatewright_tests::new_file;
use gatewright_tests::patience::PATIENCE;
use tokio::task::JoinSet;
use tokio::time::Instant;
use xtask::services::{Kind, Server};

use super::*;

const ATTEMPTS: usize = 500;

/// What a burst has counted. A call that failed may have been made.
#[derive(Debug, Default)]
struct Tally {
    admitted: AtomicUsize,
    limited: AtomicUsize,
    failed: AtomicUsize,
}

impl Tally {
    /// Makes an attempt, and returns whether it was answered.
    async fn count<T: Throttle>(&self, node: &T, attempt: &Attempt) -> bool {
        let (counter, is_answered) = match node.run_step(&acquire(attempt)).await {
            Ok(outcome) if outcome.limited.is_none() => (&self.admitted, true),
            Ok(_) => (&self.limited, true),
            Err(_) => (&self.failed, false),
        };
        counter.fetch_add(1, Ordering::SeqCst);
        is_answered
    }

    fn all(&self) -> [usize; 3] {
        [&self.admitted, &self.limited, &self.failed].map(|counter| counter.load(Ordering::SeqCst))
    }
}

/// An attempt with a number of its own.
fn acquire(attempt: &Attempt) -> ThrottleStep {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    ThrottleStep::acquire(attempt, NEXT.fetch_add(1, Ordering::Relaxed), &settings(), NOW)
}

/// Starts attempts on both nodes at once. With `patience`, each is repeated until it is answered.
fn burst<T: Throttle + Clone>(
    nodes: &[T; 2],
    tally: &Arc<Tally>,
    patience: bool,
    attempt: impl Fn(usize) -> Attempt,
) -> JoinSet<()> {
    let mut calls = JoinSet::new();
    for number in 0..ATTEMPTS {
        let (node, attempt, tally) = (nodes[number % 2].clone(), attempt(number), Arc::clone(tally));
        calls.spawn(async move {
            let started = Instant::now();
            // Not `until_ok`: the future would not be `Send`.
            while !tally.count(&node, &attempt).await && patience {
                assert!(started.elapsed() < PATIENCE, "no answer within {PATIENCE:?}");
            }
        });
    }
    calls
}

on_each_store! {
    attempts_on_one_account_are_admitted_ten_times
    attempts_on_many_accounts_are_not_limited
    attempts_around_a_new_start_are_admitted_ten_times
}

/// From as many networks as attempts.
async fn attempts_on_one_account_are_admitted_ten_times<S: Storage>(storage: S) {
    let tally = Arc::default();
    burst(&storage.nodes(), &tally, false, |number| login("ada", number)).join_all().await;
    let [admitted, limited, failed] = tally.all();
    println!("{admitted} admitted, {limited} limited, {failed} failed");
    assert!(admitted <= 10 && admitted + failed >= 10, "{tally:?}");
    assert_eq!(admitted + limited + failed, ATTEMPTS);
    let node = storage.open().await;
    let mut total = admitted;
    // Calls that failed may have been made or not.
    while until_ok(async || node.run_step(&acquire(&login("ada", ATTEMPTS))).await).await.limited.is_none() {
        total += 1;
    }
    assert!(total <= 10, "{total} were admitted");
}

/// 500 accounts from 50 networks: no attempt is limited.
async fn attempts_on_many_accounts_are_not_limited<S: Storage>(storage: S) {
    let tally = Arc::default();
    let attempt = |number: usize| login(&format!("user{number}"), number % 50);
    burst(&storage.nodes(), &tally, false, attempt).join_all().await;
    let [admitted, limited, failed] = tally.all();
    println!("{admitted} admitted, {limited} limited, {failed} failed");
    assert_eq!((limited, admitted + failed), (0, ATTEMPTS));
}

/// The second half of the attempts is made by nodes that start after the first half.
async fn attempts_around_a_new_start_are_admitted_ten_times<S: Storage>(storage: S) {
    let tally = Arc::default();
    let [first, second] = storage.nodes();
    let before = burst(&[first, second], &tally, true, |number| login("ada", number));
    let nodes = [storage.open().await, storage.open().await];
    let later = burst(&nodes, &tally, true, |number| login("ada", ATTEMPTS + number));
    before.join_all().await;
    later.join_all().await;
    let [admitted, limited, failed] = tally.all();
    println!("{admitted} admitted, {limited} limited, {failed} failed");
    assert!(admitted <= 10 && admitted + failed >= 10, "{tally:?}");
    assert_eq!(admitted + limited, 2 * ATTEMPTS, "every attempt is answered in the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL's programs"]
async fn attempts_around_a_crash_of_the_server_are_admitted_ten_times_on_postgres() {
    let server = Server::start(Kind::Postgres).unwrap();
    let nodes = async || PostgresStore::connect(server.url()).await.unwrap();
    let nodes = [nodes().await, nodes().await];
    survive(server, nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MariaDB's programs"]
async fn attempts_around_a_crash_of_the_server_are_admitted_ten_times_on_mysql() {
    let server = Server::start(Kind::Mysql).unwrap();
    let nodes = async || MySqlStore::connect(server.url()).await.unwrap();
    let nodes = [nodes().await, nodes().await];
    survive(server, nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Redis' program"]
async fn attempts_around_a_crash_of_the_server_are_admitted_ten_times_on_redis() {
    let server = Server::start(Kind::Redis).unwrap();
    let nodes = [redis_store(server.url()).await, redis_store(server.url()).await];
    survive(server, nodes).await;
}

/// Kills the server as soon as a few attempts are admitted, and starts it again. The callers repeat calls that
/// fail. A second burst follows.
async fn survive<T: Throttle + Clone>(mut server: Server, nodes: [T; 2]) {
    let tally: Arc<Tally> = Arc::default();
    let first = burst(&nodes, &tally, true, |number| login("ada", number));
    while tally.all()[0] < 3 {
        tokio::task::yield_now().await;
    }
    server.kill().unwrap();
    server.run().unwrap();
    first.join_all().await;
    burst(&nodes, &tally, true, |number| login("ada", ATTEMPTS + number)).join_all().await;
    let [admitted, limited, failed] = tally.all();
    println!("{:?}: {admitted} admitted, {limited} limited, {failed} failed", server.kind());
    assert!(admitted <= 10 && admitted + failed >= 10, "{tally:?}");
    assert_eq!(admitted + limited, 2 * ATTEMPTS, "every attempt is answered in the end");
}

/// The file is closed, and opened again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_before_and_after_a_restart_are_admitted_ten_times_in_sqlite() {
    let url = format!("sqlite://{}", new_file("throttle.db").display());
    let tally: Arc<Tally> = Arc::default();
    for start in 0..2 {
        let nodes = async || SqliteStore::connect(&url).await.unwrap();
        let nodes = [nodes().await, nodes().await];
        let calls = burst(&nodes, &tally, false, |number| login("ada", start * ATTEMPTS + number));
        while tally.all() == [0; 3] {
            tokio::task::yield_now().await;
        }
        for node in &nodes {
            node.close().await;
        }
        calls.join_all().await;
    }
    let [admitted, limited, failed] = tally.all();
    println!("{admitted} admitted, {limited} limited, {failed} failed");
    assert!(admitted <= 10, "{tally:?}");
}
