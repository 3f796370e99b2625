//! Cases for guarded routes.

use serde_json::json;

use super::{Request, Target};

fn with_authorization(target: &Target, values: &[&[u8]]) -> super::Response {
    let request = Request::get("/users/me");
    target.send(&values.iter().fold(request, |request, value| request.header("authorization", value)))
}

/// RFC 6750 §3.1: no error code where no authentication was tried.
pub fn without_a_credential_or_with_another_scheme_it_is_401(target: &Target) {
    let token = target.user().access;
    let glued = format!("Bearer{token}");
    with_authorization(target, &[]).expect_unauthenticated();
    for value in ["", "Digest username=\"x\"", "Basic YTpi", "Token x", &glued] {
        with_authorization(target, &[value.as_bytes()]).expect_unauthenticated();
    }
}

/// RFC 6750 §3.1: `invalid_request`.
pub fn a_credential_that_cannot_be_read_is_400(target: &Target) {
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
pub fn a_bearer_token_is_read_in_any_case_and_behind_any_number_of_spaces(target: &Target) {
    let token = target.user().access;
    for value in [format!("Bearer {token}"), format!("bearer {token}"), format!("BEARER    {token}")] {
        assert_eq!(with_authorization(target, &[value.as_bytes()]).status, 200, "{value}");
    }
}

/// RFC 9700 §2.6.
pub fn tokens_in_the_query_are_never_read(target: &Target) {
    let token = target.user().access;
    let path = format!("/users/me?access_token={token}");
    target.send(&Request::get(&path)).expect_unauthenticated();
    assert_eq!(target.send(&Request::get(&path).bearer(&token)).status, 200);
}

/// Whatever is bad about it, before or behind the signature.
pub fn every_bad_token_gets_the_same_answer(target: &Target) {
    let tokens = target.user();
    let good = &tokens.access;
    let flipped = if good.ends_with('A') { "B" } else { "A" };
    let expired = target.forge(good, |claims| {
        claims["iat"] = json!(1_700_000_000);
        claims["exp"] = json!(1_700_000_900);
    });
    let bad = [
        "x".to_owned(),
        "..".to_owned(),
        format!("{good}."),
        format!("{}{flipped}", &good[..good.len() - 1]),
        format!("{}{flipped}", &expired[..expired.len() - 1]),
        target.forge(good, |claims| claims["exp"] = claims["iat"].clone()),
        target.forge(good, |claims| claims["iss"] = json!("http://other")),
        target.forge(good, |claims| claims["aud"] = json!("other")),
        target.forge(good, |claims| claims["sub"] = json!("nobody")),
        target.forge(good, |claims| claims["sid"] = json!("01a20b6f-4181-74cb-ab4a-62795e3eeb0e")),
        target.forge(good, |claims| claims["epoch"] = json!("0000000000000000")),
        target.forge(good, |claims| drop(claims.as_object_mut().map(|claims| claims.remove("sid")))),
        target.forge(good, |claims| drop(claims.as_object_mut().map(|claims| claims.remove("epoch")))),
        target.forge(&target.user().access, |claims| claims["sid"] = super::claims(good)["sid"].clone()),
        expired,
    ];
    for token in &bad {
        target.me(token).expect_invalid_token();
    }
    assert_eq!(target.me(&target.forge(good, |_| {})).status, 200, "the forge makes good tokens");
    assert_eq!(bad.len(), 15);
}

/// RFC 9449 §7.1.
pub fn a_token_bound_to_a_sender_is_no_bearer_token(target: &Target) {
    let bound = target.forge(&target.user().access, |claims| claims["cnf"] = json!({"jkt": "x"}));
    target.me(&bound).expect_invalid_token();
}

/// RFC 8725 §3.12.
pub fn a_refresh_token_opens_nothing(target: &Target) {
    target.me(&target.user().refresh).expect_invalid_token();
}

/// The difference between no credential and a bad one.
pub fn maybe_says_nobody_or_who_and_refuses_what_is_bad(target: &Target) {
    let token = target.user().access;
    let maybe = || Request::get("/maybe");
    target.send(&maybe()).expect(200, &[], r#"{"user":null}"#);
    target.send(&maybe().header("authorization", "Basic YTpi")).expect(200, &[], r#"{"user":null}"#);
    let answer = target.send(&maybe().bearer(&token));
    assert_eq!((answer.status, answer.json()["user"].clone()), (200, target.me(&token).json()));
    target.send(&maybe().header("authorization", "Bearer")).expect_malformed_credentials();
    target.send(&maybe().bearer("x.y.z")).expect_invalid_token();
}

/// Until they expire, and no longer.
pub fn stateless_claims_are_believed_for_their_signature_alone(target: &Target) {
    let tokens = target.user();
    let stateless = |token: &str| target.send(&Request::get("/stateless/me").bearer(token));
    let answer = stateless(&tokens.access);
    assert_eq!(
        (answer.status, answer.json()["sub"].clone()),
        (200, super::claims(&tokens.access)["sub"].clone())
    );
    target.send(&Request::get("/stateless/me")).expect_unauthenticated();
    stateless(&tokens.refresh).expect_invalid_token();
    stateless(&target.forge(&tokens.access, |claims| claims["exp"] = claims["iat"].clone()))
        .expect_invalid_token();
    target.send(&Request::post("/auth/logout").bearer(&tokens.access)).expect(204, &[], "");
    assert_eq!(stateless(&tokens.access).status, 200);
    target.me(&tokens.access).expect_invalid_token();
}

/// 401 to nobody, 403 to those who may not, whatever the id.
pub fn roles_decide_who_may_pass(target: &Target) {
    let (user, admin) = (target.user().access, target.admin().access);
    let path = format!("/users/{}", target.id_of(&user));
    for method in ["GET", "DELETE", "PATCH"] {
        for path in [path.as_str(), "/users/nobody"] {
            target.send(&Request::new(method, path)).expect_unauthenticated();
            target.send(&Request::new(method, path).bearer(&user)).expect_forbidden();
        }
    }
    let answer = target.send(&Request::get(&path).bearer(&admin));
    assert_eq!((answer.status, answer.json()["role"].clone()), (200, json!("user")));
    target.send(&Request::get("/users/nobody").bearer(&admin)).expect_not_found();
    target.send(&Request::get("/users/%FF").bearer(&admin)).expect_not_found();
}

/// Every path below it, those without a route and those with a slash included, and every method.
pub fn a_guarded_prefix_has_no_way_round(target: &Target) {
    let (user, admin) = (target.user().access, target.admin().access);
    assert_eq!(target.send(&Request::get("/admin/stats").bearer(&admin)).status, 200);
    for path in ["/admin/none", "/admin", "/admin/", "/admin/stats/", "/admin/a/b"] {
        target.send(&Request::get(path).bearer(&admin)).expect_not_found();
    }
    for path in [
        "/admin/none",
        "/admin",
        "/admin/",
        "/admin//stats",
        "/admin/./stats",
        "/admin/%73tats",
        "/admin/a/b",
    ] {
        target.send(&Request::get(path)).expect_unauthenticated();
        target.send(&Request::get(path).bearer(&user)).expect_forbidden();
    }
    for method in ["GET", "POST", "DELETE", "PROPFIND"] {
        target.send(&Request::new(method, "/admin/stats")).expect_unauthenticated();
        target.send(&Request::new(method, "/admin/stats").bearer(&user)).expect_forbidden();
    }
}

/// The token's, less those the role no longer allows.
pub fn scopes_are_those_granted_and_still_allowed(target: &Target) {
    let user = target.user();
    let scopes = |token: &str| target.me(token).json()["scopes"].clone();
    assert_eq!(scopes(&user.access), json!(["items:read"]));
    let more =
        target.forge(&user.access, |claims| claims["scope"] = json!("items:write items:read introspect"));
    assert_eq!(scopes(&more), json!(["items:read"]));
    let none = target.forge(&user.access, |claims| claims["scope"] = json!(""));
    assert_eq!(scopes(&none), json!([]));
}
