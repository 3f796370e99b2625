//! The suite of the audit trail on every store of the workspace, and what someone with a connection to the database
//! can do.

use gatewright::audit::{AuditCheckpoint, AuditDamage, AuditKey, AuditSettings, WriterId, verify};
use gatewright::auth::AuthBuilder;
use gatewright::{Account, MySqlStore, PostgresStore, SqliteStore};
use gatewright_tests::database::{Database, handles};
use gatewright_tests::{World, memory};
use sqlx::Connection;

use super::{closed, closed_in_memory, sqlite_in_memory};

gatewright_testkit::audit_suite!(memory_store, memory, in_memory);
gatewright_testkit::audit_suite!(sqlite_store, handles::<SqliteStore>, closed::<SqliteStore>);
gatewright_testkit::audit_suite!(sqlite_store_in_memory, sqlite_in_memory, closed_in_memory);
gatewright_testkit::audit_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
    on_postgres,
    handles::<PostgresStore>,
    closed::<PostgresStore>
);
gatewright_testkit::audit_suite!(
    #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
    on_mysql,
    handles::<MySqlStore>,
    closed::<MySqlStore>
);

/// Expands each case as a test on each database.
macro_rules! on_each_database {
    ($($case:ident)+) => { $(
        mod $case {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_sqlite() {
                super::$case::<gatewright::SqliteStore>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
            async fn on_postgres() {
                super::$case::<gatewright::PostgresStore>().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
            async fn on_mysql() {
                super::$case::<gatewright::MySqlStore>().await;
            }
        }
    )+ };
}

on_each_database! {
    a_changed_a_removed_and_a_cut_row_are_found
    two_nodes_write_one_table
    the_tables_are_append_only_for_the_rest
    a_row_that_no_writer_wrote_hides_no_other
    a_named_writer_goes_on_after_an_unreadable_row
    a_store_that_is_closed_refuses_changes_and_logins_go_on
}

fn key() -> AuditKey {
    AuditKey::new(b"0123456789abcdef0123456789abcdef").unwrap()
}

/// The writer `name`, with the key.
fn audited<S: gatewright::audit::AuditStore>(
    store: S,
    name: &'static str,
) -> impl FnOnce(AuthBuilder<Account>) -> AuthBuilder<Account> {
    let settings = AuditSettings::new().with_key(key()).with_writer(name.parse().unwrap());
    move |builder| builder.with_audit(store, settings)
}

fn writer(name: &str) -> WriterId {
    name.parse().unwrap()
}

/// Five logins of one user, flushed: `AuditStarted`, five rows and a checkpoint. Returns the checkpoint.
async fn five_logins<D: Database>(store: &D, name: &'static str) -> AuditCheckpoint {
    let world = World::with(store.clone(), audited(store.clone(), name));
    let email = format!("{name}@example.com");
    world.add(&email).await;
    for _ in 0..5 {
        world.login(&email).await;
    }
    world.auth.audit().unwrap().flush().await.unwrap();
    let last = store.last_row(&writer(name)).await.unwrap().unwrap();
    assert_eq!((last.number, &*last.record.event), (7, "AuditCheckpoint"));
    let mac: String = last.mac.unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("writer={name} number=7 mac={mac}").parse().unwrap()
}

/// Each by a statement of its own, on a connection without Gatewright.
async fn a_changed_a_removed_and_a_cut_row_are_found<D: Database>() {
    type Attack = (&'static str, &'static [&'static str], Option<AuditDamage>);
    let attacks: [Attack; 7] = [
        ("nothing", &[], None),
        (
            "changed",
            &["UPDATE gatewright_audit SET outcome = 'refused' WHERE number = 3"],
            Some(AuditDamage::Changed { number: 3 }),
        ),
        (
            "address",
            &["UPDATE gatewright_audit SET client_address = '192.0.2.1' WHERE number = 3"],
            Some(AuditDamage::PersonalChanged { number: 3 }),
        ),
        (
            "removed",
            &["DELETE FROM gatewright_audit WHERE number = 3"],
            Some(AuditDamage::Missing { first: 3, last: 3 }),
        ),
        (
            "swapped",
            &[
                "UPDATE gatewright_audit SET number = 99 WHERE number = 3",
                "UPDATE gatewright_audit SET number = 3 WHERE number = 4",
                "UPDATE gatewright_audit SET number = 4 WHERE number = 99",
            ],
            Some(AuditDamage::Changed { number: 3 }),
        ),
        (
            "cut",
            &["DELETE FROM gatewright_audit WHERE number > 4"],
            Some(AuditDamage::Cut { checkpoint: 7, last: 4 }),
        ),
        ("all", &["DELETE FROM gatewright_audit"], Some(AuditDamage::Cut { checkpoint: 7, last: 0 })),
    ];
    assert_eq!(attacks.len(), 7);
    for (name, statements, damage) in attacks {
        let url = D::new_url().await;
        let store = D::open(&url).await.unwrap();
        let checkpoint = five_logins(&store, name).await;
        let mut raw = D::Connection::connect(&url).await.unwrap();
        for statement in statements {
            D::execute(&mut raw, statement).await;
        }
        let report = verify(&store, &[key()], &[checkpoint]).await.unwrap();
        assert_eq!(report.damage.first(), damage.map(|damage| (writer(name), damage)).as_ref(), "{name}");
        let other = AuditKey::new(b"another key 0123456789abcdef0123456789").unwrap();
        let report = verify(&store, &[other], &[]).await.unwrap();
        assert_eq!(report.damage.is_empty(), report.rows == 0, "{name}: no row verifies under another key");
    }
}

/// At the same time, each with a chain of its own.
async fn two_nodes_write_one_table<D: Database>() {
    let [one, other] = handles::<D>().await;
    let (first, second) = tokio::join!(five_logins(&one, "node-1"), five_logins(&other, "node-2"));
    let report = verify(&one, &[key()], &[first, second]).await.unwrap();
    assert_eq!((report.chains, report.rows, report.damage), (2, 14, Vec::new()));
    // A process that starts again continues the chain of its name.
    let world = World::with(other.clone(), audited(other.clone(), "node-2"));
    world.login("node-1@example.com").await;
    world.auth.audit().unwrap().flush().await.unwrap();
    let report = verify(&one, &[key()], &[]).await.unwrap();
    assert_eq!((report.chains, report.rows, report.damage), (2, 17, Vec::new()));
}

/// Reading, verifying and appending leave every earlier row as it was.
async fn the_tables_are_append_only_for_the_rest<D: Database>() {
    let [store, _] = handles::<D>().await;
    five_logins(&store, "node").await;
    let before = store.chain_rows(&writer("node"), 0, 100).await.unwrap();
    let world = World::with(store.clone(), audited(store.clone(), "node"));
    for _ in 0..30 {
        world.login("node@example.com").await;
    }
    let audit = world.auth.audit().unwrap();
    audit.flush().await.unwrap();
    assert!(audit.verify(&[]).await.unwrap().damage.is_empty());
    let after = store.chain_rows(&writer("node"), 0, 100).await.unwrap();
    assert_eq!((&after[..7], after.len()), (&before[..], 39));
}

/// The trail is in another database, which goes away.
async fn a_store_that_is_closed_refuses_changes_and_logins_go_on<D: Database>() {
    let [accounts, _] = handles::<D>().await;
    let [trail, _] = handles::<D>().await;
    let world = World::with(accounts, audited(trail.clone(), "node"));
    let user = world.add("ada@example.com").await;
    world.login("ada@example.com").await;
    world.auth.audit().unwrap().flush().await.unwrap();
    trail.close().await;
    world.login("ada@example.com").await;
    let admin = world.auth.accounts().unwrap();
    let error = admin.set_active(&user.id, false).await.unwrap_err();
    assert_eq!(error.status(), 503, "{error:?}");
    assert!(admin.find(&user.id).await.unwrap().is_active, "nothing was changed");
    world.login("ada@example.com").await;
}

/// Inserts a row like the third one, with another value in one column, and the number 8.
fn copied(column: &str, value: &str) -> String {
    let columns = "writer number occurred_at event outcome subject salt personal_digest mac";
    let values = columns.split(' ').map(|name| match name {
        _ if name == column => value,
        "number" => "8",
        _ => name,
    });
    format!(
        "INSERT INTO gatewright_audit ({}) SELECT {} FROM gatewright_audit WHERE number = 3",
        columns.replace(' ', ", "),
        values.collect::<Vec<_>>().join(", ")
    )
}

/// Reading, verifying and retention go on, and report it.
async fn a_row_that_no_writer_wrote_hides_no_other<D: Database>() {
    let unreadable = |number| Some(AuditDamage::Unreadable { first: number, last: number });
    for (column, value) in [("writer", "'a b'"), ("writer", "'~'"), ("occurred_at", "-1")] {
        let url = D::new_url().await;
        let store = D::open(&url).await.unwrap();
        let checkpoint = five_logins(&store, "node").await;
        let mut raw = D::Connection::connect(&url).await.unwrap();
        D::execute(&mut raw, copied(column, value).leak()).await;
        let report = verify(&store, &[key()], &[checkpoint]).await.unwrap();
        let damage: Vec<_> = report.damage.iter().map(|(_, damage)| Some(*damage)).collect();
        assert_eq!(damage, [unreadable(8)], "{column}: {report:?}");
        let filter = gatewright::audit::AuditFilter::new().of_event("LoggedIn");
        let page = store.page_rows(&filter, None, 100).await.unwrap();
        let readable = page.iter().filter(|row| row.is_readable).count();
        assert_eq!(readable, 5, "{column}");
        let world = World::with(store.clone(), audited(store.clone(), "other"));
        let now = gatewright::types::Clock::now(&world.clock);
        let later = gatewright::types::Timestamp::from_micros(now.as_micros() + 1_000_000);
        assert!(world.auth.audit().unwrap().delete_before(later).await.unwrap() >= 6, "{column}");
    }
}

/// Under another name.
async fn a_named_writer_goes_on_after_an_unreadable_row<D: Database>() {
    let url = D::new_url().await;
    let store = D::open(&url).await.unwrap();
    five_logins(&store, "node").await;
    let mut raw = D::Connection::connect(&url).await.unwrap();
    D::execute(&mut raw, copied("occurred_at", "-1").leak()).await;
    let world = World::with(store.clone(), audited(store.clone(), "node"));
    world.login("node@example.com").await;
    let audit = world.auth.audit().unwrap();
    audit.flush().await.unwrap();
    let report = audit.verify(&[]).await.unwrap();
    let damage = (writer("node"), AuditDamage::Unreadable { first: 8, last: 8 });
    assert_eq!((report.chains, report.rows, report.damage), (2, 11, vec![damage]));
}
