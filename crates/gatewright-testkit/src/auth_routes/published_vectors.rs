//! The cases of area `resource` in the project's table of HTTP cases, each under its own id:
//! `rs_no_credentials` is `rs-no-credentials`. `/protected` in the table is the guarded route.

use super::{Response, Target};

fn with(target: &Target, authorization: &str) -> Response {
    target.send(&target.guarded().header("authorization", authorization))
}

/// Changes the first character of the signature: the last one carries bits beyond the signature.
fn with_a_bad_signature(token: &str) -> String {
    let at = token.rfind('.').expect("a token has a signature") + 1;
    let other = if token[at..].starts_with('A') { 'B' } else { 'A' };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

/// RFC 6750 §3.1: no error code without an attempt to authenticate.
pub fn rs_no_credentials(target: &Target) {
    target.send(&target.guarded()).expect_unauthenticated();
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
    with(target, &format!("bearer {}", target.user().access)).expect_ok();
}

/// RFC 9110 §11.4.
pub fn rs_two_spaces(target: &Target) {
    with(target, &format!("Bearer  {}", target.user().access)).expect_ok();
}

/// RFC 6750 §3.1: another scheme.
pub fn rs_no_separator(target: &Target) {
    with(target, &format!("Bearer{}", target.user().access)).expect_unauthenticated();
}

/// RFC 6750 §2.1.
pub fn rs_two_tokens(target: &Target) {
    let token = target.user().access;
    with(target, &format!("Bearer {token} {token}")).expect_malformed_credentials();
}

/// RFC 6750 §3.1.
pub fn rs_two_headers(target: &Target) {
    let token = target.user().access;
    target.send(&target.guarded().bearer(&token).bearer(&token)).expect_malformed_credentials();
}

/// RFC 9700 §2.6: the query is not read, with and without a header.
pub fn rs_header_and_query(target: &Target) {
    let token = target.user().access;
    let query = target.guarded().with_query(&format!("?access_token={token}"));
    target.send(&query).expect_unauthenticated();
    target.send(&query.bearer(&token)).expect_ok();
}

/// Refused before any decoding.
pub fn rs_oversized(target: &Target) {
    with(target, &format!("Bearer {}", "A".repeat(9_000))).expect_malformed_credentials();
}

/// RFC 6750 §3.1.
pub fn rs_expired(target: &Target) {
    target.me(&target.forge_expired(&target.user().access)).expect_invalid_token();
}

/// The signature is verified first. The answer is the same as to a bad signature alone.
pub fn rs_expired_and_bad_signature(target: &Target) {
    let token = target.user().access;
    let answer = target.me(&with_a_bad_signature(&target.forge_expired(&token)));
    answer.expect_invalid_token();
    assert_eq!(answer, target.me(&with_a_bad_signature(&token)));
}

/// RFC 8725 §3.12.
pub fn rs_refresh_token(target: &Target) {
    target.me(&target.user().refresh).expect_invalid_token();
}

/// RFC 9449 §7.1.
pub fn rs_dpop_bound_as_bearer(target: &Target) {
    let bound = target.forge_claim(&target.user().access, "cnf", serde_json::json!({"jkt": "x"}));
    target.me(&bound).expect_invalid_token();
}
