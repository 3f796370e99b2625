//! The scenarios, each by the id of the project's table (RFC 9700 §4.14.2, OWASP ASVS 5.0 and published defects).
//!
//! "Refused" is 400 `invalid_grant` without a challenge, to the byte. Where a scenario says that nothing else happened, the
//! stores are cut off meanwhile: a call of one would be 503.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::error::{AccessRefusal, RefreshRefusal};
use gatewright_core::revocation::MAX_AGE_WITHOUT_FEED;
use gatewright_core::token::MAX_TOKEN_BYTES;
use gatewright_core::{
    AuthError, Clock, MAX_BODY_BYTES, Operation, Refresh, RevocationCheck, Timestamp, TokenRefusal, TokenText,
};
use serde_json::json;

use super::service::EMAIL;
use super::{Lasting, Node, Pair, Service, Storage, Tokens};
use crate::http::{claims, expect_same_token};
use crate::repetitions;
use crate::store::{RACERS, race};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const GRACE: Duration = Duration::from_secs(10);
const DAY: Duration = Duration::from_secs(86_400);

/// Each token gets the next; each that was used is dead, and takes the session with it.
pub async fn rotate_basic<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service.node().await;
    node.register().await;
    for used in [0, 1] {
        let first = node.login().await;
        let second = node.refresh(&first.refresh).await.granted();
        let third = node.refresh(&second.refresh).await.granted();
        for pair in [&first, &second, &third] {
            assert_eq!(node.status(&pair.access).await, 200);
        }
        let _ = node.events.take();
        node.refresh(&[&first, &second][used].refresh).await.expect_invalid_grant();
        assert_eq!(node.count_events("TokenReused"), 1);
        over(&node, &[&first, &second, &third]).await;
    }
}

/// The owner comes second: the owner is refused, and so is the thief from then on.
pub async fn thief_first<S: Storage, T: Tokens>(service: Service<S, T>) {
    for grace in [Duration::ZERO, GRACE] {
        let node = service.node_with_grace(grace).await;
        node.register().await;
        let owner = node.login().await;
        let thief = node.refresh(&owner.refresh).await.granted();
        service.clock.advance(grace);
        let _ = node.events.take();
        node.refresh(&owner.refresh).await.expect_invalid_grant();
        assert_eq!(node.count_events("TokenReused"), 1);
        over(&node, &[&owner, &thief]).await;
    }
}

/// One device's theft is not another's logout: the family is revoked, and not the user.
pub async fn other_family_untouched<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service.node().await;
    node.register().await;
    let (one, other) = (node.login().await, node.login().await);
    let next = node.refresh(&one.refresh).await.granted();
    node.refresh(&one.refresh).await.expect_invalid_grant();
    over(&node, &[&one, &next]).await;
    assert_eq!(node.status(&other.access).await, 200);
    let other = node.refresh(&other.refresh).await.granted();
    assert_eq!(node.status(&other.access).await, 200);
}

/// Twenty-five callers at each of two nodes: one succeeds. The others are reuse, so nobody keeps the session. Whoever is told
/// that a store is too busy comes again.
pub async fn concurrent_two_nodes<S: Storage, T: Tokens>(service: Service<S, T>) {
    let nodes = [service.node().await, service.node().await];
    nodes[0].register().await;
    let mut won = 0;
    for repetition in 0..repetitions() {
        let first = nodes[0].login().await;
        let answers = race(&nodes, |node, _| {
            let token = first.refresh.clone();
            async move { node.refresh_with_patience(&token).await }
        })
        .await;
        let (granted, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|(answer, _)| answer.status() == 200);
        // Of a commit without an answer nobody knows what became of it: without grace it may have won for nobody.
        let busy = answers.iter().any(|(_, busy)| *busy > 0);
        let expected = if granted.is_empty() && busy { 0 } else { 1 };
        assert_eq!((granted.len(), refused.len()), (expected, RACERS - expected), "repetition {repetition}");
        refused.iter().for_each(|(answer, _)| answer.expect_invalid_grant());
        let winner: Vec<Pair> = granted.iter().map(|(answer, _)| answer.granted()).collect();
        for node in &nodes {
            over(node, &[&first]).await;
            over(node, &winner.iter().collect::<Vec<_>>()).await;
        }
        won += granted.len();
    }
    assert!(won > 0, "nobody ever won");
}

/// A used token is as used after a restart as before it. Where nothing outlives the process, no token does either.
pub async fn restart<S: Storage, T: Tokens>(mut service: Service<S, T>) {
    let node = service.node().await;
    node.register().await;
    let first = node.login().await;
    let second = node.refresh(&first.refresh).await.granted();
    let bystander = node.login().await;
    assert_eq!(node.status(&second.access).await, 200);
    drop(node);
    service.restart();

    let node = service.node().await;
    let reused = match S::SESSIONS {
        Lasting::Kept => {
            assert_eq!(node.status(&second.access).await, 200);
            assert_eq!(node.status(&bystander.access).await, 200);
            1
        }
        Lasting::Gone => 0,
    };
    node.refresh(&first.refresh).await.expect_invalid_grant();
    assert_eq!(node.count_events("TokenReused"), reused);
    over(&node, &[&first, &second]).await;
    let answer = node.refresh(&bystander.refresh).await;
    match S::SESSIONS {
        Lasting::Kept => assert_eq!(node.status(&answer.granted().access).await, 200),
        Lasting::Gone => answer.expect_invalid_grant(),
    }
}

/// Without grace a lost answer costs the session; inside the grace window every node gives the same token again.
pub async fn lost_response<S: Storage, T: Tokens>(service: Service<S, T>) {
    let strict = service.node().await;
    strict.register().await;
    let first = strict.login().await;
    let lost = strict.refresh(&first.refresh).await.granted();
    strict.refresh(&first.refresh).await.expect_invalid_grant();
    over(&strict, &[&first, &lost]).await;

    let nodes = [service.node_with_grace(GRACE).await, service.node_with_grace(GRACE).await];
    let first = nodes[0].login().await;
    let lost = nodes[0].refresh(&first.refresh).await.granted();
    service.clock.advance(GRACE - Duration::from_micros(1));
    let again = nodes[1].refresh(&first.refresh).await.granted();
    expect_same_token(&again.refresh, &lost.refresh);
    let next = nodes[0].refresh(&again.refresh).await.granted();
    assert_eq!(nodes[1].status(&next.access).await, 200);
}

/// A session that nobody used for its idle time is over; use puts that off.
pub async fn idle_expiry<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service
        .node_of("https://issuer.example", |builder| {
            builder.with_refresh_lifetime(7 * DAY).with_session_lifetime(30 * DAY)
        })
        .await;
    node.register().await;
    let (idle, used) = (node.login().await, node.login().await);
    service.clock.advance(6 * DAY);
    let used = node.refresh(&used.refresh).await.granted();
    service.clock.advance(2 * DAY);
    node.refresh(&idle.refresh).await.expect_invalid_grant();
    assert_eq!(node.status(&node.refresh(&used.refresh).await.granted().access).await, 200);
}

/// The refresh token is dead everywhere at once; so is the access token where guards remember nothing or it was ended, and
/// elsewhere, without a feed, as soon as what is remembered is too old.
pub async fn logout<S: Storage, T: Tokens>(service: Service<S, T>) {
    let [here, remembering] = [service.node().await, service.node().await];
    let reading = service
        .node_of("https://issuer.example", |builder| {
            builder.with_revocation_check(RevocationCheck::ReadThrough)
        })
        .await;
    here.register().await;
    let pair = here.login().await;
    for node in [&here, &remembering, &reading] {
        assert_eq!(node.status(&pair.access).await, 200);
    }
    here.post(Operation::Logout, "", Some(&pair.access), "").await.expect(204, "");
    for node in [&here, &remembering, &reading] {
        node.refresh(&pair.refresh).await.expect_invalid_grant();
    }
    assert_eq!((here.status(&pair.access).await, reading.status(&pair.access).await), (401, 401));
    service.clock.advance(MAX_AGE_WITHOUT_FEED);
    assert_eq!(remembering.status(&pair.access).await, 401);
}

/// And being let in again revives nothing.
pub async fn user_disabled<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service.node().await;
    let id = node.register().await;
    let pair = node.login().await;
    assert_eq!(node.status(&pair.access).await, 200);
    for is_active in [false, true] {
        node.set_active(&id, is_active).await;
        over(&node, &[&pair]).await;
    }
    let back = node.login().await;
    assert_eq!(node.status(&back.access).await, 200);
}

/// The session that changed it goes on by its refresh token; every older access token, and every other session, is dead.
pub async fn password_changed<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service.node().await;
    node.register().await;
    let (own, other) = (node.login().await, node.login().await);
    assert_eq!(node.status(&other.access).await, 200);
    node.change_password(&own.access).await;
    over(&node, &[&other]).await;
    assert_eq!(node.status(&own.access).await, 401, "issued before the change");
    let own = node.refresh(&own.refresh).await.granted();
    assert_eq!(node.status(&own.access).await, 200);
}

/// Asking for more than was granted is refused and uses nothing up, whether or not the user may have it.
pub async fn scope_bound<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service.node().await;
    node.register().await;
    let pair = node.login_for("read").await;
    for wider in ["read+admin", "admin", "read+write"] {
        let body = format!("refresh_token={}&scope={wider}", pair.refresh);
        let answer = node.post(Operation::Refresh, FORM, None, body).await;
        answer.expect(400, r#"{"detail":"Invalid scope","error":"invalid_scope"}"#);
    }
    let next = node.refresh(&pair.refresh).await.granted();
    assert_eq!(claims(&next.access)["scope"], "read");
}

/// It is refused for its kind, before anything is looked up that could be ended by it.
pub async fn access_as_refresh<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service.node().await;
    node.register().await;
    let pair = node.login().await;
    node.cut_off();
    node.refresh(&pair.access).await.expect_invalid_grant();
    let body = format!("refresh_token={}", pair.access);
    node.post(Operation::Logout, FORM, None, body).await.expect_invalid_grant();
    node.reconnect();
    assert_eq!(node.status(&pair.access).await, 200);
    assert_eq!(node.status(&node.refresh(&pair.refresh).await.granted().access).await, 200);
}

/// No token, id of one or signature stands in any row, and no row's value is a token.
pub async fn stored_hashed<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service.node().await;
    node.register().await;
    let first = node.login().await;
    let second = node.refresh(&first.refresh).await.granted();
    let values = service.storage.values().await;
    let holds =
        |secret: &[u8]| values.iter().any(|value| value.windows(secret.len()).any(|window| window == secret));
    let session = claims(&first.access)["sid"].as_str().expect("a token has a session").to_owned();
    assert!(holds(EMAIL.as_bytes()) && holds(session.as_bytes()), "the values are of the right rows");
    let mut secrets = 0;
    for token in [&first.refresh, &second.refresh, &first.access, &second.access] {
        let id = claims(token)["jti"].as_str().expect("a token has an id").to_owned();
        let signature = token.rsplit('.').next().expect("a token has a signature").to_owned();
        for text in [token.clone(), id, signature] {
            let bytes = URL_SAFE_NO_PAD.decode(&text).unwrap_or_else(|_| text.clone().into_bytes());
            assert!(!holds(text.as_bytes()) && !holds(hex(&bytes).as_bytes()) && !holds(&bytes));
            secrets += 1;
        }
    }
    assert_eq!(secrets, 12);
    for value in values {
        for text in
            [String::from_utf8_lossy(&value).into_owned(), hex(&value), URL_SAFE_NO_PAD.encode(&value)]
        {
            if !text.is_empty() {
                let answer =
                    node.post(Operation::Refresh, JSON, None, json!({"refresh_token": text}).to_string());
                answer.await.expect_invalid_grant();
            }
        }
    }
    assert_eq!(node.status(&node.refresh(&second.refresh).await.granted().access).await, 200);
}

/// Each is refused as what it is, and no store hears of it.
pub async fn malformed<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service.node().await;
    node.register().await;
    let pair = node.login().await;
    let long = format!("{}{}", pair.refresh, "A".repeat(MAX_TOKEN_BYTES + 1 - pair.refresh.len()));
    let huge = "A".repeat(10 * 1024 * 1024);
    node.cut_off();
    let post =
        async |media_type: &str, body: Vec<u8>| node.post(Operation::Refresh, media_type, None, body).await;
    for empty in ["refresh_token=", "", "refresh_token"] {
        post(FORM, empty.into()).await.expect_invalid_request();
    }
    for bytes in [&b"refresh_token=\xff"[..], b"refresh_token=%ff", b"refresh_token=%C3%28"] {
        post(FORM, bytes.to_vec()).await.expect_invalid_request();
    }
    post(JSON, b"{\"refresh_token\":\"\xff\"}".to_vec()).await.expect_invalid_request();
    post(JSON, br#"{"refresh_token":""}"#.to_vec()).await.expect_invalid_request();
    for form in ["%00", "\0", "%27+OR+1%3D1+--", "%25", "_", "%2A", &long] {
        post(FORM, format!("refresh_token={form}").into()).await.expect_invalid_grant();
    }
    for text in ["\0", "' OR 1=1 --", "%", "_", "*", &long] {
        post(JSON, json!({"refresh_token": text}).to_string().into()).await.expect_invalid_grant();
    }
    assert!(long.len() < MAX_BODY_BYTES, "the token's own limit refuses it");
    let too_large = post(FORM, format!("refresh_token={huge}").into()).await;
    too_large.expect(413, r#"{"detail":"Request body too large"}"#);
    let refused = node.auth.refresh(Refresh::new(TokenText::new(huge))).await;
    let size = RefreshRefusal::Token(TokenRefusal::Size);
    assert!(matches!(refused, Err(AuthError::Refresh(cause)) if cause == size));
    node.reconnect();
    assert_eq!(node.status(&node.refresh(&pair.refresh).await.granted().access).await, 200);
}

/// A token from the future is refused and kept; a little future is believed, since clocks differ. Nothing overflows.
pub async fn clock_back<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service.node().await;
    node.register().await;
    let mut pair = node.login().await;
    let start = service.clock.now();
    for now in [start.saturating_sub(Duration::from_secs(3_600)), Timestamp::from_seconds(0)] {
        service.clock.set(now);
        node.refresh(&pair.refresh).await.expect_invalid_grant();
        assert_eq!(node.status(&pair.access).await, 401);
    }
    assert_eq!(node.count_events("TokenReused"), 0);
    for seconds in [5, 0] {
        service.clock.set(start.saturating_sub(Duration::from_secs(seconds)));
        pair = node.refresh(&pair.refresh).await.granted();
        assert_eq!(node.status(&pair.access).await, 200);
    }
}

/// Two tenants share storage and key, and neither is the other. Nothing is looked up, and nothing used up.
pub async fn cross_issuer<S: Storage, T: Tokens>(service: Service<S, T>) {
    let one = service.node_of("https://t1.example", |builder| builder).await;
    let other = service.node_of("https://t2.example", |builder| builder).await;
    one.register().await;
    let pair = one.login().await;
    other.cut_off();
    other.refresh(&pair.refresh).await.expect_invalid_grant();
    let body = format!("refresh_token={}", pair.refresh);
    other.post(Operation::Logout, FORM, None, body).await.expect_invalid_grant();
    assert_eq!(other.status(&pair.access).await, 401);
    other.reconnect();
    other.refresh(&pair.refresh).await.expect_invalid_grant();
    assert_eq!(one.status(&one.refresh(&pair.refresh).await.granted().access).await, 200);
}

/// None of these opens anything any more, and no refresh by them is anything but refused: for a session that has ended.
async fn over(node: &Node, pairs: &[&Pair]) {
    for pair in pairs {
        assert_eq!(node.status(&pair.access).await, 401);
        node.refresh(&pair.refresh).await.expect_invalid_grant();
        let cause = node.auth.refresh(Refresh::new(TokenText::new(pair.refresh.clone()))).await;
        let ended = RefreshRefusal::Session(AccessRefusal::SessionEnded);
        assert!(matches!(cause, Err(AuthError::Refresh(cause)) if cause == ended));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
