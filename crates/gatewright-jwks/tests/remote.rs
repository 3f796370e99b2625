//! The keys of another issuer, from a server that is slow, broken, hostile, or rotating.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod common;
mod server;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::{AUDIENCE, Hands, ISSUER, LONG, START, body, builder, fetched, issue, issuer, key, verdict};
use gatewright_core::{Timestamp, TokenKind, TokenRefusal, TokenVerifier};
use gatewright_jwks::{FetchFailure, RemoteIssuer, RemoteIssuerBuilder};
use gatewright_jwt::{Algorithm, Issuers, Jwt, KeyRing, NewKey, SigningKey};
use server::{Answer, Server};

#[test]
fn the_tokens_of_another_issuer_are_believed_once_its_keys_are_here() {
    let theirs = issuer("a");
    let server = Server::https(body(&theirs));
    let remote = builder(&server).build().unwrap();
    assert!(remote.wait_until_ready(LONG), "{:?}", remote.last_failure());
    assert_eq!(remote.key_ids(), ["a"]);
    assert_eq!(verdict(&remote, &issue(&theirs)), Ok(()));
    assert_eq!(verdict(&remote, &issue(&issuer("a"))), Err(TokenRefusal::Signature));
    assert_eq!((server.requests(), remote.fetches(), remote.last_failure()), (1, 1, None));
}

#[test]
fn whoever_drops_it_ends_its_thread() {
    let server = Server::https(body(&issuer("a")));
    let clock = Hands::new();
    let remote = builder(&server).with_clock(clock.clone()).build().unwrap();
    assert!(remote.wait_until_ready(LONG));
    drop(remote);
    let mut patience = 20_000;
    while Arc::strong_count(&clock.0) > 1 {
        thread::park_timeout(Duration::from_millis(1));
        patience -= 1;
        assert!(patience > 0, "the thread still holds its clock");
    }
}

#[test]
fn a_flood_of_unknown_ids_causes_one_fetch_in_a_cool_down() {
    let theirs = issuer("a");
    let server = Server::https(body(&theirs));
    let clock = Hands::new();
    let remote = builder(&server).with_clock(clock.clone()).build().unwrap();
    assert!(remote.wait_until_ready(LONG));
    let stranger = issue(&issuer("unknown"));
    let flood = || {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        assert_eq!(verdict(&remote, &stranger), Err(TokenRefusal::Key));
                    }
                });
            }
        });
    };
    flood();
    clock.move_by(29);
    flood();
    assert_eq!(server.requests(), 1, "the first fetch is the one of this cool-down");
    clock.move_by(1);
    flood();
    fetched(&remote, 2);
    flood();
    assert_eq!((server.requests(), remote.fetches()), (2, 2));
    assert_eq!(verdict(&remote, &issue(&theirs)), Ok(()));
}

#[test]
fn a_rotation_at_the_issuer_is_followed_and_a_key_that_is_gone_is_not_believed() {
    let (old, clock) = (issuer("a"), Hands::new());
    let server = Server::https(body(&old));
    let remote = builder(&server).with_clock(clock.clone()).build().unwrap();
    assert!(remote.wait_until_ready(LONG));
    let old_token = issue(&old);
    old.ring().publish(key("b")).unwrap();
    old.ring().activate("b").unwrap();
    server.says(body(&old));
    clock.move_by(30);
    let new_token = issue(&old);
    assert_eq!(verdict(&remote, &new_token), Err(TokenRefusal::Key), "nobody waits for the network");
    fetched(&remote, 2);
    assert_eq!((verdict(&remote, &old_token), verdict(&remote, &new_token)), (Ok(()), Ok(())));
    old.ring().retire("a").unwrap();
    server.says(body(&old));
    clock.move_by(3_600);
    assert_eq!(verdict(&remote, &old_token), Ok(()), "it asks for the set, which is due");
    fetched(&remote, 3);
    assert_eq!(
        (verdict(&remote, &old_token), verdict(&remote, &new_token)),
        (Err(TokenRefusal::Key), Ok(()))
    );
}

#[test]
fn a_set_is_fetched_again_when_its_time_is_over_within_bounds() {
    let theirs = issuer("a");
    for (said, lasts) in [("300", 300), ("0", 60), ("1", 60), ("99999999999", 43_200)] {
        let headers = format!("cache-control: public, max-age={said}\r\n");
        let server = Server::https(Answer::Body(headers, theirs.ring().jwks().to_string()));
        let clock = Hands::new();
        let remote = builder(&server).with_clock(clock.clone()).build().unwrap();
        assert!(remote.wait_until_ready(LONG));
        let token = issue(&theirs);
        clock.move_by(lasts - 1);
        assert_eq!(verdict(&remote, &token), Ok(()));
        assert_eq!(server.requests(), 1, "max-age={said}");
        clock.move_by(1);
        assert_eq!(verdict(&remote, &token), Ok(()));
        fetched(&remote, 2);
        assert_eq!(server.requests(), 2, "max-age={said}");
    }
}

#[test]
fn an_answer_that_is_no_good_keeps_the_keys_at_hand() {
    let (theirs, clock) = (issuer("a"), Hands::new());
    let server = Server::https(body(&theirs));
    let remote = builder(&server).with_clock(clock.clone()).with_timeout(Duration::from_millis(500));
    let remote = remote.build().unwrap();
    assert!(remote.wait_until_ready(LONG));
    let token = issue(&theirs);
    let set = theirs.ring().jwks().to_string();
    let text = |body: &str| Answer::Body(String::new(), body.to_owned());
    let redirect = format!("location: {}\r\n", server.url);
    let secret = NewKey::generate(Algorithm::Hs256).unwrap();
    let bad = [
        (Answer::Status(500, String::new()), FetchFailure::Status),
        (Answer::Status(404, String::new()), FetchFailure::Status),
        (Answer::Status(204, String::new()), FetchFailure::Status),
        (Answer::Status(302, redirect.clone()), FetchFailure::Redirect),
        (Answer::Status(307, redirect), FetchFailure::Redirect),
        (Answer::Silence, FetchFailure::Unreachable),
        (Answer::Drip, FetchFailure::Unreachable),
        (Answer::Half(set.clone()), FetchFailure::Unreachable),
        (Answer::Flood(400 * 1024), FetchFailure::Large),
        (Answer::Flood(1024), FetchFailure::Malformed),
        (text(""), FetchFailure::Malformed),
        (text("<html>maintenance</html>"), FetchFailure::Malformed),
        (text(set.strip_suffix('}').unwrap()), FetchFailure::Malformed),
        (text(r#"{"keys":[]}"#), FetchFailure::NoKeys),
        (text(r#"{"keys":[{"kty":"?"}]}"#), FetchFailure::NoKeys),
        (text(&format!(r#"{{"keys":[{}]}}"#, secret.jwk())), FetchFailure::NoKeys),
    ];
    for (number, (answer, failure)) in (2_u64..).zip(bad) {
        server.says(answer);
        clock.move_by(3_600);
        assert_eq!(verdict(&remote, &token), Ok(()));
        fetched(&remote, number);
        assert_eq!(remote.last_failure(), Some(failure), "fetch {number}");
        assert_eq!(verdict(&remote, &token), Ok(()));
        assert_eq!(remote.key_ids(), ["a"]);
    }
    assert_eq!(remote.fetches(), 17);
    // And it recovers after a cool-down, without anybody asking for an unknown key.
    server.says(body(&theirs));
    clock.move_by(30);
    assert_eq!(verdict(&remote, &token), Ok(()));
    fetched(&remote, 18);
    assert_eq!(remote.last_failure(), None);
}

#[test]
fn one_key_that_cannot_be_used_does_not_lose_the_others_and_secrets_are_none() {
    let theirs = issuer("a");
    let secret = SigningKey::from_secret(Algorithm::Hs256, b"fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEa").unwrap();
    let oct = r#"{"kty":"oct","kid":"s","alg":"HS256","k":"ZnU4RjBxVHoxblFtWDN2S2Q3UndZYjJMaEpjOVBzRWE"}"#;
    let set = theirs.ring().jwks().replace("[", &format!(r#"[{{"kty":"EC","crv":"P-521"}},7,{oct},"#));
    let server = Server::https(Answer::Body(String::new(), set));
    let remote = builder(&server).build().unwrap();
    assert!(remote.wait_until_ready(LONG), "{:?}", remote.last_failure());
    assert_eq!(remote.key_ids(), ["a"]);
    let ring = KeyRing::new(secret.with_id("s").unwrap());
    let forged = Jwt::builder(ring, ISSUER, AUDIENCE).build().unwrap();
    assert_eq!(verdict(&remote, &issue(&forged)), Err(TokenRefusal::Key));
    assert_eq!(verdict(&remote, &issue(&theirs)), Ok(()));
}

#[test]
fn nothing_but_https_to_a_trusted_server_is_fetched_from() {
    let theirs = issuer("a");
    let plain = Server::http(body(&theirs));
    let problem = |url: &str| RemoteIssuer::builder(ISSUER, AUDIENCE, url).build().unwrap_err();
    for url in [
        &plain.url,
        "",
        "jwks.json",
        "/jwks.json",
        "ftp://issuer.example/",
        "file:///etc/passwd",
        "https://",
        "https:///x",
    ] {
        assert_eq!(problem(url).setting, "jwks_url", "{url}");
    }
    assert_eq!(plain.requests(), 0);
    // A certificate that nobody trusts, and one for another name.
    let server = Server::https(body(&theirs));
    let other = Server::https(body(&theirs));
    let untrusting = builder(&server).with_root_certificate(&other.certificate).build().unwrap();
    fetched(&untrusting, 1);
    let misnamed = RemoteIssuer::builder(ISSUER, AUDIENCE, server.url.replace("localhost", "127.0.0.1"));
    let misnamed = misnamed.with_root_certificate(&server.certificate).build().unwrap();
    fetched(&misnamed, 1);
    for remote in [untrusting, misnamed] {
        assert_eq!(remote.last_failure(), Some(FetchFailure::Unreachable));
        assert!(!remote.wait_until_ready(Duration::ZERO));
        assert_eq!(verdict(&remote, &issue(&theirs)), Err(TokenRefusal::Key));
    }
    assert_eq!(server.requests(), 0);
}

#[test]
fn plain_http_and_redirects_are_for_those_who_ask_for_danger() {
    let theirs = issuer("a");
    let plain = Server::http(body(&theirs));
    let remote = RemoteIssuer::builder(ISSUER, AUDIENCE, &plain.url).dangerous().with_http().build().unwrap();
    assert!(remote.wait_until_ready(LONG), "{:?}", remote.last_failure());
    let target = Server::http(body(&theirs));
    let redirecting = Server::https(Answer::Status(302, format!("location: {}\r\n", target.url)));
    // To plain HTTP it leads nowhere even then.
    let remote = builder(&redirecting).dangerous().with_redirects().build().unwrap();
    fetched(&remote, 1);
    assert_eq!((remote.last_failure(), target.requests()), (Some(FetchFailure::Redirect), 0));
    let remote = builder(&redirecting).dangerous().with_redirects().dangerous().with_http().build().unwrap();
    assert!(remote.wait_until_ready(LONG), "{:?}", remote.last_failure());
    assert_eq!(target.requests(), 1);
}

#[test]
fn several_issuers_have_each_their_own_keys_and_audience() {
    let (ours, theirs) = (issuer("k"), issuer("k"));
    let other = "https://other.example";
    let third = Jwt::builder(KeyRing::new(key("k")), other, "their-api").build().unwrap();
    let (first, second) = (Server::https(body(&theirs)), Server::https(body(&third)));
    let remote = builder(&first).build().unwrap();
    let more =
        RemoteIssuer::builder(other, "their-api", &second.url).with_root_certificate(&second.certificate);
    let more = more.build().unwrap();
    assert!(remote.wait_until_ready(LONG) && more.wait_until_ready(LONG));
    let both = Issuers::new().with(remote).unwrap().with(more).unwrap();
    let verdict =
        |jwt: &Jwt| both.verify(TokenKind::Access, &issue(jwt), Timestamp::from_seconds(START)).map(drop);
    assert_eq!((verdict(&theirs), verdict(&third)), (Ok(()), Ok(())));
    assert_eq!(verdict(&ours), Err(TokenRefusal::Signature));
}

#[test]
fn settings_out_of_their_bounds_are_refused_by_name() {
    let builder = || RemoteIssuer::builder(ISSUER, AUDIENCE, "https://localhost:1/jwks.json");
    let setting = |builder: RemoteIssuerBuilder| builder.build().unwrap_err().setting;
    assert_eq!(setting(builder().with_timeout(Duration::ZERO)), "timeout");
    assert_eq!(setting(builder().with_timeout(Duration::from_secs(61))), "timeout");
    assert_eq!(setting(builder().with_cool_down(Duration::from_millis(999))), "cool_down");
    assert_eq!(setting(builder().with_cool_down(Duration::from_secs(61))), "cool_down");
    assert_eq!(setting(builder().with_max_stale(Duration::from_secs(299))), "max_stale");
    assert_eq!(setting(builder().with_max_stale(Duration::from_secs(30 * 86_400 + 1))), "max_stale");
    assert_eq!(setting(builder().with_root_certificate("x")), "root_certificate");
    assert_eq!(setting(builder().with_rules(|jwt| jwt.with_leeway(Duration::from_secs(61)))), "leeway");
    let other = |_| Jwt::builder(KeyRing::default(), ISSUER, AUDIENCE);
    assert_eq!(setting(builder().with_rules(other)), "rules");
    assert_eq!(setting(RemoteIssuer::builder("", AUDIENCE, "https://localhost:1/")), "issuer");
}
