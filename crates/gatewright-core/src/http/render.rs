//! Rendering: from a denial to a reply. Status and headers are fixed here. A [`Renderer`] writes the body,
//! once for all frameworks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::denial::{Denial, RETRY_AFTER};
use super::reply::Reply;
use crate::error::AcceptedTypes;
use crate::types::is_scope;

/// The rendered body of a denial, with its content type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rendered {
    /// The value of `content-type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
}

impl Rendered {
    /// Creates a rendered body.
    #[must_use]
    pub fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { content_type, body: body.into() }
    }

    /// Renders `value` as JSON. The body is empty if that fails.
    fn json<T: Serialize>(content_type: &'static str, value: &T) -> Self {
        Self::new(content_type, serde_json::to_vec(value).unwrap_or_default())
    }
}

/// Writes the bodies of denials: [`DetailRenderer`] unless set, [`ProblemRenderer`], or an application's own.
///
/// # Contract
/// - It chooses the body and its content type only. Status, challenge and the other headers are fixed.
/// - It reveals nothing beyond `denial`. The cause is in the event.
///
/// ```
/// use gatewright::http::{Denial, Rendered, Renderer};
///
/// struct Plain;
///
/// impl Renderer for Plain {
///     fn render(&self, status: u16, denial: &Denial) -> Rendered {
///         Rendered::new("text/plain", format!("{status}: {}", denial.detail()))
///     }
/// }
///
/// assert_eq!(&Plain.render(404, &Denial::NotFound).body[..], b"404: Not found");
/// ```
pub trait Renderer: Send + Sync + 'static {
    /// Renders the body of a denial whose reply has this `status`.
    fn render(&self, status: u16, denial: &Denial) -> Rendered;
}

/// Renders `{"detail": …, "error": …, "field": …}`. FastAPI clients read `detail`, OAuth 2.0 clients read `error`.
/// `field` names the field that the client has to change. The default.
#[derive(Debug, Clone, Copy, Default)]
pub struct DetailRenderer;

impl Renderer for DetailRenderer {
    fn render(&self, _status: u16, denial: &Denial) -> Rendered {
        #[derive(Serialize)]
        struct Body<'a> {
            detail: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            field: Option<&'static str>,
        }
        let (detail, error, field) = (&denial.detail(), denial.error(), denial.field());
        Rendered::json("application/json", &Body { detail, error, field })
    }
}

/// Renders `application/problem+json` (RFC 9457) of type `about:blank`.
///
/// The title is the reason phrase of the status. `error` and `field` are extension members, with the same values as
/// those of [`DetailRenderer`].
#[doc(alias("problem details", "rfc 7807", "rfc 9457"))]
#[derive(Debug, Clone, Copy, Default)]
pub struct ProblemRenderer;

impl Renderer for ProblemRenderer {
    fn render(&self, status: u16, denial: &Denial) -> Rendered {
        #[derive(Serialize)]
        struct Problem<'a> {
            r#type: &'static str,
            title: &'static str,
            status: u16,
            detail: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            field: Option<&'static str>,
        }
        let (title, detail) = (phrase(status), &denial.detail());
        let (error, field) = (denial.error(), denial.field());
        Rendered::json(
            "application/problem+json",
            &Problem { r#type: "about:blank", title, status, detail, error, field },
        )
    }
}

/// How login and refresh reply to a refused grant, and logout to a refused refresh token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenEndpoint {
    /// 401 with a challenge, as FastAPI clients expect it.
    #[default]
    Unauthorized,
    /// 400 without a challenge (RFC 6749 §5.2). The body stays the same.
    Rfc6749,
}

/// Makes the replies to all denials of one [`Auth`](crate::Auth).
pub(crate) struct DenialResponder {
    /// The realm in challenges.
    pub(crate) realm: Option<String>,
    pub(crate) token_endpoint: TokenEndpoint,
    pub(crate) renderer: Arc<dyn Renderer>,
}

impl Default for DenialResponder {
    fn default() -> Self {
        Self { realm: None, token_endpoint: TokenEndpoint::default(), renderer: Arc::new(DetailRenderer) }
    }
}

impl fmt::Debug for DenialResponder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DenialResponder").field("realm", &self.realm).finish_non_exhaustive()
    }
}

impl DenialResponder {
    pub(crate) fn reply(&self, denial: &Denial) -> Reply {
        let status = self.status(denial);
        let Rendered { content_type, body } = self.renderer.render(status, denial);
        let reply = Reply { status, headers: vec![("content-type", content_type.to_owned())], body };
        let reply = match denial {
            Denial::MethodNotAllowed("") => reply,
            Denial::MethodNotAllowed(allow) => reply.with_header("allow", *allow),
            Denial::Unavailable => reply.with_header("retry-after", seconds(RETRY_AFTER)),
            Denial::TooManyAttempts(wait) => reply.with_header("retry-after", seconds(*wait)),
            Denial::UnsupportedMediaType(accepted) => with_accepted(reply, *accepted),
            _ => reply,
        };
        match self.challenge(denial) {
            Some(challenge) => reply.with_header("www-authenticate", challenge),
            None => reply,
        }
    }

    fn refuses_by_rfc6749(&self, denial: &Denial) -> bool {
        self.token_endpoint == TokenEndpoint::Rfc6749
            && matches!(denial, Denial::LoginRefused | Denial::RefreshRefused)
    }

    pub(crate) fn status(&self, denial: &Denial) -> u16 {
        if self.refuses_by_rfc6749(denial) { 400 } else { denial.status() }
    }

    /// The challenge. Every 401 has one (RFC 9110 §11.6.1). Challenges for bearer tokens name the error (RFC
    /// 6750 §3.1).
    fn challenge(&self, denial: &Denial) -> Option<String> {
        match denial {
            _ if self.refuses_by_rfc6749(denial) => None,
            Denial::NotAuthenticated | Denial::LoginRefused | Denial::RefreshRefused => {
                Some(self.challenge_text("Bearer", None, &[]))
            }
            Denial::MalformedCredentials | Denial::InvalidToken => {
                Some(self.challenge_text("Bearer", denial.error(), &[]))
            }
            Denial::Forbidden(scopes) => Some(self.challenge_text("Bearer", denial.error(), scopes)),
            Denial::NoApiKey => Some(self.challenge_text("ApiKey", None, &[])),
            _ => None,
        }
    }

    fn challenge_text(&self, scheme: &str, error: Option<&str>, scopes: &[&str]) -> String {
        let realm = self.realm.as_ref().map(|realm| format!("realm=\"{realm}\""));
        let error = error.map(|error| format!("error=\"{error}\""));
        // The application wrote the scopes as constants, and nothing has validated them before.
        let scopes: Vec<&str> = scopes.iter().copied().filter(|scope| is_scope(scope)).collect();
        let scope = (!scopes.is_empty()).then(|| format!("scope=\"{}\"", scopes.join(" ")));
        let parameters: Vec<String> = [realm, error, scope].into_iter().flatten().collect();
        if parameters.is_empty() { scheme.to_owned() } else { format!("{scheme} {}", parameters.join(", ")) }
    }
}

/// Lists the accepted content types in the header of the method.
fn with_accepted(reply: Reply, accepted: AcceptedTypes) -> Reply {
    // The application wrote the types as constants, and nothing has validated them before.
    let is_type = |text: &&str| text.contains('/') && text.bytes().all(|b| b.is_ascii_graphic() && b != b',');
    let types: Vec<&str> = accepted.types().iter().copied().filter(is_type).collect();
    match accepted.header() {
        Some(header) if !types.is_empty() => reply.with_header(header, types.join(", ")),
        _ => reply,
    }
}

/// The duration in whole seconds, rounded up, at least one.
fn seconds(wait: Duration) -> String {
    let whole = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    whole.max(1).to_string()
}

/// The reason phrase of a status (RFC 9110 §15, RFC 6585 §4).
const fn phrase(status: u16) -> &'static str {
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
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

/// Whether the realm can be quoted in a header without escaping.
pub(crate) fn is_realm(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{BodyProblem, FieldProblem, PolicyError};
    use crate::password::PasswordPolicyError;
    use crate::types::{Email, UnknownRole, Username};

    fn header(reply: &Reply, name: &str) -> Option<String> {
        reply.headers.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone())
    }

    fn challenge(realm: Option<&str>, denial: &Denial) -> Option<String> {
        let answers = DenialResponder { realm: realm.map(str::to_owned), ..DenialResponder::default() };
        header(&answers.reply(denial), "www-authenticate")
    }

    /// One denial of each kind.
    fn every_denial() -> Vec<Denial> {
        vec![
            Denial::NotAuthenticated,
            Denial::MalformedCredentials,
            Denial::InvalidToken,
            Denial::Forbidden(vec!["a", "b"]),
            Denial::NoApiKey,
            Denial::InvalidApiKey,
            Denial::ApiKeyForbidden,
            Denial::LoginRefused,
            Denial::RefreshRefused,
            Denial::IncorrectPassword,
            Denial::MalformedField { name: "username", problem: FieldProblem::Missing },
            Denial::MalformedBody(BodyProblem::NotJson),
            Denial::UnsupportedGrantType,
            Denial::InvalidScope,
            Denial::Unprocessable(PolicyError::Role(UnknownRole::default())),
            Denial::UnsupportedMediaType(AcceptedTypes::Post(&["application/json"])),
            Denial::BodyTooLarge,
            Denial::MethodNotAllowed("POST"),
            Denial::ForbiddenByApplication,
            Denial::NotFound,
            Denial::LastHolder,
            Denial::Conflict,
            Denial::TooManyAttempts(Duration::from_millis(1_200)),
            Denial::Unavailable,
            Denial::Internal,
        ]
    }

    #[test]
    fn challenges_name_realm_error_and_scopes_in_this_order() {
        assert_eq!(challenge(None, &Denial::NotAuthenticated).unwrap(), "Bearer");
        assert_eq!(challenge(Some("api"), &Denial::NotAuthenticated).unwrap(), "Bearer realm=\"api\"");
        assert_eq!(
            challenge(Some("api"), &Denial::Forbidden(vec!["a", "b"])).unwrap(),
            "Bearer realm=\"api\", error=\"insufficient_scope\", scope=\"a b\""
        );
        assert_eq!(challenge(Some("api"), &Denial::NoApiKey).unwrap(), "ApiKey realm=\"api\"");
        assert_eq!(challenge(Some("api"), &Denial::IncorrectPassword), None);
    }

    #[test]
    fn every_401_has_a_challenge_and_every_wait_is_at_least_a_second() {
        for denial in every_denial() {
            let reply = DenialResponder::default().reply(&denial);
            assert!(reply.status != 401 || header(&reply, "www-authenticate").is_some(), "{denial:?}");
        }
        let wait = |millis| {
            let denial = Denial::TooManyAttempts(Duration::from_millis(millis));
            header(&DenialResponder::default().reply(&denial), "retry-after").unwrap()
        };
        assert_eq!([wait(0), wait(1_200), wait(60_000)], ["1", "2", "60"]);
    }

    #[test]
    fn renderers_change_only_body_and_content_type() {
        let problems = DenialResponder { renderer: Arc::new(ProblemRenderer), ..DenialResponder::default() };
        let but_type = |reply: &Reply| {
            let mut headers = reply.headers.clone();
            headers.retain(|(name, _)| *name != "content-type");
            (reply.status, headers)
        };
        for denial in every_denial() {
            let (plain, problem) = (DenialResponder::default().reply(&denial), problems.reply(&denial));
            assert_eq!(but_type(&plain), but_type(&problem));
            assert_eq!(header(&problem, "content-type").unwrap(), "application/problem+json");
            let body: serde_json::Value = serde_json::from_slice(&problem.body).unwrap();
            assert_eq!(body["status"], problem.status);
            assert_eq!(body["type"], "about:blank");
            let detail: serde_json::Value = serde_json::from_slice(&plain.body).unwrap();
            for name in ["detail", "error", "field"] {
                assert_eq!(body[name], detail[name], "{denial:?}");
            }
            let fallback = body["title"] == "Internal Server Error";
            assert_eq!(fallback, problem.status == 500, "{denial:?} has a title of its own");
        }
        assert_eq!(every_denial().len(), 25);
    }

    #[test]
    fn a_415_lists_the_accepted_types_in_the_header_of_its_method() {
        let reply = |accepted| DenialResponder::default().reply(&Denial::UnsupportedMediaType(accepted));
        let both = reply(AcceptedTypes::Post(&["a/x", "b/y"]));
        assert_eq!(header(&both, "accept-post").as_deref(), Some("a/x, b/y"));
        assert_eq!(&both.body[..], br#"{"detail":"Unsupported media type: send a/x or b/y"}"#);
        let patch = reply(AcceptedTypes::Patch(&["a/x"]));
        assert_eq!(header(&patch, "accept-patch").as_deref(), Some("a/x"));
        for other in [AcceptedTypes::Other(&["a/x"]), AcceptedTypes::Post(&["a/\nx", "a,b/x", "x"])] {
            assert_eq!(reply(other).headers.len(), 1, "the content type alone");
        }
        let none = reply(AcceptedTypes::Post(&[]));
        assert_eq!((none.headers.len(), &none.body[..]), (1, &br#"{"detail":"Unsupported media type"}"#[..]));
    }

    #[test]
    fn a_422_names_the_field_of_its_rule() {
        let fields = [
            (PolicyError::Password(PasswordPolicyError::TooShort { minimum: 15 }), "password"),
            (PolicyError::NewPassword(PasswordPolicyError::TooLong), "new_password"),
            (PolicyError::Email(Email::parse("").unwrap_err()), "email"),
            (PolicyError::Username(Username::parse("").unwrap_err()), "username"),
            (PolicyError::UsernameTaken, "username"),
            (PolicyError::Role(UnknownRole::default()), "roles"),
        ];
        for (refusal, field) in fields {
            let body = DenialResponder::default().reply(&Denial::Unprocessable(refusal)).body;
            assert!(body.ends_with(format!(r#","field":"{field}"}}"#).as_bytes()), "{refusal:?}");
        }
    }

    /// RFC 9457 §3.1.2, RFC 6585 §4; the published case `pd-429`.
    #[test]
    fn a_problem_of_429_keeps_its_retry_after() {
        let problems = DenialResponder { renderer: Arc::new(ProblemRenderer), ..DenialResponder::default() };
        let reply = problems.reply(&Denial::TooManyAttempts(Duration::from_secs(30)));
        assert_eq!((reply.status, header(&reply, "retry-after").as_deref()), (429, Some("30")));
        assert_eq!(header(&reply, "content-type").as_deref(), Some("application/problem+json"));
        let body = concat!(
            r#"{"type":"about:blank","title":"Too Many Requests","status":429,"#,
            r#""detail":"Too many attempts","error":"too_many_attempts"}"#,
        );
        assert_eq!(&reply.body[..], body.as_bytes());
    }

    #[test]
    fn rfc_6749_has_refused_grants_400_without_a_challenge_and_changes_no_other_denial() {
        let answers =
            DenialResponder { token_endpoint: TokenEndpoint::Rfc6749, ..DenialResponder::default() };
        for denial in every_denial() {
            let (usual, rfc) = (DenialResponder::default().reply(&denial), answers.reply(&denial));
            if matches!(denial, Denial::LoginRefused | Denial::RefreshRefused) {
                assert_eq!((usual.status, rfc.status), (401, 400));
                assert_eq!(header(&rfc, "www-authenticate"), None);
                assert_eq!(usual.body, rfc.body);
            } else {
                assert_eq!(usual, rfc);
            }
        }
    }

    #[test]
    fn challenges_leave_out_invalid_scopes() {
        let forbidden = challenge(None, &Denial::Forbidden(vec!["a\"b", "c", ""])).unwrap();
        assert_eq!(forbidden, "Bearer error=\"insufficient_scope\", scope=\"c\"");
    }

    #[test]
    fn realms_with_quotes_are_rejected() {
        assert!(is_realm("my api"));
        for text in ["", "a\"b", "a\\b", "a\nb", "\u{e9}"] {
            assert!(!is_realm(text), "{text:?}");
        }
    }
}
