//! Refresh cases beyond the scenarios in `scenarios.rs`: exact times and exact tokens.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use gatewright::endpoints::Endpoint;
use gatewright::http::{Bytes, Headers, RequestView, TrustedProxies};
use gatewright::types::TokenText;
use gatewright::{AuthError, MemoryStore, TokenPair};
use gatewright_testkit::store::Store;
use gatewright_testkit::{FailingStore, Hook, Intercepted, Method};
use gatewright_tests::{World, sqlite};

use super::{EMAIL, session_of, world_on};

const DAY: Duration = Duration::from_secs(86_400);

/// The first poll of a future.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

async fn is_refused<S: Store>(world: &World<S>, token: &TokenText) -> bool {
    matches!(world.refresh(token).await.map_err(AuthError::from), Err(AuthError::Refresh(_)))
}

#[tokio::test]
async fn every_node_returns_the_identical_token_within_the_grace_window() {
    let [here, there] = sqlite().await;
    let grace = |builder: gatewright::auth::AuthBuilder<gatewright::Account>| {
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

/// A JSON request of this client behind a proxy.
struct From(&'static str, &'static str);

impl Headers for From {
    fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
        match name {
            "content-type" => see(b"application/json"),
            "x-forwarded-for" => see(self.0.as_bytes()),
            "user-agent" => see(self.1.as_bytes()),
            _ => {}
        }
    }
}

/// The endpoint passes the address behind a trusted proxy and the user agent to the rotation.
#[tokio::test]
async fn the_endpoint_reports_used_tokens_from_other_clients() {
    let proxies = TrustedProxies::parse("10.0.0.0/8").unwrap();
    let world = World::with(MemoryStore::new(), |builder| builder.with_trusted_proxies(proxies));
    world.add(EMAIL).await;
    let first = world.login(EMAIL).await;
    let reported = async |pair: &TokenPair, headers: From| {
        let view = RequestView::new("POST", &headers).with_peer("10.0.0.1".parse().ok());
        let body = format!(r#"{{"refresh_token":"{}"}}"#, pair.refresh_token.expose());
        let reply = world.auth.handle(Endpoint::Refresh, &view, Ok(Bytes::from(body))).await;
        let report = world.events.take().into_iter().find(|event| event.starts_with("GraceFromAnother"));
        (reply.status, report.map(|event| event.contains("other_network: true")))
    };
    assert_eq!(reported(&first, From("192.0.2.1", "lamp/1")).await, (200, None), "the rotation");
    assert_eq!(reported(&first, From("192.0.2.9", "lamp/1")).await, (200, None), "the same network");
    assert_eq!(reported(&first, From("192.0.2.1", "lamp/2")).await, (200, Some(false)));
    assert_eq!(reported(&first, From("198.51.100.1", "lamp/1")).await, (200, Some(true)));
}

/// Holds each rotation back: after the store has done it.
#[derive(Clone, Default)]
struct LostAnswers(Arc<AtomicBool>);

#[async_trait::async_trait]
impl Hook for LostAnswers {
    async fn after(&self, method: Method) {
        if method == Method::RotateSession && self.0.load(Ordering::SeqCst) {
            std::future::pending().await
        }
    }
}

/// A thief's use ends the session while the thief cancels the request. One event names the session.
#[tokio::test]
async fn a_cancelled_use_of_a_stolen_token_has_an_event_that_names_the_session() {
    let hook = LostAnswers::default();
    let world = world_on(Intercepted::with_hook(MemoryStore::new(), hook.clone())).await;
    let first = world.login(EMAIL).await;
    let session = session_of(&first.access_token).to_string();
    world.refresh(&first.refresh_token).await.unwrap();
    world.clock.advance(Duration::from_secs(60));
    drop(world.events.take());
    hook.0.store(true, Ordering::SeqCst);
    {
        let mut thief = Box::pin(world.refresh(&first.refresh_token));
        assert!(poll_once(thief.as_mut()).await.is_pending());
    }
    let events = world.events.take();
    let [event] = &events[..] else { panic!("{events:?}") };
    assert!(event.starts_with("RotationUnconfirmed") && event.contains(&session), "{event}");
}

/// A failed rotation has one such event, and a rotation that succeeded has none.
#[tokio::test]
async fn a_failed_rotation_has_an_event_that_names_the_session() {
    let (store, outage) = FailingStore::new(MemoryStore::new());
    let world = world_on(store).await;
    let first = world.login(EMAIL).await;
    let session = session_of(&first.access_token).to_string();
    drop(world.events.take());
    outage.fail_method(Method::RotateSession);
    assert!(world.refresh(&first.refresh_token).await.is_err());
    outage.recover();
    let unconfirmed = || {
        let events = world.events.take().into_iter();
        events.filter(|event| event.starts_with("RotationUnconfirmed")).collect::<Vec<_>>()
    };
    let events = unconfirmed();
    let [event] = &events[..] else { panic!("{events:?}") };
    assert!(event.contains(&session), "{event}");
    world.refresh(&first.refresh_token).await.unwrap();
    assert!(unconfirmed().is_empty());
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
