//! Corrupt states, failures midway, locked databases, missing rows and permissions.

use gatewright::types::ClientInfo;
use gatewright::{Login, MemoryStore, Password};
use gatewright_tests::patience::cause_of;
use gatewright_tests::{PASSWORD, World};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::*;
use crate::servers::IN_TIME;

on_each_store! {
    a_corrupt_state_is_a_budget_that_is_used_up
    a_state_of_a_later_version_refuses_logins
    states_contain_no_name_and_no_address
}

async fn a_corrupt_state_is_a_budget_that_is_used_up<S: Storage>(mut storage: S) {
    let [node, other] = storage.nodes();
    let attempt = login("ada", 1);
    let _ = run(&node, ThrottleStep::acquire(&attempt, 1, &settings(), NOW)).await;
    for bytes in [b"".as_slice(), b"-", b"\x01", b"\xff\x00\xff", b"=\x01\x01\x01\x01"] {
        storage.overwrite(bytes).await;
        let outcome = run(&other, ThrottleStep::acquire(&attempt, 2, &settings(), NOW)).await;
        assert!(outcome.limited.is_some(), "{bytes:?}");
        assert_eq!(outcome.repaired, 4, "{bytes:?}");
        let outcome = run(&node, ThrottleStep::acquire(&attempt, 3, &settings(), NOW)).await;
        assert_eq!((outcome.limited.is_some(), outcome.repaired), (true, 0), "{bytes:?}");
    }
    let outcome = run(&node, ThrottleStep::acquire(&attempt, 4, &settings(), after(60))).await;
    assert_eq!((outcome.limited, outcome.repaired), (None, 0), "free after a while");
}

/// A login in front of states that a later version wrote. The older program neither overwrites nor ignores them.
async fn a_state_of_a_later_version_refuses_logins<S: Storage>(mut storage: S) {
    let [node, _] = storage.nodes();
    let world = World::with(MemoryStore::new(), |builder| builder.with_throttle(node));
    world.add("ada@example.com").await;
    let login = async || {
        let address = ClientInfo::new(Some([192, 0, 2, 1].into()), None);
        let login = Login::new("ada@example.com", Password::new(PASSWORD)).with_client(address);
        world.auth.login(login).await.map(drop).map_err(|error| error.reply().status)
    };
    // Failures, so that the states of the account, the pair and the network remain.
    let wrong = Login::new("ada@example.com", Password::new("an entirely wrong guess"));
    let address = ClientInfo::new(Some([192, 0, 2, 1].into()), None);
    assert!(world.auth.login(wrong.with_client(address)).await.is_err());
    let calls = world.hasher.calls();
    for later in [b"\x02".as_slice(), b"\x02\x00\x00", b"\x1f later"] {
        storage.overwrite(later).await;
        let before = storage.states().await;
        assert_eq!(before.len(), 4, "{later:?}");
        let _ = world.events.take();
        assert_eq!(login().await, Err(503), "{later:?}");
        let events = world.events.take();
        assert!(
            events.iter().any(|event| event.starts_with("Failed") && event.contains("later version")),
            "{events:?}"
        );
        assert_eq!((storage.states().await, world.hasher.calls()), (before, calls), "{later:?}");
    }
}

/// Neither as text nor as bytes.
async fn states_contain_no_name_and_no_address<S: Storage>(mut storage: S) {
    let [node, _] = storage.nodes();
    for name in ["ada@example.com", "nobody@example.com"] {
        let user = UserId::new(name).ok().filter(|_| name.starts_with("ada"));
        let origin = ClientOrigin::Address("192.0.2.17".parse().unwrap());
        let attempt = digests().login(name, user.as_ref(), origin);
        let _ = run(&node, ThrottleStep::acquire(&attempt, 1, &settings(), NOW)).await;
        let _ = run(&node, ThrottleStep::succeed(&attempt, 1, &settings(), NOW)).await;
        let _ = run(&node, ThrottleStep::acquire(&attempt, 2, &settings(), NOW)).await;
    }
    let dump: Vec<Vec<u8>> =
        storage.states().await.into_iter().flat_map(|(key, state)| [key, state]).collect();
    assert_eq!(dump.len(), 2 * 7);
    for text in [b"ada".as_slice(), b"nobody", b"example", b"192.0.2.17", &[192, 0, 2, 17]] {
        let contains = |value: &Vec<u8>| value.windows(text.len()).any(|window| window == text);
        assert!(!dump.iter().any(contains), "{text:?}");
    }
}

/// A step that writes some states and deletes others.
#[tokio::test]
async fn a_step_that_fails_midway_writes_nothing_in_sqlite() {
    let mut storage = InSql::<SqliteStore>::fresh().await;
    let [node, _] = storage.nodes();
    let attempt = login("ada", 1);
    let _ = run(&node, ThrottleStep::acquire(&attempt, 1, &settings(), NOW)).await;
    let before = storage.states().await;
    for trigger in [
        "CREATE TRIGGER broken BEFORE DELETE ON gatewright_throttle BEGIN SELECT RAISE(ABORT, 'broken'); END",
        "CREATE TRIGGER broken BEFORE UPDATE ON gatewright_throttle BEGIN SELECT RAISE(ROLLBACK, 'full'); END",
    ] {
        storage.execute(trigger).await;
        for _ in 0..3 {
            let succeed = ThrottleStep::succeed(&attempt, 1, &settings(), NOW);
            assert!(node.run_step(&succeed).await.is_err());
        }
        storage.execute("DROP TRIGGER broken").await;
        assert_eq!(storage.states().await, before, "{trigger}");
    }
    let _ = run(&node, ThrottleStep::succeed(&attempt, 1, &settings(), NOW)).await;
    assert_eq!(storage.states().await.len(), 1, "the writer works, and the user's known network is left");
}

/// Refused attempts are answered meanwhile, because they only read.
#[tokio::test]
async fn a_locked_database_is_an_error_in_time_in_sqlite() {
    let mut storage = InSql::<SqliteStore>::fresh().await;
    let [node, _] = storage.nodes();
    let attempt = login("ada", 1);
    for number in 0..10 {
        let _ = run(&node, ThrottleStep::acquire(&attempt, number, &settings(), NOW)).await;
    }
    storage.execute("BEGIN IMMEDIATE").await;
    let started = Instant::now();
    let mut calls = JoinSet::new();
    for number in 0..30 {
        let node = node.clone();
        let step = ThrottleStep::acquire(&login("eve", number), 1, &settings(), NOW);
        calls.spawn(async move { node.run_step(&step).await.is_err() });
    }
    let limited = run(&node, ThrottleStep::acquire(&attempt, 99, &settings(), NOW)).await;
    assert!(limited.limited.is_some());
    assert!(calls.join_all().await.into_iter().all(|is_error| is_error));
    assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
    storage.execute("ROLLBACK").await;
    assert_eq!(storage.states().await.len(), 4, "nothing was written");
    let step = ThrottleStep::acquire(&login("eve", 1), 1, &settings(), NOW);
    assert_eq!(run(&node, step).await.limited, None);
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_POSTGRES_URL"]
async fn a_step_without_its_rows_is_an_error_on_postgres() {
    step_without_its_rows_is_an_error(InSql::<PostgresStore>::fresh().await).await;
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_MYSQL_URL"]
async fn a_step_without_its_rows_is_an_error_on_mysql() {
    step_without_its_rows_is_an_error(InSql::<MySqlStore>::fresh().await).await;
}

/// Without them, two steps on one key could be made at once.
async fn step_without_its_rows_is_an_error<D: Database>(mut storage: InSql<D>) {
    let [node, _] = storage.nodes();
    storage.execute("DELETE FROM gatewright_throttle_locks").await;
    let step = ThrottleStep::acquire(&login("ada", 1), 1, &settings(), NOW);
    let cause = cause_of(async || node.run_step(&step).await).await;
    assert!(cause.contains("gatewright_throttle_locks: must have the rows 0 to 1023"), "{cause}");
    assert!(storage.states().await.is_empty());
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn a_key_of_another_type_is_an_error_on_redis() {
    let mut storage = InRedis::fresh().await;
    let [node, _] = storage.nodes();
    let step = ThrottleStep::acquire(&login("ada", 1), 1, &settings(), NOW);
    let _ = run(&node, step.clone()).await;
    let key = storage.keys().await.remove(0);
    redis::cmd("DEL").arg(&key).exec_async(&mut storage.raw).await.unwrap();
    redis::cmd("HSET").arg(&key).arg("a").arg("b").exec_async(&mut storage.raw).await.unwrap();
    let cause = cause_of(async || node.run_step(&step).await).await;
    assert!(cause.contains("WRONGTYPE"), "{cause}");
}

/// Redis does not undo what a script wrote before it failed.
#[tokio::test]
#[ignore = "needs Redis' program"]
async fn full_servers_and_missing_permissions_leave_no_half_step_on_redis() {
    let server = Server::redis("", &[]).unwrap();
    let (node, mut admin) = (redis_store(server.url()).await, raw_redis(server.url()).await);
    let attempt = login("ada", 1);
    let _ = run(&node, ThrottleStep::acquire(&attempt, 1, &settings(), NOW)).await;
    let keys = async |admin: &mut MultiplexedConnection| -> Vec<String> {
        let mut keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(admin).await.unwrap();
        keys.sort();
        keys
    };
    let before = keys(&mut admin).await;
    assert_eq!(before.len(), 4);
    // The step writes the user's known network, and deletes the failures of the account and the pair.
    let succeed = ThrottleStep::succeed(&attempt, 1, &settings(), NOW);
    let address = server.url().rsplit_once('@').unwrap().1.to_owned();
    for forbidden in ["-set", "-del", "-get"] {
        let all = ["SETUSER", "ada", "reset", "on", ">hush", "~*", "&*", "+@all", forbidden];
        redis::cmd("ACL").arg(&all).exec_async(&mut admin).await.unwrap();
        let limited = redis_store(&format!("redis://ada:hush@{address}")).await;
        assert!(limited.run_step(&succeed).await.is_err(), "{forbidden}");
        assert_eq!(keys(&mut admin).await, before, "{forbidden}");
    }
    let set = async |admin: &mut MultiplexedConnection, bytes: &str| {
        let set = ["SET", "maxmemory", bytes];
        redis::cmd("CONFIG").arg(&set).exec_async(admin).await.unwrap();
    };
    set(&mut admin, "1").await;
    assert!(node.run_step(&succeed).await.is_err());
    set(&mut admin, "0").await;
    assert_eq!(keys(&mut admin).await, before);
    let _ = run(&node, succeed).await;
    assert_eq!(keys(&mut admin).await.len(), 1);
}
