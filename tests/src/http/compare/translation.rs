//! Changes the answers of an application with default settings into those that other settings
//! require.

use serde_json::Value;

use super::Answer;

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Texts that no answer may contain.
const INTERNALS: [&str; 6] = ["sqlx", "redis", "panicked", "/home/", "SELECT ", ".rs:"];

/// The phrase of a status (RFC 9110 §15).
///
/// # Panics
/// When Gatewright refuses nothing with this status.
#[must_use]
pub fn phrase(status: u16) -> &'static str {
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
        other => panic!("{other} is not a status that Gatewright refuses with"),
    }
}

/// For the targets `[default, with problem documents]`: refusals of the first become problem
/// documents. Status and headers stay the same, and so do all other answers.
///
/// # Panics
/// When an answer contains internals.
#[must_use]
pub fn to_problem(target: usize, answer: Answer) -> Answer {
    let internal = INTERNALS.iter().find(|text| answer.body.contains(**text));
    assert_eq!(internal, None, "{}", answer.body);
    match (target, answer.status, answer.body.is_empty()) {
        // The answer to HEAD has the length of a body that is not there.
        (_, 400.., true) => answer.without("content-length").with("content-type", PROBLEM_JSON),
        (0, 400.., false) => as_problem(answer),
        _ => answer,
    }
}

fn as_problem(answer: Answer) -> Answer {
    let refusal: Value = serde_json::from_str(&answer.body).unwrap();
    let (status, detail) = (answer.status, &refusal["detail"]);
    let member = |name| refusal.get(name).map(|value| format!(r#","{name}":{value}"#)).unwrap_or_default();
    let (error, field) = (member("error"), member("field"));
    let title = phrase(status);
    let body = format!(
        r#"{{"type":"about:blank","title":"{title}","status":{status},"detail":{detail}{error}{field}}}"#
    );
    let answer = answer.with("content-type", PROBLEM_JSON).with("content-length", &body.len().to_string());
    Answer { body, ..answer }
}

/// For the targets `[default, with the token endpoints of RFC 6749]`: a refused grant of the first
/// becomes 400 without a challenge. All other answers stay the same.
///
/// # Panics
/// When a grant is refused with another status than 401.
#[must_use]
pub fn to_rfc6749(target: usize, answer: Answer) -> Answer {
    if target == 0 && answer.status != 200 && answer.body.contains(r#""error":"invalid_grant""#) {
        assert_eq!(answer.status, 401);
        return Answer { status: 400, ..answer.without("www-authenticate") };
    }
    answer
}

impl Answer {
    fn without(mut self, header: &str) -> Self {
        self.headers.retain(|(name, _)| name != header);
        self
    }

    /// With another value of a header that is present.
    fn with(mut self, header: &str, value: &str) -> Self {
        for (_, own) in self.headers.iter_mut().filter(|(name, _)| name == header) {
            value.clone_into(own);
        }
        self
    }
}
