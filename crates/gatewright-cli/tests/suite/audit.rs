//! `gatewright audit`.

use std::time::Duration;

use gatewright_core::audit::{AuditKey, AuditSettings};
use gatewright_core::http::Headers;
use gatewright_core::{Auth, ClientInfo, Login, Password, RequestView, UserAgent};
use gatewright_jwt::{HmacSecret, Jwt};
use gatewright_password::HashingPool;
use gatewright_sqlx::SqliteStore;
use gatewright_sqlx::sqlx::{Connection, Executor, SqliteConnection};
use serde_json::Value;

use crate::common::{Done, file, run_with};

const KEY: &str = "0123456789abcdef0123456789abcdef";

struct Agent;

impl Headers for Agent {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        if name == "user-agent" {
            see(b"=HYPERLINK(\"http://evil.example\")\r\n\x1b[2J");
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A trail of three refused logins: `AuditStarted`, three rows and a checkpoint. Returns the URL.
fn trail(name: &str) -> String {
    let path = file(name, "");
    std::fs::remove_file(&path).unwrap();
    let url = format!("sqlite://{}", path.display());
    block_on(async {
        let store = SqliteStore::connect(&url).await.unwrap();
        let tokens =
            Jwt::hs256(HmacSecret::generate().unwrap()).issuer("https://issuer.example").audience("api");
        let settings =
            AuditSettings::new().with_key(AuditKey::new(KEY).unwrap()).with_writer("node-1".parse().unwrap());
        let auth = Auth::local(store.clone(), tokens.build().unwrap(), HashingPool::new().unwrap())
            .with_refusal_floor(Duration::ZERO)
            .with_audit_settings(settings)
            .build()
            .unwrap();
        let auth = auth.for_request(&RequestView::new("POST", &Agent).with_route(&"/auth/login"));
        for name in ["ada", "eve", "bob"] {
            let client = ClientInfo::new("192.0.2.7".parse().ok(), UserAgent::clean(b"curl"));
            let login = Login::new(name, Password::new("a wrong guess")).with_client(client);
            assert!(auth.login(login).await.is_err());
        }
        auth.audit().unwrap().flush().await.unwrap();
        store.close().await;
    });
    url
}

fn execute(url: &str, statement: &'static str) {
    block_on(async {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        connection.execute(statement).await.unwrap();
        connection.close().await.unwrap();
    });
}

fn audit(url: &str, arguments: &[&str]) -> Done {
    let key = file("audit.key", KEY);
    let arguments = [&["audit"], arguments].concat();
    run_with(&arguments, &[("DATABASE_URL", url), ("AUTH_AUDIT_KEY_FILE", key.to_str().unwrap())], b"")
}

#[test]
fn tail_prints_one_line_for_each_row_the_newest_last() {
    let url = trail("tail.db");
    let done = audit(&url, &["tail", "--limit", "4"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let lines: Vec<&str> = done.out.lines().collect();
    assert_eq!(lines.len(), 4, "{}", done.out);
    assert!(lines[0].contains(" LoginRefused refused cause=\"the user does not exist\""), "{}", lines[0]);
    assert!(lines[0].contains(" method=POST route=/auth/login writer=node-1 number=2"), "{}", lines[0]);
    assert!(lines[3].contains(" AuditCheckpoint succeeded detail="), "{}", lines[3]);
    assert!(!done.out.contains(|c: char| c.is_control() && c != '\n'), "{:?}", done.out);
    let done = audit(&url, &["tail", "--event", "LoginRefused", "--since", "2020-01-01T00:00:00Z"]);
    assert_eq!(done.out.lines().count(), 3);
    let done = audit(&url, &["tail", "--until", "2020-01-01T00:00:00Z"]);
    assert_eq!((done.code, &*done.out), (0, ""));
    let done = audit(&url, &["tail", "--since", "yesterday"]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("--since: must be a time of RFC 3339"), "{}", done.err);
}

#[test]
fn exports_have_all_rows_and_no_formula() {
    let url = trail("export.db");
    let json = audit(&url, &["export"]);
    let rows: Vec<Value> = json.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 5);
    assert_eq!(rows.iter().map(|row| row["number"].as_u64().unwrap()).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
    assert!(rows[1]["user_agent"].as_str().unwrap().starts_with("=HYPERLINK"), "{}", rows[1]);
    let csv = audit(&url, &["export", "--format", "csv", "--event", "LoginRefused"]);
    let lines: Vec<&str> = csv.out.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 4, "{}", csv.out);
    assert!(lines[0].starts_with("time,event,outcome,"));
    for line in &lines[1..] {
        assert!(line.contains(",\"'=HYPERLINK(\"\"http://evil.example\"\")"), "{line}");
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

#[test]
fn verify_exits_with_1_and_names_the_writer_the_row_and_the_damage() {
    let url = trail("verify.db");
    let done = audit(&url, &["verify"]);
    assert_eq!(
        (done.code, &*done.out),
        (0, "1 chains, 5 rows, 0 of them erased: no damage\n"),
        "{}",
        done.err
    );
    assert_eq!(done.err, "");
    execute(&url, "UPDATE gatewright_audit SET outcome = 'succeeded' WHERE number = 3");
    let done = audit(&url, &["verify"]);
    let expected =
        "writer node-1: row 3 was changed or moved\n1 chains, 5 rows, 0 of them erased: 1 place is damaged\n";
    assert_eq!((done.code, &*done.out), (1, expected));
    execute(&url, "DELETE FROM gatewright_audit WHERE number = 3");
    assert!(audit(&url, &["verify"]).out.starts_with("writer node-1: row 3 was removed\n"));
}

#[test]
fn a_cut_end_shows_against_a_line_of_the_log() {
    let url = trail("cut.db");
    let json = audit(&url, &["export", "--event", "AuditCheckpoint"]);
    let row: Value = serde_json::from_str(json.out.trim_end()).unwrap();
    let line = format!(
        "a line of something else\n2026-11-29T12:00:00Z  INFO gatewright: audit checkpoint event=\"AuditCheckpoint\" \
         writer=\"node-1\" number={} mac={}\n",
        row["number"], row["mac"]
    );
    let log = file("checkpoints.log", &line);
    let log = log.to_str().unwrap();
    execute(&url, "DELETE FROM gatewright_audit WHERE number > 3");
    assert_eq!(audit(&url, &["verify"]).code, 0, "nothing shows without a checkpoint");
    let done = audit(&url, &["verify", "--checkpoint", log]);
    assert_eq!(done.code, 1);
    let expected = "writer node-1: the end was cut off: a checkpoint names row 5, the last row is 3\n";
    assert!(done.out.starts_with(expected), "{}", done.out);
}

#[test]
fn a_trail_that_cannot_be_read_exits_with_2() {
    let url = trail("broken.db");
    let empty = file("empty.log", "nothing\n");
    let short = file("short.key", "secret");
    let broken = file("broken.log", "writer=a number=x\n");
    let [empty, short, broken] = [&empty, &short, &broken].map(|path| path.to_str().unwrap());
    for (arguments, url, problem) in [
        (&["verify"][..], "", "DATABASE_URL: must begin with"),
        (&["verify"], "sqlite:///nowhere/x.db", "DATABASE_URL: there is no file /nowhere/x.db"),
        (&["verify"], "memory:", "DATABASE_URL: must begin with"),
        (
            &["verify"],
            "postgres://user:hush-hush@127.0.0.1:1/x",
            "DATABASE_URL: the store could not open the database",
        ),
        (&["verify", "--key-file", "/nowhere"], &url, "/nowhere: cannot be read"),
        (&["verify", "--key-file", short], &url, "an audit key must have 32 to 1024 bytes"),
        (&["verify", "--checkpoint", empty], &url, "contains no checkpoint"),
        (&["verify", "--checkpoint", broken], &url, "line 1: a checkpoint must have"),
    ] {
        let done = audit(url, arguments);
        assert_eq!(done.code, 2, "{arguments:?}: {}", done.out);
        assert!(done.err.contains(problem), "{arguments:?}: {}", done.err);
        assert!(!done.err.contains("hush-hush"), "{}", done.err);
    }
    execute(&url, "DROP TABLE gatewright_audit");
    assert_eq!(audit(&url, &["verify"]).code, 2);
    assert_eq!(audit(&url, &["tail"]).code, 2);
    assert_eq!(audit(&url, &["export"]).code, 2);
}

#[test]
fn without_a_key_a_warning_says_what_does_not_show() {
    let url = trail("keyless.db");
    let done = run_with(&["audit", "verify"], &[("DATABASE_URL", &url)], b"");
    assert_eq!(done.code, 0);
    assert!(done.err.contains("without a key only missing rows show"), "{}", done.err);
}
