//! Steps delete states that have expired. Redis deletes them itself.

use super::*;

/// After so many steps that write, one has deleted expired states: `STEPS_PER_DELETION` of the store.
const STEPS: usize = 16;

/// How many such a step deletes at most: `MAX_DELETED` of the store.
const MAX_DELETED: usize = 100;

/// When the states of a failure at [`NOW`] have expired, with the tolerance for clocks that differ.
const EXPIRED: u64 = 25 * 60 * 60;

/// Expands each case as a test on each SQL store.
macro_rules! on_each_database {
    ($($case:ident)+) => { $(
        mod $case {
            use super::*;

            #[tokio::test]
            async fn in_sqlite() {
                super::$case(InSql::<SqliteStore>::fresh().await).await;
            }

            #[tokio::test]
            #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
            async fn on_postgres() {
                super::$case(InSql::<PostgresStore>::fresh().await).await;
            }

            #[tokio::test]
            #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
            async fn on_mysql() {
                super::$case(InSql::<MySqlStore>::fresh().await).await;
            }
        }
    )+ };
}

on_each_database! {
    steps_delete_a_bounded_number_of_states_that_expired_long_ago
    states_that_expired_within_the_tolerance_are_kept
}

/// Names without an account: their states expire after a day.
fn unknown(number: usize) -> Attempt {
    digests().login(&format!("nobody{number}"), None, ClientOrigin::Unknown)
}

/// Makes `count` attempts that fail, each under three keys.
async fn fail<T: Throttle>(node: &T, count: usize, now: Timestamp) {
    for number in 0..count {
        let attempt = unknown(number);
        let _ = run(node, ThrottleStep::acquire(&attempt, 1, &settings(), now)).await;
        let _ = run(node, ThrottleStep::fail(&attempt, 1, &settings(), now)).await;
    }
}

/// Makes steps that leave no state.
async fn pass<T: Throttle>(node: &T, count: usize, now: Timestamp) {
    let attempt = digests().change_password("0195f3a0-0000-7000-8000-000000000000".parse().unwrap());
    for _ in 0..count / 2 {
        let _ = run(node, ThrottleStep::acquire(&attempt, 1, &settings(), now)).await;
        let _ = run(node, ThrottleStep::give_back(&attempt, 1, &settings(), now)).await;
    }
}

async fn steps_delete_a_bounded_number_of_states_that_expired_long_ago<D: Database>(mut storage: InSql<D>) {
    let [node, _] = storage.nodes();
    fail(&node, 50, NOW).await;
    assert_eq!(storage.states().await.len(), 150);
    pass(&node, STEPS, after(EXPIRED + 1)).await;
    assert_eq!(storage.states().await.len(), 150 - MAX_DELETED);
    pass(&node, STEPS, after(EXPIRED + 1)).await;
    assert_eq!(storage.states().await.len(), 0);
}

async fn states_that_expired_within_the_tolerance_are_kept<D: Database>(mut storage: InSql<D>) {
    let [node, _] = storage.nodes();
    fail(&node, 1, NOW).await;
    pass(&node, 2 * STEPS, after(EXPIRED - 1)).await;
    assert_eq!(storage.states().await.len(), 3);
    assert_eq!(node.delete_expired_states(after(EXPIRED - 1), 2).await.unwrap(), 2);
    assert_eq!(node.delete_expired_states(after(EXPIRED - 1), 2).await.unwrap(), 1);
    assert!(storage.states().await.is_empty());
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_deletion_does_not_wait_for_states_in_use_on_postgres() {
    does_not_wait(InSql::<PostgresStore>::fresh().await).await;
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
async fn a_deletion_does_not_wait_for_states_in_use_on_mysql() {
    does_not_wait(InSql::<MySqlStore>::fresh().await).await;
}

/// A deletion that waits fails: the other transaction never ends. It runs twice, because MariaDB may treat a
/// prepared statement that runs again in another way.
async fn does_not_wait<D: Database>(mut storage: InSql<D>) {
    let [node, _] = storage.nodes();
    fail(&node, 2, NOW).await;
    storage.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED").await;
    storage.execute("BEGIN").await;
    storage.execute("SELECT id FROM gatewright_throttle ORDER BY id LIMIT 1 FOR UPDATE").await;
    let delete = async || until_ok(async || node.delete_expired_states(after(EXPIRED), 3).await).await;
    let (first, second) = (delete().await, delete().await);
    storage.execute("ROLLBACK").await;
    assert_eq!(storage.states().await.len(), 1, "{first} and {second} were deleted");
}

/// Redis keeps a state for an hour longer than the nodes need it, and a lock for ever.
#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn states_outlive_their_expiry_by_an_hour_on_redis() {
    const HOUR: i64 = 60 * 60;
    let mut storage = InRedis::fresh().await;
    let [node, _] = storage.nodes();
    fail(&node, 1, NOW).await;
    let keys = storage.keys().await;
    assert_eq!(keys.len(), 3);
    for key in keys {
        let ttl: i64 = redis::cmd("TTL").arg(&key).query_async(&mut storage.raw).await.unwrap();
        // The server's clock advances during the test.
        assert!((25 * HOUR - 600..=25 * HOUR).contains(&ttl), "{ttl} of {key}");
    }
    let attempt = login("ada", 1);
    let _ = run(&node, ThrottleStep::acquire(&attempt, 1, &settings(), NOW)).await;
    let owner = storage.keys().await.into_iter().find(|key| key.contains("{throttle}:06")).unwrap();
    let ttl: i64 = redis::cmd("TTL").arg(&owner).query_async(&mut storage.raw).await.unwrap();
    assert_eq!(ttl, -1, "the failures of a user are never forgotten");
    let _ = run(&node, ThrottleStep::give_back(&attempt, 1, &settings(), NOW)).await;
    assert_eq!(storage.keys().await.len(), 3, "a state that says nothing is deleted");
}
