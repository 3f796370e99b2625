//! How long keys are believed that no good answer has confirmed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
#[allow(dead_code, reason = "each test file uses what it needs")]
mod server;

use std::time::Duration;

use common::{Hands, LONG, body, builder, fetched, issue, issuer, key, verdict};
use gatewright_core::TokenRefusal;
use server::{Answer, Server};

const DAY: u64 = 24 * 60 * 60;

#[test]
fn a_day_or_as_set_after_the_last_good_answer_no_key_is_believed_until_the_next_one() {
    let theirs = issuer("a");
    let token = issue(&theirs);
    let empty = Answer::Body(String::new(), r#"{"keys":[]}"#.to_owned());
    let shorter = Some(Duration::from_secs(300));
    for (max_stale, bad) in
        [(None, Answer::Status(500, String::new())), (None, empty.clone()), (shorter, empty)]
    {
        let (server, clock) = (Server::https(body(&theirs)), Hands::new());
        let builder = builder(&server).with_clock(clock.clone()).with_rules(|jwt| jwt.with_cache(8));
        let builder = max_stale.into_iter().fold(builder, |builder, span| builder.with_max_stale(span));
        let remote = builder.build().unwrap();
        assert!(remote.wait_until_ready(LONG), "{:?}", remote.last_failure());
        server.says(bad);
        clock.move_by(max_stale.map_or(DAY, |span| span.as_secs()) - 1);
        assert_eq!(verdict(&remote, &token), Ok(()));
        fetched(&remote, 2);
        assert_eq!(verdict(&remote, &token), Ok(()), "an answer that is no good changes nothing");
        clock.move_by(1);
        assert_eq!(verdict(&remote, &token), Err(TokenRefusal::Key));
        assert!(remote.key_ids().is_empty());
        server.says(body(&theirs));
        clock.move_by(30);
        assert_eq!(verdict(&remote, &token), Err(TokenRefusal::Key));
        fetched(&remote, 3);
        assert_eq!(verdict(&remote, &token), Ok(()));
    }
}

#[test]
fn a_key_that_comes_back_unreadable_is_believed_for_a_day_and_the_others_go_on() {
    let (theirs, clock) = (issuer("a"), Hands::new());
    let of_a = issue(&theirs);
    theirs.ring().publish(key("b")).unwrap();
    theirs.ring().activate("b").unwrap();
    let of_b = issue(&theirs);
    let set = theirs.ring().jwks().to_string();
    let text = |body: &str| Answer::Body(String::new(), body.to_owned());
    let server = Server::https(text(&set));
    let remote = builder(&server).with_clock(clock.clone()).build().unwrap();
    assert!(remote.wait_until_ready(LONG), "{:?}", remote.last_failure());
    let verdicts = || (verdict(&remote, &of_a), verdict(&remote, &of_b));

    server.says(text(&set.replace(r#""kid":"a","alg":"EdDSA""#, r#""kid":"a","alg":"EdDSA-next""#)));
    clock.move_by(DAY / 2);
    assert_eq!(verdicts(), (Ok(()), Ok(())));
    fetched(&remote, 2);
    assert_eq!((remote.refused_keys(), remote.last_failure()), (1, None));
    clock.move_by(DAY / 2 - 1);
    assert_eq!(verdicts(), (Ok(()), Ok(())));
    fetched(&remote, 3);
    clock.move_by(1);
    assert_eq!(verdicts(), (Err(TokenRefusal::Key), Ok(())));
    assert_eq!(remote.key_ids(), ["b"]);

    server.says(text(&set));
    clock.move_by(30);
    assert_eq!(verdicts(), (Err(TokenRefusal::Key), Ok(())));
    fetched(&remote, 4);
    assert_eq!(verdicts(), (Ok(()), Ok(())));
}
