//! Cases for `GET /external-data`, which requires an API key, and for API keys on other routes.

use example_service::testing::Example;
use gatewright_testkit::auth_routes::{Request, Response, Target};

const DATA: &str = r#"{"data":"for services"}"#;

fn route() -> Request {
    Request::get("/external-data")
}

fn with_keys(target: &Target, keys: &[&[u8]]) -> Response {
    target.send(&keys.iter().fold(route(), |request, key| request.header("x-api-key", key)))
}

/// With any scopes, and with the name of the header in any case.
pub fn a_known_key_is_accepted(target: &Target) {
    for key in [&target.api_key, &target.scoped_api_key] {
        with_keys(target, &[key.as_bytes()]).expect(200, &[], DATA);
        with_keys(target, &[format!("  {key} ").as_bytes()]).expect(200, &[], DATA);
        target.send(&route().header("X-API-KEY", key)).expect(200, &[], DATA);
    }
}

/// RFC 9110 §11.6.1: with a challenge. An empty key counts as missing.
pub fn a_missing_key_is_401(target: &Target) {
    with_keys(target, &[]).expect_no_api_key();
    for key in ["", " "] {
        with_keys(target, &[key.as_bytes()]).expect_no_api_key();
    }
}

/// A part of a key, more than a key, another case, appended scopes, and bytes that are not text.
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

/// Also if both are valid: two servers could each read another one.
pub fn two_keys_are_403(target: &Target) {
    let (one, two) = (target.api_key.as_bytes(), target.scoped_api_key.as_bytes());
    for keys in [[one, one], [one, two], [one, b"x"], [b"x", one], [one, b""], [b"", one], [b"", b""]] {
        with_keys(target, &keys).expect_invalid_api_key();
    }
}

/// A key in the query, the body, a cookie, `Authorization` or a header of a similar name is
/// ignored.
pub fn a_key_is_read_from_its_header_alone(target: &Target) {
    let key = &target.api_key;
    for name in ["x-api-key", "X-API-Key", "api_key", "key"] {
        target.send(&route().with_query(&format!("?{name}={key}"))).expect_no_api_key();
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
        target.send(&route().header(name, value)).expect_no_api_key();
    }
    target.send(&route().form(&[("x-api-key", key)])).expect_no_api_key();
}

/// Not even the token of an admin is a key. A token beside a valid key is ignored.
pub fn a_bearer_token_is_not_an_api_key(target: &Target) {
    let admin = target.admin().access;
    target.send(&route().bearer(&admin)).expect_no_api_key();
    target.send(&route().header("x-api-key", &admin)).expect_invalid_api_key();
    target.send(&route().bearer(&admin).api_key("x")).expect_invalid_api_key();
    for token in [admin.as_str(), "x.y.z", "", "a b"] {
        target.send(&route().bearer(token).api_key(&target.api_key)).expect(200, &[], DATA);
    }
}

/// On routes for users, with every kind of guard. A key beside a valid token is ignored.
pub fn an_api_key_is_not_a_bearer_token(target: &Target) {
    let user = target.user().access;
    for key in [&target.api_key, &target.scoped_api_key] {
        for path in ["/users/me", "/users/nobody", "/items", "/admin/stats", "/admin/none", "/stateless/me"] {
            target.send(&Request::get(path).api_key(key)).expect_unauthenticated();
            target.send(&Request::get(path).bearer(key)).expect_invalid_token();
        }
        target.send(&Request::get("/maybe").api_key(key)).expect(200, &[], r#"{"user":null}"#);
        target.send(&target.post("/logout").api_key(key)).expect_unauthenticated();
        target.send(&target.post("/password").api_key(key).json("{}")).expect_unauthenticated();
        for key in [key, "x"] {
            target.send(&Request::get("/users/me").bearer(&user).api_key(key)).expect_ok();
        }
    }
}

/// For introspection too.
pub fn the_token_of_an_admin_does_not_introspect(target: &Target) {
    let admin = target.admin().access;
    let request = target.post("/introspect").form(&[("token", &admin)]);
    target.send(&request.clone().bearer(&admin)).expect_no_api_key();
    target.send(&request.api_key(&admin)).expect_invalid_api_key();
}
