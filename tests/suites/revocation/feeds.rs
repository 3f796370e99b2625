//! The contract of a feed between nodes, on one whose every message is delivered by hand.

use std::future::Future;
use std::time::Duration;

use gatewright::{
    Auth, AuthError, Denial, HEARTBEAT_INTERVAL, MAX_SESSIONS_PER_USER, MAX_SILENCE, MemoryStore,
    PasswordChange, RequestView, Revocation, RoleName, SessionStore, TokenPair, UserId,
};
use gatewright_testkit::{FragileStore, ManualFeed, Watch, WatchedStore};
use gatewright_tests::{Bearer, World, jwt, memory};
use tokio::time::timeout;

use super::{ANOTHER, EMAIL, PASSWORD, Password, me};

const TICK: Duration = Duration::from_micros(1);
const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for a store in memory and a hasher that does not hash.
const SHORT_WHILE: Duration = Duration::from_millis(500);

struct Node {
    world: World<WatchedStore<MemoryStore>>,
    watch: Watch,
    feed: ManualFeed,
    pair: TokenPair,
}

impl Node {
    /// A node that hears its feed, with a session that it remembers.
    async fn warm() -> Self {
        let (store, watch) = WatchedStore::new(memory().await[0].clone());
        let feed = ManualFeed::new();
        let world = World::with(store, |builder| builder.with_revocation_feed(feed.clone()));
        world.add(EMAIL).await;
        let pair = world.login(EMAIL).await;
        feed.beat();
        let node = Self { world, watch, feed, pair };
        assert_eq!(node.reads().await, 2);
        assert_eq!(node.reads().await, 0);
        node
    }

    /// How often a request that is let in asks the stores.
    async fn reads(&self) -> usize {
        let _ = self.watch.reads();
        assert_eq!(self.world.status(&self.pair.access_token).await, 200);
        self.watch.reads()
    }
}

#[tokio::test]
async fn before_the_first_heartbeat_comes_back_everything_is_read() {
    let (store, watch) = WatchedStore::new(memory().await[0].clone());
    let feed = ManualFeed::new();
    let world = World::with(store, |builder| builder.with_revocation_feed(feed.clone()));
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    let node = Node { world, watch, feed, pair };
    for _ in 0..3 {
        assert_eq!(node.reads().await, 2);
    }
    let other = Node::warm().await;
    let strangers = other.feed.receiver().heartbeat().unwrap();
    node.feed.receiver().receive(&strangers);
    assert_eq!(node.reads().await, 2, "another node's heartbeat says nothing of this node's way");
    node.feed.beat();
    assert_eq!((node.reads().await, node.reads().await), (2, 0));
}

#[tokio::test]
async fn a_silent_feed_has_everything_read_until_it_is_back_and_then_read_once_more() {
    let node = Node::warm().await;
    node.world.clock.advance(MAX_SILENCE);
    assert_eq!(node.reads().await, 0, "three seconds are no silence yet");
    node.world.clock.advance(TICK);
    for _ in 0..3 {
        assert_eq!(node.reads().await, 2);
    }
    node.feed.beat();
    assert_eq!(node.reads().await, 2, "what was known before the silence is forgotten");
    assert_eq!(node.reads().await, 0);
}

#[tokio::test]
async fn heartbeats_in_time_keep_what_is_remembered() {
    let node = Node::warm().await;
    for _ in 0..10 {
        node.world.clock.advance(HEARTBEAT_INTERVAL);
        node.feed.beat();
        assert_eq!(node.reads().await, 0);
    }
}

#[tokio::test]
async fn a_feed_that_lags_is_as_good_as_silent() {
    let node = Node::warm().await;
    for _ in 0..5 {
        let late = node.feed.receiver().heartbeat().unwrap();
        node.world.clock.advance(MAX_SILENCE + TICK);
        node.feed.receiver().receive(&late);
        assert_eq!(node.reads().await, 2);
    }
}

#[tokio::test]
async fn a_reconnect_and_a_message_that_cannot_be_read_empty_the_cache() {
    let node = Node::warm().await;
    node.feed.receiver().reset();
    assert_eq!((node.reads().await, node.reads().await), (2, 0));
    for message in ["", "key 42", "session 42", "user"] {
        node.feed.receiver().receive(message);
        assert_eq!((node.reads().await, node.reads().await), (2, 0), "{message:?}");
    }
}

#[tokio::test]
async fn messages_may_come_twice_and_in_any_order() {
    let node = Node::warm().await;
    let me = me(&node.world, &node.pair.access_token).await;
    let receiver = node.feed.receiver();
    let own = [Revocation::session(me.session()), Revocation::user(me.user().id.clone())];
    for order in [[0, 1], [1, 0], [0, 0], [1, 1]] {
        for message in order {
            receiver.receive(&own[message].to_string());
        }
        assert_eq!((node.reads().await, node.reads().await), (2, 0), "{order:?}");
    }
    node.world.auth.logout(&me).await.unwrap();
    let said = node.feed.sent();
    for message in said.iter().chain(said.iter().rev()) {
        receiver.receive(message);
        assert_eq!(node.world.status(&node.pair.access_token).await, 401);
    }
}

#[tokio::test]
async fn everything_that_must_be_seen_is_announced() {
    let node = Node::warm().await;
    let (auth, feed) = (&node.world.auth, &node.feed);
    let me = me(&node.world, &node.pair.access_token).await;
    let (session, user) = (me.session(), me.user().id.clone());
    let _ = feed.sent();
    let other = node.world.login(EMAIL).await;
    assert_eq!(feed.sent(), [""; 0], "a login that ends no session revokes nothing");
    let next = node.world.refresh(&node.pair.refresh_token).await.unwrap();
    assert_eq!(feed.sent(), [""; 0], "a rotation revokes nothing");
    auth.logout(&me).await.unwrap();
    auth.logout_by_refresh_token(&next.refresh_token).await.unwrap();
    assert_eq!(feed.sent(), vec![format!("session {session}"); 2]);
    let accounts = auth.accounts().unwrap();
    accounts.update(&user, None, None).await.unwrap();
    assert_eq!(feed.sent(), [format!("user {user}")]);
    accounts.update(&user, None, Some(false)).await.unwrap();
    assert_eq!(feed.sent(), vec![format!("user {user}"); 2], "the user, then the sessions");
    accounts.delete(&user).await.unwrap();
    assert_eq!(feed.sent(), vec![format!("user {user}"); 2]);
    assert!(node.world.refresh(&other.refresh_token).await.is_err());
    auth.announce(Revocation::user(UserId::new("42").unwrap())).await.unwrap();
    assert_eq!(feed.sent(), ["user 42"]);
}

#[tokio::test]
async fn a_login_that_ends_the_oldest_session_is_announced_and_one_that_ends_none_is_not() {
    let node = Node::warm().await;
    let user = me(&node.world, &node.pair.access_token).await.user().id.clone();
    let _ = node.feed.sent();
    for _ in 1..MAX_SESSIONS_PER_USER {
        node.world.login(EMAIL).await;
        assert_eq!((node.feed.sent(), node.reads().await), (Vec::new(), 0), "what is remembered stays");
    }
    node.world.login(EMAIL).await;
    assert_eq!(node.feed.sent(), [format!("user {user}")]);
    assert_eq!(node.world.status(&node.pair.access_token).await, 401);
}

#[tokio::test]
async fn a_reuse_is_announced() {
    let node = Node::warm().await;
    let settings = |builder: gatewright::AuthBuilder<_>| {
        builder.with_refresh_grace(Duration::ZERO).with_revocation_feed(node.feed.clone())
    };
    let world = World::with(node.world.store.clone(), settings);
    let session = me(&node.world, &node.pair.access_token).await.session();
    world.refresh(&node.pair.refresh_token).await.unwrap();
    let _ = node.feed.sent();
    assert!(world.refresh(&node.pair.refresh_token).await.is_err());
    assert_eq!(node.feed.sent(), [format!("session {session}")]);
}

#[tokio::test]
async fn what_cannot_be_announced_is_503_and_counts_here_all_the_same() {
    let node = Node::warm().await;
    node.feed.cut();
    let me = me(&node.world, &node.pair.access_token).await;
    let error: AuthError = node.world.auth.logout(&me).await.unwrap_err();
    assert_eq!(Denial::from(&error), Denial::Unavailable);
    assert_eq!(node.world.status(&node.pair.access_token).await, 401);
    for _ in 0..MAX_SESSIONS_PER_USER {
        node.world.login(EMAIL).await;
    }
    let _ = node.world.events.take();
    let pair = node.world.login(EMAIL).await;
    assert_eq!(node.world.status(&pair.access_token).await, 200, "a login that ends the oldest goes on");
    assert!(node.world.events.take().iter().any(|event| event.starts_with("Failed")), "and it is known");
}

#[tokio::test]
async fn what_happened_is_recorded_though_it_cannot_be_announced() {
    let node = Node::warm().await;
    let world = &node.world;
    let accounts = world.auth.accounts().unwrap();
    let me = me(world, &node.pair.access_token).await;
    let id = me.user().id.clone();
    let other = super::me(world, &world.login(EMAIL).await.access_token).await;
    node.feed.cut();
    let _ = world.events.take();
    let recorded = |error: AuthError, name: &str| {
        assert_eq!(Denial::from(&error), Denial::Unavailable);
        let events = world.events.take();
        assert_eq!(events.iter().filter(|event| event.starts_with(name)).count(), 1, "{name}: {events:?}");
    };
    recorded(accounts.update(&id, None, Some(true)).await.unwrap_err(), "AccountChanged");
    recorded(accounts.end_session(&id, other.session()).await.unwrap_err(), "SessionEnded");
    recorded(accounts.end_sessions(&id).await.unwrap_err(), "SessionsEnded");
    recorded(world.auth.logout(&me).await.unwrap_err(), "LoggedOut {");
    recorded(world.auth.logout_all(&me).await.unwrap_err(), "LoggedOutEverywhere");
    recorded(accounts.delete(&id).await.unwrap_err(), "AccountDeleted");
}

#[tokio::test]
async fn without_accounts_a_logout_everywhere_is_recorded_though_it_cannot_be_announced() {
    let node = Node::warm().await;
    let auth = Auth::builder(node.world.store.clone(), node.world.store.clone(), jwt())
        .with_issuer(jwt())
        .with_hasher(node.world.hasher.clone())
        .with_clock(node.world.clock.clone())
        .with_events(node.world.events.clone())
        .with_revocation_feed(node.feed.clone())
        .build()
        .unwrap();
    let headers = Bearer(format!("Bearer {}", node.pair.access_token.expose()));
    let me = auth.authenticate(&RequestView::new("GET", &headers)).await.unwrap().unwrap();
    node.feed.cut();
    let _ = node.world.events.take();
    assert!(auth.logout_all(&me).await.is_err());
    let events = node.world.events.take();
    let recorded = events.iter().filter(|event| event.starts_with("LoggedOutEverywhere"));
    assert_eq!(recorded.count(), 1, "{events:?}");
}

#[tokio::test]
async fn without_the_feed_a_change_of_two_steps_is_made_whole() {
    let node = Node::warm().await;
    let other = node.world.login(EMAIL).await;
    let me = me(&node.world, &node.pair.access_token).await;
    node.feed.cut();
    let change = PasswordChange::new(Password::new(PASSWORD), Password::new(ANOTHER)).unwrap();
    assert!(node.world.auth.change_password(&me, change).await.is_err());
    assert!(node.world.refresh(&other.refresh_token).await.is_err());
    let next = node.world.refresh(&node.pair.refresh_token).await.unwrap();
    assert_eq!(node.world.status(&next.access_token).await, 200, "the session was kept");
    let store = &node.world.store;
    assert!(node.world.auth.logout_all(&me).await.is_err());
    assert!(
        SessionStore::find(store, &me.user().id, me.session()).await.unwrap().is_none(),
        "the sessions have ended"
    );
}

#[tokio::test]
async fn what_changed_nothing_is_not_announced_and_answered_without_the_feed() {
    let node = Node::warm().await;
    let accounts = node.world.auth.accounts().unwrap();
    let _ = node.feed.sent();
    let nobody = UserId::new("42").unwrap();
    for is_cut in [false, true] {
        if is_cut {
            node.feed.cut();
        }
        let role = Some(RoleName::new("user").unwrap());
        assert!(matches!(accounts.update(&nobody, role, None).await, Err(AuthError::NotFound { .. })));
        assert!(matches!(accounts.end_sessions(&nobody).await, Err(AuthError::NotFound { .. })));
        assert_eq!(node.feed.sent(), [""; 0], "cut: {is_cut}");
    }
}

#[tokio::test]
async fn a_feed_that_does_not_answer_delays_no_login_and_no_refresh() {
    let node = Node::warm().await;
    node.feed.stall();
    let answers = async {
        for _ in 0..=MAX_SESSIONS_PER_USER {
            node.world.login(EMAIL).await;
        }
        let pair = node.world.login(EMAIL).await;
        let next = node.world.refresh(&pair.refresh_token).await.unwrap();
        assert!(node.world.refresh(&next.refresh_token).await.is_ok());
        assert!(node.world.refresh(&pair.refresh_token).await.is_err(), "used before");
    };
    timeout(PATIENCE, answers).await.unwrap();
    assert_eq!(node.feed.sent().len(), 4, "the sessions of three logins, and the reuse");
}

#[tokio::test]
async fn what_happened_is_recorded_though_its_caller_gives_up_on_the_feed() {
    let node = Node::warm().await;
    let (world, auth) = (&node.world, &node.world.auth);
    let accounts = auth.accounts().unwrap();
    let me = me(world, &node.pair.access_token).await;
    let id = me.user().id.clone();
    node.feed.stall();
    let change = PasswordChange::new(Password::new(PASSWORD), Password::new(ANOTHER)).unwrap();
    given_up(world, "PasswordChanged", auth.change_password(&me, change)).await;
    given_up(world, "LoggedOutEverywhere", auth.logout_all(&me)).await;
    given_up(world, "LoggedOut {", auth.logout(&me)).await;
    given_up(world, "SessionsEnded", accounts.end_sessions(&id)).await;
    given_up(world, "AccountChanged", accounts.update(&id, None, Some(false))).await;
    given_up(world, "AccountDeleted", accounts.delete(&id)).await;
}

/// Drops a call as soon as it waits for the feed alone.
async fn given_up<T>(
    world: &World<WatchedStore<MemoryStore>>,
    name: &str,
    call: impl Future<Output = Result<T, AuthError>>,
) {
    let _ = world.events.take();
    let given_up = timeout(SHORT_WHILE, call).await;
    assert!(given_up.is_err(), "{name}: nobody confirmed it");
    let events = world.events.take();
    assert_eq!(events.iter().filter(|event| event.starts_with(name)).count(), 1, "{name}: {events:?}");
}

#[tokio::test]
async fn a_change_whose_outcome_is_unknown_is_announced_as_that() {
    let (store, outage) = FragileStore::new(memory().await[0].clone());
    let feed = ManualFeed::new();
    let world = World::with(store, |builder| builder.with_revocation_feed(feed.clone()));
    let account = world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    feed.beat();
    let me = me(&world, &pair.access_token).await;
    let _ = feed.sent();
    outage.of_users();
    outage.of_sessions();
    assert!(world.auth.logout(&me).await.is_err());
    assert!(world.auth.accounts().unwrap().delete(&account.id).await.is_err());
    assert_eq!(feed.sent(), [format!("session? {}", me.session()), format!("user? {}", account.id)]);
}
