//! Cases for `GET /external-data`, which takes an API key, and for keys where none is taken.

use super::{Request, Response, Target};

const DATA: &str = r#"{"data":"for services"}"#;

fn with_keys(target: &Target, keys: &[&[u8]]) -> Response {
    let request = Request::get("/external-data");
    target.send(&keys.iter().fold(request, |request, key| request.header("x-api-key", key)))
}

/// Whatever its scopes, and whatever the case of the header's name.
pub fn a_key_that_is_known_opens_the_route(target: &Target) {
    for key in [&target.api_key, &target.scoped_api_key] {
        with_keys(target, &[key.as_bytes()]).expect(200, &[], DATA);
        with_keys(target, &[format!("  {key} ").as_bytes()]).expect(200, &[], DATA);
        let loud = Request::get("/external-data").header("X-API-KEY", key);
        target.send(&loud).expect(200, &[], DATA);
    }
}

/// RFC 9110 §11.6.1: with a challenge. An empty key is none.
pub fn without_a_key_it_is_401(target: &Target) {
    with_keys(target, &[]).expect_no_api_key();
    for key in ["", " "] {
        with_keys(target, &[key.as_bytes()]).expect_no_api_key();
    }
}

/// Part of one, more than one, another case, another's scopes, no text at all.
pub fn a_wrong_key_is_403(target: &Target) {
    let key = &target.api_key;
    let wrong = [
        "x".to_owned(),
        "null".to_owned(),
        key[1..].to_owned(),
        key[..key.len() - 1].to_owned(),
        format!("{key}x"),
        format!("{key}:"),
        format!("{}:introspect", target.scoped_api_key),
        format!("{key},{}", target.scoped_api_key),
        format!("{key}, {key}"),
        key.to_uppercase(),
        format!("\"{key}\""),
        format!("ApiKey {key}"),
        format!("Bearer {key}"),
        "k".repeat(256),
        "k".repeat(257),
        "k".repeat(8_000),
        format!("{key}{}", "k".repeat(8_000)),
    ];
    for key in &wrong {
        with_keys(target, &[key.as_bytes()]).expect_invalid_api_key();
    }
    with_keys(target, &[b"\xe9\xff"]).expect_invalid_api_key();
    assert_eq!(wrong.len(), 17);
}

/// Even if both are good: two servers could each believe another one.
pub fn two_keys_are_403(target: &Target) {
    let (one, two) = (target.api_key.as_bytes(), target.scoped_api_key.as_bytes());
    for keys in [[one, one], [one, two], [one, b"x"], [b"x", one], [one, b""], [b"", one], [b"", b""]] {
        with_keys(target, &keys).expect_invalid_api_key();
    }
}

/// Not in the query, the body, a cookie, the `Authorization`, or a header of a name like it.
pub fn a_key_is_read_in_its_header_alone(target: &Target) {
    let key = &target.api_key;
    for path in
        ["x-api-key", "X-API-Key", "api_key", "key"].map(|name| format!("/external-data?{name}={key}"))
    {
        target.send(&Request::get(&path)).expect_no_api_key();
    }
    for (name, value) in [
        ("api-key", key.clone()),
        ("x-api-keys", key.clone()),
        ("x-api-key2", key.clone()),
        ("x_api_key", key.clone()),
        ("authorization", key.clone()),
        ("authorization", format!("ApiKey {key}")),
        ("authorization", format!("Bearer {key}")),
        ("authorization", format!("X-API-Key {key}")),
        ("cookie", format!("x-api-key={key}")),
        ("proxy-authorization", format!("ApiKey {key}")),
    ] {
        target.send(&Request::get("/external-data").header(name, value)).expect_no_api_key();
    }
    let body = Request::get("/external-data").form(&[("x-api-key", key)]);
    target.send(&body).expect_no_api_key();
}

/// Not even the admin's; and beside a good key nobody looks at it.
pub fn a_bearer_token_is_no_api_key(target: &Target) {
    let admin = target.admin().access;
    let route = || Request::get("/external-data");
    target.send(&route().bearer(&admin)).expect_no_api_key();
    target.send(&route().header("x-api-key", &admin)).expect_invalid_api_key();
    target.send(&route().bearer(&admin).api_key("x")).expect_invalid_api_key();
    for token in [admin.as_str(), "x.y.z", "", "a b"] {
        target.send(&route().bearer(token).api_key(&target.api_key)).expect(200, &[], DATA);
    }
}

/// Not on a route for users, whatever its guard; and beside a good token nobody looks at it.
pub fn an_api_key_is_no_bearer_token(target: &Target) {
    let user = target.user().access;
    for key in [&target.api_key, &target.scoped_api_key] {
        for path in ["/users/me", "/users/nobody", "/items", "/admin/stats", "/admin/none", "/stateless/me"] {
            target.send(&Request::get(path).api_key(key)).expect_unauthenticated();
            target.send(&Request::get(path).bearer(key)).expect_invalid_token();
        }
        target.send(&Request::get("/maybe").api_key(key)).expect(200, &[], r#"{"user":null}"#);
        target.send(&Request::post("/auth/logout").api_key(key)).expect_unauthenticated();
        target.send(&Request::post("/auth/password").api_key(key).json("{}")).expect_unauthenticated();
        assert_eq!(target.send(&Request::get("/users/me").bearer(&user).api_key(key)).status, 200);
        assert_eq!(target.send(&Request::get("/users/me").bearer(&user).api_key("x")).status, 200);
    }
}
