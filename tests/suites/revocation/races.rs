//! Interleavings of requests and revocations. A store that can be stopped forces each of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gatewright::revocation::{LocalFeed, Revocation, RevocationFeed, UNCONFIRMED_WINDOW};
use gatewright::store::SessionStore;
use gatewright::types::TokenText;
use gatewright::{MemoryStore, RoleName};
use gatewright_testkit::feed::sealed;
use gatewright_testkit::store::Store;
use gatewright_testkit::{CountingStore, Watch, repetitions};
use gatewright_tests::World;
use tokio::sync::Barrier;
use tokio::task::{JoinHandle, JoinSet};

use super::{EMAIL, authenticate, counted, fed, on_each_store};

/// Starts a request and waits until it has read the user, before it caches the result.
async fn stopped_request<S: Store>(
    world: &World<CountingStore<S>>,
    watch: &Watch,
    token: &TokenText,
) -> JoinHandle<u16> {
    watch.pause_next_read();
    let (world, token) = (world.clone(), token.clone());
    let request = tokio::spawn(async move { world.status(&token).await });
    watch.paused().await;
    request
}

/// Lets a request continue. It succeeds, because it started before the revocation.
async fn finish(request: JoinHandle<u16>, watch: &Watch) {
    watch.resume().await;
    assert_eq!(request.await.unwrap(), 200, "the request started before the revocation");
}

on_each_store! {
    a_read_before_a_logout_is_not_cached_after_it
    no_request_succeeds_after_the_logout_has_returned
}

async fn a_read_before_a_logout_is_not_cached_after_it<S: Store>([store, _]: [S; 2]) {
    let (world, watch, pair) = counted(store).await;
    let request = stopped_request(&world, &watch, &pair.access_token).await;
    world.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    finish(request, &watch).await;
    for _ in 0..3 {
        assert_eq!(world.status(&pair.access_token).await, 401);
    }
}

#[tokio::test]
async fn a_read_before_a_user_change_is_not_cached_after_it() {
    let (world, watch, pair) = counted(MemoryStore::new()).await;
    let id = authenticate(&world, &pair.access_token).await.user().id.clone();
    world.auth.invalidate_user(&id).await.unwrap();
    let request = stopped_request(&world, &watch, &pair.access_token).await;
    let moderator = BTreeSet::from([RoleName::from_static("moderator")]);
    world.auth.accounts().unwrap().update(&id, Some(moderator.clone()), None).await.unwrap();
    finish(request, &watch).await;
    assert_eq!(authenticate(&world, &pair.access_token).await.user().roles, moderator);
}

#[tokio::test]
async fn a_read_before_a_message_is_not_cached_after_it() {
    let (world, watch, feed, pair) = fed().await;
    feed.beat();
    let caller = authenticate(&world, &pair.access_token).await;
    let session = caller.session();
    feed.receiver().clear();
    let request = stopped_request(&world, &watch, &pair.access_token).await;
    SessionStore::delete(&world.store, &caller.user().id, session).await.unwrap();
    feed.receiver().invalidate(&Revocation::session(session));
    finish(request, &watch).await;
    assert_eq!(world.status(&pair.access_token).await, 401);
}

#[tokio::test]
async fn a_read_before_a_reconnect_or_during_silence_is_not_cached() {
    let (world, watch, feed, pair) = fed().await;
    // The feed is silent at first. The first heartbeat ends the silence.
    let changes: [&dyn Fn(); 2] = [&|| feed.beat(), &|| feed.receiver().clear()];
    for change in changes {
        let request = stopped_request(&world, &watch, &pair.access_token).await;
        change();
        finish(request, &watch).await;
        let _ = watch.reads();
        assert_eq!((world.status(&pair.access_token).await, watch.reads()), (200, 2));
        assert_eq!((world.status(&pair.access_token).await, watch.reads()), (200, 0));
        feed.receiver().clear();
    }
}

#[tokio::test]
async fn a_dropped_logout_disables_the_cache_while_it_can_still_happen() {
    let (world, watch, feed, pair) = fed().await;
    feed.beat();
    let caller = authenticate(&world, &pair.access_token).await;
    let session = caller.session();
    assert_eq!(world.status(&pair.access_token).await, 200);
    let _ = (feed.sent(), watch.reads());

    watch.pause_next_delete();
    let (node, token) = (world.clone(), pair.refresh_token.clone());
    let logout = tokio::spawn(async move { node.auth.logout_by_refresh_token(&token).await });
    watch.paused().await;
    let cached = (world.status(&pair.access_token).await, watch.reads());
    assert_eq!(cached, (200, 0), "the logout has not returned");
    logout.abort();
    assert!(logout.await.unwrap_err().is_cancelled());
    assert_eq!(feed.revocations(), [format!("session? {session}")], "published as unconfirmed");

    assert_eq!((world.status(&pair.access_token).await, watch.reads()), (200, 2));
    // The database executes the dropped call late.
    SessionStore::delete(&world.store, &caller.user().id, session).await.unwrap();
    assert_eq!(world.status(&pair.access_token).await, 401);

    world.clock.advance(UNCONFIRMED_WINDOW);
    feed.beat();
    let pair = world.login(EMAIL).await;
    assert_eq!((world.status(&pair.access_token).await, world.status(&pair.access_token).await), (200, 200));
}

#[tokio::test]
async fn an_unconfirmed_revocation_disables_the_cache_for_its_window() {
    let (store, watch) = CountingStore::new(MemoryStore::new());
    let feed = LocalFeed::for_sole_process();
    let world = World::with(store, |builder| builder.with_revocation_feed(feed.clone()));
    let account = world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    feed.publish(&sealed(&Revocation::user(account.id).unconfirmed())).await.unwrap();
    let _ = watch.reads();
    for _ in 0..UNCONFIRMED_WINDOW.as_secs() {
        assert_eq!((world.status(&pair.access_token).await, watch.reads()), (200, 2));
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!((world.status(&pair.access_token).await, watch.reads()), (200, 2));
    assert_eq!((world.status(&pair.access_token).await, watch.reads()), (200, 0));
}

/// Many tasks send requests while the session ends.
async fn no_request_succeeds_after_the_logout_has_returned<S: Store>([store, _]: [S; 2]) {
    const TASKS: usize = 8;
    let world = World::new(store);
    world.add(EMAIL).await;
    for repetition in 0..repetitions() {
        let pair = world.login(EMAIL).await;
        let barrier = Arc::new(Barrier::new(TASKS + 1));
        let has_returned = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            let (world, token) = (world.clone(), pair.access_token.clone());
            let (barrier, has_returned) = (Arc::clone(&barrier), Arc::clone(&has_returned));
            tasks.spawn(async move {
                barrier.wait().await;
                loop {
                    let had_returned = has_returned.load(Ordering::SeqCst);
                    let status = world.status(&token).await;
                    // On a machine that stalls, a store may miss its time limit.
                    if had_returned && status != 503 {
                        return status;
                    }
                    tokio::task::yield_now().await;
                }
            });
        }
        barrier.wait().await;
        tokio::task::yield_now().await;
        world.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
        has_returned.store(true, Ordering::SeqCst);
        assert_eq!(tasks.join_all().await, [401; TASKS], "repetition {repetition}");
    }
}
