//! Stores on a pool that the application uses too. Before each operation of a store, the application
//! changes the settings of the connection, and may leave a transaction open. After it, the connection
//! must have the application's settings and no open transaction.

mod application;

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gatewright::store::{AccountStore, SessionStore, StoreError};
use gatewright::{MySqlStore, SqliteStore, UserId};
use gatewright_tests::database::Database;
use gatewright_tests::{Log, new_file};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPool};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{
    AssertSqlSafe, ColumnIndex, Connection, Decode, Executor, MySql, Postgres, Sqlite, SqliteConnection,
    SqlitePool, Type,
};
use tokio::task::JoinSet;

use self::application::{SharedDatabase, closed, handles, new_url, opened, pool};
use super::schema_upgrade::{call_every_method, call_session_methods};
use crate::servers::poll_until_woken;

/// After up to this many wakes, a call is dropped.
const MAX_WAKES: usize = 12;

gatewright_testkit::store_suite!(in_sqlite, handles::<Sqlite>, closed::<Sqlite>);

mod throttle {
    use super::*;

    gatewright_testkit::throttle_suite!(in_sqlite, handles::<Sqlite>, closed::<Sqlite>);
}

mod audit {
    use super::*;

    gatewright_testkit::audit_suite!(in_sqlite, handles::<Sqlite>, closed::<Sqlite>);
}

/// The application costs about ten messages an operation.
mod full_product {
    use super::*;

    gatewright_testkit::store_suite!(
        #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL and runs with --full"]
        on_postgres,
        handles::<Postgres>,
        closed::<Postgres>
    );
    gatewright_testkit::store_suite!(
        #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL and runs with --full"]
        on_mysql,
        handles::<MySql>,
        closed::<MySql>
    );

    mod throttle {
        use super::*;

        gatewright_testkit::throttle_suite!(
            #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL and runs with --full"]
            on_postgres,
            handles::<Postgres>,
            closed::<Postgres>
        );
        gatewright_testkit::throttle_suite!(
            #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL and runs with --full"]
            on_mysql,
            handles::<MySql>,
            closed::<MySql>
        );
    }

    mod audit {
        use super::*;

        gatewright_testkit::audit_suite!(
            #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL and runs with --full"]
            on_postgres,
            handles::<Postgres>,
            closed::<Postgres>
        );
        gatewright_testkit::audit_suite!(
            #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL and runs with --full"]
            on_mysql,
            handles::<MySql>,
            closed::<MySql>
        );
    }
}

/// Expands each case as a test on each database.
macro_rules! on_each_database {
    ($($case:ident)+) => { $(
        mod $case {
            #[tokio::test]
            async fn in_sqlite() {
                super::$case::<sqlx::Sqlite>().await;
            }

            #[tokio::test]
            #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
            async fn on_postgres() {
                super::$case::<sqlx::Postgres>().await;
            }

            #[tokio::test]
            #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
            async fn on_mysql() {
                super::$case::<sqlx::MySql>().await;
            }
        }
    )+ };
}

on_each_database! {
    the_application_finds_its_settings_unchanged
    missing_or_outdated_tables_are_refused_with_the_command_that_helps
    closing_the_store_leaves_the_pool_open
}

/// Also after calls that were dropped.
async fn the_application_finds_its_settings_unchanged<D: SharedDatabase>()
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    for<'r> String: Decode<'r, D> + Type<D>,
    usize: ColumnIndex<D::Row>,
{
    let (store, pool, application) = opened::<D>(&new_url::<D>().await).await;
    for round in 0..3 {
        call_every_method(&store, round).await;
    }
    let mut dropped = 0;
    for wakes in 0..MAX_WAKES {
        let user = UserId::new(format!("dropped {wakes}")).unwrap();
        let call = call_session_methods(&store, &user);
        dropped += usize::from(!poll_until_woken(call, wakes).await);
        call_session_methods(&store, &UserId::new(format!("whole {wakes}")).unwrap()).await;
    }
    pool.close().await;
    assert!(dropped > 3, "only {dropped} calls were dropped");
    let changes = application.changes.lock().unwrap().clone();
    assert!(changes.is_empty(), "{}: {:?}", changes.len(), changes.first());
    assert!(application.visits.load(Ordering::Relaxed) > 50);
}

async fn missing_or_outdated_tables_are_refused_with_the_command_that_helps<D: SharedDatabase>()
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    for<'r> String: Decode<'r, D> + Type<D>,
    usize: ColumnIndex<D::Row>,
{
    let pool = pool::<D>(&new_url::<D>().await, &Arc::default()).await;
    expect_refusal(D::from_pool(pool.clone()).await, 0);
    D::migrate(&pool).await.unwrap();
    D::from_pool(pool.clone()).await.unwrap();
    pool.execute("DELETE FROM gatewright_migrations WHERE version > 1").await.unwrap();
    expect_refusal(D::from_pool(pool.clone()).await, 1);
}

fn expect_refusal<S>(opened: Result<S, StoreError>, version: u32) {
    let error = opened.map(drop).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains(&format!("have version {version} and must have version")), "{cause}");
    assert!(cause.contains("Store::migrate(&pool)"), "{cause}");
}

async fn closing_the_store_leaves_the_pool_open<D: SharedDatabase>()
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    for<'r> String: Decode<'r, D> + Type<D>,
    usize: ColumnIndex<D::Row>,
{
    let (store, pool, _) = opened::<D>(&new_url::<D>().await).await;
    Database::close(&store).await;
    assert!(!pool.is_closed());
    call_every_method(&store, 0).await;
}

/// One statement has its values in its text, where other question marks are placeholders.
#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
async fn a_database_may_have_question_marks_and_quotes_in_its_name_on_mysql() {
    let url = new_url::<MySql>().await;
    let options = MySqlConnectOptions::from_str(&url).unwrap();
    let name = format!("{}_?'`\"?", options.get_database().unwrap());
    let mut admin = MySqlConnection::connect(&url).await.unwrap();
    admin.execute(AssertSqlSafe(format!("CREATE DATABASE `{}`", name.replace('`', "``")))).await.unwrap();
    let pool = MySqlPool::connect_with(options.database(&name)).await.unwrap();
    MySqlStore::migrate(&pool).await.unwrap();
    call_every_method(&MySqlStore::from_pool(pool).await.unwrap(), 0).await;
}

/// The warnings that `from_pool` logs on a pool with these options.
async fn warnings(options: SqliteConnectOptions) -> Vec<String> {
    let pool = SqlitePool::connect_with(options).await.unwrap();
    SqliteStore::migrate(&pool).await.unwrap();
    let log = Log::default();
    let _listening = log.listen();
    SqliteStore::from_pool(pool.clone()).await.unwrap();
    pool.close().await;
    let text = log.text();
    text.lines().filter(|line| line.contains("SQLite: ")).map(str::to_owned).collect()
}

#[tokio::test]
async fn settings_that_weaken_sqlite_are_warnings() {
    let path = new_file("private.db");
    SqliteStore::connect(&format!("sqlite://{}", path.display())).await.unwrap().close().await;
    let private = SqliteConnectOptions::new().filename(&path);
    let safe = private.clone().synchronous(SqliteSynchronous::Full);
    assert!(warnings(safe.clone()).await.is_empty());
    let warning = warnings(private.synchronous(SqliteSynchronous::Normal)).await;
    assert!(matches!(&*warning, [one] if one.contains("synchronous must be FULL, is 1")), "{warning:?}");
    let warning = warnings(safe.journal_mode(SqliteJournalMode::Delete)).await;
    assert!(matches!(&*warning, [one] if one.contains("journal_mode must be wal, is delete")), "{warning:?}");
    let memory = SqliteConnectOptions::from_str("sqlite::memory:").unwrap();
    assert!(warnings(memory).await.is_empty());
}

/// How often a test begins again because writes have waited too long, as can happen on a machine that stalls.
const ROUNDS: usize = 5;

/// The store's writes wait for each other, so they occupy one connection of the pool.
#[tokio::test]
async fn writes_wait_in_the_store_and_leave_connections_to_the_application_in_sqlite() {
    for _ in 0..ROUNDS {
        let written = writes_during_a_transaction().await;
        if written.iter().all(Result::is_ok) {
            return;
        }
        eprintln!("writes have waited too long: {written:?}");
    }
    panic!("writes failed in each of {ROUNDS} rounds");
}

/// The results of writes that waited for a transaction of the application.
async fn writes_during_a_transaction() -> Vec<Result<(), StoreError>> {
    let url = new_url::<Sqlite>().await;
    let pool = SqlitePool::connect(&url).await.unwrap();
    SqliteStore::migrate(&pool).await.unwrap();
    let store = SqliteStore::from_pool(pool.clone()).await.unwrap();
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let nobody = UserId::new("nobody").unwrap();
    let mut writes = JoinSet::new();
    for _ in 0..30 {
        let (store, nobody) = (store.clone(), nobody.clone());
        writes.spawn(async move { store.delete_all(&nobody).await });
    }
    for _ in 0..100 {
        store.count().await.unwrap();
        drop(pool.acquire().await.unwrap());
    }
    other.execute("ROLLBACK").await.unwrap();
    writes.join_all().await
}
