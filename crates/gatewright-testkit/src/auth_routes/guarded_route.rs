//! Cases for the guarded route: which credentials it accepts.

use serde_json::Value;

use super::{Response, Target, session_id};

fn with_authorization(target: &Target, values: &[&[u8]]) -> Response {
    let request = target.guarded();
    target.send(&values.iter().fold(request, |request, value| request.header("authorization", value)))
}

/// RFC 6750 §3.1: no error code without an attempt to authenticate.
pub fn missing_credentials_and_other_schemes_are_401(target: &Target) {
    let token = target.user().access;
    let glued = format!("Bearer{token}");
    with_authorization(target, &[]).expect_unauthenticated();
    for value in ["", "Digest username=\"x\"", "Basic YTpi", "Token x", &glued] {
        with_authorization(target, &[value.as_bytes()]).expect_unauthenticated();
    }
}

/// RFC 6750 §3.1: `invalid_request`.
pub fn malformed_credentials_are_400(target: &Target) {
    let good = format!("Bearer {}", target.user().access);
    let twice = format!("{good} x");
    let long = format!("Bearer {}", "A".repeat(9_000));
    for value in ["Bearer", "bearer ", "Bearer\tx", "Bearer x,y", "Bearer \"x\"", "Bearer =", &twice, &long] {
        with_authorization(target, &[value.as_bytes()]).expect_malformed_credentials();
    }
    with_authorization(target, &[b"Bearer \xe9"]).expect_malformed_credentials();
    for second in [good.as_bytes(), b"Basic YTpi", b""] {
        with_authorization(target, &[good.as_bytes(), second]).expect_malformed_credentials();
    }
}

/// RFC 9110 §11.1, §11.4.
pub fn the_scheme_is_read_in_any_case_and_spaces_may_repeat(target: &Target) {
    let token = target.user().access;
    for value in [format!("Bearer {token}"), format!("bearer {token}"), format!("BEARER    {token}")] {
        with_authorization(target, &[value.as_bytes()]).expect_ok();
    }
}

/// Whether the signature, the times or another claim is wrong.
pub fn every_invalid_token_gets_the_same_answer(target: &Target) {
    let tokens = target.user();
    let good = &tokens.access;
    let flipped = if good.ends_with('A') { "B" } else { "A" };
    let expired = target.forge_expired(good);
    let without =
        |name: &str| target.forge(good, |claims| drop(claims.as_object_mut().unwrap().remove(name)));
    let bad = [
        "x".to_owned(),
        "..".to_owned(),
        format!("{good}."),
        format!("{}{flipped}", &good[..good.len() - 1]),
        format!("{}{flipped}", &expired[..expired.len() - 1]),
        target.forge(good, |claims| claims["exp"] = claims["iat"].clone()),
        target.forge_claim(good, "iss", "http://other"),
        target.forge_claim(good, "aud", "other"),
        target.forge_claim(good, "sub", "nobody"),
        target.forge_claim(good, "sid", "01a20b6f-4181-74cb-ab4a-62795e3eeb0e"),
        target.forge_claim(good, "epoch", "0000000000000000"),
        without("sid"),
        without("epoch"),
        target.forge_claim(&target.user().access, "sid", Value::from(session_id(good))),
        expired,
    ];
    for token in &bad {
        target.me(token).expect_invalid_token();
    }
    assert_eq!(bad.len(), 15);
    // A forged token with the same claims is valid.
    target.me(&target.forge(good, |_| {})).expect_ok();
}
