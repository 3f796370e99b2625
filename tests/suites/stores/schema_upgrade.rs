//! Nodes of two versions on one database: the migrations of the newer version do not stop the
//! older.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use gatewright::audit::{
    AppendOutcome, AuditFilter, AuditOutcome, AuditRecord, AuditRow, AuditStore, WriterId,
};
use gatewright::store::{
    AccountChange, CompareAndSwap, CreateOutcome, NewAccount, Rotation, RotationRequest, Session,
    SessionSeed, StoredPassword, TokenDigest, UpdateOutcome,
};
use gatewright::throttle::{ClientOrigin, Throttle, ThrottleDigests, ThrottleSettings, ThrottleStep};
use gatewright::types::{DerivedKey, Epoch, SessionId, SystemRandom, Timestamp};
use gatewright::{Email, LoginName, MySqlStore, PasswordHash, PostgresStore, RoleName, SqliteStore, UserId};
use gatewright_testkit::run_case;
use gatewright_testkit::store::{Accounts, Sessions, Store};
use gatewright_tests::database::Database;
use sqlx::{Connection, MySqlConnection};
use tokio::time::Instant;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// Enough calls that each connection of a pool prepares each statement.
const ROUNDS: usize = 12;

/// Changes that a later version may make.
const NEW_COLUMNS: [&str; 5] = [
    "ALTER TABLE gatewright_audit ADD COLUMN later TEXT",
    "ALTER TABLE gatewright_throttle ADD COLUMN later TEXT",
    "ALTER TABLE gatewright_users ADD COLUMN later TEXT",
    "ALTER TABLE gatewright_user_roles ADD COLUMN later TEXT",
    "ALTER TABLE gatewright_sessions ADD COLUMN later TEXT",
];

#[test]
fn a_new_column_does_not_disturb_running_nodes_in_sqlite() {
    run_case(async || works_after_new_columns::<SqliteStore>().await);
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
fn a_new_column_does_not_disturb_running_nodes_on_postgres() {
    run_case(async || works_after_new_columns::<PostgresStore>().await);
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
fn a_new_column_does_not_disturb_running_nodes_on_mysql() {
    run_case(async || works_after_new_columns::<MySqlStore>().await);
}

/// Calls every method, with its prepared statements, before and after the change.
async fn works_after_new_columns<D: Database>() {
    let url = D::new_url().await;
    let store = D::open(&url).await.unwrap();
    let mut newer = D::Connection::connect(&url).await.unwrap();
    for round in 0..ROUNDS {
        call_every_method(&store, round).await;
    }
    for statement in NEW_COLUMNS {
        D::execute(&mut newer, statement).await;
    }
    for round in 0..ROUNDS {
        call_every_method(&store, ROUNDS + round).await;
    }
}

/// Records a migration that an older node does not know.
const LATER: &str = "INSERT INTO gatewright_migrations (version) VALUES (9999)";

#[test]
fn an_older_node_starts_after_a_newer_one_in_sqlite() {
    run_case(async || starts_after_a_newer_node::<SqliteStore>().await);
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
fn an_older_node_starts_after_a_newer_one_on_postgres() {
    run_case(async || starts_after_a_newer_node::<PostgresStore>().await);
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
fn an_older_node_starts_after_a_newer_one_on_mysql() {
    run_case(async || starts_after_a_newer_node::<MySqlStore>().await);
}

async fn starts_after_a_newer_node<D: Database>() {
    let url = D::new_url().await;
    drop(D::open(&url).await.unwrap());
    let mut newer = D::Connection::connect(&url).await.unwrap();
    D::execute(&mut newer, LATER).await;
    call_every_method(&D::open(&url).await.unwrap(), 0).await;
}

/// The files of the migrations of a database.
macro_rules! files {
    ($database:literal) => {
        [
            include_str!(concat!(
                "../../../crates/gatewright-sqlx/migrations/",
                $database,
                "/0001_users_and_sessions.sql"
            )),
            include_str!(concat!(
                "../../../crates/gatewright-sqlx/migrations/",
                $database,
                "/0002_clients_of_sessions.sql"
            )),
            include_str!(concat!(
                "../../../crates/gatewright-sqlx/migrations/",
                $database,
                "/0003_throttle.sql"
            )),
        ]
    };
}

#[test]
fn files_that_another_tool_ran_are_not_run_again_in_sqlite() {
    run_case(async || starts_after_another_tool::<SqliteStore>(&files!("sqlite")).await);
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
fn files_that_another_tool_ran_are_not_run_again_on_postgres() {
    run_case(async || starts_after_another_tool::<PostgresStore>(&files!("postgres")).await);
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
fn files_that_another_tool_ran_are_not_run_again_on_mysql() {
    run_case(async || starts_after_another_tool::<MySqlStore>(&files!("mysql")).await);
}

/// The tool ran all files, or only some of them. The store runs the rest.
async fn starts_after_another_tool<D: Database>(files: &[&'static str]) {
    for ran in 1..=files.len() {
        let url = D::new_url().await;
        let created = if url.starts_with("sqlite:") { format!("{url}?mode=rwc") } else { url.clone() };
        let mut tool = D::Connection::connect(&created).await.unwrap();
        for file in &files[..ran] {
            D::execute(&mut tool, file).await;
        }
        call_every_method(&D::open(&url).await.unwrap(), 0).await;
    }
}

/// MySQL would keep the table, and record that the tables are up to date.
#[test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
fn a_foreign_table_is_refused_at_each_start_on_mysql() {
    run_case(async || {
        let url = MySqlStore::new_url().await;
        let mut other = MySqlConnection::connect(&url).await.unwrap();
        MySqlStore::execute(&mut other, "CREATE TABLE gatewright_sessions (id INT PRIMARY KEY, token TEXT)")
            .await;
        for _ in 0..2 {
            let error = MySqlStore::open(&url).await.map(drop).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains("the table gatewright_sessions exists and has no column seq"), "{cause}");
        }
        MySqlStore::execute(&mut other, "DROP TABLE gatewright_sessions").await;
        call_every_method(&MySqlStore::open(&url).await.unwrap(), 0).await;
    });
}

/// Reverts the migrations but the first one, then starts a long read of the table that the second one changes.
const REVERT_AND_READ: [&str; 5] = [
    "DROP TABLE gatewright_throttle, gatewright_throttle_locks, gatewright_audit",
    "ALTER TABLE gatewright_sessions DROP COLUMN address, DROP COLUMN user_agent",
    "DELETE FROM gatewright_migrations WHERE version > 1",
    "BEGIN",
    "SELECT count(*) FROM gatewright_sessions",
];

/// The duration of the long read: the migration waits and retries several times.
const LONG: Duration = Duration::from_secs(6);

/// A call that took longer has waited for the lock of the table.
const WAITED: Duration = Duration::from_millis(100);

/// On the slowest machine the migration reaches the table within this time.
const TIME_LIMIT: Duration = Duration::from_secs(40);

#[test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
fn a_waiting_migration_does_not_block_running_nodes_on_postgres() {
    run_case(async || answers_during_a_migration::<PostgresStore>().await);
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
fn a_waiting_migration_does_not_block_running_nodes_on_mysql() {
    run_case(async || answers_during_a_migration::<MySqlStore>().await);
}

async fn answers_during_a_migration<D: Database>() {
    let url = D::new_url().await;
    let older = D::open(&url).await.unwrap();
    let mut reader = D::Connection::connect(&url).await.unwrap();
    for statement in REVERT_AND_READ {
        D::execute(&mut reader, statement).await;
    }
    let newer = tokio::spawn(async move { D::open(&url).await });
    keeps_answering(&older).await;
    D::execute(&mut reader, "ROLLBACK").await;
    call_every_method(&newer.await.unwrap().unwrap(), 0).await;
}

/// A call waits for the migration for a second, and it may wait 1.6 seconds. On a busy machine it can
/// miss that. A migration that blocks the nodes makes one call after the other fail.
const MAX_FAILURES: usize = 2;

/// Calls a method that needs the table again and again. The calls are answered, and at least one waits.
async fn keeps_answering<S: Sessions>(store: &S) {
    let (nobody, begun) = (UserId::new("nobody").unwrap(), Instant::now());
    let (mut longest, mut failures) = (Duration::ZERO, 0);
    while begun.elapsed() < LONG || longest <= WAITED && begun.elapsed() < TIME_LIMIT {
        let sent = Instant::now();
        match store.delete_all(&nobody).await {
            Ok(()) => failures = 0,
            Err(error) => {
                failures += 1;
                assert!(failures <= MAX_FAILURES, "{error:?}");
            }
        }
        longest = longest.max(sent.elapsed());
    }
    assert!(longest > WAITED, "the migration did not wait for the table: {longest:?}");
}

pub(super) async fn call_every_method<S: Store + Throttle + AuditStore>(store: &S, round: usize) {
    call_throttle_methods(store, round).await;
    call_audit_methods(store, round).await;
    call_account_methods(store, round).await;
    call_session_methods(store, &UserId::new(format!("s{round}")).unwrap()).await;
}

/// Steps that write and delete the states of one to five keys.
async fn call_throttle_methods<S: Throttle>(store: &S, round: usize) {
    let digests = ThrottleDigests::new(&DerivedKey::new([7; 32]));
    let settings = Arc::new(ThrottleSettings::default());
    let (name, address) = (format!("u{round}"), u32::try_from(round).unwrap());
    let narrow = ClientOrigin::Address(Ipv4Addr::from_bits(0x0a00_0000 + address).into());
    let wide = ClientOrigin::Address(Ipv6Addr::from_bits(u128::from(address + 1) << 80).into());
    let session = SessionId::generate(NOW, &SystemRandom).unwrap();
    for (attempt, keys) in [
        (digests.change_password(session), 1),
        (digests.register(wide), 2),
        (digests.login(&name, None, ClientOrigin::Unknown), 3),
        (digests.login(&name, None, narrow), 4),
        (digests.login(&name, None, wide), 5),
    ] {
        assert_eq!(attempt.keys().len(), keys);
        for settle in [ThrottleStep::fail, ThrottleStep::succeed, ThrottleStep::give_back] {
            for step in
                [ThrottleStep::acquire(&attempt, 1, &settings, NOW), settle(&attempt, 1, &settings, NOW)]
            {
                assert_eq!(store.run_step(&step).await.unwrap().limited, None);
            }
        }
    }
    assert_eq!(store.delete_expired_states(NOW, 10).await.unwrap(), 0);
}

/// One row and sixteen, so that both statements are prepared.
async fn call_audit_methods<S: AuditStore>(store: &S, round: usize) {
    let writer: WriterId = format!("w{round}").parse().unwrap();
    let user = UserId::new(format!("u{round}")).unwrap();
    let rows: Vec<AuditRow> = (1..=17)
        .map(|number| {
            let mut record = AuditRecord::new(NOW, "LoggedIn", AuditOutcome::Succeeded);
            record.subject = Some(user.to_string());
            record.client_address = Some("192.0.2.7".to_owned());
            AuditRow::new(writer.clone(), number, record, (Some(vec![7; 16]), vec![8; 32], None))
        })
        .collect();
    assert_eq!(store.append_rows(&rows).await.unwrap(), AppendOutcome::Appended);
    assert_eq!(store.last_row(&writer).await.unwrap().as_ref(), rows.last());
    assert_eq!(store.chains().await.unwrap().len(), 1);
    assert_eq!(store.chain_rows(&writer, 0, 20).await.unwrap(), rows);
    for filter in [AuditFilter::new(), AuditFilter::new().about(user.clone())] {
        assert_eq!(store.page_rows(&filter, None, 20).await.unwrap().len(), 17);
    }
    assert!(store.page_rows(&AuditFilter::new().by(user.clone()), None, 20).await.unwrap().is_empty());
    assert_eq!(store.first_number_since(&writer, NOW).await.unwrap(), Some(1));
    assert_eq!(store.erase_personal(&user).await.unwrap(), 17);
    assert_eq!(store.delete_rows(&writer, 17, 20).await.unwrap(), 17);
}

async fn call_account_methods<S: Accounts>(store: &S, round: usize) {
    let (id, email) = (UserId::new(format!("u{round}")).unwrap(), format!("u{round}@example.com"));
    let (email, role) = (Email::parse(&email).unwrap(), RoleName::new("user").unwrap());
    assert!(!store.has_active_holder(&role).await.unwrap());
    let [first, second, third] = ["1", "2", "3"].map(PasswordHash::new);
    let roles = [role.clone()];
    let new = NewAccount::new(id.clone(), email.clone(), first.clone(), roles, Epoch::from_u64(1), NOW);
    let again = new.clone();
    assert!(matches!(store.create(new).await.unwrap(), CreateOutcome::Created(_)));
    let again = store.create_first_holder(again, &role).await.unwrap();
    assert!(matches!(again, CreateOutcome::HolderExists));
    assert_eq!(store.replace_password_hash(&id, &first, &second).await.unwrap(), CompareAndSwap::Swapped);
    let [second, third] =
        [(second, 1), (third, 2)].map(|(hash, epoch)| StoredPassword::new(hash, Epoch::from_u64(epoch)));
    let change = store.change_password(&id, &second, &third).await;
    assert_eq!(change.unwrap(), CompareAndSwap::Swapped);
    let (mut change, editor) = (AccountChange::default(), RoleName::from_static("editor"));
    change.roles = Some(BTreeSet::from([editor.clone()]));
    assert!(matches!(store.update(&id, &change, Some(&role)).await.unwrap(), UpdateOutcome::LastHolder));
    assert!(matches!(store.update(&id, &change, Some(&editor)).await.unwrap(), UpdateOutcome::Updated(_)));
    assert_eq!(store.find_by_id(&id).await.unwrap().unwrap().email, email);
    assert_eq!(store.find_by_login(&(&email).into()).await.unwrap().unwrap().id, id);
    let unnamed = LoginName::parse("nobody").unwrap();
    assert!(store.find_by_login(&unnamed).await.unwrap().is_none());
    assert_eq!(store.find_by_email(&email).await.unwrap().unwrap().id, id);
    assert_eq!(store.count().await.unwrap().total, 1);
    assert_eq!(store.page(None, 10).await.unwrap().len(), 1);
    assert_eq!(store.search("@example.com", None, 10).await.unwrap().len(), 1);
    assert!(matches!(store.delete(&id, None).await.unwrap(), UpdateOutcome::Updated(())));
}

pub(super) async fn call_session_methods<S: Sessions>(store: &S, user: &UserId) {
    let end = NOW.saturating_add(Duration::from_secs(60));
    let id = SessionId::generate(NOW, &SystemRandom).unwrap();
    let seed = SessionSeed::generate(&SystemRandom).unwrap();
    let session = Session::new(id, user.clone(), Epoch::from_u64(1), seed, NOW).with_expiry(end, end);
    let [first, second] = [1, 2].map(|byte| TokenDigest::from_bytes([byte; 32]));
    store.create(&session, first, 1).await.unwrap();
    assert_eq!(store.find(user, id).await.unwrap().unwrap().id, id);
    assert_eq!(store.list(user).await.unwrap().len(), 1);
    let request = RotationRequest::new(user.clone(), id, first, second, NOW, Duration::ZERO, end);
    assert!(matches!(store.rotate(&request).await.unwrap(), Rotation::Rotated(_)));
    let mut new = session.clone();
    new.id = SessionId::generate(NOW, &SystemRandom).unwrap();
    store.replace_all(&new, first).await.unwrap();
    assert!(store.find(user, id).await.unwrap().is_none());
    assert_eq!(store.delete_expired(NOW).await.unwrap(), 0);
    store.delete(user, new.id).await.unwrap();
    store.delete_all(user).await.unwrap();
    assert!(store.list(user).await.unwrap().is_empty());
}
