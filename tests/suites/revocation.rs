//! The session cache: what it saves, and that no revoked token is accepted because of it.

mod everywhere;
mod feeds;
mod forged_messages;
mod nodes;
mod races;

use std::time::Duration;

use gatewright::auth::AuthBuilder;
use gatewright::cache::MAX_CACHE_CAPACITY;
use gatewright::endpoints::Endpoint;
use gatewright::http::{Headers, RequestView};
use gatewright::revocation::{CACHE_TTL_WITHOUT_FEED, LocalFeed, RevocationCheck};
use gatewright::store::MAX_SESSIONS_PER_USER;
use gatewright::types::TokenText;
use gatewright::{Account, Auth, Login, MemoryStore, Password, RoleName, TokenPair};
use gatewright_testkit::store::Store;
use gatewright_testkit::{CountingStore, FailingStore, ManualFeed, Outage, TestHasher, Watch};
use gatewright_tests::{Log, PASSWORD, World, jwt, memory};

use crate::endpoints::{EMAIL, NEW_PASSWORD, authenticate, bearer, failing_world, new_password, world_on};

/// The smallest step of a clock.
const TICK: Duration = Duration::from_micros(1);

/// Expands each case as two tests, `case::in_memory` and `case::on_sqlite`. A case takes two
/// handles on one new store.
macro_rules! on_each_store {
    ($($case:ident)+) => { $(
        mod $case {
            #[test]
            fn in_memory() {
                gatewright_testkit::run_case(async || super::$case(gatewright_tests::memory().await).await);
            }

            #[test]
            fn on_sqlite() {
                gatewright_testkit::run_case(async || super::$case(gatewright_tests::sqlite().await).await);
            }
        }
    )+ };
}
use on_each_store;

on_each_store! {
    a_cached_session_needs_no_read
    revocations_take_effect_at_once_on_the_node_that_made_them
}

/// A node on a counting store, and a new session.
async fn counted<S: Store>(store: S) -> (World<CountingStore<S>>, Watch, TokenPair) {
    let (store, watch) = CountingStore::new(store);
    let world = world_on(store).await;
    let pair = world.login(EMAIL).await;
    let _ = watch.reads();
    (world, watch, pair)
}

/// A node on a counting store in memory, with a feed that the test controls, and a new session.
async fn fed() -> (World<CountingStore<MemoryStore>>, Watch, ManualFeed, TokenPair) {
    fed_with(|builder| builder).await
}

/// As [`fed`], with settings.
async fn fed_with(
    settings: impl FnOnce(AuthBuilder<Account>) -> AuthBuilder<Account>,
) -> (World<CountingStore<MemoryStore>>, Watch, ManualFeed, TokenPair) {
    let (store, watch) = CountingStore::new(MemoryStore::new());
    let feed = ManualFeed::new();
    let world = World::with(store, |builder| settings(builder.with_revocation_feed(feed.clone())));
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    (world, watch, feed, pair)
}

async fn a_cached_session_needs_no_read<S: Store>([store, _]: [S; 2]) {
    let (world, watch, pair) = counted(store).await;
    assert_eq!((world.status(&pair.access_token).await, watch.reads()), (200, 2));
    for _ in 0..100 {
        assert_eq!(world.status(&pair.access_token).await, 200);
    }
    assert_eq!(watch.reads(), 0);
    assert!(world.auth.require_claims(&RequestView::new("GET", &bearer(&pair.access_token))).is_ok());
    assert_eq!(watch.reads(), 0, "claims alone never need a read");
}

#[tokio::test]
async fn each_revocation_check_has_its_number_of_reads() {
    let feed = ManualFeed::new();
    let store = MemoryStore::new();
    let world = |settings: &dyn Fn(AuthBuilder<Account>) -> AuthBuilder<Account>| {
        let (store, watch) = CountingStore::new(store.clone());
        (World::with(store, settings), watch)
    };
    let modes = [
        ("read-through", 2, world(&|builder| builder.with_revocation_check(RevocationCheck::ReadThrough))),
        ("local", 0, world(&|builder| builder.with_revocation_feed(LocalFeed::new()))),
        ("sole", 0, world(&|builder| builder.with_revocation_feed(LocalFeed::for_sole_process()))),
        ("fed", 0, world(&|builder| builder.with_revocation_feed(feed.clone()))),
    ];
    feed.beat();
    modes[0].2.0.add(EMAIL).await;
    for (name, reads, (world, watch)) in modes {
        let pair = world.login(EMAIL).await;
        assert_eq!(world.status(&pair.access_token).await, 200);
        assert_eq!(watch.reads(), 2, "{name}, first request");
        assert_eq!(world.status(&pair.access_token).await, 200);
        assert_eq!(watch.reads(), reads, "{name}, second request");
    }
}

async fn revocations_take_effect_at_once_on_the_node_that_made_them<S: Store>([store, _]: [S; 2]) {
    let world = World::new(store);
    let account = world.add(EMAIL).await;
    let accounts = world.auth.accounts().unwrap();
    let cached = async || {
        let pair = world.login(EMAIL).await;
        assert_eq!(world.status(&pair.access_token).await, 200);
        pair
    };

    let pair = cached().await;
    world.auth.logout(&authenticate(&world, &pair.access_token).await).await.unwrap();
    assert_eq!(world.status(&pair.access_token).await, 401, "logout");

    let pair = cached().await;
    world.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    assert_eq!(world.status(&pair.access_token).await, 401, "logout by refresh token");

    let pair = cached().await;
    let next = world.refresh(&pair.refresh_token).await.unwrap();
    assert_eq!(world.status(&next.access_token).await, 200);
    assert!(world.refresh(&pair.refresh_token).await.is_err());
    for token in [&pair.access_token, &next.access_token] {
        assert_eq!(world.status(token).await, 401, "reuse");
    }

    let (kept, other) = (cached().await, cached().await);
    let caller = authenticate(&world, &kept.access_token).await;
    let next = world.auth.change_password(&caller, new_password()).await.unwrap();
    for pair in [&kept, &other] {
        assert_eq!(world.status(&pair.access_token).await, 401, "password change");
        assert!(world.refresh(&pair.refresh_token).await.is_err(), "password change");
    }
    assert_eq!(world.status(&next.access_token).await, 200, "the caller has a new session");

    accounts.update(&account.id, Some([RoleName::from_static("moderator")].into()), None).await.unwrap();
    let changed = authenticate(&world, &next.access_token).await;
    assert!(changed.user().roles.iter().eq([&RoleName::from_static("moderator")]));
    assert!(changed.scopes().as_str().is_empty(), "the scopes of the old role do not apply");

    accounts.update(&account.id, None, Some(false)).await.unwrap();
    assert_eq!(world.status(&next.access_token).await, 401, "disabled");
    accounts.update(&account.id, None, Some(true)).await.unwrap();
    assert_eq!(world.status(&next.access_token).await, 401, "enabled again");

    let pair = world.auth.login(Login::new(EMAIL, Password::new(NEW_PASSWORD))).await.unwrap();
    assert_eq!(world.status(&pair.access_token).await, 200);
    accounts.delete(&account.id).await.unwrap();
    assert_eq!(world.status(&pair.access_token).await, 401, "deleted");
}

#[tokio::test]
async fn a_login_beyond_the_limit_ends_the_oldest_session_at_once() {
    let (world, _, first) = counted(MemoryStore::new()).await;
    assert_eq!(world.status(&first.access_token).await, 200);
    for _ in 0..MAX_SESSIONS_PER_USER {
        world.login(EMAIL).await;
    }
    assert_eq!(world.status(&first.access_token).await, 401);
}

#[tokio::test]
async fn rejections_are_not_cached() {
    let (world, watch, pair) = counted(MemoryStore::new()).await;
    let id = authenticate(&world, &pair.access_token).await.user().id.clone();
    world.auth.accounts().unwrap().update(&id, None, Some(false)).await.unwrap();
    let _ = watch.reads();
    for _ in 0..3 {
        assert_eq!(world.status(&pair.access_token).await, 401);
        assert_eq!(watch.reads(), 1, "the session does not exist");
    }
    assert_eq!(world.status(&TokenText::new("x.y.z")).await, 401);
    assert_eq!(watch.reads(), 0, "an invalid token is rejected without a read");
}

#[tokio::test]
async fn a_refresh_does_not_use_the_cache() {
    let (world, watch, mut pair) = counted(MemoryStore::new()).await;
    for _ in 0..3 {
        assert_eq!(world.status(&pair.access_token).await, 200);
        let _ = watch.reads();
        pair = world.refresh(&pair.refresh_token).await.unwrap();
        assert_eq!(watch.reads(), 2);
    }
}

#[tokio::test]
async fn a_cached_expiry_does_not_reject_a_refreshed_session() {
    let lifetime = Duration::from_secs(20);
    let world = World::with(MemoryStore::new(), |builder| {
        builder
            .with_access_lifetime(lifetime)
            .with_refresh_lifetime(lifetime)
            .with_revocation_feed(LocalFeed::for_sole_process())
    });
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    world.clock.advance(Duration::from_secs(19));
    assert_eq!(world.status(&pair.access_token).await, 200, "cached, expires in one second");
    let next = world.refresh(&pair.refresh_token).await.unwrap();
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.status(&pair.access_token).await, 401, "the token has expired");
    assert_eq!(world.status(&next.access_token).await, 200, "the session has not");
}

#[tokio::test]
async fn during_an_outage_cached_sessions_are_accepted_until_the_ttl() {
    for begin in [Outage::fail_users, Outage::fail_sessions] {
        let (world, outage) = failing_world().await;
        let (cached, uncached) = (world.login(EMAIL).await, world.login(EMAIL).await);
        assert_eq!(world.status(&cached.access_token).await, 200);
        begin(&outage);
        world.clock.advance(CACHE_TTL_WITHOUT_FEED - TICK);
        assert_eq!(world.status(&cached.access_token).await, 200);
        assert_eq!(world.status(&uncached.access_token).await, 503);
        world.clock.advance(TICK);
        assert_eq!(world.status(&cached.access_token).await, 503, "never 401");
        outage.recover();
        assert_eq!(world.status(&cached.access_token).await, 200);
    }
}

#[tokio::test]
async fn a_deleted_user_is_not_accepted_during_an_outage() {
    let (store, outage) = FailingStore::new(MemoryStore::new());
    let world = World::new(store);
    let account = world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    assert_eq!(world.status(&pair.access_token).await, 200);
    world.auth.accounts().unwrap().delete(&account.id).await.unwrap();
    outage.fail_users();
    outage.fail_sessions();
    assert_eq!(world.status(&pair.access_token).await, 503, "the cache has no entry, the stores fail");
    outage.recover();
    assert_eq!(world.status(&pair.access_token).await, 401);
}

#[tokio::test]
async fn the_cache_never_exceeds_its_capacity() {
    const CAPACITY: usize = 64;
    let (store, watch) = CountingStore::new(MemoryStore::new());
    let world = World::with(store, |builder| builder.with_cache_capacity(CAPACITY));
    let mut tokens = Vec::new();
    for user in 0..20 {
        let email = format!("user{user}@example.com");
        world.add(&email).await;
        for _ in 0..40 {
            tokens.push(world.login(&email).await.access_token);
        }
    }
    let mut reads = 0;
    for _ in 0..2 {
        let _ = watch.reads();
        for token in &tokens {
            assert_eq!(world.status(token).await, 200);
        }
        reads = watch.reads();
    }
    let cached = tokens.len() - reads / 2;
    assert!(cached <= CAPACITY, "{cached} of {} sessions are cached", tokens.len());
}

#[tokio::test]
async fn endpoints_that_change_something_do_not_use_the_cache() {
    let stores = memory().await;
    let (here, there) = (World::new(stores[0].clone()), World::new(stores[1].clone()));
    here.add(EMAIL).await;
    let pair = here.login(EMAIL).await;
    assert_eq!(there.status(&pair.access_token).await, 200);
    here.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    assert_eq!(there.status(&pair.access_token).await, 200, "still cached");
    let id = authenticate(&there, &pair.access_token).await.session().to_string();
    for endpoint in Endpoint::ALL.iter().filter(|endpoint| !WITHOUT_BEARER_TOKEN.contains(endpoint)) {
        let headers = JsonRequest(format!("Bearer {}", pair.access_token.expose()));
        let body = match endpoint {
            Endpoint::ChangePassword => {
                format!(r#"{{"current_password":"{PASSWORD}","new_password":"{NEW_PASSWORD}"}}"#)
            }
            _ => String::new(),
        };
        let view = RequestView::new(endpoint.method(), &headers).with_id(Some(&id));
        let reply = there.auth.handle(*endpoint, &view, Ok(body.into())).await;
        assert_eq!(reply.status, 401, "{endpoint:?}");
    }
}

const WITHOUT_BEARER_TOKEN: [Endpoint; 5] =
    [Endpoint::Register, Endpoint::Login, Endpoint::Refresh, Endpoint::Revoke, Endpoint::Introspect];

/// The headers of a request with a JSON body and this `Authorization`.
struct JsonRequest(String);

impl Headers for JsonRequest {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        match name {
            "authorization" => see(self.0.as_bytes()),
            "content-type" => see(b"application/json"),
            _ => {}
        }
    }
}

fn builder() -> AuthBuilder<Account> {
    Auth::local(MemoryStore::new(), jwt(), TestHasher::new())
}

#[test]
fn starting_without_a_feed_between_processes_is_logged() {
    let log = Log::default();
    let listening = log.listen();
    builder().with_revocation_feed(LocalFeed::for_sole_process()).build().unwrap();
    assert_eq!(log.text(), "");
    builder().build().unwrap();
    drop(listening);
    let expected = "revocations made by other processes take effect within 5 s";
    assert!(log.text().contains(expected), "{}", log.text());
}

#[test]
fn a_cache_capacity_out_of_range_is_a_build_error() {
    for capacity in [0, MAX_CACHE_CAPACITY + 1] {
        let error = builder().with_cache_capacity(capacity).build().unwrap_err();
        assert_eq!(error.setting, "cache_capacity");
    }
}
