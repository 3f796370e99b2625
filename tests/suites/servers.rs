//! What a database on a server adds: starts that overlap or break off, connections that run out, locks of somebody else's.

mod lost_connections;

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use example_service::testing::databases;
use gatewright::{AccountStore, MySqlStore, Operation, PostgresStore, RequestView, StoreError, TokenPair};
use gatewright_testkit::store::Store;
use gatewright_tests::World;
use sqlx::{Connection, Executor};
use tokio::task::JoinSet;
use tokio::time::Instant;

const EMAIL: &str = "ada@example.com";

/// More callers than a store has connections.
const CALLERS: usize = 30;

/// The five seconds within which an answer is promised, and what a slow machine may add. The system itself gives a connection
/// up after minutes.
pub(crate) const IN_TIME: Duration = Duration::from_secs(8);

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn many_nodes_may_start_at_once_on_an_empty_database_on_postgres() {
    for _ in 0..3 {
        let url = databases::postgres().await;
        start_at_once(async |url| PostgresStore::connect(&url).await, || url.clone()).await;
    }
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
async fn many_nodes_may_start_at_once_on_an_empty_database_on_mysql() {
    for _ in 0..3 {
        let url = databases::mysql().await;
        start_at_once(async |url| MySqlStore::connect(&url).await, || url.clone()).await;
    }
}

/// Eight starts, and none of them fails.
async fn start_at_once<S: Store>(
    connect: impl AsyncFn(String) -> Result<S, StoreError>,
    url: impl Fn() -> String,
) {
    let mut starts: Vec<_> = (0..8).map(|_| Box::pin(connect(url()))).collect();
    let mut stores = Vec::new();
    // All of them are under way before the first is through.
    while !starts.is_empty() {
        let done = poll_fn(|context| {
            for (number, start) in starts.iter_mut().enumerate() {
                if let Poll::Ready(store) = start.as_mut().poll(context) {
                    return Poll::Ready((number, store));
                }
            }
            Poll::Pending
        });
        let (number, store) = done.await;
        drop(starts.swap_remove(number));
        stores.push(store.unwrap());
    }
    for store in &stores {
        assert_eq!(store.count().await.unwrap().total, 0);
    }
    assert_eq!(stores.len(), 8);
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_start_that_broke_off_is_completed_by_the_next_on_postgres() {
    broken_off(databases::postgres, async |url| PostgresStore::connect(&url).await).await;
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
async fn a_start_that_broke_off_is_completed_by_the_next_on_mysql() {
    broken_off(databases::mysql, async |url| MySqlStore::connect(&url).await).await;
}

/// Starts are dropped after one wake, two, and so on until one is through; on the same database the next one is through.
pub(crate) async fn broken_off<S: Store>(
    fresh: impl AsyncFn() -> String,
    connect: impl AsyncFn(String) -> Result<S, StoreError>,
) {
    let mut broken = 0;
    loop {
        let url = fresh().await;
        if finishes_within(broken, connect(url.clone())).await {
            break;
        }
        assert_eq!(connect(url).await.unwrap().count().await.unwrap().total, 0, "after {broken} wakes");
        broken += 1;
    }
    assert!(broken > 5, "{broken} starts were broken off");
}

/// Drops a start after so many wakes, and says whether it was through by then.
async fn finishes_within<S>(wakes: usize, start: impl Future<Output = Result<S, StoreError>>) -> bool {
    let mut start = Box::pin(start);
    let mut woken = 0;
    poll_fn(|context| match start.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(true),
        Poll::Pending if woken == wakes => Poll::Ready(false),
        Poll::Pending => {
            woken += 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
async fn half_a_migration_is_completed_and_loses_nothing_on_mysql() {
    let url = databases::mysql().await;
    let world = World::new(MySqlStore::connect(&url).await.unwrap());
    world.add(EMAIL).await;
    let mut raw = sqlx::MySqlConnection::connect(&url).await.unwrap();
    for statement in [
        "DROP TABLE gatewright_sessions",
        "DELETE FROM gatewright_session_locks WHERE stripe > 7",
        "UPDATE _gatewright_migrations SET success = FALSE",
    ] {
        raw.execute(statement).await.unwrap();
    }
    let world = World::new(MySqlStore::connect(&url).await.unwrap());
    assert_eq!(world.store.count().await.unwrap().total, 1);
    let pair = world.login(EMAIL).await;
    assert_eq!(world.status(&pair.access_token).await, 200);
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn connections_that_run_out_are_503_in_time_and_consume_nothing_on_postgres() {
    let url = databases::postgres().await;
    let mut raw = sqlx::PgConnection::connect(&url).await.unwrap();
    let store = PostgresStore::connect(&url).await.unwrap();
    let lock = async |statement| {
        raw.execute(statement).await.unwrap();
    };
    run_out(store, lock).await;
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
async fn connections_that_run_out_are_503_in_time_and_consume_nothing_on_mysql() {
    let url = databases::mysql().await;
    let mut raw = sqlx::MySqlConnection::connect(&url).await.unwrap();
    let store = MySqlStore::connect(&url).await.unwrap();
    let lock = async |statement| {
        raw.execute(statement).await.unwrap();
    };
    run_out(store, lock).await;
}

/// Somebody else holds the session's row, and more callers wait for it than there are connections.
async fn run_out<S: Store>(store: S, mut lock: impl AsyncFnMut(&'static str)) {
    let world = World::new(store);
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    lock("BEGIN").await;
    lock("SELECT * FROM gatewright_sessions FOR UPDATE").await;
    unavailable_in_time(&world, &pair).await;
    lock("ROLLBACK").await;
    assert!(world.refresh(&pair.refresh_token).await.is_ok(), "nothing was consumed");
}

/// Every refresh of the token is answered 503 with the time to wait, in time, however many callers there are.
pub(crate) async fn unavailable_in_time<S: Store>(world: &World<S>, pair: &TokenPair) {
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let view = RequestView::new("POST", &Form);
        let body = format!("refresh_token={}", pair.refresh_token.expose());
        callers.spawn(world.auth.answer(Operation::Refresh, &view, Ok(body.into())));
    }
    let answers = callers.join_all().await;
    let unavailable = answers
        .iter()
        .filter(|answer| answer.status == 503 && answer.headers.contains(&("retry-after", "2".to_owned())));
    assert_eq!(unavailable.count(), CALLERS);
    assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
}

struct Form;

impl gatewright::Headers for Form {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        if name == "content-type" {
            see(b"application/x-www-form-urlencoded");
        }
    }
}
