//! The cache with a feed between nodes. The test delivers every message itself.

use std::future::Future;
use std::time::Duration;

use gatewright::auth::DEFAULT_REFRESH_GRACE;
use gatewright::http::Denial;
use gatewright::revocation::{FeedKey, HEARTBEAT_INTERVAL, HEARTBEAT_TIMEOUT, Revocation};
use gatewright::store::{MAX_SESSIONS_PER_USER, SessionStore};
use gatewright::types::SystemRandom;
use gatewright::{
    Auth, AuthError, Error, Identity, Login, MemoryStore, Password, RoleName, TokenPair, UserId,
};
use gatewright_testkit::{CountingStore, FailingStore, ManualFeed, Watch};
use gatewright_tests::{World, from_another_node, jwt, patience::PATIENCE};
use tokio::task::unconstrained;
use tokio::time::timeout;

use super::{EMAIL, NEW_PASSWORD, TICK, authenticate, fed, fed_with, new_password};

pub(super) struct Node {
    pub(super) world: World<CountingStore<MemoryStore>>,
    watch: Watch,
    pub(super) feed: ManualFeed,
    pair: TokenPair,
    pub(super) user: UserId,
}

impl Node {
    /// A node whose feed has delivered nothing yet, and a session.
    pub(super) async fn new() -> Self {
        Self::from(fed().await).await
    }

    /// As [`Node::new`], with a feed key that no other node has.
    pub(super) async fn with_another_key() -> Self {
        let key = FeedKey::generate(&SystemRandom).unwrap();
        Self::from(fed_with(|builder| builder.with_feed_key(key)).await).await
    }

    async fn from(parts: (World<CountingStore<MemoryStore>>, Watch, ManualFeed, TokenPair)) -> Self {
        let (world, watch, feed, pair) = parts;
        let user = authenticate(&world, &pair.access_token).await.user().id.clone();
        Self { world, watch, feed, pair, user }
    }

    /// A node whose feed works, and a session that it has cached.
    pub(super) async fn cached() -> Self {
        let node = Self::new().await;
        node.feed.beat();
        node.expect_one_read("the first request is not cached").await;
        node
    }

    /// The number of reads of a request, which must succeed.
    pub(super) async fn reads(&self) -> usize {
        let _ = self.watch.reads();
        assert_eq!(self.world.status(&self.pair.access_token).await, 200);
        self.watch.reads()
    }

    /// The next request reads the stores (session and user); the request after it uses the cache.
    pub(super) async fn expect_one_read(&self, why: &str) {
        assert_eq!((self.reads().await, self.reads().await), (2, 0), "{why}");
    }

    /// How long a new entry is used, in whole seconds, while heartbeats come back.
    pub(super) async fn lifetime(&self) -> Duration {
        self.feed.receiver().clear();
        self.expect_one_read("the cache was cleared").await;
        let mut beats = 0;
        while beats == 0 || self.reads().await == 0 {
            self.world.clock.advance(HEARTBEAT_INTERVAL);
            self.feed.beat();
            beats += 1;
        }
        HEARTBEAT_INTERVAL * beats
    }

    /// Whether an event that begins like this was emitted since the last call.
    pub(super) fn has_event(&self, start: &str) -> bool {
        self.world.events.take().iter().any(|event| event.starts_with(start))
    }

    async fn identity(&self) -> Identity {
        authenticate(&self.world, &self.pair.access_token).await
    }

    async fn status(&self) -> u16 {
        self.world.status(&self.pair.access_token).await
    }
}

/// Checks that exactly one event with this name was emitted since the last call.
fn expect_event(world: &World<CountingStore<MemoryStore>>, name: &str) {
    let events = world.events.take();
    assert_eq!(events.iter().filter(|event| event.starts_with(name)).count(), 1, "{name}: {events:?}");
}

#[tokio::test]
async fn the_cache_is_not_used_before_the_first_heartbeat_returns() {
    let node = Node::new().await;
    for _ in 0..3 {
        assert_eq!(node.reads().await, 2);
    }
    let other = Node::cached().await;
    let foreign = other.feed.receiver().heartbeat().unwrap();
    node.feed.receiver().receive(&foreign);
    assert_eq!(node.reads().await, 2, "a heartbeat of another node does not count");
    node.feed.beat();
    node.expect_one_read("the cache is used").await;
}

#[tokio::test]
async fn a_silent_feed_disables_the_cache_and_clears_it() {
    let node = Node::cached().await;
    node.world.clock.advance(HEARTBEAT_TIMEOUT);
    assert_eq!(node.reads().await, 0, "just before the timeout");
    node.world.clock.advance(TICK);
    for _ in 0..3 {
        assert_eq!(node.reads().await, 2);
    }
    node.feed.beat();
    node.expect_one_read("entries from before the silence are invalid").await;
}

#[tokio::test]
async fn regular_heartbeats_keep_the_cache_valid() {
    let node = Node::cached().await;
    for _ in 0..10 {
        node.world.clock.advance(HEARTBEAT_INTERVAL);
        node.feed.beat();
        assert_eq!(node.reads().await, 0);
    }
}

#[tokio::test]
async fn late_heartbeats_do_not_count() {
    let node = Node::cached().await;
    for _ in 0..5 {
        let late = node.feed.receiver().heartbeat().unwrap();
        node.world.clock.advance(HEARTBEAT_TIMEOUT + TICK);
        node.feed.receiver().receive(&late);
        assert_eq!(node.reads().await, 2);
    }
}

#[tokio::test]
async fn a_reconnect_clears_the_cache() {
    let node = Node::cached().await;
    node.feed.receiver().clear();
    node.expect_one_read("reconnect").await;
}

#[tokio::test]
async fn messages_may_be_duplicated_and_reordered() {
    let node = Node::cached().await;
    let caller = node.identity().await;
    let receiver = node.feed.receiver();
    for order in [[0, 1], [1, 0], [0, 0], [1, 1]] {
        let revocations = [Revocation::session(caller.session()), Revocation::user(caller.user().id.clone())];
        let messages = revocations.each_ref().map(from_another_node);
        for index in order {
            receiver.receive(messages[index].as_str());
        }
        node.expect_one_read(&format!("{order:?}")).await;
    }
    node.world.auth.logout(&caller).await.unwrap();
    let sent = node.feed.sent();
    for message in sent.iter().chain(sent.iter().rev()) {
        receiver.receive(message);
        assert_eq!(node.status().await, 401);
    }
}

#[tokio::test]
async fn every_revocation_is_published() {
    let node = Node::cached().await;
    let (auth, feed) = (&node.world.auth, &node.feed);
    let caller = node.identity().await;
    let (session, user) = (caller.session(), caller.user().id.clone());
    let _ = feed.sent();
    let other = node.world.login(EMAIL).await;
    assert_eq!(feed.revocations(), [""; 0], "a login that ends no session");
    let next = node.world.refresh(&node.pair.refresh_token).await.unwrap();
    assert_eq!(feed.revocations(), [""; 0], "a rotation");
    auth.logout(&caller).await.unwrap();
    auth.logout_by_refresh_token(&next.refresh_token).await.unwrap();
    assert_eq!(feed.revocations(), vec![format!("session {session}"); 2]);
    let accounts = auth.accounts().unwrap();
    accounts.update(&user, None, None).await.unwrap();
    assert_eq!(feed.revocations(), [format!("user {user}")]);
    accounts.update(&user, None, Some(false)).await.unwrap();
    assert_eq!(feed.revocations(), vec![format!("user {user}"); 2], "the user, then the sessions");
    accounts.delete(&user).await.unwrap();
    assert_eq!(feed.revocations(), vec![format!("user {user}"); 2]);
    assert!(node.world.refresh(&other.refresh_token).await.is_err());
    auth.invalidate_user(&UserId::new("42").unwrap()).await.unwrap();
    auth.invalidate_session(session).await.unwrap();
    assert_eq!(feed.revocations(), ["user 42".to_owned(), format!("session {session}")]);
}

#[tokio::test]
async fn a_login_is_published_only_if_it_ends_a_session() {
    let node = Node::cached().await;
    let user = node.identity().await.user().id.clone();
    let _ = node.feed.sent();
    for _ in 1..MAX_SESSIONS_PER_USER {
        node.world.login(EMAIL).await;
        assert_eq!((node.feed.revocations(), node.reads().await), (Vec::new(), 0), "the cache stays valid");
    }
    node.world.login(EMAIL).await;
    assert_eq!(node.feed.revocations(), [format!("user {user}")]);
    assert_eq!(node.status().await, 401);
}

#[tokio::test]
async fn a_reused_refresh_token_is_published() {
    let node = Node::cached().await;
    let world = World::with(node.world.store.clone(), |builder| {
        builder.with_refresh_grace(Duration::ZERO).with_revocation_feed(node.feed.clone())
    });
    let session = node.identity().await.session();
    world.refresh(&node.pair.refresh_token).await.unwrap();
    let _ = node.feed.sent();
    assert!(world.refresh(&node.pair.refresh_token).await.is_err());
    assert_eq!(node.feed.revocations(), [format!("session {session}")]);
}

#[tokio::test]
async fn an_unpublished_revocation_is_503_and_takes_effect_on_this_node() {
    let node = Node::cached().await;
    node.feed.cut();
    let error: Error = node.world.auth.logout(&node.identity().await).await.unwrap_err();
    assert_eq!(Denial::from(error.kind()), Denial::Unavailable);
    assert_eq!(node.status().await, 401);
    for _ in 0..MAX_SESSIONS_PER_USER {
        node.world.login(EMAIL).await;
    }
    let _ = node.world.events.take();
    let pair = node.world.login(EMAIL).await;
    assert_eq!(node.world.status(&pair.access_token).await, 200, "a login that ends a session succeeds");
    assert!(node.world.events.take().iter().any(|event| event.starts_with("Failed")));
}

#[tokio::test]
async fn events_are_emitted_even_if_the_publication_fails() {
    let node = Node::cached().await;
    let world = &node.world;
    let accounts = world.auth.accounts().unwrap();
    let caller = node.identity().await;
    let id = caller.user().id.clone();
    let other = authenticate(world, &world.login(EMAIL).await.access_token).await;
    node.feed.cut();
    let _ = world.events.take();
    let expect = |error: Error, name: &str| {
        assert_eq!(Denial::from(error.kind()), Denial::Unavailable);
        expect_event(world, name);
    };
    expect(accounts.update(&id, None, Some(true)).await.unwrap_err(), "AccountChanged");
    expect(accounts.end_session(&id, other.session()).await.unwrap_err(), "SessionEnded");
    expect(accounts.end_sessions(&id).await.unwrap_err(), "SessionsEnded");
    expect(world.auth.logout(&caller).await.unwrap_err(), "LoggedOut {");
    expect(world.auth.logout_all(&caller).await.unwrap_err(), "LoggedOutEverywhere");
    expect(accounts.delete(&id).await.unwrap_err(), "AccountDeleted");
}

#[tokio::test]
async fn without_accounts_an_unpublished_logout_all_emits_its_event() {
    let node = Node::cached().await;
    let World { store, hasher, clock, events, .. } = node.world.clone();
    let auth = Auth::builder(store.clone(), store, jwt(), hasher)
        .with_clock(clock)
        .with_events(events)
        .with_revocation_feed(node.feed.clone())
        .without_throttle()
        .build()
        .unwrap();
    let world = World { auth, ..node.world };
    let caller = authenticate(&world, &node.pair.access_token).await;
    node.feed.cut();
    let _ = world.events.take();
    assert!(world.auth.logout_all(&caller).await.is_err());
    expect_event(&world, "LoggedOutEverywhere");
}

#[tokio::test]
async fn both_steps_of_a_change_are_done_even_if_the_publication_fails() {
    let node = Node::cached().await;
    let other = node.world.login(EMAIL).await;
    let caller = node.identity().await;
    node.feed.cut();
    assert!(node.world.auth.change_password(&caller, new_password()).await.is_err());
    assert!(node.world.refresh(&other.refresh_token).await.is_err());
    assert!(node.world.refresh(&node.pair.refresh_token).await.is_err());
    let sessions = SessionStore::list(&node.world.store, &caller.user().id).await.unwrap();
    assert_eq!(sessions.len(), 1, "the new session replaced both");
    assert_ne!(sessions[0].id, caller.session());
    let new = Login::new(EMAIL, Password::new(NEW_PASSWORD));
    let next = node.world.auth.login(new).await.unwrap();
    let caller = authenticate(&node.world, &next.access_token).await;
    assert!(node.world.auth.logout_all(&caller).await.is_err());
    let sessions = SessionStore::list(&node.world.store, &caller.user().id).await.unwrap();
    assert!(sessions.is_empty(), "the sessions are deleted");
}

#[tokio::test]
async fn a_call_that_changes_nothing_publishes_nothing() {
    let node = Node::cached().await;
    let accounts = node.world.auth.accounts().unwrap();
    let _ = node.feed.sent();
    let unknown = UserId::new("42").unwrap();
    for is_cut in [false, true] {
        if is_cut {
            node.feed.cut();
        }
        let role = Some([RoleName::from_static("user")].into());
        let refused = accounts.update(&unknown, role, None).await.unwrap_err();
        assert!(matches!(refused.kind(), AuthError::NotFound { .. }));
        let refused = accounts.end_sessions(&unknown).await.unwrap_err();
        assert!(matches!(refused.kind(), AuthError::NotFound { .. }));
        assert_eq!(node.feed.revocations(), [""; 0], "cut: {is_cut}");
    }
}

#[tokio::test]
async fn a_stalled_feed_delays_no_login_and_no_refresh() {
    let node = Node::cached().await;
    node.feed.stall();
    let calls = async {
        for _ in 0..=MAX_SESSIONS_PER_USER {
            node.world.login(EMAIL).await;
        }
        let pair = node.world.login(EMAIL).await;
        let next = node.world.refresh(&pair.refresh_token).await.unwrap();
        assert!(node.world.refresh(&next.refresh_token).await.is_ok());
        node.world.clock.advance(DEFAULT_REFRESH_GRACE);
        assert!(node.world.refresh(&pair.refresh_token).await.is_err(), "a used token");
    };
    timeout(PATIENCE, calls).await.unwrap();
    assert_eq!(node.feed.sent().len(), 4, "three logins ended a session, then the reuse");
}

#[tokio::test]
async fn events_are_emitted_before_a_stalled_publication_is_dropped() {
    let node = Node::cached().await;
    let (world, auth) = (&node.world, &node.world.auth);
    let accounts = auth.accounts().unwrap();
    let caller = node.identity().await;
    let id = caller.user().id.clone();
    node.feed.stall();
    drop_stalled(world, "PasswordChanged", auth.change_password(&caller, new_password())).await;
    drop_stalled(world, "LoggedOutEverywhere", auth.logout_all(&caller)).await;
    drop_stalled(world, "LoggedOut {", auth.logout(&caller)).await;
    drop_stalled(world, "SessionsEnded", accounts.end_sessions(&id)).await;
    drop_stalled(world, "AccountChanged", accounts.update(&id, None, Some(false))).await;
    drop_stalled(world, "AccountDeleted", accounts.delete(&id)).await;
}

/// Drops a call that waits for the feed, and checks that it has emitted its event.
async fn drop_stalled<T>(
    world: &World<CountingStore<MemoryStore>>,
    event: &str,
    call: impl Future<Output = Result<T, Error>>,
) {
    let _ = world.events.take();
    // The store and the hasher answer at once, so the first poll reaches the feed.
    tokio::select! {
        biased;
        _ = unconstrained(call) => panic!("{event}: the feed never confirms"),
        () = std::future::ready(()) => {}
    }
    expect_event(world, event);
}

#[tokio::test]
async fn a_change_with_an_unknown_outcome_is_published_as_unconfirmed() {
    let (store, outage) = FailingStore::new(MemoryStore::new());
    let feed = ManualFeed::new();
    let world = World::with(store, |builder| builder.with_revocation_feed(feed.clone()));
    let account = world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    feed.beat();
    let caller = authenticate(&world, &pair.access_token).await;
    let _ = feed.sent();
    outage.fail_users();
    outage.fail_sessions();
    assert!(world.auth.logout(&caller).await.is_err());
    assert!(world.auth.accounts().unwrap().delete(&account.id).await.is_err());
    assert_eq!(
        feed.revocations(),
        [format!("session? {}", caller.session()), format!("user? {}", account.id)]
    );
}
