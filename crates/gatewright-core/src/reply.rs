//! What goes back over the wire: a status, headers and a body that an adapter only translates.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

use crate::error::{Denial, PolicyRefusal, RETRY_AFTER};
use crate::password::PolicyViolation;

/// A finished answer. Header names are in lower case.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers, without those a server adds itself (`date`, `content-length`, `connection`).
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

/// Without headers and body: a granted login's body is two tokens.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Reply {
    /// 204.
    #[must_use]
    pub const fn no_content() -> Self {
        Self { status: 204, headers: Vec::new(), body: Bytes::new() }
    }

    /// `value` as JSON.
    #[must_use]
    pub fn json<T: Serialize>(status: u16, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => {
                let headers = vec![("content-type", "application/json".to_owned())];
                Self { status, headers, body: body.into() }
            }
            // Only a map with keys that are no text, or a type that refuses itself, gets here.
            Err(_) => Self { status: 500, headers: Vec::new(), body: Bytes::new() },
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Forbids caches to keep it, as RFC 6749 §5.1 demands where tokens travel.
    #[must_use]
    pub(crate) fn with_no_store(self) -> Self {
        self.with_header("cache-control", "no-store").with_header("pragma", "no-cache")
    }
}

/// The body of a denial: `detail` is what a FastAPI client reads, `error` what an OAuth 2.0 client reads.
#[derive(Serialize)]
struct Body<'a> {
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// How denials become answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Renderer {
    /// The challenge's realm.
    pub(crate) realm: Option<String>,
}

impl Renderer {
    pub(crate) fn render(&self, denial: &Denial) -> Reply {
        let (status, detail, error) = words(denial);
        let reply = Reply::json(status, &Body { detail, error });
        match denial {
            Denial::NotAuthenticated | Denial::LoginRefused | Denial::RefreshRefused => {
                reply.with_header("www-authenticate", self.challenge(None, &[]))
            }
            Denial::MalformedCredentials | Denial::InvalidToken => {
                reply.with_header("www-authenticate", self.challenge(error, &[]))
            }
            Denial::Forbidden(scopes) => reply.with_header("www-authenticate", self.challenge(error, scopes)),
            Denial::MethodNotAllowed(allow) => reply.with_header("allow", *allow),
            Denial::Unavailable => reply.with_header("retry-after", RETRY_AFTER.as_secs().max(1).to_string()),
            _ => reply,
        }
    }

    /// RFC 6750 §3.
    fn challenge(&self, error: Option<&str>, scopes: &[&str]) -> String {
        let realm = self.realm.as_ref().map(|realm| format!("realm=\"{realm}\""));
        let error = error.map(|error| format!("error=\"{error}\""));
        let scope = (!scopes.is_empty()).then(|| format!("scope=\"{}\"", scopes.join(" ")));
        let parameters: Vec<String> = [realm, error, scope].into_iter().flatten().collect();
        if parameters.is_empty() { "Bearer".to_owned() } else { format!("Bearer {}", parameters.join(", ")) }
    }
}

/// Status, `detail` and `error` of every denial.
const fn words(denial: &Denial) -> (u16, &'static str, Option<&'static str>) {
    match denial {
        Denial::NotAuthenticated => (401, "Not authenticated", None),
        Denial::MalformedCredentials => (400, "Malformed credentials", Some("invalid_request")),
        Denial::InvalidToken => (401, "Could not validate credentials", Some("invalid_token")),
        Denial::Forbidden(_) => (403, "Insufficient permissions", Some("insufficient_scope")),
        Denial::LoginRefused => (401, "Incorrect email or password", Some("invalid_grant")),
        Denial::RefreshRefused => (401, "Invalid refresh token", Some("invalid_grant")),
        Denial::IncorrectPassword => (403, "Incorrect password", None),
        Denial::MalformedRequest => (400, "Malformed request", Some("invalid_request")),
        Denial::UnsupportedGrantType => (400, "Unsupported grant type", Some("unsupported_grant_type")),
        Denial::InvalidScope => (400, "Invalid scope", Some("invalid_scope")),
        Denial::Unprocessable(refusal) => policy_words(*refusal),
        Denial::UnsupportedMediaType => (415, "Unsupported media type", None),
        Denial::BodyTooLarge => (413, "Request body too large", None),
        Denial::MethodNotAllowed(_) => (405, "Method not allowed", None),
        Denial::NotFound => (404, "Not found", None),
        Denial::LastHolder => (409, "The last active administrator must remain", None),
        Denial::Unavailable => (503, "Service unavailable", None),
        Denial::Internal => (500, "Internal server error", None),
    }
}

const fn policy_words(refusal: PolicyRefusal) -> (u16, &'static str, Option<&'static str>) {
    match refusal {
        PolicyRefusal::Password(PolicyViolation::TooShort) => {
            (422, "Password must have at least 15 characters", Some("password_too_short"))
        }
        PolicyRefusal::Password(PolicyViolation::TooLong) => {
            (422, "Password must have at most 1024 bytes", Some("password_too_long"))
        }
        PolicyRefusal::Email(_) => (422, "Invalid email address", Some("invalid_email")),
        PolicyRefusal::Role(_) => (422, "Unknown role", Some("unknown_role")),
    }
}

/// A realm that can stand between quotes in a header as it is.
pub(crate) fn is_realm(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(realm: Option<&str>, denial: &Denial) -> Option<String> {
        let reply = Renderer { realm: realm.map(str::to_owned) }.render(denial);
        reply.headers.into_iter().find(|(name, _)| *name == "www-authenticate").map(|(_, value)| value)
    }

    #[test]
    fn a_challenge_names_realm_error_and_scopes_in_this_order() {
        assert_eq!(challenge(None, &Denial::NotAuthenticated).unwrap(), "Bearer");
        assert_eq!(challenge(Some("api"), &Denial::NotAuthenticated).unwrap(), "Bearer realm=\"api\"");
        assert_eq!(
            challenge(Some("api"), &Denial::Forbidden(vec!["a", "b"])).unwrap(),
            "Bearer realm=\"api\", error=\"insufficient_scope\", scope=\"a b\""
        );
        assert_eq!(challenge(Some("api"), &Denial::IncorrectPassword), None);
    }

    #[test]
    fn a_realm_cannot_break_out_of_its_quotes() {
        assert!(is_realm("my api"));
        for text in ["", "a\"b", "a\\b", "a\nb", "\u{e9}"] {
            assert!(!is_realm(text), "{text:?}");
        }
    }
}
