//! A process is killed in the middle of 10,000 events. It loses at most what waits in its queue, and its chain verifies.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use gatewright::audit::{AuditFilter, AuditKey, AuditSettings, verify};
use gatewright::{MySqlStore, PostgresStore, SqliteStore};
use gatewright_tests::World;
use gatewright_tests::database::Database;

const EVENTS: usize = 10_000;

/// The process is killed after so many logins.
const KILLED_AFTER: usize = 5_000;

/// How many rows wait at most in the process, and how many its writer has taken.
const QUEUE: usize = 500;
const TAKEN: usize = 128;

/// The URL of the database, for the process that is killed.
const CHILD: &str = "GATEWRIGHT_TEST_AUDIT_CHILD";

const EMAIL: &str = "ada@example.com";

#[test]
fn a_killed_process_loses_at_most_its_queue_in_sqlite() {
    survive::<SqliteStore>("stores::audit_crash::a_killed_process_loses_at_most_its_queue_in_sqlite");
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
fn a_killed_process_loses_at_most_its_queue_on_postgres() {
    survive::<PostgresStore>("stores::audit_crash::a_killed_process_loses_at_most_its_queue_on_postgres");
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
fn a_killed_process_loses_at_most_its_queue_on_mysql() {
    survive::<MySqlStore>("stores::audit_crash::a_killed_process_loses_at_most_its_queue_on_mysql");
}

fn key() -> AuditKey {
    AuditKey::new(b"0123456789abcdef0123456789abcdef").unwrap()
}

/// Runs this test in another process, which logs in, and kills that process.
fn survive<D: Database>(test: &str) {
    if let Ok(url) = env::var(CHILD) {
        return gatewright_testkit::block_on(log_in_until_killed::<D>(&url));
    }
    let url = gatewright_testkit::block_on(D::new_url());
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--include-ignored"])
        .env(CHILD, &url)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut logins = 0;
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while logins < KILLED_AFTER {
        logins += usize::from(lines.next().unwrap().unwrap() == "logged in");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    logins += lines.map_while(Result::ok).filter(|line| line == "logged in").count();
    assert!(logins < EVENTS, "it was killed in the middle");
    let rows = gatewright_testkit::block_on(rows::<D>(&url));
    println!("{logins} logins, {rows} of them in the trail");
    assert!(rows + QUEUE + TAKEN >= logins, "{rows} of {logins}");
}

async fn log_in_until_killed<D: Database>(url: &str) {
    let store = D::open(url).await.unwrap();
    let settings = AuditSettings::new().with_key(key()).with_queue_rows(QUEUE);
    let world = World::with(store.clone(), |builder| builder.with_audit(store, settings));
    world.add(EMAIL).await;
    let mut output = std::io::stdout(); // the macros of the prelude print to the test's own buffer
    for _ in 0..EVENTS {
        world.login(EMAIL).await;
        writeln!(output, "logged in").unwrap();
    }
}

/// How many logins the trail contains or counts. Its chain verifies.
async fn rows<D: Database>(url: &str) -> usize {
    let store = D::open(url).await.unwrap();
    let report = verify(&store, &[key()], &[]).await.unwrap();
    assert_eq!((report.chains, report.damage), (1, Vec::new()));
    let chain = store.chains().await.unwrap().remove(0);
    let rows = store.chain_rows(&chain.writer, 0, u32::MAX).await.unwrap();
    let logins = rows.iter().filter(|row| row.record.event == "LoggedIn").count();
    let filter = AuditFilter::new().of_event("AuditOverflow");
    let lost = store.page_rows(&filter, None, u32::MAX).await.unwrap();
    let counts = lost
        .iter()
        .filter_map(|row| row.record.detail.as_deref()?.strip_prefix("LoggedIn=")?.parse::<usize>().ok());
    logins + counts.sum::<usize>()
}
