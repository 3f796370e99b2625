//! Connections that are lost without an error, and calls that are dropped on new connections.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use gatewright::store::{RotationRequest, TokenDigest};
use gatewright::types::{SessionId, SystemRandom, Timestamp};
use gatewright::{MySqlStore, UserId};
use gatewright_testkit::store::Store;
use gatewright_tests::database::Database;
use gatewright_tests::patience::{PATIENCE, until_ok};
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, query_scalar};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{CALLERS, IN_TIME, on_each_server};
use crate::feeds::wired;

/// `gatewright_sqlx::MAX_CONNECTIONS`.
const CONNECTIONS: usize = 10;

/// After up to this many wakes, a call is dropped or its network fails.
const MAX_WAKES: usize = 7;

on_each_server! {
    a_silent_network_costs_one_call_and_no_connection
    dropped_calls_do_not_occupy_connections
}

/// Calls in flight fail in time or succeed. Later calls succeed on new connections.
async fn a_silent_network_costs_one_call_and_no_connection<S: Database>() {
    let (url, wire) = wired(&S::new_url().await).await;
    let store = S::open(&url).await.unwrap();
    for round in 0..MAX_WAKES {
        until_all_succeed(&store).await;
        let mut calls: Vec<_> = (0..CONNECTIONS).map(|_| Call::count(store.clone())).collect();
        for (number, call) in calls.iter_mut().enumerate() {
            call.poll_until_woken((round + number) % MAX_WAKES).await;
        }
        wire.hold();
        let started = Instant::now();
        for call in calls {
            call.finish().await;
        }
        assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
        until_all_succeed(&store).await;
    }
}

/// Each dropped call uses a connection that has not prepared its statements yet.
async fn dropped_calls_do_not_occupy_connections<S: Database>() {
    let url = S::new_url().await;
    let mut dropped = 0;
    for wakes in 0..MAX_WAKES {
        let store = S::open(&url).await.unwrap();
        for _ in 0..2 * CONNECTIONS {
            until_one_succeeds(&store).await;
            let mut call = Call::rotate(store.clone());
            call.poll_until_woken(wakes).await;
            dropped += usize::from(!call.is_done);
        }
        until_one_succeeds(&store).await;
    }
    assert!(dropped > CONNECTIONS, "only {dropped} calls were dropped");
}

/// The server closes the pooled connections, as it does after `wait_timeout`. Every call after it succeeds.
#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
async fn closed_connections_are_replaced_on_mysql() {
    const IDS: &str = "SELECT CAST(id AS SIGNED) FROM information_schema.processlist
        WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    let url = MySqlStore::new_url().await;
    let store = MySqlStore::open(&url).await.unwrap();
    let mut server = MySqlConnection::connect(&url).await.unwrap();
    for _ in 0..3 {
        until_all_succeed(&store).await;
        let open: Vec<i64> = query_scalar(IDS).fetch_all(&mut server).await.unwrap();
        assert!(!open.is_empty(), "the pool keeps connections");
        for id in open {
            // The pool may have closed one itself.
            let _ = server.execute(AssertSqlSafe(format!("KILL CONNECTION {id}"))).await;
        }
        for _ in 0..2 * CONNECTIONS {
            expect_success(&store).await;
        }
    }
}

/// A call that fails for another cause than its time limit is a failure of the test.
async fn expect_success<S: Store>(store: &S) {
    let started = Instant::now();
    while let Err(error) = store.count().await {
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("timed out") && started.elapsed() < PATIENCE, "{error:?}");
    }
}

/// Retries, because a busy machine may be slow. A store without free connections never succeeds.
async fn until_one_succeeds<S: Store>(store: &S) {
    until_ok(async || store.count().await).await;
}

/// Retries until more callers than there are connections all succeed.
async fn until_all_succeed<S: Store>(store: &S) {
    let started = Instant::now();
    loop {
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let store = store.clone();
            callers.spawn(async move { store.count().await.map(drop) });
        }
        let errors: Vec<_> = callers.join_all().await.into_iter().filter_map(Result::err).collect();
        if errors.is_empty() {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{} of {CALLERS}: {:?}", errors.len(), errors[0]);
    }
}

/// A call in flight.
struct Call {
    future: Pin<Box<dyn Future<Output = ()>>>,
    is_done: bool,
}

impl Call {
    fn new(future: impl Future<Output = ()> + 'static) -> Self {
        Self { future: Box::pin(future), is_done: false }
    }

    /// Ignores the result, which depends on the network.
    fn count<S: Store>(store: S) -> Self {
        Self::new(async move { drop(store.count().await) })
    }

    /// A transaction.
    fn rotate<S: Store>(store: S) -> Self {
        let [now, end] = [1, 2].map(Timestamp::from_seconds);
        let id = SessionId::generate(now, &SystemRandom).unwrap();
        let [first, second] = [1, 2].map(|byte| TokenDigest::from_bytes([byte; 32]));
        let user = UserId::new("ada").unwrap();
        let request = RotationRequest::new(user, id, first, second, now, Duration::ZERO, end);
        Self::new(async move { drop(store.rotate(&request).await) })
    }

    async fn poll_until_woken(&mut self, wakes: usize) {
        self.is_done = super::poll_until_woken(&mut self.future, wakes).await;
    }

    async fn finish(self) {
        if !self.is_done {
            self.future.await;
        }
    }
}
