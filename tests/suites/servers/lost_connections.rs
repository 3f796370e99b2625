//! Connections that nothing passes over any more, and nobody says so.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use example_service::testing::databases;
use gatewright::{
    MySqlStore, PostgresStore, RotationRequest, SessionId, StoreError, SystemRandomness, Timestamp,
    TokenDigest, UserId,
};
use gatewright_testkit::feed::Wire;
use gatewright_testkit::store::Store;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{CALLERS, IN_TIME};
use crate::feeds::server;

/// As many as a store has connections (`gatewright_sqlx::MAX_CONNECTIONS`).
const CONNECTIONS: usize = 10;

/// How far calls are when the network goes dark: woken so often.
const DEPTHS: usize = 7;

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_network_that_swallows_everything_costs_one_call_and_no_connection_on_postgres() {
    swallowed(databases::postgres().await, async |url| PostgresStore::connect(&url).await).await;
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
async fn a_network_that_swallows_everything_costs_one_call_and_no_connection_on_mysql() {
    swallowed(databases::mysql().await, async |url| MySqlStore::connect(&url).await).await;
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn dropped_calls_take_no_place_from_later_ones_on_postgres() {
    dropped_on_new_connections(databases::postgres().await, async |url| PostgresStore::connect(&url).await)
        .await;
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
async fn dropped_calls_take_no_place_from_later_ones_on_mysql() {
    dropped_on_new_connections(databases::mysql().await, async |url| MySqlStore::connect(&url).await).await;
}

/// Each of them on a connection on which its statements are not prepared yet.
async fn dropped_on_new_connections<S: Store>(
    url: String,
    connect: impl AsyncFn(String) -> Result<S, StoreError>,
) {
    let mut dropped = 0;
    for wakes in 0..DEPTHS {
        let store = connect(url.clone()).await.unwrap();
        for _ in 0..2 * CONNECTIONS {
            answers(&store).await;
            let mut call = Call::rotating(store.clone());
            call.go_on_until_woken(wakes).await;
            dropped += usize::from(!call.is_done);
        }
        answers(&store).await;
    }
    assert!(dropped > CONNECTIONS, "{dropped} calls were dropped");
}

/// Calls in flight fail in time or are answered, and those who come next are answered over new connections.
async fn swallowed<S: Store>(url: String, connect: impl AsyncFn(String) -> Result<S, StoreError>) {
    let wire = Wire::to(server(&url)).await;
    let store = connect(url.replacen(server(&url), &wire.address().to_string(), 1)).await.unwrap();
    for round in 0..DEPTHS {
        all_answer(&store).await;
        let mut calls: Vec<_> = (0..CONNECTIONS).map(|_| Call::of(store.clone())).collect();
        for (number, call) in calls.iter_mut().enumerate() {
            call.go_on_until_woken((round + number) % DEPTHS).await;
        }
        wire.hold();
        let started = Instant::now();
        for call in calls {
            call.finish().await;
        }
        assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
        all_answer(&store).await;
    }
}

/// One caller is answered, and soon, however busy the machine is. What has no place left is never answered again.
async fn answers<S: Store>(store: &S) {
    let started = Instant::now();
    while let Err(error) = store.count().await {
        assert!(started.elapsed() < IN_TIME, "{error:?}");
    }
}

/// More callers than there are connections, and soon each is answered, however busy the machine is.
async fn all_answer<S: Store>(store: &S) {
    let started = Instant::now();
    loop {
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let store = store.clone();
            callers.spawn(async move { store.count().await.map(drop) });
        }
        let failed: Vec<_> = callers.join_all().await.into_iter().filter_map(Result::err).collect();
        if failed.is_empty() {
            return;
        }
        assert!(started.elapsed() < IN_TIME, "{} of {CALLERS}: {:?}", failed.len(), failed[0]);
    }
}

/// A call under way.
struct Call {
    future: Pin<Box<dyn Future<Output = ()>>>,
    is_done: bool,
}

impl Call {
    fn of<S: Store>(store: S) -> Self {
        // Whether it is answered is for the network to say.
        let future = Box::pin(async move { drop(store.count().await) });
        Self { future, is_done: false }
    }

    /// A transaction.
    fn rotating<S: Store>(store: S) -> Self {
        let [now, end] = [1, 2].map(Timestamp::from_seconds);
        let id = SessionId::generate(now, &SystemRandomness).unwrap();
        let [first, second] = [1, 2].map(|byte| TokenDigest::from_bytes([byte; 32]));
        let ada = UserId::new("ada").unwrap();
        let request = RotationRequest::new(ada, id, first, second, now, Duration::ZERO, end);
        let future = Box::pin(async move { drop(store.rotate(&request).await) });
        Self { future, is_done: false }
    }

    async fn go_on_until_woken(&mut self, wakes: usize) {
        let mut woken = 0;
        self.is_done = poll_fn(|context| match self.future.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending if woken == wakes => Poll::Ready(false),
            Poll::Pending => {
                woken += 1;
                Poll::Pending
            }
        })
        .await;
    }

    async fn finish(self) {
        if !self.is_done {
            self.future.await;
        }
    }
}
