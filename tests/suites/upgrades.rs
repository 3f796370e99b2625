//! Nodes of two versions on one database: the newer one's migrations leave the older one running.

use std::time::Duration;

use example_service::testing::databases;
use gatewright::{
    AccountChange, Change, Created, Email, Epoch, MySqlStore, NewAccount, PasswordHash, PostgresStore,
    RoleName, Rotation, RotationRequest, Session, SessionId, SessionSeed, SqliteStore, Swap,
    SystemRandomness, Timestamp, TokenDigest, UserId,
};
use gatewright_testkit::store::Store;
use gatewright_tests::new_file;
use sqlx::{Connection, Executor};
use tokio::time::Instant;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// Each connection of a pool has its own statements prepared.
const ROUNDS: usize = 12;

/// What a later version's migrations may do.
const NEW_COLUMNS: [&str; 2] = [
    "ALTER TABLE gatewright_users ADD COLUMN later TEXT",
    "ALTER TABLE gatewright_sessions ADD COLUMN later TEXT",
];

#[tokio::test]
async fn a_column_that_a_newer_node_adds_disturbs_no_running_one_in_sqlite() {
    let url = format!("sqlite://{}", new_file("newer.db").display());
    let store = SqliteStore::connect(&url).await.unwrap();
    let mut newer = sqlx::SqliteConnection::connect(&url).await.unwrap();
    goes_on(store, async |statement| _ = newer.execute(statement).await.unwrap()).await;
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_column_that_a_newer_node_adds_disturbs_no_running_one_on_postgres() {
    let url = databases::postgres().await;
    let store = PostgresStore::connect(&url).await.unwrap();
    let mut newer = sqlx::PgConnection::connect(&url).await.unwrap();
    goes_on(store, async |statement| _ = newer.execute(statement).await.unwrap()).await;
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
async fn a_column_that_a_newer_node_adds_disturbs_no_running_one_on_mysql() {
    let url = databases::mysql().await;
    let store = MySqlStore::connect(&url).await.unwrap();
    let mut newer = sqlx::MySqlConnection::connect(&url).await.unwrap();
    goes_on(store, async |statement| _ = newer.execute(statement).await.unwrap()).await;
}

/// Every verb, with its statements prepared, before and after.
async fn goes_on<S: Store>(store: S, mut run: impl AsyncFnMut(&'static str)) {
    for round in 0..ROUNDS {
        every_verb(&store, round).await;
    }
    for statement in NEW_COLUMNS {
        run(statement).await;
    }
    for round in 0..ROUNDS {
        every_verb(&store, ROUNDS + round).await;
    }
}

/// What an older node finds when a newer one was there: a migration that it does not know.
const LATER: [&str; 2] = [
    "INSERT INTO _gatewright_migrations (version, description, success, checksum, execution_time)
     VALUES (9999, 'later', TRUE, x'00', 1)",
    "INSERT INTO _gatewright_migrations (version, description, success, checksum, execution_time)
     VALUES (9999, 'later', TRUE, decode('00', 'hex'), 1)",
];

#[tokio::test]
async fn a_node_starts_after_a_newer_one_was_there_in_sqlite() {
    let url = format!("sqlite://{}", new_file("older.db").display());
    drop(SqliteStore::connect(&url).await.unwrap());
    sqlx::SqliteConnection::connect(&url).await.unwrap().execute(LATER[0]).await.unwrap();
    every_verb(&SqliteStore::connect(&url).await.unwrap(), 0).await;
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_node_starts_after_a_newer_one_was_there_on_postgres() {
    let url = databases::postgres().await;
    drop(PostgresStore::connect(&url).await.unwrap());
    sqlx::PgConnection::connect(&url).await.unwrap().execute(LATER[1]).await.unwrap();
    every_verb(&PostgresStore::connect(&url).await.unwrap(), 0).await;
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
async fn a_node_starts_after_a_newer_one_was_there_on_mysql() {
    let url = databases::mysql().await;
    drop(MySqlStore::connect(&url).await.unwrap());
    sqlx::MySqlConnection::connect(&url).await.unwrap().execute(LATER[0]).await.unwrap();
    every_verb(&MySqlStore::connect(&url).await.unwrap(), 0).await;
}

/// Back to the first version, and a long read of the table that the second changes.
const BACK_TO_THE_FIRST: [&str; 2] = [
    "ALTER TABLE gatewright_sessions DROP COLUMN address, DROP COLUMN user_agent",
    "DELETE FROM _gatewright_migrations WHERE version > 1",
];
const LONG_READ: [&str; 2] = ["BEGIN", "SELECT count(*) FROM gatewright_sessions"];

/// How long the long read lasts: several waits and pauses of a migration.
const LONG: Duration = Duration::from_secs(6);

/// What waited for a table's lock, and for nothing else.
const WAITED: Duration = Duration::from_millis(100);

/// By when a migration has come to the table, on however slow a machine.
const AT_LAST: Duration = Duration::from_secs(40);

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_migration_that_waits_for_a_table_keeps_no_running_node_waiting_on_postgres() {
    let url = databases::postgres().await;
    let older = PostgresStore::connect(&url).await.unwrap();
    let mut reader = sqlx::PgConnection::connect(&url).await.unwrap();
    for statement in BACK_TO_THE_FIRST.into_iter().chain(LONG_READ) {
        reader.execute(statement).await.unwrap();
    }
    let newer = tokio::spawn(async move { PostgresStore::connect(&url).await });
    keeps_answering(&older).await;
    reader.execute("ROLLBACK").await.unwrap();
    every_verb(&newer.await.unwrap().unwrap(), 0).await;
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
async fn a_migration_that_waits_for_a_table_keeps_no_running_node_waiting_on_mysql() {
    let url = databases::mysql().await;
    let older = MySqlStore::connect(&url).await.unwrap();
    let mut reader = sqlx::MySqlConnection::connect(&url).await.unwrap();
    for statement in BACK_TO_THE_FIRST.into_iter().chain(LONG_READ) {
        reader.execute(statement).await.unwrap();
    }
    let newer = tokio::spawn(async move { MySqlStore::connect(&url).await });
    keeps_answering(&older).await;
    reader.execute("ROLLBACK").await.unwrap();
    every_verb(&newer.await.unwrap().unwrap(), 0).await;
}

/// A verb that needs the table is answered, again and again, though it had to wait at times.
async fn keeps_answering<S: Store>(store: &S) {
    let (nobody, begun) = (UserId::new("nobody").unwrap(), Instant::now());
    let mut longest = Duration::ZERO;
    while begun.elapsed() < LONG || longest <= WAITED && begun.elapsed() < AT_LAST {
        let asked = Instant::now();
        store.end_all(&nobody).await.unwrap();
        longest = longest.max(asked.elapsed());
    }
    assert!(longest > WAITED, "the migration waited for nothing: {longest:?}");
}

async fn every_verb<S: Store>(store: &S, round: usize) {
    accounts(store, round).await;
    sessions(store, &UserId::new(format!("s{round}")).unwrap()).await;
}

async fn accounts<S: Store>(store: &S, round: usize) {
    let (id, email) = (UserId::new(format!("u{round}")).unwrap(), format!("u{round}@example.com"));
    let (email, role) = (Email::parse(&email).unwrap(), RoleName::new("user").unwrap());
    let [first, second, third] = ["1", "2", "3"].map(PasswordHash::new);
    let new =
        NewAccount::new(id.clone(), email.clone(), first.clone(), role.clone(), Epoch::from_u64(1), NOW);
    assert!(matches!(store.create(new).await.unwrap(), Created::Created(_)));
    assert_eq!(store.replace_password_hash(&id, &first, &second).await.unwrap(), Swap::Done);
    let change = store.change_password(&id, &second, &third, Epoch::from_u64(2)).await;
    assert_eq!(change.unwrap(), Swap::Done);
    let change = AccountChange::default();
    assert!(matches!(store.update(&id, &change, Some(&role)).await.unwrap(), Change::Done(_)));
    assert_eq!(store.find_by_id(&id).await.unwrap().unwrap().email, email);
    assert_eq!(store.find_by_email(&email).await.unwrap().unwrap().id, id);
    assert_eq!(store.count().await.unwrap().total, 1);
    assert_eq!(store.page(None, 10).await.unwrap().len(), 1);
    assert!(matches!(store.delete(&id, None).await.unwrap(), Change::Done(())));
}

async fn sessions<S: Store>(store: &S, user: &UserId) {
    let end = NOW.saturating_add(Duration::from_secs(60));
    let id = SessionId::generate(NOW, &SystemRandomness).unwrap();
    let seed = SessionSeed::generate(&SystemRandomness).unwrap();
    let session = Session::begin(id, user.clone(), Epoch::from_u64(1), seed, NOW).with_expiry(end, end);
    let [first, second] = [1, 2].map(|byte| TokenDigest::from_bytes([byte; 32]));
    store.begin(&session, first, 1).await.unwrap();
    assert_eq!(store.find(user, id).await.unwrap().unwrap().id, id);
    assert_eq!(store.list(user).await.unwrap().len(), 1);
    let request = RotationRequest::new(user.clone(), id, first, second, NOW, Duration::ZERO, end);
    assert!(matches!(store.rotate(&request).await.unwrap(), Rotation::Rotated(_)));
    store.retain(user, id, Epoch::from_u64(2)).await.unwrap();
    assert_eq!(store.purge_expired(NOW).await.unwrap(), 0);
    store.end(user, id).await.unwrap();
    store.end_all(user).await.unwrap();
    assert!(store.find(user, id).await.unwrap().is_none());
}
