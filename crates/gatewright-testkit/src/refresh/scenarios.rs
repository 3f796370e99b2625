//! The scenarios. Each name is an id of the project's table, which is based on RFC 9700 §4.14.2,
//! OWASP ASVS 5.0 and published vulnerabilities.
//!
//! "Refused" means the exact answer 400 `invalid_grant` without a challenge. Where a scenario says
//! that a node calls no store, the stores fail meanwhile: a call would change the answer to 503.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatewright_core::error::{AccessError, RefreshError};
use gatewright_core::revocation::CACHE_TTL_WITHOUT_FEED;
use gatewright_core::token::MAX_TOKEN_BYTES;
use gatewright_core::{
    AuthError, Clock, Endpoint, MAX_BODY_BYTES, Refresh, RevocationCheck, Timestamp, TokenError, TokenText,
};
use serde_json::json;

use super::service::EMAIL;
use super::{Durability, Node, Pair, Service, Storage, Tokens};
use crate::auth_routes::{claims, expect_same_token};
use crate::repetitions;
use crate::store::{RACERS, race};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const GRACE: Duration = Duration::from_secs(10);
const DAY: Duration = Duration::from_secs(86_400);

/// Each token yields its successor. A used token is refused, and its reuse ends the session.
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
        expect_ended(&node, &[&first, &second, &third]).await;
    }
}

/// A thief uses the token before its owner. The owner is refused, and from then on the thief too.
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
        expect_ended(&node, &[&owner, &thief]).await;
    }
}

/// Reuse ends only the session of the token. Other sessions of the user continue.
pub async fn other_family_untouched<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service.node().await;
    node.register().await;
    let (one, other) = (node.login().await, node.login().await);
    let next = node.refresh(&one.refresh).await.granted();
    node.refresh(&one.refresh).await.expect_invalid_grant();
    expect_ended(&node, &[&one, &next]).await;
    assert_eq!(node.status(&other.access).await, 200);
    let other = node.refresh(&other.refresh).await.granted();
    assert_eq!(node.status(&other.access).await, 200);
}

/// 25 callers at each of two nodes use the same token. One succeeds. The other calls are reuse, so
/// the session ends. A caller that gets 503 retries.
pub async fn concurrent_two_nodes<S: Storage, T: Tokens>(service: Service<S, T>) {
    let nodes = [service.node().await, service.node().await];
    nodes[0].register().await;
    let mut won = 0;
    for repetition in 0..repetitions() {
        let first = nodes[0].login().await;
        let answers = race(&nodes, |node, _| {
            let token = first.refresh.clone();
            async move { node.refresh_with_retries(&token).await }
        })
        .await;
        let (granted, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|(answer, _)| answer.status() == 200);
        // A caller may get 503 although its rotation was committed. Without a grace window its
        // retry is reuse, so that no caller succeeds.
        let busy = answers.iter().any(|(_, busy)| *busy > 0);
        let expected = if granted.is_empty() && busy { 0 } else { 1 };
        assert_eq!((granted.len(), refused.len()), (expected, RACERS - expected), "repetition {repetition}");
        refused.iter().for_each(|(answer, _)| answer.expect_invalid_grant());
        let winner: Vec<Pair> = granted.iter().map(|(answer, _)| answer.granted()).collect();
        for node in &nodes {
            expect_ended(node, &[&first]).await;
            expect_ended(node, &winner.iter().collect::<Vec<_>>()).await;
        }
        won += granted.len();
    }
    assert!(won > 0, "no caller succeeded in any repetition");
}

/// A used token is still refused after a restart. If sessions do not survive the restart, every
/// token is refused.
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
        Durability::Durable => {
            assert_eq!(node.status(&second.access).await, 200);
            assert_eq!(node.status(&bystander.access).await, 200);
            1
        }
        Durability::Volatile => 0,
    };
    node.refresh(&first.refresh).await.expect_invalid_grant();
    assert_eq!(node.count_events("TokenReused"), reused);
    expect_ended(&node, &[&first, &second]).await;
    let answer = node.refresh(&bystander.refresh).await;
    match S::SESSIONS {
        Durability::Durable => assert_eq!(node.status(&answer.granted().access).await, 200),
        Durability::Volatile => answer.expect_invalid_grant(),
    }
}

/// Without a grace window, a retry after a lost answer ends the session. Within the window, every
/// node returns the same token again.
pub async fn lost_response<S: Storage, T: Tokens>(service: Service<S, T>) {
    let strict = service.node().await;
    strict.register().await;
    let first = strict.login().await;
    let lost = strict.refresh(&first.refresh).await.granted();
    strict.refresh(&first.refresh).await.expect_invalid_grant();
    expect_ended(&strict, &[&first, &lost]).await;

    let nodes = [service.node_with_grace(GRACE).await, service.node_with_grace(GRACE).await];
    let first = nodes[0].login().await;
    let lost = nodes[0].refresh(&first.refresh).await.granted();
    service.clock.advance(GRACE - Duration::from_micros(1));
    let again = nodes[1].refresh(&first.refresh).await.granted();
    expect_same_token(&again.refresh, &lost.refresh);
    let next = nodes[0].refresh(&again.refresh).await.granted();
    assert_eq!(nodes[1].status(&next.access).await, 200);
}

/// A session expires when it is not refreshed within the refresh lifetime. A refresh extends it.
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

/// The refresh token is refused by all nodes at once. The access token is refused at once by the
/// node that ended the session and by nodes without a cache. Nodes with a cache, without a feed,
/// refuse it when the cache entry expires.
pub async fn logout<S: Storage, T: Tokens>(service: Service<S, T>) {
    let [here, cached] = [service.node().await, service.node().await];
    let uncached = service
        .node_of("https://issuer.example", |builder| {
            builder.with_revocation_check(RevocationCheck::ReadThrough)
        })
        .await;
    here.register().await;
    let pair = here.login().await;
    for node in [&here, &cached, &uncached] {
        assert_eq!(node.status(&pair.access).await, 200);
    }
    here.post(Endpoint::Logout, "", Some(&pair.access), "").await.expect(204, "");
    for node in [&here, &cached, &uncached] {
        node.refresh(&pair.refresh).await.expect_invalid_grant();
    }
    assert_eq!((here.status(&pair.access).await, uncached.status(&pair.access).await), (401, 401));
    service.clock.advance(CACHE_TTL_WITHOUT_FEED);
    assert_eq!(cached.status(&pair.access).await, 401);
}

/// Enabling the user again does not restore the tokens.
pub async fn user_disabled<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service.node().await;
    let id = node.register().await;
    let pair = node.login().await;
    assert_eq!(node.status(&pair.access).await, 200);
    for is_active in [false, true] {
        node.set_active(&id, is_active).await;
        expect_ended(&node, &[&pair]).await;
    }
    let back = node.login().await;
    assert_eq!(node.status(&back.access).await, 200);
}

/// The answer is the first pair of a new session. All older tokens are refused, those of the session
/// that changed the password included, and do not disturb the new one.
pub async fn password_changed<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service.node().await;
    node.register().await;
    let (own, other) = (node.login().await, node.login().await);
    assert_eq!(node.status(&other.access).await, 200);
    let mut next = node.change_password(&own.access).await;
    for _ in 0..10 {
        expect_ended(&node, &[&own, &other]).await;
        next = node.refresh(&next.refresh).await.granted();
        assert_eq!(node.status(&next.access).await, 200);
    }
    assert_eq!(node.count_events("TokenReused"), 0);
}

/// A request for more scopes than the login granted is refused, even if the user may have them. It
/// does not use up the token.
pub async fn scope_bound<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service.node().await;
    node.register().await;
    let pair = node.login_for("read").await;
    for wider in ["read+admin", "admin", "read+write"] {
        let body = format!("refresh_token={}&scope={wider}", pair.refresh);
        let answer = node.post(Endpoint::Refresh, FORM, None, body).await;
        answer.expect(400, r#"{"detail":"Invalid scope","error":"invalid_scope"}"#);
    }
    let next = node.refresh(&pair.refresh).await.granted();
    assert_eq!(claims(&next.access)["scope"], "read");
}

/// An access token in place of a refresh token is refused. The node calls no store, so no session
/// ends.
pub async fn access_as_refresh<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service.node().await;
    node.register().await;
    let pair = node.login().await;
    node.cut_off();
    node.refresh(&pair.access).await.expect_invalid_grant();
    let body = format!("refresh_token={}", pair.access);
    node.post(Endpoint::Logout, FORM, None, body).await.expect_invalid_grant();
    node.reconnect();
    assert_eq!(node.status(&pair.access).await, 200);
    assert_eq!(node.status(&node.refresh(&pair.refresh).await.granted().access).await, 200);
}

/// No row contains a token, a token id or a signature. No value of a row is accepted as a token.
pub async fn stored_hashed<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service.node().await;
    node.register().await;
    let first = node.login().await;
    let second = node.refresh(&first.refresh).await.granted();
    let values = service.storage.values().await;
    let holds =
        |secret: &[u8]| values.iter().any(|value| value.windows(secret.len()).any(|window| window == secret));
    let session = claims(&first.access)["sid"].as_str().expect("a token has a session").to_owned();
    assert!(
        holds(EMAIL.as_bytes()) && holds(session.as_bytes()),
        "the values include the session and its user"
    );
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
                    node.post(Endpoint::Refresh, JSON, None, json!({"refresh_token": text}).to_string());
                answer.await.expect_invalid_grant();
            }
        }
    }
    assert_eq!(node.status(&node.refresh(&second.refresh).await.granted().access).await, 200);
}

/// Malformed requests and tokens are refused. The node calls no store.
pub async fn malformed<S: Storage, T: Tokens>(service: Service<S, T>) {
    let node = service.node().await;
    node.register().await;
    let pair = node.login().await;
    let long = format!("{}{}", pair.refresh, "A".repeat(MAX_TOKEN_BYTES + 1 - pair.refresh.len()));
    let huge = "A".repeat(10 * 1024 * 1024);
    node.cut_off();
    let post =
        async |media_type: &str, body: Vec<u8>| node.post(Endpoint::Refresh, media_type, None, body).await;
    for (form, problem) in [("", "is missing"), ("refresh_token=", "is empty"), ("refresh_token", "is empty")]
    {
        post(FORM, form.into()).await.expect_malformed_token(problem);
    }
    for bytes in [&b"refresh_token=\xff"[..], b"refresh_token=%ff", b"refresh_token=%C3%28"] {
        post(FORM, bytes.to_vec()).await.expect_malformed_token("is badly encoded");
    }
    post(JSON, b"{\"refresh_token\":\"\xff\"}".to_vec()).await.expect_no_json();
    post(JSON, br#"{"refresh_token":""}"#.to_vec()).await.expect_malformed_token("is empty");
    for form in ["%00", "\0", "%27+OR+1%3D1+--", "%25", "_", "%2A", &long] {
        post(FORM, format!("refresh_token={form}").into()).await.expect_invalid_grant();
    }
    for text in ["\0", "' OR 1=1 --", "%", "_", "*", &long] {
        post(JSON, json!({"refresh_token": text}).to_string().into()).await.expect_invalid_grant();
    }
    assert!(long.len() < MAX_BODY_BYTES, "the limit of tokens refuses it, not that of bodies");
    let too_large = post(FORM, format!("refresh_token={huge}").into()).await;
    too_large.expect(413, r#"{"detail":"Request body too large"}"#);
    let refused = node.auth.refresh(Refresh::new(TokenText::new(huge))).await.map_err(AuthError::from);
    let size = RefreshError::Token(TokenError::Size);
    assert!(matches!(refused, Err(AuthError::Refresh(cause)) if cause == size));
    node.reconnect();
    assert_eq!(node.status(&node.refresh(&pair.refresh).await.granted().access).await, 200);
}

/// The clock moves back. A token issued in the future is refused but not used up. A small
/// difference is accepted, because clocks differ. Times near zero do not overflow.
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

/// Two issuers share storage and key. Each refuses the other's tokens without a call of a store,
/// and does not use them up.
pub async fn cross_issuer<S: Storage, T: Tokens>(service: Service<S, T>) {
    let one = service.node_of("https://t1.example", |builder| builder).await;
    let other = service.node_of("https://t2.example", |builder| builder).await;
    one.register().await;
    let pair = one.login().await;
    other.cut_off();
    other.refresh(&pair.refresh).await.expect_invalid_grant();
    let body = format!("refresh_token={}", pair.refresh);
    other.post(Endpoint::Logout, FORM, None, body).await.expect_invalid_grant();
    assert_eq!(other.status(&pair.access).await, 401);
    other.reconnect();
    other.refresh(&pair.refresh).await.expect_invalid_grant();
    assert_eq!(one.status(&one.refresh(&pair.refresh).await.granted().access).await, 200);
}

/// Asserts that the session of these tokens has ended: all of the tokens are refused.
async fn expect_ended(node: &Node, pairs: &[&Pair]) {
    for pair in pairs {
        assert_eq!(node.status(&pair.access).await, 401);
        node.refresh(&pair.refresh).await.expect_invalid_grant();
        let cause = node
            .auth
            .refresh(Refresh::new(TokenText::new(pair.refresh.clone())))
            .await
            .map_err(AuthError::from);
        let ended = RefreshError::Session(AccessError::SessionEnded);
        assert!(matches!(cause, Err(AuthError::Refresh(cause)) if cause == ended));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
