//! A login deletes sessions that have expired, of any user. Redis deletes them itself.

use std::time::Duration;

use gatewright::store::{
    MAX_EXPIRED_PER_LOGIN, Rotation, RotationRequest, Session, SessionSeed, TokenDigest,
};
use gatewright::types::{Epoch, SessionId, SystemRandom, Timestamp};
use gatewright::{MySqlStore, PostgresStore, SqliteStore, UserId};
use gatewright_testkit::run_case;
use gatewright_testkit::store::Sessions;
use gatewright_tests::database::{Database, handles};
use gatewright_tests::memory;
use sqlx::Connection;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
const FIRST: TokenDigest = TokenDigest::from_bytes([1; 32]);
const LIMIT: u32 = 1_000;

fn after(seconds: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(seconds))
}

/// A session of this user from `created` to `end`.
fn session(user: &str, created: Timestamp, end: Timestamp) -> Session {
    let id = SessionId::generate(created, &SystemRandom).unwrap();
    let seed = SessionSeed::generate(&SystemRandom).unwrap();
    let user = UserId::new(user).unwrap();
    Session::new(id, user, Epoch::from_u64(1), seed, created).with_expiry(end, end)
}

async fn create<S: Sessions>(store: &S, session: &Session) -> u64 {
    store.create(session, FIRST, LIMIT).await.unwrap()
}

async fn exists<S: Sessions>(store: &S, session: &Session) -> bool {
    store.find(&session.user, session.id).await.unwrap().is_some()
}

/// Expands each case as a test on each store that does not delete expired sessions itself.
macro_rules! on_each_store {
    ($($case:ident)+) => { $(
        mod $case {
            use super::*;

            #[test]
            fn in_memory() {
                run_case(async || super::$case(memory().await).await);
            }

            #[test]
            fn in_sqlite() {
                run_case(async || super::$case(handles::<SqliteStore>().await).await);
            }

            #[test]
            #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
            fn on_postgres() {
                run_case(async || super::$case(handles::<PostgresStore>().await).await);
            }

            #[test]
            #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
            fn on_mysql() {
                run_case(async || super::$case(handles::<MySqlStore>().await).await);
            }
        }
    )+ };
}

on_each_store! {
    a_login_deletes_sessions_that_expired_before_it
    a_rotated_session_is_deleted_after_its_new_expiry
    a_login_deletes_at_most_a_hundred_expired_sessions
}

async fn a_login_deletes_sessions_that_expired_before_it<S: Sessions>([store, other]: [S; 2]) {
    let expired = [session("ada", NOW, after(9)), session("bob", NOW, after(9)), session("ada", NOW, NOW)];
    let at_this_moment = session("bob", NOW, after(10));
    let valid = session("bob", NOW, after(11));
    for session in expired.iter().chain([&at_this_moment, &valid]) {
        create(&store, session).await;
    }
    assert!(exists(&other, &expired[2]).await, "a session that expires when it begins is created");
    let login = session("ada", after(10), after(20));
    assert_eq!(create(&other, &login).await, 0, "expired sessions do not count");
    for session in &expired {
        assert!(!exists(&store, session).await);
    }
    for session in [&at_this_moment, &valid, &login] {
        assert!(exists(&store, session).await);
    }
}

async fn a_rotated_session_is_deleted_after_its_new_expiry<S: Sessions>([store, _]: [S; 2]) {
    let mut refreshed = session("ada", NOW, after(5));
    refreshed.expires_at = after(60);
    create(&store, &refreshed).await;
    let next = TokenDigest::from_bytes([2; 32]);
    let (user, end) = (refreshed.user.clone(), after(30));
    let request = RotationRequest::new(user, refreshed.id, FIRST, next, after(4), Duration::ZERO, end);
    assert!(matches!(store.rotate(&request).await.unwrap(), Rotation::Rotated(_)));
    create(&store, &session("bob", after(20), after(21))).await;
    assert!(exists(&store, &refreshed).await, "the rotation has moved its expiry");
    create(&store, &session("bob", after(31), after(32))).await;
    assert!(!exists(&store, &refreshed).await);
}

async fn a_login_deletes_at_most_a_hundred_expired_sessions<S: Sessions>([store, _]: [S; 2]) {
    let limit = usize::try_from(MAX_EXPIRED_PER_LOGIN).unwrap();
    for _ in 0..limit + 5 {
        create(&store, &session("ada", NOW, after(1))).await;
    }
    let ada = UserId::new("ada").unwrap();
    create(&store, &session("bob", after(10), after(20))).await;
    assert_eq!(store.list(&ada).await.unwrap().len(), 5);
    create(&store, &session("bob", after(10), after(20))).await;
    assert!(store.list(&ada).await.unwrap().is_empty());
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
fn a_login_does_not_wait_for_an_expired_session_in_use_on_postgres() {
    run_case(async || does_not_wait::<PostgresStore>().await);
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
fn a_login_does_not_wait_for_an_expired_session_in_use_on_mysql() {
    run_case(async || does_not_wait::<MySqlStore>().await);
}

/// A login that waits fails: the other transaction never ends.
async fn does_not_wait<D: Database>() {
    let url = D::new_url().await;
    let store = D::open(&url).await.unwrap();
    let (free, used) = (session("ada", NOW, after(2)), session("bob", NOW, after(1)));
    create(&store, &free).await;
    create(&store, &used).await;
    let mut other = D::Connection::connect(&url).await.unwrap();
    // MySQL would also lock the place of the new session.
    D::execute(&mut other, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED").await;
    D::execute(&mut other, "BEGIN").await;
    D::execute(&mut other, "SELECT * FROM gatewright_sessions WHERE user_id = 'bob' FOR UPDATE").await;
    create(&store, &session("ada", after(10), after(20))).await;
    assert!(!exists(&store, &free).await);
    assert!(exists(&store, &used).await);
}
