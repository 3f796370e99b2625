//! Cases for an application whose refusals are problem documents (RFC 9457).

use example_service::testing::Example;
use gatewright_testkit::auth_routes::{Request, Target};
use serde_json::{Value, json};

use crate::http::compare::{PROBLEM_JSON, phrase};

/// RFC 9457 §3.1.2, §5: with the challenge, and without internals.
pub fn pd_401(target: &Target) {
    let answer = target.send(&Request::get("/users/me"));
    let body = r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"Not authenticated"}"#;
    let headers = [("content-type", PROBLEM_JSON), ("www-authenticate", "Bearer")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!((answer.status, &answer.headers[..], answer.text().as_str()), (401, &headers[..], body));
}

/// RFC 9457 §4.2.1: the title is the phrase of the status. `error` remains for OAuth 2.0 clients.
pub fn pd_about_blank(target: &Target) {
    let admin = target.admin().access;
    let user = target.user().access;
    let last_admin = format!("/users/{}", target.id_of(&admin));
    for (request, status, error) in [
        (Request::get("/users/me"), 401, Value::Null),
        (Request::get("/users/me").bearer("x.y.z"), 401, json!("invalid_token")),
        (Request::get("/users/me").header("authorization", "Bearer"), 400, json!("invalid_request")),
        (Request::get("/admin/stats").bearer(&user), 403, json!("insufficient_scope")),
        (Request::get("/external-data"), 401, Value::Null),
        (Request::get("/external-data").api_key("x"), 403, Value::Null),
        (Request::get("/none"), 404, Value::Null),
        (target.post("/login").form(&[]), 400, json!("invalid_request")),
        (Request::get("/auth/login"), 405, Value::Null),
        (Request::post("/health"), 405, Value::Null),
        (Request::new("DELETE", &last_admin).bearer(&admin), 409, Value::Null),
        (target.post("/login").body("text/plain", vec![b'a'; 20_000]), 413, Value::Null),
        (target.post("/login"), 415, Value::Null),
        (target.post("/register").json(r#"{"email":"a","password":"x"}"#), 422, json!("invalid_email")),
    ] {
        let answer = target.send(&request);
        let body = answer.json();
        assert_eq!((answer.status, answer.header("content-type")), (status, Some(PROBLEM_JSON)), "{body}");
        let members = ["type", "title", "status", "error"].map(|name| body[name].clone());
        assert_eq!(members, [json!("about:blank"), json!(phrase(status)), json!(status), error]);
        assert!(body["detail"].is_string(), "{body}");
        let field = match (status, body["detail"].as_str()) {
            (422, _) => json!("email"),
            (_, Some("Malformed request: username is missing")) => json!("username"),
            _ => Value::Null,
        };
        assert_eq!(body["field"], field, "{body}");
    }
}
