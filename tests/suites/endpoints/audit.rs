//! The audit trail of an `Auth`: what it contains, its queue, checkpoints, retention and erasure.

use std::time::Duration;

use gatewright::audit::{
    AuditFilter, AuditKey, AuditRow, AuditSettings, AuditStore, CHECKPOINT_INTERVAL, CHECKPOINT_ROWS,
    WriterId,
};
use gatewright::http::{Headers, RequestView};
use gatewright::store::AccountStore as _;
use gatewright::types::Timestamp;
use gatewright::{Auth, Identity, Login, MemoryStore, Password};
use gatewright_testkit::store::Store;
use gatewright_testkit::{FailingStore, ManualTimer, Method, Outage};
use gatewright_tests::{Log, PASSWORD, World};

use super::{EMAIL, authenticate};

pub(super) fn key() -> AuditKey {
    AuditKey::new(b"0123456789abcdef0123456789abcdef").unwrap()
}

pub(super) fn settings() -> AuditSettings {
    AuditSettings::new().with_key(key())
}

/// A world with one user, whose trail is in the store of the accounts.
pub(super) async fn audited<S: Store + AuditStore>(store: S, settings: AuditSettings) -> World<S> {
    let world = World::with(store.clone(), |builder| builder.with_audit(store, settings));
    world.add(EMAIL).await;
    world
}

/// All rows, the oldest first, after a flush. Without the rows that the trail itself writes.
pub(super) async fn rows<S: Store>(world: &World<S>) -> Vec<AuditRow> {
    let audit = world.auth.audit().unwrap();
    audit.flush().await.unwrap();
    let mut rows = audit.page(&AuditFilter::new(), None, 1_000).await.unwrap();
    rows.reverse();
    rows.retain(|row| !matches!(&*row.record.event, "AuditStarted" | "AuditCheckpoint"));
    rows.sort_by_key(|row| row.number);
    rows
}

/// Event, outcome and cause of each row.
pub(super) fn summary(rows: &[AuditRow]) -> Vec<String> {
    rows.iter()
        .map(|row| {
            let (record, cause) = (&row.record, row.record.cause.as_deref().unwrap_or_default());
            format!("{} {} {cause}", record.event, record.outcome).trim_end().to_owned()
        })
        .collect()
}

/// Headers of a client that tries to write into logs.
struct Hostile;

impl Headers for Hostile {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        match name {
            "user-agent" => see(b"=cmd|' /C calc'!A0\r\n\x1b[2J\xe2\x80\xae evil"),
            "x-request-id" => see(b"7f3a"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_row_says_what_happened_in_which_request() {
    let world = audited(MemoryStore::new(), settings()).await;
    let view = RequestView::new("POST\n", &Hostile)
        .with_peer("192.0.2.7".parse().ok())
        .with_route(&"/auth/login\r\nx\u{202e}?token=secret");
    let auth = world.auth.for_request(&view);
    let client = world.auth.client(&view);
    let login =
        |name: &str, password: &str| Login::new(name, Password::new(password)).with_client(client.clone());
    assert!(auth.login(login(EMAIL, "a wrong guess")).await.is_err());
    assert!(auth.login(login("nobody@example.com", "a wrong guess")).await.is_err());
    auth.login(login(EMAIL, PASSWORD)).await.unwrap();

    let rows = rows(&world).await;
    assert_eq!(
        summary(&rows),
        [
            "LoginRefused refused the password does not match",
            "LoginRefused refused the user does not exist",
            "LoggedIn succeeded"
        ]
    );
    for row in &rows {
        let record = &row.record;
        assert_eq!(record.time, Timestamp::from_seconds(record.time.as_seconds()), "the clock of the `Auth`");
        assert_eq!(record.client_address.as_deref(), Some("192.0.2.7"));
        assert_eq!(record.method.as_deref(), Some(r"POST\u{a}"));
        assert_eq!(record.route.as_deref(), Some(r"/auth/login\u{d}\u{a}x\u{202e}"));
        assert_eq!(record.request_id.as_deref(), Some("7f3a"));
        let agent = record.user_agent.as_deref().unwrap();
        assert!(!agent.contains(|c: char| c.is_control() || c == '\u{202e}'), "{agent:?}");
    }
    let user = world.store.find_by_id_of(EMAIL).await;
    assert_eq!(rows[0].record.subject.as_deref(), Some(&*user));
    assert_eq!((rows[0].record.login_name.as_deref(), rows[1].record.subject.as_deref()), (None, None));
    let digest = rows[1].record.login_name.as_deref().unwrap();
    assert!(digest.len() == 32 && !format!("{rows:?}").contains("nobody"), "{digest}");
    assert!(rows[2].record.session.is_some());
}

/// The id of the account with an address.
trait FindId {
    async fn find_by_id_of(&self, email: &str) -> String;
}

impl<S: Store> FindId for S {
    async fn find_by_id_of(&self, email: &str) -> String {
        let email = gatewright::Email::parse(email).unwrap();
        self.find_by_email(&email).await.unwrap().unwrap().id.to_string()
    }
}

/// Anyone could fill the table with them.
#[tokio::test]
async fn requests_that_anyone_can_send_leave_no_row() {
    let world = audited(MemoryStore::new(), settings()).await;
    for _ in 0..100 {
        assert!(world.status(&gatewright::types::TokenText::new("x.y.z")).await == 401);
    }
    world.login(EMAIL).await;
    assert_eq!(summary(&rows(&world).await), ["LoggedIn succeeded"]);
}

async fn failing(settings: AuditSettings) -> (World<FailingStore<MemoryStore>>, Outage) {
    let (store, outage) = FailingStore::new(MemoryStore::new());
    (audited(store, settings).await, outage)
}

#[tokio::test]
async fn rows_wait_while_the_store_is_down_and_logins_go_on() {
    let (world, outage) = failing(settings()).await;
    outage.fail_method(Method::AppendRows);
    for _ in 0..5 {
        world.login(EMAIL).await;
    }
    outage.recover();
    assert_eq!(summary(&rows(&world).await), ["LoggedIn succeeded"; 5]);
    assert!(world.auth.audit().unwrap().verify(&[]).await.unwrap().damage.is_empty());
}

#[tokio::test]
async fn rows_beyond_the_queue_are_counted_and_not_stored() {
    let (world, outage) = failing(settings().with_queue_rows(10)).await;
    let user = world.store.page(None, 1).await.unwrap().remove(0);
    outage.fail_method(Method::AppendRows);
    // The writer has tried to store the first rows. It takes no others before they are stored.
    world.login(EMAIL).await;
    assert_eq!(world.auth.accounts().unwrap().set_active(&user.id, true).await.unwrap_err().status(), 503);
    for _ in 0..1_000 {
        world.login(EMAIL).await;
    }
    assert!(world.auth.login(Login::new(EMAIL, Password::new("a wrong guess"))).await.is_err());
    outage.recover();
    let rows = rows(&world).await;
    let stored = rows.iter().filter(|row| row.record.event == "LoggedIn").count();
    let overflows: Vec<_> = rows.iter().filter(|row| row.record.event == "AuditOverflow").collect();
    assert_eq!((overflows.len(), stored), (1, 11), "{:?}", summary(&rows));
    let parts = overflows.iter().flat_map(|row| row.record.detail.as_deref().unwrap().split(' '));
    let counted = |event: &str| {
        let own = parts.clone().filter_map(|part| part.strip_prefix(event)?.strip_prefix('='));
        own.map(|count| count.parse::<usize>().unwrap()).sum::<usize>()
    };
    assert_eq!((counted("LoggedIn"), counted("LoginRefused")), (1_001 - stored, 1));
    assert!(world.auth.audit().unwrap().verify(&[]).await.unwrap().damage.is_empty());
}

/// On a timer that the test moves: nothing else ends the wait.
#[tokio::test]
async fn a_checkpoint_follows_after_a_minute_and_after_a_thousand_rows() {
    let timer = ManualTimer::new();
    let store = MemoryStore::new();
    let world =
        World::with(store.clone(), |builder| builder.with_audit(store, settings()).with_timer(timer.clone()));
    world.add(EMAIL).await;
    world.login(EMAIL).await;
    let checkpoints = async || {
        let filter = AuditFilter::new().of_event("AuditCheckpoint");
        world.auth.audit().unwrap().page(&filter, None, 100).await.unwrap()
    };
    until(async || timer.sleeps().contains(&CHECKPOINT_INTERVAL)).await;
    assert!(checkpoints().await.is_empty());
    timer.advance(CHECKPOINT_INTERVAL);
    until(async || checkpoints().await.len() == 1).await;
    assert!(checkpoints().await[0].record.detail.as_deref().unwrap().starts_with("rows=2 mac="));
    for _ in 0..CHECKPOINT_ROWS {
        world.login(EMAIL).await;
    }
    until(async || checkpoints().await.len() == 2).await;
    assert_eq!(checkpoints().await[0].number, 3 + CHECKPOINT_ROWS + 1);
}

/// Waits for another thread.
async fn until(is_so: impl AsyncFn() -> bool) {
    for _ in 0..100_000 {
        if is_so().await {
            return;
        }
        tokio::task::yield_now().await;
        std::thread::yield_now();
    }
    panic!("it did not happen");
}

#[tokio::test]
async fn a_checkpoint_is_a_line_of_the_log_that_verify_takes() {
    let world = audited(MemoryStore::new(), settings().with_writer("node-1".parse().unwrap())).await;
    world.login(EMAIL).await;
    rows(&world).await;
    let writer: WriterId = "node-1".parse().unwrap();
    let last = AuditStore::last_row(&world.store, &writer).await.unwrap().unwrap();
    let mac: String = last.mac.unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    let line = format!(
        "INFO gatewright: audit checkpoint event=\"AuditCheckpoint\" writer=\"node-1\" number={} mac=\"{mac}\"",
        last.number
    );
    let audit = world.auth.audit().unwrap();
    assert!(audit.verify(&[line.parse().unwrap()]).await.unwrap().damage.is_empty());
    AuditStore::delete_rows(&world.store, &writer, 9, 9).await.unwrap();
    assert_eq!(audit.verify(&[line.parse().unwrap()]).await.unwrap().damage.len(), 1);
}

#[tokio::test]
async fn erased_rows_keep_their_chain_and_say_who_erased_them() {
    let world = audited(MemoryStore::new(), settings()).await;
    let client = gatewright::types::ClientInfo::new("192.0.2.7".parse().ok(), None);
    let view = RequestView::new("POST", &Hostile).with_peer("192.0.2.7".parse().ok());
    let login = Login::new(EMAIL, Password::new(PASSWORD)).with_client(client);
    let pair = world.auth.for_request(&view).login(login).await.unwrap();
    let caller: Identity = authenticate(&world, &pair.access_token).await;
    let audit = world.auth.audit().unwrap().by(&caller);
    audit.flush().await.unwrap();
    assert_eq!(audit.erase_personal(&caller.user().id).await.unwrap(), 1);
    let rows = rows(&world).await;
    assert_eq!(summary(&rows), ["LoggedIn succeeded", "AuditErasure attempted", "AuditErasure succeeded"]);
    assert_eq!((&rows[0].record.client_address, &rows[0].record.user_agent), (&None, &None));
    let by = format!("user:{}", caller.user().id);
    assert_eq!(rows[1].record.actor.as_ref().unwrap().as_str(), by);
    let report = audit.verify(&[]).await.unwrap();
    assert_eq!((report.damage, report.erased), (Vec::new(), 1));
}

/// Three times, so that the rows about earlier deletions are deleted too.
#[tokio::test]
async fn retention_deletes_old_rows_and_the_rest_verifies() {
    let world = audited(MemoryStore::new(), settings()).await;
    let day = Duration::from_secs(24 * 60 * 60);
    let audit = world.auth.audit().unwrap();
    let mut deleted = Vec::new();
    for _ in 0..3 {
        world.login(EMAIL).await;
        audit.flush().await.unwrap();
        world.clock.advance(day);
        world.login(EMAIL).await;
        audit.flush().await.unwrap();
        let now = gatewright::types::Clock::now(&world.clock);
        deleted.push(audit.delete_before(now).await.unwrap());
        let report = audit.verify(&[]).await.unwrap();
        assert!(report.damage.is_empty(), "{report:?}");
    }
    // The start, a login and a checkpoint; then a login, a checkpoint, two about a deletion, a login and a
    // checkpoint.
    assert_eq!(deleted, [3, 6, 6]);
    assert_eq!(audit.delete_before(Timestamp::from_seconds(0)).await.unwrap(), 0);
    assert!(audit.verify(&[]).await.unwrap().damage.is_empty());
}

/// A mistake of the operator. No row is lost.
#[tokio::test]
async fn a_second_process_with_the_same_name_continues_under_another() {
    let log = Log::default();
    let _listening = log.listen();
    let store = MemoryStore::new();
    let named = || settings().with_writer("node-1".parse().unwrap());
    let one = audited(store.clone(), named()).await;
    let other = one.node_with(store.clone(), |builder| builder.with_audit(store.clone(), named()));
    for world in [&one, &other, &one, &other] {
        world.login(EMAIL).await;
        world.auth.audit().unwrap().flush().await.unwrap();
    }
    let report = one.auth.audit().unwrap().verify(&[]).await.unwrap();
    assert!(report.damage.is_empty(), "{report:?}");
    assert_eq!(report.chains, 2);
    assert_eq!(summary(&rows(&one).await), ["LoggedIn succeeded"; 4]);
    // The new chain states where the old one ended, so its end cannot be cut off unseen.
    let node: WriterId = "node-1".parse().unwrap();
    let kept = AuditStore::chain_rows(&store, &node, 0, 1).await.unwrap();
    AuditStore::delete_rows(&store, &node, 99, 99).await.unwrap();
    AuditStore::append_rows(&store, &kept).await.map(drop).unwrap();
    let report = one.auth.audit().unwrap().verify(&[]).await.unwrap();
    assert!(
        matches!(report.damage[..], [(_, gatewright::audit::AuditDamage::Cut { last: 1, .. })]),
        "{report:?}"
    );
}

#[tokio::test]
async fn without_an_audit_trail_the_error_names_the_setting() {
    let world = super::world().await;
    let error = world.auth.audit().unwrap_err();
    assert_eq!(error.kind().to_string(), "not configured: call with_audit on the builder");
}

#[tokio::test]
async fn settings_without_a_trail_or_out_of_range_are_refused() {
    let built = |settings: AuditSettings| {
        let store = MemoryStore::new();
        Auth::local(store.clone(), gatewright_tests::jwt(), gatewright_testkit::TestHasher::new())
            .with_audit(store, settings)
            .build()
            .map(drop)
            .map_err(|error| error.to_string())
    };
    assert_eq!(built(settings()), Ok(()));
    let queue = "audit_settings: queue_rows must be 1 to 1000000, is 0; 10000 is usual";
    assert_eq!(built(settings().with_queue_rows(0)), Err(queue.to_owned()));
    let wait = "audit_settings: attempt_wait must be more than zero and at most 60 s, is 61s; 5 s is usual";
    assert_eq!(built(settings().with_attempt_wait(Duration::from_secs(61))), Err(wait.to_owned()));
    // Accounts in memory have no trail unless asked for.
    let memory =
        Auth::local(MemoryStore::new(), gatewright_tests::jwt(), gatewright_testkit::TestHasher::new());
    let error = memory.with_audit_settings(settings()).build().unwrap_err();
    assert_eq!(error.setting, "audit_settings");
}
