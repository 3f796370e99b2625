//! Cases for `SessionStore::rotate`.

use std::time::Duration;

use gatewright_core::store::{GraceClient, GracePolicy, MAX_USED_TOKENS, TokenDigest, Validity};
use gatewright_core::{ClientInfo, Rotation, RotationRequest, Session, UserAgent};

use super::sessions::{
    ABSOLUTE, GRACE, IDLE, START, after, create_session, digest, exists, expect_stored, just_before, request,
    rotate, rotated, stored,
};
use super::{RACERS, Sessions, race};
use crate::repetitions;

/// Uses a token and returns the answer of the grace window.
async fn graced<S: Sessions>(store: &S, request: &RotationRequest) -> (Validity, TokenDigest, GraceClient) {
    match rotate(store, request).await {
        Rotation::Grace { validity, current, client, .. } => (validity, current, client),
        other => panic!("the grace window did not answer: {other:?}"),
    }
}

fn client(address: &str, user_agent: &str) -> ClientInfo {
    ClientInfo::new(address.parse().ok(), UserAgent::clean(user_agent.as_bytes()))
}

/// The use of token `t<step>`, whose successor is `t<step + 1>`.
fn step(session: &Session, step: usize, seconds: u64) -> RotationRequest {
    request(session, &format!("t{step}"), &format!("t{}", step + 1), after(seconds), GRACE)
}

/// A rotation changes the times of use and the idle expiry. Nothing else changes them.
pub async fn current_token_rotates<S: Sessions>([store, other]: [S; 2]) {
    let mut session = create_session(&store, "ada").await;
    // The next use keeps the latest or the pending use if it is two minutes old: the pending and the earlier one.
    for (number, seconds, pending, earlier) in [
        (0, 119, 0, 0),
        (1, 600, 119, 119),
        (2, 719, 600, 119),
        (3, 839, 719, 719),
        (4, 900, 839, 719),
        (5, 960, 900, 839),
    ] {
        let validity = rotated(&store, &step(&session, number, seconds)).await;
        assert_eq!(validity, Validity::new(after(seconds), after(seconds).saturating_add(IDLE)));
        session.last_used_at = validity.issued_at;
        session.pending_used_at = after(pending);
        session.earlier_used_at = after(earlier);
        session.idle_expires_at = validity.expires_at;
        expect_stored(&other, &session).await;
    }
}

/// Every used token gets the current one, up to 1 µs before its own window closes. That changes
/// nothing.
pub async fn used_tokens_get_the_current_token_within_the_grace_window<S: Sessions>([store, other]: [S; 2]) {
    let session = create_session(&store, "ada").await;
    rotated(&store, &step(&session, 0, 5)).await;
    let validity = rotated(&store, &step(&session, 1, 7)).await;
    let after_rotation = stored(&store, &session).await;
    for (number, now) in [
        (0, after(7)),
        (1, after(7)),
        (0, just_before(after(15))),
        (1, just_before(after(17))),
        (0, after(1)),
    ] {
        let mut again = step(&session, number, 0);
        again.now = now;
        assert_eq!(graced(&other, &again).await, (validity, digest("t2"), GraceClient::Same), "{now:?}");
    }
    expect_stored(&store, &after_rotation).await;
    rotated(&store, &step(&session, 2, 16)).await;
    assert_eq!(graced(&other, &step(&session, 1, 16)).await.1, digest("t3"));
    assert_eq!(rotate(&other, &step(&session, 0, 16)).await, Rotation::Reused, "its window is closed");
    assert!(!exists(&store, &session).await);
}

/// The end of the window itself counts as after it. With zero grace there is no window.
pub async fn used_token_is_reuse_after_its_grace_window<S: Sessions>([store, other]: [S; 2]) {
    for (now, grace) in [(after(15), GRACE), (after(5), Duration::ZERO)] {
        let session = create_session(&store, "ada").await;
        rotated(&store, &request(&session, "t0", "t1", after(5), grace)).await;
        assert_eq!(rotate(&other, &request(&session, "t0", "t1", now, grace)).await, Rotation::Reused);
        assert!(!exists(&store, &session).await);
        assert_eq!(rotate(&store, &request(&session, "t1", "t2", now, grace)).await, Rotation::Unknown);
    }
}

/// The clocks of two nodes may differ by the grace period. A token that appears to be used longer
/// before the rotation is reuse.
pub async fn grace_window_tolerates_only_small_clock_differences<S: Sessions>([store, other]: [S; 2]) {
    let session = create_session(&store, "ada").await;
    let validity = rotated(&store, &request(&session, "t0", "t1", after(30), GRACE)).await;
    let again = graced(&other, &request(&session, "t0", "t1", after(20), GRACE)).await;
    assert_eq!(again, (validity, digest("t1"), GraceClient::Same));
    let earlier = just_before(after(20));
    assert_eq!(rotate(&other, &request(&session, "t0", "t1", earlier, GRACE)).await, Rotation::Reused);
    assert!(!exists(&store, &session).await);
}

/// A node whose clock is behind uses a token at the time of the use before it.
pub async fn times_of_use_never_go_back<S: Sessions>([store, other]: [S; 2]) {
    let session = create_session(&store, "ada").await;
    rotated(&store, &step(&session, 0, 30)).await;
    let validity = rotated(&other, &step(&session, 1, 22)).await;
    assert_eq!(validity, Validity::new(after(30), after(22).saturating_add(IDLE)));
    assert_eq!(stored(&store, &session).await.last_used_at, after(30));
    assert_eq!(graced(&store, &step(&session, 1, 39)).await.1, digest("t2"));
    assert_eq!(rotate(&store, &step(&session, 1, 40)).await, Rotation::Reused);
}

/// The current token is then answered with itself, until the oldest used token leaves the window. No
/// used token is dropped inside its window.
pub async fn current_token_does_not_rotate_with_eight_used_ones_in_the_window<S: Sessions>(
    [store, other]: [S; 2],
) {
    let session = create_session(&store, "ada").await;
    let mut validity = rotated(&store, &step(&session, 0, 5)).await;
    for number in 1..MAX_USED_TOKENS {
        validity = rotated(&store, &step(&session, number, 6)).await;
    }
    let before = stored(&store, &session).await;
    let last = format!("t{MAX_USED_TOKENS}");
    for number in 0..=MAX_USED_TOKENS {
        let answer = graced(&other, &step(&session, number, 14)).await;
        assert_eq!(answer, (validity, digest(&last), GraceClient::Same), "t{number}");
    }
    expect_stored(&store, &before).await;
    rotated(&store, &step(&session, MAX_USED_TOKENS, 15)).await;
    for number in 1..=MAX_USED_TOKENS {
        graced(&other, &step(&session, number, 15)).await;
    }
    assert_eq!(rotate(&other, &step(&session, 0, 15)).await, Rotation::Reused, "the oldest was dropped");
}

/// Each handle counts what the other has stored. A rotation counts once. The third in a row ends the
/// session.
pub async fn graces_in_another_network_end_the_session_at_the_third_rotation<S: Sessions>(
    [store, other]: [S; 2],
) {
    let (owner, thief) = (client("192.0.2.1", "a"), client("198.51.100.1", "a"));
    let bystander = create_session(&store, "ada").await;
    let session = create_session(&store, "ada").await;
    for number in 0..2 {
        rotated(&store, &step(&session, number, 100 * number as u64).with_client(owner.clone())).await;
        let used = stored(&store, &session).await;
        for _ in 0..2 {
            let again = step(&session, number, 100 * number as u64 + 1).with_client(thief.clone());
            let (_, current, client) = graced(&other, &again).await;
            assert_eq!((current, client), (digest(&format!("t{}", number + 1)), GraceClient::OtherNetwork));
        }
        expect_stored(&store, &used).await;
    }
    rotated(&other, &step(&session, 2, 200).with_client(owner)).await;
    let third = step(&session, 2, 201).with_client(thief);
    assert_eq!(rotate(&store, &third).await, Rotation::GraceAbused);
    assert!(!exists(&other, &session).await && exists(&other, &bystander).await);
    assert_eq!(rotate(&other, &step(&session, 3, 202)).await, Rotation::Unknown);
}

/// A rotation resets the count if it was not replaced for a minute after its window, and had no such
/// answer.
pub async fn a_rotation_without_a_grace_in_another_network_resets_the_count<S: Sessions>(
    [store, other]: [S; 2],
) {
    let [here, there] = ["2001:db8:1::1", "2001:db8:2::1"].map(|address| client(address, "a"));
    let session = create_session(&store, "ada").await;
    for number in 0..6_usize {
        let at = 100 * number as u64;
        rotated(&store, &step(&session, number, at).with_client(here.clone())).await;
        if number % 3 != 2 {
            graced(&other, &step(&session, number, at + 1).with_client(there.clone())).await;
        }
    }
    // Rotations that follow sooner, by a second tab or by the thief, do not reset it.
    for (number, seconds) in [(6, 600), (7, 601)] {
        rotated(&other, &step(&session, number, seconds).with_client(there.clone())).await;
    }
    graced(&store, &step(&session, 6, 602).with_client(here.clone())).await;
    for (number, seconds) in [(8, 700), (9, 701)] {
        rotated(&other, &step(&session, number, seconds).with_client(there.clone())).await;
    }
    graced(&store, &step(&session, 8, 702).with_client(here.clone())).await;
    rotated(&other, &step(&session, 10, 800).with_client(there)).await;
    let third = step(&session, 10, 801).with_client(here);
    assert_eq!(rotate(&store, &third).await, Rotation::GraceAbused);
}

/// Another user agent of the same network is reported and does not count. [`GracePolicy::Report`]
/// never ends a session for another network.
pub async fn other_user_agents_and_reported_networks_do_not_end_the_session<S: Sessions>(
    [store, other]: [S; 2],
) {
    let here = client("192.0.2.1", "a");
    let session = create_session(&store, "ada").await;
    for number in 0..12_usize {
        let at = 100 * number as u64;
        rotated(&store, &step(&session, number, at).with_client(here.clone())).await;
        let (address, user_agent, expected) = match number % 3 {
            0 => ("192.0.2.254", "b", GraceClient::OtherUserAgent),
            1 => ("192.0.3.1", "a", GraceClient::OtherNetwork),
            _ => ("", "a", GraceClient::OtherNetwork),
        };
        let again = step(&session, number, at + 1).with_client(client(address, user_agent));
        let again = again.with_grace_policy(GracePolicy::Report);
        assert_eq!(graced(&other, &again).await.2, expected, "{number}");
    }
    for number in 12..16_usize {
        let at = 100 * number as u64;
        rotated(&store, &step(&session, number, at).with_client(here.clone())).await;
        let again = step(&session, number, at + 1).with_client(client("192.0.2.254", "b"));
        assert_eq!(graced(&other, &again).await.2, GraceClient::OtherUserAgent);
    }
}

/// The token is neither the current nor a used token of the session.
pub async fn unknown_token_of_a_session_is_reuse<S: Sessions>([store, other]: [S; 2]) {
    let bystander = create_session(&store, "ada").await;
    let session = create_session(&store, "ada").await;
    assert_eq!(rotate(&other, &request(&session, "t1", "t2", after(5), GRACE)).await, Rotation::Reused);
    assert!(!exists(&store, &session).await);
    assert!(exists(&store, &bystander).await);
}

/// Covers idle and absolute expiry. The moment of expiry counts as expired. Reuse of a token is not
/// detected in an expired session.
pub async fn expired_session_does_not_rotate<S: Sessions>([store, _]: [S; 2]) {
    let session = create_session(&store, "ada").await;
    let idle_end = START.saturating_add(IDLE);
    for token in ["t0", "other"] {
        assert_eq!(rotate(&store, &request(&session, token, "t1", idle_end, GRACE)).await, Rotation::Expired);
    }
    expect_stored(&store, &session).await;
    rotated(&store, &request(&session, "t0", "t1", just_before(idle_end), GRACE)).await;
    let absolute_end = START.saturating_add(ABSOLUTE);
    assert_eq!(rotate(&store, &request(&session, "t1", "t2", absolute_end, GRACE)).await, Rotation::Expired);
}

/// The result is `Unknown`, not `Reused`.
pub async fn deleted_session_is_unknown<S: Sessions>([store, other]: [S; 2]) {
    let session = create_session(&store, "ada").await;
    store.delete(&session.user, session.id).await.unwrap();
    assert_eq!(rotate(&other, &request(&session, "t0", "t1", after(5), GRACE)).await, Rotation::Unknown);
}

/// Rotations extend the idle expiry only up to the absolute expiry.
pub async fn idle_expiry_never_exceeds_the_absolute_expiry<S: Sessions>([store, _]: [S; 2]) {
    let session = create_session(&store, "ada").await;
    let end = START.saturating_add(ABSOLUTE);
    for (step, seconds) in [3_000, 6_000, 9_000, 9_999].into_iter().enumerate() {
        let (presented, successor) = (format!("t{step}"), format!("t{}", step + 1));
        let validity =
            rotated(&store, &request(&session, &presented, &successor, after(seconds), GRACE)).await;
        assert_eq!(validity.expires_at, after(seconds).saturating_add(IDLE).min(end));
    }
    assert_eq!(stored(&store, &session).await.idle_expires_at, end);
}

/// All calls present the current token, on both handles. One other call detects the reuse and
/// deletes the session; the rest find no session.
pub async fn one_of_many_parallel_rotations_without_grace_succeeds<S: Sessions>(stores: [S; 2]) {
    for repetition in 0..repetitions() {
        let session = create_session(&stores[0], "ada").await;
        let results = race(&stores, |store, _| {
            let request = request(&session, "t0", "t1", after(5), Duration::ZERO);
            async move { store.rotate(&request).await.unwrap() }
        })
        .await;
        let count =
            |verdict: fn(&Rotation) -> bool| results.iter().filter(|rotation| verdict(rotation)).count();
        assert_eq!(count(|rotation| matches!(rotation, Rotation::Rotated(_))), 1, "repetition {repetition}");
        assert_eq!(count(|rotation| *rotation == Rotation::Reused), 1, "repetition {repetition}");
        assert_eq!(count(|rotation| *rotation == Rotation::Unknown), RACERS - 2, "repetition {repetition}");
        assert!(!exists(&stores[1], &session).await);
    }
}

/// All calls present the current token, on both handles. One call rotates; the others are retries.
pub async fn parallel_rotations_with_grace_share_one_successor<S: Sessions>(stores: [S; 2]) {
    for repetition in 0..repetitions() {
        let session = create_session(&stores[0], "ada").await;
        let results = race(&stores, |store, _| {
            let request = request(&session, "t0", "t1", after(5), GRACE);
            async move { store.rotate(&request).await.unwrap() }
        })
        .await;
        let expected = Validity::new(after(5), after(5).saturating_add(IDLE));
        let successor = digest("t1");
        let count =
            |verdict: &dyn Fn(&Rotation) -> bool| results.iter().filter(|rotation| verdict(rotation)).count();
        assert_eq!(count(&|rotation| *rotation == Rotation::Rotated(expected)), 1, "repetition {repetition}");
        let is_grace = |rotation: &Rotation| match rotation {
            Rotation::Grace { validity, current, .. } => (*validity, *current) == (expected, successor),
            _ => false,
        };
        assert_eq!(count(&is_grace), RACERS - 1, "repetition {repetition}");
    }
}
