//! What Redis adds: keys and how long they live, what is no record, connections that break, what a server's settings lose.

mod connections;
mod cluster;
mod feed;
mod failover;

use std::time::Duration;

use example_service::testing::databases;
use gatewright::{
    Epoch, Prefix, RedisStore, Rotation, RotationRequest, Scopes, Session, SessionId, SessionSeed,
    SessionStore, SystemRandomness, Timestamp, TokenDigest, TokenId, UserId, Warning,
};
use redis::aio::MultiplexedConnection;
use redis::cmd;
use xtask::services::Server;

/// Far from the server's clock.
const START: Timestamp = Timestamp::from_seconds(1_000_000_000);
const DAY: u64 = 86_400;

pub(crate) fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

fn digest(token: &str) -> TokenDigest {
    TokenDigest::of(&TokenId::new(token))
}

/// A session that begins so many seconds after [`START`] and lasts so many.
fn session(owner: &str, second: u64, seconds: u64) -> Session {
    let now = START.saturating_add(Duration::from_secs(second));
    let id = SessionId::generate(now, &SystemRandomness).unwrap();
    let seed = SessionSeed::generate(&SystemRandomness).unwrap();
    let end = now.saturating_add(Duration::from_secs(seconds));
    Session::begin(id, user(owner), Epoch::from_u64(1), seed, now)
        .with_scopes(Scopes::parse("read").unwrap())
        .with_expiry(end, end)
}

async fn begin(store: &RedisStore, session: &Session) {
    store.begin(session, digest("t0"), 100).await.unwrap();
}

fn request(session: &Session, grace: Duration) -> RotationRequest {
    let now = session.created_at.saturating_add(Duration::from_secs(1));
    RotationRequest::new(
        session.user.clone(),
        session.id,
        digest("t0"),
        digest("t1"),
        now,
        grace,
        session.expires_at,
    )
}

async fn raw(url: &str) -> MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

async fn keys(raw: &mut MultiplexedConnection, prefix: &Prefix) -> Vec<String> {
    let pattern = format!("{}*", prefix.as_str());
    cmd("KEYS").arg(pattern).query_async(raw).await.unwrap()
}

/// A store below a prefix of its own on the shared server, and a connection beside it.
async fn fresh() -> (RedisStore, Prefix, MultiplexedConnection) {
    let (url, prefix) = databases::redis();
    let store = RedisStore::connect(&url).await.unwrap().with_prefix(prefix.clone());
    (store, prefix, raw(&url).await)
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn a_users_sessions_are_one_key_that_lives_a_day_longer_than_the_longest_of_them() {
    let (store, prefix, mut raw) = fresh().await;
    let mut lived = Vec::new();
    let long = session("ada", 0, 30 * DAY);
    for next in [long.clone(), session("ada", 1, 60), session("ada", 2, 60 * DAY)] {
        begin(&store, &next).await;
        let all = keys(&mut raw, &prefix).await;
        assert_eq!(all.len(), 1, "{all:?}");
        lived.push(cmd("TTL").arg(&all[0]).query_async::<u64>(&mut raw).await.unwrap());
    }
    // Its clock runs on while the test does.
    for (lives, needed) in lived.iter().zip([31 * DAY, 31 * DAY, 61 * DAY]) {
        assert!((needed - 60..=needed).contains(lives), "{lives} of {needed}");
    }
    let _ = store.rotate(&request(&long, Duration::ZERO)).await.unwrap();
    let all = keys(&mut raw, &prefix).await;
    let lives: u64 = cmd("TTL").arg(&all[0]).query_async(&mut raw).await.unwrap();
    assert!(lives > 61 * DAY - 60, "a rotation leaves it alone: {lives}");
    store.end_all(&user("ada")).await.unwrap();
    assert!(keys(&mut raw, &prefix).await.is_empty());
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn a_login_forgets_what_is_over_before_it_ends_what_is_not() {
    let (store, _, _) = fresh().await;
    let (over, standing, young) = (session("ada", 0, 60), session("ada", 1, DAY), session("ada", 60, DAY));
    begin(&store, &standing).await;
    begin(&store, &over).await;
    store.begin(&young, digest("t0"), 2).await.unwrap();
    let left: Vec<SessionId> = store.list(&user("ada")).await.unwrap().iter().map(|one| one.id).collect();
    assert_eq!(left, [standing.id, young.id]);
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn what_is_no_record_is_an_error_and_never_an_absent_session_and_nothing_is_written() {
    let (store, prefix, mut raw) = fresh().await;
    let good = session("ada", 0, DAY);
    begin(&store, &good).await;
    let key = keys(&mut raw, &prefix).await.remove(0);
    let record: String = cmd("HGET").arg(&key).arg(good.id.to_string()).query_async(&mut raw).await.unwrap();
    let broken = session("ada", 1, DAY);
    let mut cases = 0;
    for text in ["", "x", &record[..50], &record[..70], &record.replace("seed", "later"), &"x".repeat(400)] {
        cmd("HSET").arg(&key).arg(broken.id.to_string()).arg(text).exec_async(&mut raw).await.unwrap();
        assert!(store.find(&broken.user, broken.id).await.is_err(), "{text}");
        assert!(store.rotate(&request(&broken, Duration::ZERO)).await.is_err(), "{text}");
        assert!(store.list(&broken.user).await.is_err(), "{text}");
        assert!(store.find(&good.user, good.id).await.unwrap().is_some(), "the other is read still");
        cases += 1;
    }
    assert_eq!(cases, 6);
    // What cannot be placed is not judged, and the verb whose order it would spoil writes nothing.
    let next = session("ada", 2, DAY);
    assert!(store.begin(&next, digest("t0"), 1).await.is_err());
    cmd("HSET").arg(&key).arg(broken.id.to_string()).arg("short").exec_async(&mut raw).await.unwrap();
    assert!(store.retain(&good.user, good.id, Epoch::from_u64(9)).await.is_err());
    assert_eq!(store.find(&good.user, good.id).await.unwrap().unwrap().epoch, good.epoch);
    assert_eq!(cmd("HLEN").arg(&key).query_async::<u64>(&mut raw).await.unwrap(), 2);
    // Ending needs no judgement.
    store.end(&broken.user, broken.id).await.unwrap();
    assert_eq!(store.list(&good.user).await.unwrap().len(), 1);
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn a_key_of_another_kind_is_an_error_in_every_verb_that_reads() {
    let (store, prefix, mut raw) = fresh().await;
    let one = session("ada", 0, DAY);
    begin(&store, &one).await;
    let key = keys(&mut raw, &prefix).await.remove(0);
    cmd("SET").arg(&key).arg("x").exec_async(&mut raw).await.unwrap();
    assert!(store.find(&one.user, one.id).await.is_err());
    assert!(store.list(&one.user).await.is_err());
    assert!(store.rotate(&request(&one, Duration::ZERO)).await.is_err());
    assert!(store.begin(&session("ada", 1, DAY), digest("t0"), 5).await.is_err());
    assert!(store.retain(&one.user, one.id, one.epoch).await.is_err());
    assert!(store.end(&one.user, one.id).await.is_err());
    assert!(store.purge_expired(START).await.is_err());
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn a_session_that_has_begun_does_not_begin_again() {
    let (store, _, _) = fresh().await;
    let one = session("ada", 0, DAY);
    begin(&store, &one).await;
    assert!(matches!(store.rotate(&request(&one, Duration::ZERO)).await.unwrap(), Rotation::Rotated(_)));
    assert!(store.begin(&one, digest("t0"), 5).await.is_err(), "its used token would be good again");
    assert_eq!(store.rotate(&request(&one, Duration::ZERO)).await.unwrap(), Rotation::Reused);
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn applications_with_prefixes_of_their_own_share_a_server_and_see_nothing_of_each_other() {
    let (store, _, mut raw) = fresh().await;
    let (other, prefix, _) = fresh().await;
    let one = session("ada", 0, 60);
    begin(&store, &one).await;
    begin(&other, &one).await;
    assert_eq!(store.purge_expired(one.expires_at).await.unwrap(), 1);
    assert!(other.find(&one.user, one.id).await.unwrap().is_some());
    assert_eq!(keys(&mut raw, &prefix).await.len(), 1);
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn a_clean_up_reaches_all_users_however_many() {
    let (store, prefix, mut raw) = fresh().await;
    const USERS: usize = 2_500;
    for number in 0..USERS {
        begin(&store, &session(&format!("u{number}"), 0, 60)).await;
    }
    begin(&store, &session("u0", 0, DAY)).await;
    let now = START.saturating_add(Duration::from_secs(60));
    assert_eq!(store.purge_expired(now).await.unwrap(), USERS as u64);
    assert_eq!(keys(&mut raw, &prefix).await.len(), 1);
}

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn what_the_settings_of_a_server_lose_is_told() {
    let server = Server::redis("", &[]).unwrap();
    let mut admin = raw(server.url()).await;
    let mut cases = 0;
    for (name, value, warning) in [
        ("appendfsync", "always", None),
        ("no-appendfsync-on-rewrite", "yes", Some(Warning::NotSyncedOnRewrite)),
        ("no-appendfsync-on-rewrite", "no", None),
        ("appendfsync", "everysec", Some(Warning::SyncedEverySecond)),
        ("appendfsync", "no", Some(Warning::SyncedSometime)),
        ("appendonly", "no", Some(Warning::NotPersistent)),
        ("save", "3600 1", Some(Warning::SnapshotsAlone)),
    ] {
        cmd("CONFIG").arg("SET").arg(name).arg(value).exec_async(&mut admin).await.unwrap();
        let store = RedisStore::connect(server.url()).await.unwrap();
        assert_eq!(store.warnings(), warning.as_slice(), "{name} {value}");
        cases += 1;
    }
    assert_eq!(cases, 7);
    cmd("CONFIG").arg("SET").arg("maxmemory-policy").arg("allkeys-lru").exec_async(&mut admin).await.unwrap();
    let store = RedisStore::connect(server.url()).await.unwrap();
    assert_eq!(store.warnings(), [Warning::Evicts, Warning::SnapshotsAlone]);

    // As on a managed server: everything but its settings.
    let user = ["SETUSER", "ada", "on", ">hush", "~*", "&*", "+@all", "-config"];
    cmd("ACL").arg(&user).exec_async(&mut admin).await.unwrap();
    let (_, address) = server.url().rsplit_once('@').unwrap();
    let store = RedisStore::connect(&format!("redis://ada:hush@{address}")).await.unwrap();
    assert_eq!(store.warnings(), [Warning::NotChecked]);
    begin(&store, &session("ada", 0, DAY)).await;
}

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_full_server_refuses_a_login_whole_and_lets_sessions_end() {
    let server = Server::redis("", &[]).unwrap();
    let mut admin = raw(server.url()).await;
    let store = RedisStore::connect(server.url()).await.unwrap();
    let (one, two) = (session("ada", 0, DAY), session("ada", 1, DAY));
    begin(&store, &one).await;
    cmd("CONFIG").arg("SET").arg("maxmemory").arg("1").exec_async(&mut admin).await.unwrap();
    assert!(store.begin(&two, digest("t0"), 1).await.is_err());
    assert!(store.rotate(&request(&one, Duration::ZERO)).await.is_err());
    assert!(store.find(&one.user, one.id).await.unwrap().is_some(), "the oldest has not ended");
    store.end(&one.user, one.id).await.unwrap();
    assert!(store.find(&one.user, one.id).await.unwrap().is_none());
}

/// What a server refuses in the middle of a script leaves what the script wrote before.
#[tokio::test]
#[ignore = "needs Redis' program"]
async fn a_user_that_may_not_do_all_of_a_verb_does_nothing_of_it() {
    let server = Server::redis("", &[]).unwrap();
    let mut admin = raw(server.url()).await;
    let store = RedisStore::connect(server.url()).await.unwrap();
    let (one, two) = (session("ada", 0, DAY), session("ada", 1, DAY));
    begin(&store, &one).await;
    begin(&store, &two).await;
    let kept = async || -> Vec<(SessionId, Epoch)> {
        let all = store.list(&one.user).await.unwrap();
        all.iter().map(|session| (session.id, session.epoch)).collect()
    };
    let before = kept().await;
    let (_, address) = server.url().rsplit_once('@').unwrap();
    let mut cases = 0;
    for (forbidden, is_needed_to_retain) in
        [("-pttl", false), ("-pexpire", false), ("-hdel", true), ("-hset", true)]
    {
        let user = ["SETUSER", "ada", "reset", "on", ">hush", "~*", "&*", "+@all", forbidden];
        cmd("ACL").arg(&user).exec_async(&mut admin).await.unwrap();
        let limited = RedisStore::connect(&format!("redis://ada:hush@{address}")).await.unwrap();
        // Longer than the others, so that the key is to live longer, and one too many.
        let three = session("ada", 2, 9 * DAY);
        assert!(limited.begin(&three, digest("t0"), 2).await.is_err(), "{forbidden}");
        if is_needed_to_retain {
            assert!(limited.retain(&one.user, one.id, Epoch::from_u64(2)).await.is_err(), "{forbidden}");
        }
        assert_eq!(kept().await, before, "{forbidden}");
        cases += 1;
    }
    assert_eq!(cases, 4);
}
