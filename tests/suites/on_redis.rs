//! Tests that only the Redis store needs: key TTLs, malformed records, settings that lose writes,
//! permissions.

mod connections;
mod cluster;
mod feed;
mod feed_limits;
mod failover;

use std::error::Error;
use std::time::Duration;

use example_service::testing::databases;
use gatewright::store::{
    Prefix, Rotation, RotationRequest, Session, SessionSeed, SessionStore, StoreError, TokenDigest, Warning,
};
use gatewright::token::TokenId;
use gatewright::types::{Epoch, SessionId, SystemRandom, Timestamp};
use gatewright::{RedisStore, Scopes, UserId};
use gatewright_testkit::run_case;
use gatewright_tests::patience::{raw_redis as raw, redis_store, until_ok};
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, cmd};
use xtask::services::Server;

/// Far from the server's clock, which must have no effect.
const START: Timestamp = Timestamp::from_seconds(1_000_000_000);
const DAY: u64 = 86_400;

fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

fn digest(token: &str) -> TokenDigest {
    TokenDigest::of(&TokenId::new(token))
}

/// A session that starts `second` seconds after [`START`] and lasts for `seconds`.
fn session(owner: &str, second: u64, seconds: u64) -> Session {
    let now = START.saturating_add(Duration::from_secs(second));
    let id = SessionId::generate(now, &SystemRandom).unwrap();
    let seed = SessionSeed::generate(&SystemRandom).unwrap();
    let end = now.saturating_add(Duration::from_secs(seconds));
    Session::new(id, user(owner), Epoch::from_u64(1), seed, now)
        .with_scopes(Scopes::parse("read").unwrap())
        .with_expiry(end, end)
}

async fn create(store: &RedisStore, session: &Session) {
    until_ok(async || match store.create(session, digest("t0"), 100).await {
        // A call without a reply may have been executed. An id cannot be created twice.
        Err(_) if exists(store, session).await => Ok(0),
        created => created,
    })
    .await;
}

async fn exists(store: &RedisStore, session: &Session) -> bool {
    until_ok(async || store.find(&session.user, session.id).await).await.is_some()
}

/// A rotation of the session's first token.
fn request(session: &Session, grace: Duration) -> RotationRequest {
    let now = session.created_at.saturating_add(Duration::from_secs(1));
    let (user, end) = (session.user.clone(), session.expires_at);
    RotationRequest::new(user, session.id, digest("t0"), digest("t1"), now, grace, end)
}

fn cause(error: &StoreError) -> String {
    error.source().unwrap().to_string()
}

async fn query<T: FromRedisValue>(connection: &mut MultiplexedConnection, command: &[&str]) -> T {
    let (name, arguments) = command.split_first().unwrap();
    cmd(name).arg(arguments).query_async(connection).await.unwrap()
}

async fn run(connection: &mut MultiplexedConnection, command: &[&str]) {
    query::<()>(connection, command).await;
}

async fn keys(raw: &mut MultiplexedConnection, prefix: &Prefix) -> Vec<String> {
    query(raw, &["KEYS", &format!("{}*", prefix.as_str())]).await
}

/// A store with a new prefix on the shared server, and another connection to that server.
async fn fresh() -> (RedisStore, Prefix, MultiplexedConnection) {
    let (url, prefix) = databases::redis();
    let store = redis_store(&url).await.with_prefix(prefix.clone());
    (store, prefix, raw(&url).await)
}

/// A new server with a store on it that has one session, and another connection to that server.
struct OwnServer {
    server: Server,
    store: RedisStore,
    session: Session,
    admin: MultiplexedConnection,
}

impl OwnServer {
    async fn start() -> Self {
        let server = Server::redis("", &[]).unwrap();
        let store = redis_store(server.url()).await;
        let (session, admin) = (session("ada", 0, DAY), raw(server.url()).await);
        create(&store, &session).await;
        Self { server, store, session, admin }
    }

    fn address(&self) -> &str {
        self.server.url().rsplit_once('@').unwrap().1
    }

    async fn set(&mut self, name: &str, value: &str) {
        run(&mut self.admin, &["CONFIG", "SET", name, value]).await;
    }

    /// A store of another Redis user, which may run all commands except `forbidden`.
    async fn store_without(&mut self, forbidden: &str) -> RedisStore {
        let all = ["ACL", "SETUSER", "ada", "reset", "on", ">hush", "~*", "&*", "+@all", forbidden];
        run(&mut self.admin, &all).await;
        redis_store(&format!("redis://ada:hush@{}", self.address())).await
    }
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
fn a_users_key_outlives_the_longest_session_by_a_day() {
    run_case(async || {
        let (store, prefix, mut raw) = fresh().await;
        let mut ttls = Vec::new();
        let long = session("ada", 0, 30 * DAY);
        let mut key = String::new();
        for next in [long.clone(), session("ada", 1, 60), session("ada", 2, 60 * DAY)] {
            create(&store, &next).await;
            let all = keys(&mut raw, &prefix).await;
            assert_eq!(all.len(), 1, "{all:?}");
            key.clone_from(&all[0]);
            ttls.push(query::<u64>(&mut raw, &["TTL", &key]).await);
        }
        // The server's clock advances during the test.
        for (ttl, needed) in ttls.iter().zip([31 * DAY, 31 * DAY, 61 * DAY]) {
            assert!((needed - 60..=needed).contains(ttl), "{ttl} of {needed}");
        }
        let _ = store.rotate(&request(&long, Duration::ZERO)).await.unwrap();
        let ttl: u64 = query(&mut raw, &["TTL", &key]).await;
        assert!(ttl > 61 * DAY - 60, "a rotation does not change the TTL: {ttl}");
        // The longer sessions are gone.
        store.replace_all(&session("ada", 3, DAY), digest("t0")).await.unwrap();
        let ttl: u64 = query(&mut raw, &["TTL", &key]).await;
        assert!((2 * DAY - 60..=2 * DAY).contains(&ttl), "{ttl}");
        store.delete_all(&user("ada")).await.unwrap();
        assert!(keys(&mut raw, &prefix).await.is_empty());
    });
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
fn a_login_deletes_expired_sessions_before_live_ones() {
    run_case(async || {
        let (store, _, _) = fresh().await;
        let (expired, live, young) = (session("ada", 0, 60), session("ada", 1, DAY), session("ada", 60, DAY));
        create(&store, &live).await;
        create(&store, &expired).await;
        store.create(&young, digest("t0"), 2).await.unwrap();
        let left: Vec<SessionId> = store.list(&user("ada")).await.unwrap().iter().map(|one| one.id).collect();
        assert_eq!(left, [live.id, young.id]);
    });
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
fn malformed_records_are_errors_and_nothing_is_written() {
    run_case(async || {
        let (store, prefix, mut raw) = fresh().await;
        let good = session("ada", 0, DAY);
        create(&store, &good).await;
        let key = keys(&mut raw, &prefix).await.remove(0);
        let record: String = query(&mut raw, &["HGET", &key, &good.id.to_string()]).await;
        let bad = session("ada", 1, DAY);
        let field = bad.id.to_string();
        let texts =
            ["", "x", &record[..50], &record[..70], &record.replace("seed", "later"), &"x".repeat(400)];
        for text in texts {
            run(&mut raw, &["HSET", &key, &field, text]).await;
            assert!(store.find(&bad.user, bad.id).await.is_err(), "{text}");
            assert!(store.rotate(&request(&bad, Duration::ZERO)).await.is_err(), "{text}");
            assert!(store.list(&bad.user).await.is_err(), "{text}");
            assert!(exists(&store, &good).await, "the other session is readable");
        }
        // The scripts cannot read the seq of such a record, so they fail before they write.
        assert!(store.create(&session("ada", 2, DAY), digest("t0"), 1).await.is_err());
        run(&mut raw, &["HSET", &key, &field, "short"]).await;
        assert!(store.list(&good.user).await.is_err());
        assert_eq!(query::<u64>(&mut raw, &["HLEN", &key]).await, 2);
        store.delete(&bad.user, bad.id).await.unwrap();
        assert_eq!(store.list(&good.user).await.unwrap().len(), 1);
        run(&mut raw, &["HSET", &key, &field, "short"]).await;
        let new = session("ada", 3, DAY);
        store.replace_all(&new, digest("t0")).await.unwrap();
        assert_eq!(store.list(&good.user).await.unwrap().len(), 1, "a malformed record is deleted, too");
    });
}

#[tokio::test]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
async fn a_key_of_another_type_is_an_error_in_every_operation_that_reads() {
    let (store, prefix, mut raw) = fresh().await;
    let one = session("ada", 0, DAY);
    create(&store, &one).await;
    let key = keys(&mut raw, &prefix).await.remove(0);
    run(&mut raw, &["SET", &key, "x"]).await;
    assert!(store.find(&one.user, one.id).await.is_err());
    assert!(store.list(&one.user).await.is_err());
    assert!(store.rotate(&request(&one, Duration::ZERO)).await.is_err());
    assert!(store.create(&session("ada", 1, DAY), digest("t0"), 5).await.is_err());
    assert!(store.replace_all(&session("ada", 2, DAY), digest("t0")).await.is_err());
    assert!(store.delete(&one.user, one.id).await.is_err());
    assert!(store.delete_expired(START).await.is_err());
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
fn a_session_id_cannot_be_created_twice() {
    run_case(async || {
        let (store, _, _) = fresh().await;
        let one = session("ada", 0, DAY);
        create(&store, &one).await;
        assert!(matches!(store.rotate(&request(&one, Duration::ZERO)).await.unwrap(), Rotation::Rotated(_)));
        assert!(store.create(&one, digest("t0"), 5).await.is_err(), "a used token would become valid again");
        assert!(store.replace_all(&one, digest("t0")).await.is_err());
        assert_eq!(store.rotate(&request(&one, Duration::ZERO)).await.unwrap(), Rotation::Reused);
    });
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
fn applications_with_different_prefixes_are_isolated() {
    run_case(async || {
        let (store, _, mut raw) = fresh().await;
        let (other, prefix, _) = fresh().await;
        let one = session("ada", 0, 60);
        create(&store, &one).await;
        create(&other, &one).await;
        assert_eq!(store.delete_expired(one.expires_at).await.unwrap(), 1);
        assert!(exists(&other, &one).await);
        assert_eq!(keys(&mut raw, &prefix).await.len(), 1);
    });
}

#[test]
#[ignore = "needs GATEWRIGHT_TEST_REDIS_URL"]
fn delete_expired_reaches_thousands_of_users() {
    run_case(async || {
        const USERS: usize = 2_500;
        let (store, prefix, mut raw) = fresh().await;
        for number in 0..USERS {
            create(&store, &session(&format!("u{number}"), 0, 60)).await;
        }
        create(&store, &session("u0", 0, DAY)).await;
        let now = START.saturating_add(Duration::from_secs(60));
        assert_eq!(store.delete_expired(now).await.unwrap(), USERS as u64);
        assert_eq!(keys(&mut raw, &prefix).await.len(), 1);
    });
}

#[tokio::test]
#[ignore = "needs Redis' program"]
async fn settings_that_can_lose_writes_are_warnings() {
    let mut own = OwnServer::start().await;
    for (name, value, warning) in [
        ("appendfsync", "always", None),
        ("no-appendfsync-on-rewrite", "yes", Some(Warning::NotSyncedOnRewrite)),
        ("no-appendfsync-on-rewrite", "no", None),
        ("appendfsync", "everysec", Some(Warning::SyncedEverySecond)),
        ("appendfsync", "no", Some(Warning::SyncedBySystem)),
        ("appendonly", "no", Some(Warning::NotPersistent)),
        ("save", "3600 1", Some(Warning::SnapshotsOnly)),
    ] {
        own.set(name, value).await;
        let store = redis_store(own.server.url()).await;
        assert_eq!(store.warnings(), warning.as_slice(), "{name} {value}");
    }
    own.set("maxmemory-policy", "allkeys-lru").await;
    let store = redis_store(own.server.url()).await;
    assert_eq!(store.warnings(), [Warning::Evicts, Warning::SnapshotsOnly]);

    // Managed servers usually forbid CONFIG.
    let store = own.store_without("-config").await;
    assert_eq!(store.warnings(), [Warning::NotChecked]);
    create(&store, &session("ada", 1, DAY)).await;
}

#[test]
#[ignore = "needs Redis' program"]
fn a_full_server_rejects_logins_and_accepts_logouts() {
    run_case(async || {
        let mut own = OwnServer::start().await;
        own.set("maxmemory", "1").await;
        let OwnServer { store, session: oldest, .. } = &own;
        assert!(store.create(&session("ada", 1, DAY), digest("t0"), 1).await.is_err());
        assert!(store.replace_all(&session("ada", 1, DAY), digest("t0")).await.is_err());
        assert!(store.rotate(&request(oldest, Duration::ZERO)).await.is_err());
        assert!(exists(store, oldest).await, "the failed login deleted nothing");
        store.delete(&oldest.user, oldest.id).await.unwrap();
        assert!(!exists(store, oldest).await);
    });
}

/// Redis does not undo what a script wrote before it failed.
#[test]
#[ignore = "needs Redis' program"]
fn missing_permissions_never_leave_half_an_operation() {
    run_case(async || {
        let mut own = OwnServer::start().await;
        create(&own.store, &session("ada", 1, DAY)).await;
        let (store, one) = (own.store.clone(), own.session.clone());
        let sessions = async || -> Vec<(SessionId, Epoch)> {
            let all = store.list(&one.user).await.unwrap();
            all.iter().map(|session| (session.id, session.epoch)).collect()
        };
        let before = sessions().await;
        for (forbidden, is_needed_by_replace_all) in
            [("-pttl", false), ("-pexpire", true), ("-hdel", true), ("-hset", true)]
        {
            let limited = own.store_without(forbidden).await;
            // One session too many, which also lives longer than the key.
            let next = session("ada", 2, 9 * DAY);
            assert!(limited.create(&next, digest("t0"), 2).await.is_err(), "{forbidden}");
            if is_needed_by_replace_all {
                assert!(limited.replace_all(&next, digest("t0")).await.is_err(), "{forbidden}");
            }
            assert_eq!(sessions().await, before, "{forbidden}");
        }
    });
}
