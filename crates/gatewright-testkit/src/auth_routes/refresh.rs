//! Cases for `refresh`.

use serde_json::json;

use super::{FORM, JSON, Target, Tokens, expect_same_token};

/// The new pair works, and so do the access tokens before it.
pub fn refresh_accepts_form_and_json(target: &Target) {
    let first = target.user();
    let form = [("grant_type", "refresh_token"), ("refresh_token", first.refresh.as_str())];
    let second = Tokens::expect_granted(&target.send(&target.post("/refresh").form(&form)));
    let body = json!({"refresh_token": second.refresh}).to_string();
    let third = Tokens::expect_granted(&target.send(&target.post("/refresh").json(&body)));
    for tokens in [&first, &second, &third] {
        target.me(&tokens.access).expect_ok();
    }
    assert_ne!(first.refresh, second.refresh);
    assert_ne!(second.refresh, third.refresh);
}

/// No invalid token ends the session.
pub fn every_refused_refresh_gets_the_same_answer(target: &Target) {
    let tokens = target.user();
    let good = &tokens.refresh;
    let bad = [
        "x".to_owned(),
        "a\0b".to_owned(),
        "' OR 1=1 --".to_owned(),
        "A".repeat(9_000),
        format!("{good} "),
        tokens.access.clone(),
        target.forge(good, |claims| claims["exp"] = claims["iat"].clone()),
        target.forge_claim(good, "iss", "http://other"),
        target.forge_claim(good, "sub", "nobody"),
        target.forge_claim(good, "sid", "01a20b6f-4181-74cb-ab4a-62795e3eeb0e"),
        target.forge(good, |claims| drop(claims.as_object_mut().unwrap().remove("sid"))),
    ];
    for token in &bad {
        target.refresh(token).expect_refresh_refused();
    }
    Tokens::expect_granted(&target.refresh(good));
}

/// RFC 6749 §6.
pub fn a_refresh_for_more_scopes_is_refused_and_consumes_nothing(target: &Target) {
    let tokens = target.user();
    let refresh = |scope: &str| {
        target.send(&target.post("/refresh").form(&[("refresh_token", &tokens.refresh), ("scope", scope)]))
    };
    for scope in [&format!("{} none:such", tokens.scope), "none:such", "a\"b"] {
        refresh(scope).expect_invalid_scope();
    }
    let next = Tokens::expect_granted(&refresh(&tokens.scope));
    assert_eq!(next.scope, tokens.scope);
}

/// As a form and as JSON.
pub fn malformed_refresh_requests_are_400(target: &Target) {
    let send = |media: &str, body: &str| target.send(&target.post("/refresh").body(media, body));
    for (body, problem) in [
        ("", "is missing"),
        ("token=a", "is missing"),
        ("refresh_token=", "is empty"),
        ("refresh_token=a&refresh_token=a", "is repeated"),
        ("refresh_token=%", "is badly encoded"),
    ] {
        send(FORM, body).expect_malformed_field("refresh_token", problem);
    }
    for (body, problem) in [
        ("{}", "is missing"),
        (r#"{"refresh_token":""}"#, "is empty"),
        (r#"{"refresh_token":1}"#, "is not a string"),
        (r#"{"refresh_token":null}"#, "is not a string"),
        (r#"{"refresh_token":"a","refresh_token":"a"}"#, "is repeated"),
    ] {
        send(JSON, body).expect_malformed_field("refresh_token", problem);
    }
    for body in ["", "[]", "{"] {
        send(JSON, body).expect_no_json();
    }
    for (media, body) in [("text/plain", "x"), ("", "refresh_token=x")] {
        send(media, body).expect_unsupported_media_type(&[FORM, JSON]);
    }
    send(FORM, "grant_type=password&refresh_token=x").expect_unsupported_grant_type();
}

/// Within the grace window, a used token returns the current token: after a lost response, and in a
/// second tab that is two refreshes behind.
pub fn a_used_token_returns_the_current_one_within_the_grace_window(target: &Target) {
    let first = target.user();
    let second = Tokens::expect_granted(&target.refresh(&first.refresh));
    let again = Tokens::expect_granted(&target.refresh(&first.refresh));
    expect_same_token(&again.refresh, &second.refresh);
    let third = Tokens::expect_granted(&target.refresh(&again.refresh));
    for used in [&first, &second] {
        let current = Tokens::expect_granted(&target.refresh(&used.refresh));
        expect_same_token(&current.refresh, &third.refresh);
        target.me(&current.access).expect_ok();
    }
    target.expect_active(&first);
}
