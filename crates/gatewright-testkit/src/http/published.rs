//! The cases of area `resource` in the project's table of HTTP cases, each under its own id: `rs_no_credentials` is
//! `rs-no-credentials`. `/protected` of the table is `/users/me`, and where it asks for a scope `POST /items`.
//!
//! Areas of that table are covered by several suites: [`ELSEWHERE`] says where a case is that no suite can have.

use serde_json::json;

use super::{Request, Response, Target};

/// Cases of the table that no suite over HTTP has yet, and the test that stands for each.
pub const ELSEWHERE: &[(&str, &str)] = &[(
    "pd-429",
    "no route throttles yet: gatewright-core, render::tests::a_problem_of_429_keeps_its_retry_after",
)];

fn protected() -> Request {
    Request::get("/users/me")
}

fn with(target: &Target, authorization: &str) -> Response {
    target.send(&protected().header("authorization", authorization))
}

fn write_with_scope(target: &Target, scope: &str) -> Response {
    let token = target.forge(&target.admin().access, |claims| claims["scope"] = json!(scope));
    target.send(&Request::post("/items").bearer(&token).json(r#"{"name":"x"}"#))
}

fn good(target: &Target) -> String {
    target.user().access
}

fn expired(target: &Target) -> String {
    target.forge(&good(target), |claims| {
        claims["iat"] = json!(1_700_000_000);
        claims["exp"] = json!(1_700_000_900);
    })
}

/// The last character carries bits beyond the signature: another one is changed.
fn with_a_bad_signature(token: &str) -> String {
    let at = token.rfind('.').expect("a token has a signature") + 1;
    let other = if token[at..].starts_with('A') { 'B' } else { 'A' };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

/// RFC 6750 §3.1: no error code where no authentication was tried.
pub fn rs_no_credentials(target: &Target) {
    target.send(&protected()).expect_unauthenticated();
}

/// RFC 6750 §3.1.
pub fn rs_unsupported_scheme_digest(target: &Target) {
    with(target, "Digest username=\"x\"").expect_unauthenticated();
}

/// RFC 6750 §3.1.
pub fn rs_scheme_only(target: &Target) {
    with(target, "Bearer").expect_malformed_credentials();
}

/// RFC 9110 §11.1.
pub fn rs_lowercase_scheme(target: &Target) {
    assert_eq!(with(target, &format!("bearer {}", good(target))).status, 200);
}

/// RFC 9110 §11.4.
pub fn rs_two_spaces(target: &Target) {
    assert_eq!(with(target, &format!("Bearer  {}", good(target))).status, 200);
}

/// RFC 6750 §3.1: another scheme.
pub fn rs_no_separator(target: &Target) {
    with(target, &format!("Bearer{}", good(target))).expect_unauthenticated();
}

/// RFC 6750 §2.1.
pub fn rs_two_tokens(target: &Target) {
    let token = good(target);
    with(target, &format!("Bearer {token} {token}")).expect_malformed_credentials();
}

/// RFC 6750 §3.1.
pub fn rs_two_headers(target: &Target) {
    let token = good(target);
    target.send(&protected().bearer(&token).bearer(&token)).expect_malformed_credentials();
}

/// RFC 6750 §2.2 is not supported: the body of a guarded request is the route's own, so the header alone counts. The
/// table's `POST` goes to a route that reads its body; there the token in it is a member like any other.
pub fn rs_header_and_body(target: &Target) {
    let token = good(target);
    let both = protected().bearer(&token).form(&[("access_token", &token)]);
    assert_eq!(target.send(&both).status, 200);
    target.send(&protected().form(&[("access_token", &token)])).expect_unauthenticated();
    let admin = target.admin().access;
    let form = Request::post("/items").bearer(&admin).form(&[("access_token", &admin)]);
    target.send(&form).expect_unsupported_media_type();
}

/// RFC 9700 §2.6: the query is not read.
pub fn rs_header_and_query(target: &Target) {
    let token = good(target);
    let request = Request::get(&format!("/users/me?access_token={token}")).bearer(&token);
    assert_eq!(target.send(&request).status, 200);
}

/// Before anything is decoded.
pub fn rs_oversized(target: &Target) {
    with(target, &format!("Bearer {}", "A".repeat(9_000))).expect_malformed_credentials();
}

/// RFC 6750 §3.1.
pub fn rs_expired(target: &Target) {
    target.me(&expired(target)).expect_invalid_token();
}

/// The signature comes first, and nobody can tell: it is the answer to a bad signature alone.
pub fn rs_expired_and_bad_signature(target: &Target) {
    let answer = target.me(&with_a_bad_signature(&expired(target)));
    answer.expect_invalid_token();
    assert_eq!(answer, target.me(&with_a_bad_signature(&good(target))));
}

/// RFC 8725 §3.12.
pub fn rs_refresh_token(target: &Target) {
    target.me(&target.user().refresh).expect_invalid_token();
}

/// RFC 9449 §7.1.
pub fn rs_dpop_bound_as_bearer(target: &Target) {
    let bound = target.forge(&good(target), |claims| claims["cnf"] = json!({"jkt": "x"}));
    target.me(&bound).expect_invalid_token();
}

/// RFC 6750 §3.1: with the scope's name.
pub fn rs_insufficient_scope(target: &Target) {
    let request = Request::post("/items").bearer(&good(target)).json(r#"{"name":"x"}"#);
    target.send(&request).expect_missing_scope("items:write");
    write_with_scope(target, "items:read").expect_missing_scope("items:write");
}

/// RFC 6749 §3.3: whole words.
pub fn rs_scope_prefix(target: &Target) {
    write_with_scope(target, "items:writer").expect_missing_scope("items:write");
    assert_eq!(write_with_scope(target, "items:write").status, 201);
}

/// Fetch: a preflight carries no credential. The example has no CORS layer; it would stand outside of the guards.
pub fn rs_options_preflight(target: &Target) {
    let request = Request::new("OPTIONS", "/users/me").header("origin", "https://app.example");
    let request = request.header("access-control-request-method", "GET");
    let request = request.header("access-control-request-headers", "authorization");
    target.send(&request).expect_method_not_allowed("GET,HEAD");
}

/// RFC 9111 §3.5: a shared cache keeps no answer to an `Authorization` unless it is told to, and it is not.
pub fn rs_cache_headers(target: &Target) {
    let answer = target.me(&good(target));
    assert_eq!((answer.status, answer.header("cache-control"), answer.header("expires")), (200, None, None));
}
