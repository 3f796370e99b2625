//! Two nodes on one store: what the one revokes, the other refuses within the bound.

use std::time::Duration;

use gatewright::{
    LocalFeed, MAX_AGE_WITH_FEED, MAX_AGE_WITHOUT_FEED, MAX_SILENCE, PasswordChange, RevocationCheck,
};
use gatewright_testkit::ManualFeed;
use gatewright_testkit::store::Store;
use gatewright_tests::{World, memory, sqlite};

use super::{ANOTHER, EMAIL, PASSWORD, Password, me};

const TICK: Duration = Duration::from_micros(1);

/// A second node with the same clock and a feed.
fn node<S: Store>(world: &World<S>, store: S, feed: impl gatewright::RevocationFeed) -> World<S> {
    let clock = world.clock.clone();
    let node = World::with(store, |builder| {
        builder.with_clock(clock).with_revocation_feed(feed).with_refresh_grace(Duration::ZERO)
    });
    World { clock: world.clock.clone(), ..node }
}

async fn without_a_feed_a_logout_is_seen_within_five_seconds<S: Store>(stores: [S; 2]) {
    let [here, there] = stores;
    let here = World::new(here);
    let there = here.node(there);
    here.add(EMAIL).await;
    let pair = here.login(EMAIL).await;
    assert_eq!(there.status(&pair.access_token).await, 200);
    here.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    assert_eq!(here.status(&pair.access_token).await, 401, "the acting node knows");
    there.clock.advance(MAX_AGE_WITHOUT_FEED - TICK);
    assert_eq!(there.status(&pair.access_token).await, 200, "the bound is what is promised");
    there.clock.advance(TICK);
    assert_eq!(there.status(&pair.access_token).await, 401);
}

#[tokio::test]
async fn without_a_feed_a_logout_is_seen_within_five_seconds_in_memory() {
    without_a_feed_a_logout_is_seen_within_five_seconds(memory().await).await;
}

#[tokio::test]
async fn without_a_feed_a_logout_is_seen_within_five_seconds_on_sqlite() {
    without_a_feed_a_logout_is_seen_within_five_seconds(sqlite().await).await;
}

#[tokio::test]
async fn use_does_not_lengthen_what_is_remembered() {
    let stores = memory().await;
    let here = World::new(stores[0].clone());
    let there = here.node(stores[1].clone());
    here.add(EMAIL).await;
    let pair = here.login(EMAIL).await;
    assert_eq!(there.status(&pair.access_token).await, 200);
    here.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    let mut answers = Vec::new();
    for _ in 0..MAX_AGE_WITHOUT_FEED.as_secs() {
        there.clock.advance(Duration::from_secs(1));
        answers.push(there.status(&pair.access_token).await);
    }
    assert_eq!(answers, [200, 200, 200, 200, 401]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_what_is_remembered_unknown() {
    let stores = memory().await;
    let here = World::new(stores[0].clone());
    let there = here.node(stores[1].clone());
    here.add(EMAIL).await;
    let pair = here.login(EMAIL).await;
    here.clock.advance(Duration::from_secs(2));
    assert_eq!(there.status(&pair.access_token).await, 200);
    here.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    let now = gatewright::Clock::now(&here.clock);
    here.clock.set(now.saturating_sub(TICK));
    assert_eq!(there.status(&pair.access_token).await, 401);
}

#[tokio::test]
async fn two_of_one_process_that_share_a_feed_know_at_once() {
    let stores = sqlite().await;
    let feed = LocalFeed::for_sole_process();
    let shared = feed.clone();
    let here = World::with(stores[0].clone(), |builder| builder.with_revocation_feed(shared));
    let there = node(&here, stores[1].clone(), feed);
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
async fn one_that_reads_through_tells_the_others_all_the_same() {
    let stores = memory().await;
    let feed = LocalFeed::for_sole_process();
    let shared = feed.clone();
    let here = World::with(stores[0].clone(), |builder| {
        builder.with_revocation_feed(shared).with_revocation_check(RevocationCheck::ReadThrough)
    });
    let there = node(&here, stores[1].clone(), feed);
    here.add(EMAIL).await;
    let pair = here.login(EMAIL).await;
    assert_eq!(there.status(&pair.access_token).await, 200);
    here.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    assert_eq!((here.status(&pair.access_token).await, there.status(&pair.access_token).await), (401, 401));
}

#[tokio::test]
async fn a_session_that_another_node_gave_a_new_epoch_is_known_again_at_once() {
    let stores = memory().await;
    let here = World::new(stores[0].clone());
    let there = here.node(stores[1].clone());
    here.add(EMAIL).await;
    let pair = here.login(EMAIL).await;
    assert_eq!(there.status(&pair.access_token).await, 200);
    let change = PasswordChange::new(Password::new(PASSWORD), Password::new(ANOTHER)).unwrap();
    here.auth.change_password(&me(&here, &pair.access_token).await, change).await.unwrap();
    let next = here.refresh(&pair.refresh_token).await.unwrap();
    assert_eq!(there.status(&next.access_token).await, 200, "what is remembered refuses no newer token");
    assert_eq!(there.status(&pair.access_token).await, 401, "and what was read for it ends the older one");
}

/// Two nodes with a feed between them, and a session that both remember.
async fn fed() -> (World<gatewright::MemoryStore>, World<gatewright::MemoryStore>, ManualFeed, ManualFeed) {
    let stores = memory().await;
    let (out, back) = (ManualFeed::new(), ManualFeed::new());
    let (sending, hearing) = (out.clone(), back.clone());
    let here = World::with(stores[0].clone(), |builder| builder.with_revocation_feed(sending));
    let there = node(&here, stores[1].clone(), hearing);
    here.add(EMAIL).await;
    out.beat();
    back.beat();
    (here, there, out, back)
}

#[tokio::test]
async fn with_a_feed_a_logout_is_seen_when_its_message_comes() {
    let (here, there, out, back) = fed().await;
    let pair = here.login(EMAIL).await;
    assert_eq!(there.status(&pair.access_token).await, 200);
    let _ = out.sent();
    here.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    assert_eq!(there.status(&pair.access_token).await, 200, "not heard yet");
    for message in out.sent() {
        back.receiver().receive(&message);
    }
    assert_eq!(there.status(&pair.access_token).await, 401);
}

#[tokio::test]
async fn with_a_feed_that_is_silent_a_logout_is_seen_within_three_seconds() {
    let (here, there, _, _) = fed().await;
    let pair = here.login(EMAIL).await;
    assert_eq!(there.status(&pair.access_token).await, 200);
    here.auth.logout_by_refresh_token(&pair.refresh_token).await.unwrap();
    there.clock.advance(MAX_SILENCE);
    assert_eq!(there.status(&pair.access_token).await, 200, "the bound is what is promised");
    there.clock.advance(TICK);
    assert_eq!(there.status(&pair.access_token).await, 401);
}

#[tokio::test]
async fn a_message_that_was_never_sent_is_made_up_for_within_half_a_minute() {
    let (here, there, _, back) = fed().await;
    let pair = here.login(EMAIL).await;
    assert_eq!(there.status(&pair.access_token).await, 200);
    // As if the acting node had died with the change made and nothing said.
    let me = me(&here, &pair.access_token).await;
    gatewright::SessionStore::end(&here.store, &me.user().id, me.session()).await.unwrap();
    let mut seconds = 0;
    while there.status(&pair.access_token).await == 200 {
        there.clock.advance(Duration::from_secs(1));
        back.beat();
        seconds += 1;
    }
    assert_eq!(seconds, MAX_AGE_WITH_FEED.as_secs());
}
