//! The cases of area `resource` in the project's table of HTTP cases that need the example's
//! routes: where the table asks for a scope, `/protected` is `POST /items`. All others are in
//! `gatewright_testkit::auth_routes::published_vectors`.

use example_service::testing::Example;
use gatewright_testkit::auth_routes::{JSON, Request, Response, Target};

fn write_with_scope(target: &Target, scope: &str) -> Response {
    let token = target.forge_claim(&target.admin().access, "scope", scope);
    target.send(&Request::post("/items").bearer(&token).json(r#"{"name":"x"}"#))
}

/// RFC 6750 §2.2 is not supported: the body belongs to the route, and only the header counts. `POST
/// /items` reads its body, and there the token is a member like any other.
pub fn rs_header_and_body(target: &Target) {
    let token = target.user().access;
    let both = target.guarded().bearer(&token).form(&[("access_token", &token)]);
    target.send(&both).expect_ok();
    target.send(&target.guarded().form(&[("access_token", &token)])).expect_unauthenticated();
    let admin = target.admin().access;
    let form = Request::post("/items").bearer(&admin).form(&[("access_token", &admin)]);
    target.send(&form).expect_unsupported_media_type(&[JSON]);
}

/// RFC 6750 §3.1: the challenge names the scope.
pub fn rs_insufficient_scope(target: &Target) {
    let request = Request::post("/items").bearer(&target.user().access).json(r#"{"name":"x"}"#);
    target.send(&request).expect_missing_scope("items:write");
    write_with_scope(target, "items:read").expect_missing_scope("items:write");
}

/// RFC 6749 §3.3: scopes are compared as whole words.
pub fn rs_scope_prefix(target: &Target) {
    write_with_scope(target, "items:writer").expect_missing_scope("items:write");
    write_with_scope(target, "items:write").expect_status(201);
}

/// Fetch: a preflight has no credentials. The example has no CORS layer; one would be outside the
/// guards.
pub fn rs_options_preflight(target: &Target) {
    let request = Request::new("OPTIONS", "/users/me").header("origin", "https://app.example");
    let request = request.header("access-control-request-method", "GET");
    let request = request.header("access-control-request-headers", "authorization");
    target.send(&request).expect_method_not_allowed("GET,HEAD");
}

/// RFC 9111 §3.5: a shared cache stores no response to a request with `Authorization` unless a
/// header allows it.
pub fn rs_cache_headers(target: &Target) {
    let answer = target.me(&target.user().access);
    assert_eq!((answer.status, answer.header("cache-control"), answer.header("expires")), (200, None, None));
}
