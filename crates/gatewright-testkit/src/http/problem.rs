//! Cases for an application whose denials are problems (RFC 9457).

use serde_json::{Value, json};

use super::difference::{Answer, compare_after};
use super::{Request, Target};

const MEDIA: &str = "application/problem+json";

/// What no answer may tell.
const INTERNALS: [&str; 6] = ["sqlx", "redis", "panicked", "/home/", "SELECT ", ".rs:"];

/// The status's phrase (RFC 9110 §15).
fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        503 => "Service Unavailable",
        other => panic!("{other} is no answer of Gatewright's"),
    }
}

/// RFC 9457 §3.1.2, §5: with its challenge, and without internals.
pub fn pd_401([_, target]: [Target; 2]) {
    let answer = target.send(&Request::get("/users/me"));
    let body = r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"Not authenticated"}"#;
    let headers = [("content-type", MEDIA), ("www-authenticate", "Bearer")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!((answer.status, &answer.headers[..], answer.text().as_str()), (401, &headers[..], body));
}

/// RFC 9457 §4.2.1: the title is the status's phrase; `error` stays for OAuth 2.0 clients.
pub fn pd_about_blank([_, target]: [Target; 2]) {
    let admin = target.admin().access;
    let user = target.user().access;
    for (request, status, error) in [
        (Request::get("/users/me"), 401, Value::Null),
        (Request::get("/users/me").bearer("x.y.z"), 401, json!("invalid_token")),
        (Request::get("/users/me").header("authorization", "Bearer"), 400, json!("invalid_request")),
        (Request::get("/admin/stats").bearer(&user), 403, json!("insufficient_scope")),
        (Request::get("/external-data"), 401, Value::Null),
        (Request::get("/external-data").api_key("x"), 403, Value::Null),
        (Request::get("/none"), 404, Value::Null),
        (Request::get("/auth/login"), 405, Value::Null),
        (Request::post("/health"), 405, Value::Null),
        (
            Request::new("DELETE", &format!("/users/{}", target.id_of(&admin))).bearer(&admin),
            409,
            Value::Null,
        ),
        (Request::post("/auth/login").body("text/plain", vec![b'a'; 20_000]), 413, Value::Null),
        (Request::post("/auth/login"), 415, Value::Null),
        (
            Request::post("/auth/register").json(r#"{"email":"a","password":"x"}"#),
            422,
            json!("invalid_email"),
        ),
    ] {
        let answer = target.send(&request);
        let body = answer.json();
        assert_eq!((answer.status, answer.header("content-type")), (status, Some(MEDIA)), "{body}");
        let members = ["type", "title", "status", "error"].map(|name| body[name].clone());
        assert_eq!(members, [json!("about:blank"), json!(phrase(status)), json!(status), error]);
        assert!(body["detail"].is_string(), "{body}");
    }
}

/// On every request that tells two applications apart: status and headers are the usual ones, the body is the usual one's
/// problem, and answers that are no denials are the usual ones.
pub fn every_denial_is_a_problem_and_all_else_is_as_it_was([plain, target]: [Target; 2]) {
    let report = compare_after(&[("plain", &plain), ("problem", &target)], &|name, answer| {
        let inner = INTERNALS.iter().find(|text| answer.body.contains(**text));
        assert_eq!(inner, None, "{}", answer.body);
        match (name, answer.status, answer.body.is_empty()) {
            (_, 400.., true) => answer.without("content-length").with("content-type", MEDIA),
            ("plain", 400.., false) => as_problem(answer),
            _ => answer,
        }
    });
    assert!(report.differences.is_empty(), "{report}");
    assert!(report.cases > 3_000);
}

fn as_problem(answer: Answer) -> Answer {
    let usual: Value = serde_json::from_str(&answer.body).expect("a denial is JSON");
    let (status, detail) = (answer.status, &usual["detail"]);
    let error = usual.get("error").map(|error| format!(r#","error":{error}"#)).unwrap_or_default();
    let title = phrase(status);
    let body =
        format!(r#"{{"type":"about:blank","title":"{title}","status":{status},"detail":{detail}{error}}}"#);
    answer.with("content-type", MEDIA).with_body(body)
}
