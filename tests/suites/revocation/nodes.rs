//! Two nodes on one store: a revocation on one of them takes effect on the other within its bound.

use std::time::Duration;

use gatewright::http::Denial;
use gatewright::revocation::{
    CACHE_TTL_WITH_FEED, CACHE_TTL_WITHOUT_FEED, HEARTBEAT_TIMEOUT, LocalFeed, RevocationCheck,
};
use gatewright::store::SessionStore;
use gatewright::types::{Clock, RoleChange};
use gatewright::{MemoryStore, RoleName, TokenPair};
use gatewright_testkit::ManualFeed;
use gatewright_testkit::store::Store;
use gatewright_tests::{World, memory, sqlite};

use super::{EMAIL, TICK, authenticate, fed_with, new_password, on_each_store};

/// Two nodes without a feed.
fn unfed<S: Store>([here, there]: [S; 2]) -> [World<S>; 2] {
    let here = World::new(here);
    let there = here.node(there);
    [here, there]
}

/// Two nodes, and a new session that the second node has cached.
async fn cached_session<S: Store>([here, there]: [World<S>; 2]) -> (World<S>, World<S>, TokenPair) {
    here.add(EMAIL).await;
    let pair = here.login(EMAIL).await;
    assert_eq!(there.status(&pair.access_token).await, 200);
    (here, there, pair)
}

on_each_store! { without_a_feed_a_logout_takes_effect_within_five_seconds }

async fn without_a_feed_a_logout_takes_effect_within_five_seconds<S: Store>(stores: [S; 2]) {
    let (here, there, pair) = cached_session(unfed(stores)).await;
    here.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    assert_eq!(here.status(&pair.access_token).await, 401, "at once on the node that made it");
    there.clock.advance(CACHE_TTL_WITHOUT_FEED - TICK);
    assert_eq!(there.status(&pair.access_token).await, 200, "just before the bound");
    there.clock.advance(TICK);
    assert_eq!(there.status(&pair.access_token).await, 401);
}

#[tokio::test]
async fn cache_hits_do_not_extend_the_ttl() {
    let (here, there, pair) = cached_session(unfed(memory().await)).await;
    here.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    let mut answers = Vec::new();
    for _ in 0..CACHE_TTL_WITHOUT_FEED.as_secs() {
        there.clock.advance(Duration::from_secs(1));
        answers.push(there.status(&pair.access_token).await);
    }
    assert_eq!(answers, [200, 200, 200, 200, 401]);
}

#[tokio::test]
async fn entries_are_invalid_after_the_clock_is_set_back() {
    let [here, there] = unfed(memory().await);
    here.add(EMAIL).await;
    let pair = here.login(EMAIL).await;
    // The clock is not set back to before the login.
    here.clock.advance(Duration::from_secs(2));
    assert_eq!(there.status(&pair.access_token).await, 200);
    here.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    here.clock.set(here.clock.now().saturating_sub(TICK));
    assert_eq!(there.status(&pair.access_token).await, 401);
}

#[tokio::test]
async fn a_shared_local_feed_revokes_at_once() {
    let stores = sqlite().await;
    let feed = LocalFeed::for_sole_process();
    let here = World::with(stores[0].clone(), |builder| builder.with_revocation_feed(feed.clone()));
    let there = here.node_with(stores[1].clone(), |builder| builder.with_revocation_feed(feed.clone()));
    let account = here.add(EMAIL).await;
    let (first, second) = (here.login(EMAIL).await, here.login(EMAIL).await);
    for pair in [&first, &second] {
        assert_eq!(there.status(&pair.access_token).await, 200);
    }
    here.auth.logout_by_refresh_token(&first.refresh_token).await.unwrap();
    assert_eq!(there.status(&first.access_token).await, 401);
    assert_eq!(there.status(&second.access_token).await, 200);
    here.auth.accounts().unwrap().update(&account.id, None, Some(false)).await.unwrap();
    assert_eq!(there.status(&second.access_token).await, 401);
}

#[tokio::test]
async fn a_node_without_a_cache_publishes_its_revocations() {
    let stores = memory().await;
    let feed = LocalFeed::for_sole_process();
    let here = World::with(stores[0].clone(), |builder| {
        builder.with_revocation_feed(feed.clone()).with_revocation_check(RevocationCheck::ReadThrough)
    });
    let there = here.node_with(stores[1].clone(), |builder| builder.with_revocation_feed(feed.clone()));
    let (here, there, pair) = cached_session([here, there]).await;
    here.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    for node in [here, there] {
        assert_eq!(node.status(&pair.access_token).await, 401);
    }
}

#[tokio::test]
async fn the_new_session_of_a_password_change_is_accepted_at_once_by_the_other_node() {
    let (here, there, pair) = cached_session(unfed(memory().await)).await;
    let caller = authenticate(&here, &pair.access_token).await;
    let next = here.auth.change_password(&caller, new_password()).await.unwrap();
    assert_eq!(there.status(&next.access_token).await, 200, "a cached entry rejects no newer token");
    assert_eq!(here.status(&pair.access_token).await, 401);
    here.clock.advance(CACHE_TTL_WITHOUT_FEED);
    assert_eq!(there.status(&pair.access_token).await, 401, "the session does not exist");
}

/// Two nodes with feeds that the test controls.
async fn fed() -> ([World<MemoryStore>; 2], ManualFeed, ManualFeed) {
    let [store, other] = memory().await;
    let feeds = [ManualFeed::new(), ManualFeed::new()];
    let here = World::with(store, |builder| builder.with_revocation_feed(feeds[0].clone()));
    let there = here.node_with(other, |builder| builder.with_revocation_feed(feeds[1].clone()));
    let [here_feed, there_feed] = feeds;
    here_feed.beat();
    there_feed.beat();
    ([here, there], here_feed, there_feed)
}

#[tokio::test]
async fn with_a_feed_a_logout_takes_effect_when_its_message_arrives() {
    let (nodes, here_feed, there_feed) = fed().await;
    let (here, there, pair) = cached_session(nodes).await;
    let _ = here_feed.sent();
    here.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    assert_eq!(there.status(&pair.access_token).await, 200, "the message has not arrived");
    for message in here_feed.sent() {
        there_feed.receiver().receive(&message);
    }
    assert_eq!(there.status(&pair.access_token).await, 401);
}

#[tokio::test]
async fn with_a_silent_feed_a_logout_takes_effect_within_three_seconds() {
    let (nodes, ..) = fed().await;
    let (here, there, pair) = cached_session(nodes).await;
    here.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    there.clock.advance(HEARTBEAT_TIMEOUT);
    assert_eq!(there.status(&pair.access_token).await, 200, "just before the bound");
    there.clock.advance(TICK);
    assert_eq!(there.status(&pair.access_token).await, 401);
}

#[tokio::test]
async fn an_unpublished_revocation_takes_effect_within_half_a_minute() {
    let (nodes, _, there_feed) = fed().await;
    let (here, there, pair) = cached_session(nodes).await;
    // As if the node had crashed between the change in the store and the publication.
    let caller = authenticate(&here, &pair.access_token).await;
    SessionStore::delete(&here.store, &caller.user().id, caller.session()).await.unwrap();
    let mut seconds = 0;
    while there.status(&pair.access_token).await == 200 {
        there.clock.advance(Duration::from_secs(1));
        there_feed.beat();
        seconds += 1;
    }
    assert_eq!(seconds, CACHE_TTL_WITH_FEED.as_secs());
}

/// The first call has changed the roles, but the other nodes have no message. Only a call that succeeds shows
/// that they have it.
#[tokio::test]
async fn a_repeated_change_of_roles_waits_for_the_feed_again() {
    let (world, _, feed, _) = fed_with(|builder| builder.with_role_change(RoleChange::EndSessions)).await;
    let accounts = world.auth.accounts().unwrap();
    let user = accounts.page(None, 1).await.unwrap().remove(0).id;
    let roles = || Some([RoleName::from_static("editor")].into());
    feed.cut();
    for attempt in 1..=3 {
        let error = accounts.update(&user, roles(), None).await.unwrap_err();
        assert_eq!(Denial::from(error.kind()), Denial::Unavailable, "attempt {attempt}");
    }
    assert_eq!(accounts.find(&user).await.unwrap().roles, roles().unwrap(), "the change has happened");
}
