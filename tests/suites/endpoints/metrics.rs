//! The measurements of an `Auth` with a real hashing pool, a throttle, and a feed.

use std::time::Duration;

use gatewright::endpoints::Refresh;
use gatewright::metrics::Metrics;
use gatewright::password::Argon2Costs;
use gatewright::throttle::MemoryThrottle;
use gatewright::types::Clock;
use gatewright::{Auth, HashingPool, Login, MemoryStore, Password, Registration, RoleName};
use gatewright_testkit::{FailingStore, FixedClock, ManualFeed, Method};
use gatewright_tests::{PASSWORD, World, jwt};
use metrics_util::debugging::DebuggingRecorder;

use super::audit::{rows, settings};
use super::{EMAIL, authenticate, new_password};
use crate::adapters::events::metrics::Measured;

#[tokio::test]
async fn a_limited_login_is_measured_each_time_with_the_limit_that_it_met() {
    let recorder = DebuggingRecorder::new();
    let world = World::with(MemoryStore::new(), |builder| {
        builder.with_throttle(MemoryThrottle::new()).with_metrics(Metrics::with_recorder(&recorder))
    });
    world.add(EMAIL).await;
    for _ in 0..13 {
        world.auth.login(Login::new(EMAIL, Password::new("wrong"))).await.unwrap_err();
    }
    let measured = Measured::since_the_last(&recorder.snapshotter());
    measured.expect("gatewright_attempts_total", &[("login refused", 10), ("login limited", 3)]);
    let limited: u64 = measured.counts("gatewright_limited_total").values().sum();
    assert_eq!(limited, 3);
}

#[tokio::test]
async fn the_pool_and_the_auth_share_their_metrics() {
    let recorder = DebuggingRecorder::new();
    let metrics = Metrics::with_recorder(&recorder);
    let pool = HashingPool::builder().with_costs(Argon2Costs::new(7 * 1024, 5, 1)).with_workers(1);
    let pool = pool.with_metrics(metrics.clone()).build().unwrap();
    let auth = Auth::local(MemoryStore::new(), jwt(), pool).with_metrics(metrics);
    let auth = auth.with_refusal_floor(Duration::ZERO).with_registration_role(RoleName::from_static("user"));
    let auth = auth.build().unwrap();
    auth.register(Registration::new(EMAIL, Password::new(PASSWORD)).unwrap()).await.unwrap();
    auth.login(Login::new(EMAIL, Password::new(PASSWORD))).await.unwrap();
    auth.login(Login::new("nobody@example.com", Password::new("wrong"))).await.unwrap_err();
    let measured = Measured::since_the_last(&recorder.snapshotter());
    measured.expect("gatewright_hash_queue_total", &[("started", 3)]);
    measured.expect("gatewright_hashes_total", &[("computed", 3)]);
    assert_eq!(measured.values("gatewright_hash_queue_depth"), [0.0]);
    let (waits, times) = (
        measured.values("gatewright_hash_wait_seconds"),
        measured.values("gatewright_hash_duration_seconds"),
    );
    assert_eq!((waits.len(), times.len()), (3, 3));
    assert!(times.iter().all(|seconds| (0.0..60.0).contains(seconds)), "{times:?}");
}

#[tokio::test]
async fn a_grace_answer_and_a_password_change_have_outcomes_of_their_own() {
    let recorder = DebuggingRecorder::new();
    let world =
        World::with(MemoryStore::new(), |builder| builder.with_metrics(Metrics::with_recorder(&recorder)));
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    for _ in 0..2 {
        world.auth.refresh(Refresh::new(pair.refresh_token.clone())).await.unwrap();
    }
    let me = authenticate(&world, &pair.access_token).await;
    world.auth.change_password(&me, new_password()).await.unwrap();
    world.hasher.be_busy(1);
    world.auth.login(Login::new(EMAIL, Password::new(PASSWORD))).await.unwrap_err();
    let measured = Measured::since_the_last(&recorder.snapshotter());
    measured.expect("gatewright_refreshes_total", &[("rotated", 1), ("grace", 1)]);
    let attempts = [("login accepted", 1), ("change_password accepted", 1), ("login overloaded", 1)];
    measured.expect("gatewright_attempts_total", &attempts);
}

/// The time of sending counts, and a heartbeat that did not come back leaves it.
#[tokio::test]
async fn the_latest_heartbeat_is_measured_when_it_comes_back() {
    let (recorder, feed, clock) = (DebuggingRecorder::new(), ManualFeed::new(), FixedClock::default());
    let auth =
        Auth::builder(MemoryStore::new(), MemoryStore::new(), jwt(), gatewright_testkit::TestHasher::new())
            .with_clock(clock.clone())
            .without_throttle()
            .with_revocation_feed(feed.clone())
            .with_metrics(Metrics::with_recorder(&recorder))
            .build()
            .unwrap();
    let heartbeat = || {
        Measured::since_the_last(&recorder.snapshotter())
            .values("gatewright_feed_heartbeat_timestamp_seconds")
    };
    assert_eq!(heartbeat(), [0.0], "none came back yet");
    let sent_at = clock.now().as_micros() as f64 / 1_000_000.0;
    let text = feed.receiver().heartbeat().unwrap();
    clock.advance(Duration::from_millis(1_500));
    let _ = feed.receiver().receive(&text);
    assert_eq!(heartbeat(), [sent_at]);
    let _lost = feed.receiver().heartbeat().unwrap();
    assert_eq!(heartbeat(), [0.0], "nothing was measured since the last snapshot");
    drop(auth);
}

/// As many as the rows of the trail say.
#[tokio::test]
async fn events_that_the_audit_trail_loses_are_measured() {
    let (recorder, (store, outage)) = (DebuggingRecorder::new(), FailingStore::new(MemoryStore::new()));
    let world = World::with(store.clone(), |builder| {
        let builder = builder.with_audit(store, settings().with_queue_rows(10));
        builder.with_metrics(Metrics::with_recorder(&recorder))
    });
    world.add(EMAIL).await;
    outage.fail_method(Method::AppendRows);
    for _ in 0..500 {
        world.login(EMAIL).await;
    }
    outage.recover();
    let rows = rows(&world).await;
    // The trail may count them in several rows.
    let details =
        rows.iter().filter(|row| row.record.event == "AuditOverflow").map(|row| row.record.detail.clone());
    let lost: u64 = details
        .map(|detail| detail.unwrap().strip_prefix("LoggedIn=").unwrap().parse::<u64>().unwrap())
        .sum();
    assert!(lost > 0);
    Measured::since_the_last(&recorder.snapshotter())
        .expect("gatewright_audit_overflow_total", &[("", lost)]);
}

#[tokio::test]
async fn without_a_cache_no_look_up_is_measured() {
    let recorder = DebuggingRecorder::new();
    let world = World::with(MemoryStore::new(), |builder| {
        let builder = builder.with_revocation_check(gatewright::revocation::RevocationCheck::ReadThrough);
        builder.with_metrics(Metrics::with_recorder(&recorder))
    });
    world.add(EMAIL).await;
    let pair = world.login(EMAIL).await;
    assert_eq!(world.status(&pair.access_token).await, 200);
    let measured = Measured::since_the_last(&recorder.snapshotter());
    measured.expect("gatewright_session_cache_lookups_total", &[]);
    measured.expect("gatewright_guard_decisions_total", &[("accepted", 1)]);
}
