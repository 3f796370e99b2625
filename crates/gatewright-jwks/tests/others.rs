//! What is believed of another issuer, what asks for its set, and what a set that is half bad changes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod common;
#[allow(dead_code, reason = "each test file uses what it needs")]
mod server;

use common::{Hands, ISSUER, LONG, START, body, builder, fetched, issue, issuer, key, verdict};
use gatewright_core::{
    Claims, Epoch, SessionId, Timestamp, TokenId, TokenKind, TokenRefusal, TokenVerifier, UserId,
};
use gatewright_jwks::FetchFailure;
use gatewright_jwt::KeyRing;
use server::{Answer, Server};

#[test]
fn of_another_issuer_access_tokens_alone_are_believed_without_session_and_with_claims_of_the_applications_own()
 {
    let theirs = issuer("a");
    let server = Server::https(body(&theirs));
    let remote = builder(&server).with_rules(|jwt| jwt.with_cache(8)).build().unwrap();
    assert!(remote.wait_until_ready(LONG), "{:?}", remote.last_failure());
    let (now, until) = (Timestamp::from_seconds(START), Timestamp::from_seconds(START + 900));
    let claims = Claims::new(UserId::new("42").unwrap(), TokenId::new("1"), now, until)
        .with_session("018bcfe5-6800-7000-8000-000000000001".parse::<SessionId>().unwrap())
        .with_epoch(Epoch::from_u64(2));
    for kind in TokenKind::ALL {
        let token = theirs.issue_with(kind, &claims, &serde_json::json!({"tenant": 7})).unwrap();
        let read = remote.verify_with::<serde_json::Value>(token.expose(), now);
        let claims = read.as_ref().map(|read| read.claims.clone()).map_err(|refusal| *refusal);
        for _ in 0..2 {
            assert_eq!(remote.verify(kind, token.expose(), now), claims);
        }
        let Ok(read) = read else {
            assert_eq!((claims, kind != TokenKind::Access), (Err(TokenRefusal::Kind), true));
            continue;
        };
        assert_eq!((read.extension["tenant"].as_u64(), kind), (Some(7), TokenKind::Access));
        assert_eq!((read.claims.session, read.claims.epoch, read.claims.issuer()), (None, None, ISSUER));
    }
}

#[test]
fn an_unknown_key_asks_for_the_set_also_where_more_claims_are_read() {
    let (theirs, clock) = (issuer("a"), Hands::new());
    let server = Server::https(body(&theirs));
    let remote = builder(&server).with_clock(clock.clone()).build().unwrap();
    assert!(remote.wait_until_ready(LONG));
    clock.move_by(30);
    let read = remote.verify_with::<serde_json::Value>(&issue(&issuer("b")), Timestamp::from_seconds(START));
    assert_eq!(read.unwrap_err(), TokenRefusal::Key);
    fetched(&remote, 2);
}

#[test]
fn a_known_key_that_comes_back_broken_stays_and_a_twin_is_one() {
    let (theirs, clock) = (issuer("a"), Hands::new());
    theirs.ring().publish(key("b")).unwrap();
    let (set, token) = (theirs.ring().jwks().to_string(), issue(&theirs));
    let text = |body: &str| Answer::Body(String::new(), body.to_owned());
    let server = Server::https(text(&set));
    let remote = builder(&server).with_clock(clock.clone()).build().unwrap();
    assert!(remote.wait_until_ready(LONG));
    let broken = set.replace(r#""kid":"a","alg":"EdDSA""#, r#""kid":"a","alg":"EdDSA-typo""#);
    let first = set.get(r#"{"keys":["#.len()..=set.find('}').unwrap()).unwrap();
    let twin = set.replace(r#"{"keys":["#, &format!(r#"{{"keys":[{first},"#));
    let rival = theirs.ring().jwks().replace(r#""kid":"b""#, r#""kid":"a""#);
    let left = KeyRing::verifying([key("c").verifying_key().clone()]).unwrap().jwks().to_string();
    let rivals = rival.replace(r#"{"keys":["#, &format!("{},", left.strip_suffix("]}").unwrap()));
    let answers = [
        (&broken, 1, &["a", "b"][..]),
        (&twin, 0, &["a", "b"]),
        (&rivals, 2, &["a", "c"]),
        (&left, 0, &["c"]),
    ];
    for (number, (body, refused, ids)) in (2_u64..).zip(answers) {
        server.says(text(body));
        clock.move_by(3_600);
        assert_eq!(verdict(&remote, &token), Ok(()));
        fetched(&remote, number);
        assert_eq!((remote.last_failure(), remote.refused_keys()), (None, refused), "{body}");
        assert_eq!(remote.key_ids(), ids, "{body}");
    }
    assert_eq!(verdict(&remote, &token), Err(TokenRefusal::Key), "its id is gone");
}

#[test]
fn a_token_that_names_no_key_causes_no_fetch() {
    let (theirs, clock) = (issuer("a"), Hands::new());
    let server = Server::https(body(&theirs));
    let remote = builder(&server).with_clock(clock.clone()).build().unwrap();
    assert!(remote.wait_until_ready(LONG));
    clock.move_by(30);
    // {"alg":"EdDSA"}
    assert_eq!(verdict(&remote, "eyJhbGciOiJFZERTQSJ9.e30.AA"), Err(TokenRefusal::Key));
    // Had it asked, its fetch would be the second and this one come in the cool-down after it.
    server.says(Answer::Status(500, String::new()));
    assert_eq!(verdict(&remote, &issue(&issuer("b"))), Err(TokenRefusal::Key));
    fetched(&remote, 2);
    assert_eq!((remote.last_failure(), server.requests()), (Some(FetchFailure::Status), 2));
}
