//! Tests that database servers need: parallel and cancelled starts, locks, exhausted connections.

mod lost_connections;
mod other_roles;

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use example_service::testing::databases;
use gatewright::endpoints::Endpoint;
use gatewright::http::RequestView;
use gatewright::store::{AccountStore, SqlOptions};
use gatewright::{MySqlStore, PostgresStore, TokenPair};
use gatewright_testkit::run_case;
use gatewright_testkit::store::Store;
use gatewright_tests::World;
use gatewright_tests::database::Database;
use gatewright_tests::patience::until_ok;
use sqlx::{Connection, Executor, MySqlConnection, PgConnection, query_scalar};
use tokio::task::JoinSet;
use tokio::time::Instant;

const EMAIL: &str = "ada@example.com";

/// More callers than a store has connections.
const CALLERS: usize = 30;

/// Calls must end within five seconds. The rest is a reserve for a slow machine. Without a time
/// limit, the operating system ends a connection after minutes.
pub(crate) const IN_TIME: Duration = Duration::from_secs(15);

/// Expands each case as two tests, `case::on_postgres` and `case::on_mysql`.
macro_rules! on_each_server {
    ($($case:ident)+) => { $(
        mod $case {
            #[tokio::test]
            #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
            async fn on_postgres() {
                super::$case::<gatewright::PostgresStore>().await;
            }

            #[tokio::test]
            #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
            async fn on_mysql() {
                super::$case::<gatewright::MySqlStore>().await;
            }
        }
    )+ };
}
use on_each_server;

on_each_server! {
    many_nodes_can_start_at_once_on_an_empty_database
    a_cancelled_start_is_completed_by_the_next
    exhausted_connections_are_503_in_time_and_consume_nothing
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
fn a_store_opens_at_most_the_set_number_of_connections_on_postgres() {
    run_case(async || {
        const OPEN: &str = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let url = databases::postgres().await;
        let options = SqlOptions::new().with_max_connections(2);
        let store = PostgresStore::connect_with(&url, options).await.unwrap();
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let store = store.clone();
            callers.spawn(async move { store.count().await.unwrap() });
        }
        assert_eq!(callers.join_all().await.len(), CALLERS);
        let mut other = PgConnection::connect(&url).await.unwrap();
        let open: i64 = query_scalar(OPEN).fetch_one(&mut other).await.unwrap();
        assert_eq!(open, 2);
    });
}

async fn many_nodes_can_start_at_once_on_an_empty_database<S: Database>() {
    const NODES: usize = 8;
    for _ in 0..3 {
        let url = S::new_url().await;
        let mut starts: Vec<_> = (0..NODES).map(|_| Box::pin(S::open(&url))).collect();
        let mut stores = Vec::new();
        // All starts are polled before the first one ends.
        while !starts.is_empty() {
            let first_to_end = poll_fn(|context| {
                for (index, start) in starts.iter_mut().enumerate() {
                    if let Poll::Ready(store) = start.as_mut().poll(context) {
                        return Poll::Ready((index, store));
                    }
                }
                Poll::Pending
            });
            let (index, store) = first_to_end.await;
            drop(starts.swap_remove(index));
            stores.push(store.unwrap());
        }
        for store in &stores {
            assert_eq!(until_ok(async || store.count().await).await.total, 0);
        }
        assert_eq!(stores.len(), NODES);
    }
}

async fn a_cancelled_start_is_completed_by_the_next<S: Database>() {
    broken_off::<S>().await;
}

/// Cancels a start after 0 wakes, another one after 1, and so on, until one ends before. After each
/// cancelled start, a second start on the same database must succeed.
pub(crate) async fn broken_off<S: Database>() {
    let mut wakes = 0;
    loop {
        let url = S::new_url().await;
        if poll_until_woken(S::open(&url), wakes).await {
            break;
        }
        let store = S::open(&url).await.unwrap();
        let counts = until_ok(async || store.count().await).await;
        assert_eq!(counts.total, 0, "after {wakes} wakes");
        wakes += 1;
    }
    // How often a start is woken depends on how its reads of the socket fall together.
    assert!(wakes > 2, "only {wakes} starts were cancelled");
}

/// Polls a call until it has been woken `wakes` times. Returns whether the call has ended.
pub(crate) async fn poll_until_woken<T>(call: impl Future<Output = T>, wakes: usize) -> bool {
    let mut call = std::pin::pin!(call);
    let mut woken = 0;
    poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(true),
        Poll::Pending if woken == wakes => Poll::Ready(false),
        Poll::Pending => {
            woken += 1;
            Poll::Pending
        }
    })
    .await
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
fn half_a_migration_is_completed_without_loss_on_mysql() {
    run_case(async || {
        let url = databases::mysql().await;
        let world = World::new(MySqlStore::connect(&url).await.unwrap());
        world.add(EMAIL).await;
        let mut raw = MySqlConnection::connect(&url).await.unwrap();
        for statement in [
            "DROP TABLE gatewright_sessions",
            "DELETE FROM gatewright_session_locks WHERE stripe > 7",
            "DELETE FROM gatewright_migrations",
        ] {
            raw.execute(statement).await.unwrap();
        }
        let world = World::new(MySqlStore::connect(&url).await.unwrap());
        assert_eq!(world.store.count().await.unwrap().total, 1);
        let pair = world.login(EMAIL).await;
        assert_eq!(world.status(&pair.access_token).await, 200);
    });
}

/// Another client locks the session's row. More callers wait for it than there are connections.
async fn exhausted_connections_are_503_in_time_and_consume_nothing<S: Database>() {
    let url = S::new_url().await;
    let mut other_client = S::Connection::connect(&url).await.unwrap();
    let world = World::new(S::open(&url).await.unwrap());
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    S::execute(&mut other_client, "BEGIN").await;
    S::execute(&mut other_client, "SELECT * FROM gatewright_sessions FOR UPDATE").await;
    unavailable_in_time(&world, &pair).await;
    S::execute(&mut other_client, "ROLLBACK").await;
    assert!(world.refresh(&pair.refresh_token).await.is_ok(), "the token has not been used");
}

/// Each of [`CALLERS`] refreshes with the same token is answered 503 with `Retry-After`, in time.
pub(crate) async fn unavailable_in_time<S: Store>(world: &World<S>, pair: &TokenPair) {
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let view = RequestView::new("POST", &Form);
        let body = format!("refresh_token={}", pair.refresh_token.expose());
        callers.spawn(world.auth.handle(Endpoint::Refresh, &view, Ok(body.into())));
    }
    let replies = callers.join_all().await;
    let unavailable = replies
        .iter()
        .filter(|reply| reply.status == 503 && reply.headers.contains(&("retry-after", "2".to_owned())));
    assert_eq!(unavailable.count(), CALLERS);
    assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
}

/// The headers of a request with a form.
struct Form;

impl gatewright::http::Headers for Form {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        if name == "content-type" {
            see(b"application/x-www-form-urlencoded");
        }
    }
}
