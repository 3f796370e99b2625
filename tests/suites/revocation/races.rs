//! Interleavings, each forced: a store that stops in the middle, and what happens meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatewright::{Revocation, RoleName, SETTLING_TIME, SessionStore, TokenText};
use gatewright_testkit::store::Store;
use gatewright_testkit::{ManualFeed, WatchedStore, repetitions};
use gatewright_tests::{World, memory, sqlite};
use tokio::task::JoinHandle;

use super::{EMAIL, me, watched};

/// A request that has begun, elsewhere.
fn request<S: Store>(world: &World<S>, token: &TokenText) -> JoinHandle<u16> {
    let (world, token) = (world.clone(), token.clone());
    tokio::spawn(async move { world.status(&token).await })
}

async fn a_read_that_began_before_a_logout_is_not_remembered_after_it<S: Store>(store: S) {
    let (world, watch, pair) = watched(store).await;
    watch.stop_the_next_read();
    let reading = request(&world, &pair.access_token);
    watch.stopped().await;
    world.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    watch.go_on().await;
    assert_eq!(reading.await.unwrap(), 200, "the request began before the logout");
    for _ in 0..3 {
        assert_eq!(world.status(&pair.access_token).await, 401);
    }
}

#[tokio::test]
async fn a_read_that_began_before_a_logout_is_not_remembered_after_it_in_memory() {
    a_read_that_began_before_a_logout_is_not_remembered_after_it(memory().await[0].clone()).await;
}

#[tokio::test]
async fn a_read_that_began_before_a_logout_is_not_remembered_after_it_on_sqlite() {
    a_read_that_began_before_a_logout_is_not_remembered_after_it(sqlite().await[0].clone()).await;
}

#[tokio::test]
async fn a_read_that_began_before_a_change_of_the_user_is_not_remembered_after_it() {
    let (world, watch, pair) = watched(memory().await[0].clone()).await;
    let id = me(&world, &pair.access_token).await.user().id.clone();
    world.auth.announce(Revocation::user(id.clone())).await.unwrap();
    watch.stop_the_next_read();
    let reading = request(&world, &pair.access_token);
    watch.stopped().await;
    let moderator = RoleName::new("moderator").unwrap();
    world.auth.accounts().unwrap().update(&id, Some(moderator), None).await.unwrap();
    watch.go_on().await;
    assert_eq!(reading.await.unwrap(), 200);
    assert_eq!(me(&world, &pair.access_token).await.user().role.as_str(), "moderator");
}

#[tokio::test]
async fn a_read_that_began_before_a_message_came_is_not_remembered_after_it() {
    let [store, other] = memory().await;
    let (store, watch) = WatchedStore::new(store);
    let feed = ManualFeed::new();
    let world = World::with(store, |builder| builder.with_revocation_feed(feed.clone()));
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    feed.beat();
    let caller = me(&world, &pair.access_token).await;
    let session = caller.session();
    feed.receiver().reset();
    watch.stop_the_next_read();
    let reading = request(&world, &pair.access_token);
    watch.stopped().await;
    other.end(&caller.user().id, session).await.unwrap();
    feed.receiver().receive(&Revocation::session(session).to_string());
    watch.go_on().await;
    assert_eq!(reading.await.unwrap(), 200);
    assert_eq!(world.status(&pair.access_token).await, 401);
}

#[tokio::test]
async fn a_read_that_began_before_a_reconnect_or_in_silence_is_not_remembered_after_it() {
    let (store, watch) = WatchedStore::new(memory().await[0].clone());
    let feed = ManualFeed::new();
    let world = World::with(store, |builder| builder.with_revocation_feed(feed.clone()));
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    // In silence at first, then with the feed heard.
    let ends: [&dyn Fn(); 2] = [&|| feed.beat(), &|| feed.receiver().reset()];
    for end in ends {
        watch.stop_the_next_read();
        let reading = request(&world, &pair.access_token);
        watch.stopped().await;
        end();
        watch.go_on().await;
        assert_eq!(reading.await.unwrap(), 200);
        let _ = watch.reads();
        assert_eq!((world.status(&pair.access_token).await, watch.reads()), (200, 2));
        assert_eq!((world.status(&pair.access_token).await, watch.reads()), (200, 0));
        feed.receiver().reset();
    }
}

#[tokio::test]
async fn a_logout_that_is_given_up_may_still_take_place_and_nothing_is_remembered_so_long() {
    let (store, watch) = WatchedStore::new(memory().await[0].clone());
    let feed = ManualFeed::new();
    let world = World::with(store, |builder| builder.with_revocation_feed(feed.clone()));
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    feed.beat();
    let caller = me(&world, &pair.access_token).await;
    let session = caller.session();
    assert_eq!(world.status(&pair.access_token).await, 200);
    let _ = (feed.sent(), watch.reads());

    watch.stop_the_next_end();
    let (leaving, token) = (world.clone(), pair.refresh_token.clone());
    let logout = tokio::spawn(async move { leaving.auth.logout_by_refresh_token(&token).await });
    watch.stopped().await;
    assert_eq!(
        (world.status(&pair.access_token).await, watch.reads()),
        (200, 0),
        "nobody was told it is over"
    );
    logout.abort();
    assert!(logout.await.unwrap_err().is_cancelled());
    assert_eq!(feed.sent(), [format!("session? {session}")], "the others are told");

    assert_eq!((world.status(&pair.access_token).await, watch.reads()), (200, 2));
    world.store.end(&caller.user().id, session).await.unwrap(); // now it has taken place, and nobody says so
    assert_eq!(world.status(&pair.access_token).await, 401);

    world.clock.advance(SETTLING_TIME);
    feed.beat();
    let pair = world.login(EMAIL).await;
    assert_eq!((world.status(&pair.access_token).await, world.status(&pair.access_token).await), (200, 200));
}

#[tokio::test]
async fn what_may_still_take_place_is_read_again_until_it_must_have() {
    let (world, watch, pair) = watched(memory().await[0].clone()).await;
    let id = me(&world, &pair.access_token).await.user().id.clone();
    world.auth.announce(Revocation::user(id).unsettled()).await.unwrap();
    let _ = watch.reads();
    for _ in 0..SETTLING_TIME.as_secs() {
        assert_eq!((world.status(&pair.access_token).await, watch.reads()), (200, 2));
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!((world.status(&pair.access_token).await, watch.reads()), (200, 2));
    assert_eq!((world.status(&pair.access_token).await, watch.reads()), (200, 0));
}

/// Guards hammer a session while it ends: from the answer on nobody is let in.
async fn after_the_answer_to_a_logout_nobody_is_let_in<S: Store>(store: S) {
    const GUARDS: usize = 8;
    let world = World::new(store);
    world.add(EMAIL).await;
    for repetition in 0..repetitions() {
        let pair = world.login(EMAIL).await;
        let barrier = Arc::new(tokio::sync::Barrier::new(GUARDS + 1));
        let over = Arc::new(AtomicUsize::new(0));
        let mut guards = tokio::task::JoinSet::new();
        for _ in 0..GUARDS {
            let (world, token) = (world.clone(), pair.access_token.clone());
            let (barrier, over) = (Arc::clone(&barrier), Arc::clone(&over));
            guards.spawn(async move {
                barrier.wait().await;
                loop {
                    let was_over = over.load(Ordering::SeqCst) == 1;
                    let status = world.status(&token).await;
                    if was_over {
                        return status;
                    }
                    tokio::task::yield_now().await;
                }
            });
        }
        barrier.wait().await;
        tokio::task::yield_now().await;
        world.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
        over.store(1, Ordering::SeqCst);
        assert_eq!(guards.join_all().await, [401; GUARDS], "repetition {repetition}");
    }
}

#[test]
fn after_the_answer_to_a_logout_nobody_is_let_in_from_memory() {
    let case = async { after_the_answer_to_a_logout_nobody_is_let_in(memory().await[0].clone()).await };
    gatewright_testkit::block_on(case);
}

#[test]
fn after_the_answer_to_a_logout_nobody_is_let_in_on_sqlite() {
    let case = async { after_the_answer_to_a_logout_nobody_is_let_in(sqlite().await[0].clone()).await };
    gatewright_testkit::block_on(case);
}
