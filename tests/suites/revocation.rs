//! Guards remember what they read, and nobody is let in for it who should not be.

mod everywhere;
mod feeds;
mod nodes;
mod races;

use std::time::Duration;

use gatewright::{
    Auth, Headers, Identity, LocalFeed, Login, MAX_AGE_WITHOUT_FEED, Operation, Password, PasswordChange,
    RequestView, RevocationCheck, RoleName, TokenPair, TokenText,
};
use gatewright_testkit::store::Store;
use gatewright_testkit::{FragileStore, ManualFeed, Outage, Watch, WatchedStore};
use gatewright_tests::{Bearer, Log, PASSWORD, World, jwt, memory, sqlite};

const EMAIL: &str = "ada@example.com";
const ANOTHER: &str = "another correct horse";

async fn me<S: Store>(world: &World<S>, token: &TokenText) -> Identity {
    let headers = Bearer(format!("Bearer {}", token.expose()));
    world.auth.authenticate(&RequestView::new("GET", &headers)).await.unwrap().unwrap()
}

/// One node over a watched store, with a user who is logged in.
async fn watched<S: Store>(store: S) -> (World<WatchedStore<S>>, Watch, TokenPair) {
    let (store, watch) = WatchedStore::new(store);
    let world = World::new(store);
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let _ = watch.reads();
    (world, watch, pair)
}

async fn a_warm_guard_asks_no_store<S: Store>(store: S) {
    let (world, watch, pair) = watched(store).await;
    assert_eq!((world.status(&pair.access_token).await, watch.reads()), (200, 2));
    for _ in 0..100 {
        assert_eq!(world.status(&pair.access_token).await, 200);
    }
    assert_eq!(watch.reads(), 0);
    let headers = Bearer(format!("Bearer {}", pair.access_token.expose()));
    assert!(world.auth.require_claims(&RequestView::new("GET", &headers)).is_ok());
    assert_eq!(watch.reads(), 0, "claims alone need none, warm or not");
}

#[tokio::test]
async fn a_warm_guard_asks_no_store_in_memory() {
    a_warm_guard_asks_no_store(memory().await[0].clone()).await;
}

#[tokio::test]
async fn a_warm_guard_asks_no_store_on_sqlite() {
    a_warm_guard_asks_no_store(sqlite().await[0].clone()).await;
}

#[tokio::test]
async fn each_way_to_learn_of_revocations_costs_its_number_of_reads() {
    let feed = ManualFeed::new();
    let modes: [(&str, usize, World<_>, Watch); 4] = {
        let [store, _] = memory().await;
        let world = |settings: &dyn Fn(gatewright::AuthBuilder<gatewright::Account>) -> _| {
            let (store, watch) = WatchedStore::new(store.clone());
            (World::with(store, settings), watch)
        };
        let (through, a) = world(&|builder| builder.with_revocation_check(RevocationCheck::ReadThrough));
        let (local, b) = world(&|builder| builder.with_revocation_feed(LocalFeed::new()));
        let (sole, c) = world(&|builder| builder.with_revocation_feed(LocalFeed::for_sole_process()));
        let (fed, d) = world(&|builder| builder.with_revocation_feed(feed.clone()));
        [("read-through", 2, through, a), ("local", 0, local, b), ("sole", 0, sole, c), ("fed", 0, fed, d)]
    };
    feed.beat();
    modes[0].2.add(EMAIL).await;
    for (name, reads, world, watch) in modes {
        let pair = world.login(EMAIL).await;
        assert_eq!(world.status(&pair.access_token).await, 200);
        assert_eq!(watch.reads(), 2, "{name}, cold");
        assert_eq!(world.status(&pair.access_token).await, 200);
        assert_eq!(watch.reads(), reads, "{name}, warm");
    }
}

/// Whatever this node revokes it refuses before it answers.
async fn what_a_node_revokes_counts_at_once<S: Store>(store: S) {
    let world = World::new(store);
    let account = world.add(EMAIL).await;
    let accounts = world.auth.accounts().unwrap();
    let warm = async || {
        let pair = world.login(EMAIL).await;
        assert_eq!(world.status(&pair.access_token).await, 200);
        pair
    };

    let pair = warm().await;
    world.auth.logout(&me(&world, &pair.access_token).await).await.unwrap();
    assert_eq!(world.status(&pair.access_token).await, 401, "logout");

    let pair = warm().await;
    world.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    assert_eq!(world.status(&pair.access_token).await, 401, "logout by refresh token");

    let pair = warm().await;
    let next = world.refresh(&pair.refresh_token).await.unwrap();
    assert_eq!(world.status(&next.access_token).await, 200);
    assert!(world.refresh(&pair.refresh_token).await.is_err());
    for token in [&pair.access_token, &next.access_token] {
        assert_eq!(world.status(token).await, 401, "reuse");
    }

    let (kept, other) = (warm().await, warm().await);
    let change = PasswordChange::new(Password::new(PASSWORD), Password::new(ANOTHER)).unwrap();
    world.auth.change_password(&me(&world, &kept.access_token).await, change).await.unwrap();
    for pair in [&kept, &other] {
        assert_eq!(world.status(&pair.access_token).await, 401, "change of password");
    }
    let next = world.refresh(&kept.refresh_token).await.unwrap();
    assert_eq!(world.status(&next.access_token).await, 200, "the session goes on");

    accounts.update(&account.id, Some(RoleName::new("moderator").unwrap()), None).await.unwrap();
    assert_eq!(me(&world, &next.access_token).await.user().role.as_str(), "moderator");
    assert!(me(&world, &next.access_token).await.scopes().as_str().is_empty(), "its scopes are gone too");

    accounts.update(&account.id, None, Some(false)).await.unwrap();
    assert_eq!(world.status(&next.access_token).await, 401, "disabled");
    accounts.update(&account.id, None, Some(true)).await.unwrap();
    assert_eq!(world.status(&next.access_token).await, 401, "enabled again");

    let pair = world.auth.login(Login::new(EMAIL, Password::new(ANOTHER))).await.unwrap();
    assert_eq!(world.status(&pair.access_token).await, 200);
    accounts.delete(&account.id).await.unwrap();
    assert_eq!(world.status(&pair.access_token).await, 401, "deleted");
}

#[tokio::test]
async fn what_a_node_revokes_counts_at_once_in_memory() {
    what_a_node_revokes_counts_at_once(memory().await[0].clone()).await;
}

#[tokio::test]
async fn what_a_node_revokes_counts_at_once_on_sqlite() {
    what_a_node_revokes_counts_at_once(sqlite().await[0].clone()).await;
}

#[tokio::test]
async fn the_oldest_session_that_a_login_ends_is_refused_at_once() {
    let (world, _, first) = watched(memory().await[0].clone()).await;
    assert_eq!(world.status(&first.access_token).await, 200);
    for _ in 0..gatewright::MAX_SESSIONS_PER_USER {
        world.login(EMAIL).await;
    }
    assert_eq!(world.status(&first.access_token).await, 401);
}

#[tokio::test]
async fn what_is_refused_is_never_remembered() {
    let (world, watch, pair) = watched(memory().await[0].clone()).await;
    let id = me(&world, &pair.access_token).await.user().id.clone();
    world.auth.accounts().unwrap().update(&id, None, Some(false)).await.unwrap();
    let _ = watch.reads();
    for _ in 0..3 {
        assert_eq!(world.status(&pair.access_token).await, 401);
        assert_eq!(watch.reads(), 1, "the session has ended");
    }
    assert_eq!(world.status(&TokenText::new("x.y.z")).await, 401);
    assert_eq!(watch.reads(), 0, "nor does a forged token reach a store");
}

#[tokio::test]
async fn a_refresh_never_relies_on_what_is_remembered() {
    let (world, watch, mut pair) = watched(memory().await[0].clone()).await;
    for _ in 0..3 {
        assert_eq!(world.status(&pair.access_token).await, 200);
        let _ = watch.reads();
        pair = world.refresh(&pair.refresh_token).await.unwrap();
        assert_eq!(watch.reads(), 2);
    }
}

#[tokio::test]
async fn what_is_remembered_refuses_no_session_that_was_refreshed() {
    let span = Duration::from_secs(20);
    let settings = |builder: gatewright::AuthBuilder<_>| {
        builder
            .with_access_lifetime(span)
            .with_refresh_lifetime(span)
            .with_revocation_feed(LocalFeed::for_sole_process())
    };
    let world = World::with(memory().await[0].clone(), settings);
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    world.clock.advance(Duration::from_secs(19));
    assert_eq!(world.status(&pair.access_token).await, 200, "remembered, with its end in a second");
    let next = world.refresh(&pair.refresh_token).await.unwrap();
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.status(&pair.access_token).await, 401, "the token is over");
    assert_eq!(world.status(&next.access_token).await, 200, "the session is not");
}

#[tokio::test]
async fn while_a_store_is_gone_whoever_is_remembered_is_let_in_within_the_bound_and_nobody_else() {
    for begin in [Outage::of_users, Outage::of_sessions] {
        let (store, outage) = FragileStore::new(memory().await[0].clone());
        let world = World::new(store);
        world.add(EMAIL).await;
        let (warm, cold) = (world.login(EMAIL).await, world.login(EMAIL).await);
        assert_eq!(world.status(&warm.access_token).await, 200);
        begin(&outage);
        world.clock.advance(MAX_AGE_WITHOUT_FEED - Duration::from_micros(1));
        assert_eq!(world.status(&warm.access_token).await, 200);
        assert_eq!(world.status(&cold.access_token).await, 503);
        world.clock.advance(Duration::from_micros(1));
        assert_eq!(world.status(&warm.access_token).await, 503, "never 401");
        outage.end();
        assert_eq!(world.status(&warm.access_token).await, 200);
    }
}

#[tokio::test]
async fn a_deleted_user_is_refused_on_a_node_that_heard_of_it_though_the_store_is_down() {
    let (store, outage) = FragileStore::new(memory().await[0].clone());
    let world = World::new(store);
    let account = world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    assert_eq!(world.status(&pair.access_token).await, 200);
    world.auth.accounts().unwrap().delete(&account.id).await.unwrap();
    outage.of_users();
    outage.of_sessions();
    assert_eq!(world.status(&pair.access_token).await, 503, "it is not let in, and nobody can say why");
    outage.end();
    assert_eq!(world.status(&pair.access_token).await, 401);
}

#[tokio::test]
async fn no_more_is_remembered_than_was_allowed() {
    const CAPACITY: usize = 64;
    let (store, watch) = WatchedStore::new(memory().await[0].clone());
    let world = World::with(store, |builder| builder.with_cache_capacity(CAPACITY));
    let mut tokens = Vec::new();
    for user in 0..20 {
        let email = format!("user{user}@example.com");
        world.add(&email).await;
        for _ in 0..40 {
            tokens.push(world.login(&email).await.access_token);
        }
    }
    for token in &tokens {
        assert_eq!(world.status(token).await, 200);
    }
    let _ = watch.reads();
    for token in &tokens {
        assert_eq!(world.status(token).await, 200);
    }
    let remembered = tokens.len() - watch.reads() / 2;
    assert!(remembered <= CAPACITY, "{remembered} of {} were remembered", tokens.len());
}

#[tokio::test]
async fn endpoints_that_change_something_ask_the_stores() {
    let stores = memory().await;
    let (here, there) = (World::new(stores[0].clone()), World::new(stores[1].clone()));
    here.add(EMAIL).await;
    let pair = here.login(EMAIL).await;
    assert_eq!(there.status(&pair.access_token).await, 200);
    here.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    assert_eq!(there.status(&pair.access_token).await, 200, "not seen yet");
    let id = me(&there, &pair.access_token).await.session().to_string();
    let all = Operation::ALL.iter().filter(|operation| !OPEN.contains(operation));
    for operation in all.copied() {
        let headers = Json(format!("Bearer {}", pair.access_token.expose()));
        let body = format!(r#"{{"current_password":"{PASSWORD}","new_password":"{ANOTHER}"}}"#);
        let body = if operation == Operation::ChangePassword { body } else { String::new() };
        let view = RequestView::new(operation.method(), &headers).with_id(Some(&id));
        let reply = there.auth.answer(operation, &view, Ok(body.into())).await;
        assert_eq!(reply.status, 401, "{operation:?}");
    }
}

/// What a bearer token is not asked for.
const OPEN: [Operation; 5] =
    [Operation::Register, Operation::Login, Operation::Refresh, Operation::Revoke, Operation::Introspect];

struct Json(String);

impl Headers for Json {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        match name {
            "authorization" => see(self.0.as_bytes()),
            "content-type" => see(b"application/json"),
            _ => {}
        }
    }
}

#[test]
fn a_start_without_a_feed_between_processes_says_so() {
    let log = Log::default();
    let listening = log.listen();
    let build = |feed: Option<LocalFeed>| {
        let builder =
            Auth::local(gatewright::MemoryStore::new(), jwt(), gatewright_testkit::TestHasher::new());
        match feed {
            Some(feed) => builder.with_revocation_feed(feed).build().unwrap(),
            None => builder.build().unwrap(),
        }
    };
    build(Some(LocalFeed::for_sole_process()));
    assert_eq!(log.text(), "");
    build(None);
    drop(listening);
    assert!(log.text().contains("what other processes revoke is seen within 5 seconds"), "{}", log.text());
}

#[test]
fn a_cache_of_nothing_and_one_without_bounds_are_refused() {
    for capacity in [0, gatewright::MAX_CACHE_CAPACITY + 1] {
        let builder =
            Auth::local(gatewright::MemoryStore::new(), jwt(), gatewright_testkit::TestHasher::new());
        let error = builder.with_cache_capacity(capacity).build().unwrap_err();
        assert_eq!(error.setting, "cache_capacity");
    }
}
