//! Refresh cases beyond the scenarios in `scenarios.rs`: exact times and exact tokens.

use std::time::Duration;

use gatewright::{AuthError, TokenText};
use gatewright_testkit::store::Store;
use gatewright_tests::{World, sqlite};

use super::{EMAIL, world_on};

const DAY: Duration = Duration::from_secs(86_400);

async fn is_refused<S: Store>(world: &World<S>, token: &TokenText) -> bool {
    matches!(world.refresh(token).await, Err(AuthError::Refresh(_)))
}

#[tokio::test]
async fn every_node_returns_the_identical_token_within_the_grace_window() {
    let [here, there] = sqlite().await;
    let grace = |builder: gatewright::AuthBuilder<gatewright::Account>| {
        builder.with_refresh_grace(Duration::from_secs(10))
    };
    let here = World::with(here, grace);
    let there = here.node_with(there, grace);
    here.add(EMAIL).await;
    let first = here.login(EMAIL).await;
    here.clock.advance(Duration::from_millis(1_234));
    let second = here.refresh(&first.refresh_token).await.unwrap();
    here.clock.advance(Duration::from_millis(9_999));
    let again = there.refresh(&first.refresh_token).await.unwrap();
    assert_eq!(again.refresh_token.expose(), second.refresh_token.expose());
    here.clock.advance(Duration::from_millis(1));
    assert!(is_refused(&there, &first.refresh_token).await);
    assert!(is_refused(&here, &second.refresh_token).await);
}

#[tokio::test]
async fn a_session_expires_when_idle_and_at_its_maximum_age() {
    let world = world_on(sqlite().await[0].clone()).await;
    let idle = world.login(EMAIL).await;
    world.clock.advance(7 * DAY);
    assert!(is_refused(&world, &idle.refresh_token).await);

    let mut pair = world.login(EMAIL).await;
    for _ in 0..5 {
        world.clock.advance(6 * DAY - Duration::from_secs(1));
        pair = world.refresh(&pair.refresh_token).await.unwrap();
    }
    // The session ends in five seconds. The access token must not outlive it.
    assert_eq!(pair.expires_in, 5);
    world.clock.advance(Duration::from_secs(5));
    assert!(is_refused(&world, &pair.refresh_token).await);
    assert_eq!(world.auth.delete_expired_sessions().await.unwrap(), 2);
}
