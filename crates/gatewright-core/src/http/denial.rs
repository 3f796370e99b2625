//! Denials: the few answers that a client can get instead of a success.
//!
//! One exhaustive `match` maps each [`AuthError`] to a denial. A new error does not compile until it is
//! decided what clients get.

use std::borrow::Cow;
use std::time::Duration;

use crate::error::{
    AcceptedTypes, AccessError, AuthError, BodyProblem, FieldProblem, LoginError, PolicyError, RefreshError,
    RequestError,
};
use crate::password::{HasherError, PasswordPolicyError};

/// The `Retry-After` of a 503: 2 seconds.
pub const RETRY_AFTER: Duration = Duration::from_secs(2);

/// The answer that a client gets instead of a success. It does not reveal which cause is behind it.
///
/// ```
/// use gatewright::AuthError;
/// use gatewright::http::Denial;
///
/// let denial = Denial::from(&AuthError::not_found());
/// assert_eq!((denial.status(), &*denial.detail()), (404, "Not found"));
/// ```
#[doc(alias("401", "403", "rate limit", "status code", "throttle", "unauthorized"))]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denial {
    /// 401: no credential.
    NotAuthenticated,
    /// 400: a malformed or repeated credential.
    MalformedCredentials,
    /// 401: an invalid token, for any reason.
    InvalidToken,
    /// 403: authenticated, but a role or scope is missing. Contains the scopes that the route requires.
    Forbidden(Vec<&'static str>),
    /// 401: no API key.
    NoApiKey,
    /// 403: an unknown API key.
    InvalidApiKey,
    /// 403: an API key that lacks a scope.
    ApiKeyForbidden,
    /// 401, or 400 with [`TokenEndpoint::Rfc6749`](crate::TokenEndpoint::Rfc6749): a refused login, for any
    /// reason.
    LoginRefused,
    /// 401, or 400 with [`TokenEndpoint::Rfc6749`](crate::TokenEndpoint::Rfc6749): a refused refresh, for any
    /// reason.
    RefreshRefused,
    /// 403: the current password is wrong, at a password change.
    IncorrectPassword,
    /// 400: a field is missing or unusable.
    MalformedField {
        /// The name of the field.
        name: &'static str,
        /// What is wrong with it.
        problem: FieldProblem,
    },
    /// 400: the body as a whole is unusable.
    MalformedBody(BodyProblem),
    /// 400: an unsupported grant type.
    UnsupportedGrantType,
    /// 400: an invalid scope, or one that was not granted.
    InvalidScope,
    /// 422: a new password, address, user name or role breaks a rule, or the user name is taken.
    Unprocessable(PolicyError),
    /// 415: an unsupported content type. Contains the supported ones.
    UnsupportedMediaType(AcceptedTypes),
    /// 413: the body is too large.
    BodyTooLarge,
    /// 405: an unsupported method. Contains the supported ones.
    MethodNotAllowed(&'static str),
    /// 403: a rule of the application's own.
    ForbiddenByApplication,
    /// 404: the resource does not exist.
    NotFound,
    /// 409: the last active holder of the protected role must remain.
    LastHolder,
    /// 409: the resource is not in the state that the caller expected.
    Conflict,
    /// 429: too many attempts. Contains the time to wait.
    TooManyAttempts(Duration),
    /// 503: a store or the hasher failed. The client may retry.
    Unavailable,
    /// 500: the application is misconfigured.
    Internal,
}

impl From<&AuthError> for Denial {
    fn from(error: &AuthError) -> Self {
        match error {
            AuthError::Request(RequestError::Field { name, problem }) => {
                Self::MalformedField { name, problem: *problem }
            }
            AuthError::Request(RequestError::Body(problem)) => Self::MalformedBody(*problem),
            AuthError::Request(RequestError::GrantType) => Self::UnsupportedGrantType,
            AuthError::Request(RequestError::Scope) => Self::InvalidScope,
            AuthError::Request(RequestError::MediaType(accepted)) => Self::UnsupportedMediaType(*accepted),
            AuthError::Request(RequestError::BodySize) => Self::BodyTooLarge,
            AuthError::Request(RequestError::Method { allow }) => Self::MethodNotAllowed(allow),
            AuthError::Access(AccessError::NoCredential) => Self::NotAuthenticated,
            AuthError::Access(AccessError::Malformed) => Self::MalformedCredentials,
            AuthError::Access(AccessError::NoApiKey) => Self::NoApiKey,
            AuthError::Access(AccessError::ApiKeyUnknown) => Self::InvalidApiKey,
            AuthError::Access(
                AccessError::Token(_)
                | AccessError::Sessionless
                | AccessError::SessionEnded
                | AccessError::SessionExpired
                | AccessError::SessionMismatch
                | AccessError::UserUnknown
                | AccessError::UserDisabled
                | AccessError::EpochReplaced
                | AccessError::ExtraClaims { .. }
                | AccessError::ForeignIdentity,
            ) => Self::InvalidToken,
            AuthError::Forbidden { scopes, .. } => Self::Forbidden(scopes.clone()),
            AuthError::ApiKeyForbidden { .. } => Self::ApiKeyForbidden,
            AuthError::Login(
                LoginError::InvalidName
                | LoginError::UserUnknown
                | LoginError::UserDisabled
                | LoginError::WrongPassword
                | LoginError::UnknownPepper
                | LoginError::Locked
                | LoginError::PasswordTooLong,
            ) => Self::LoginRefused,
            AuthError::Refresh(
                RefreshError::Token(_)
                | RefreshError::Session(_)
                | RefreshError::Reused
                | RefreshError::GraceAbused
                | RefreshError::Underivable,
            ) => Self::RefreshRefused,
            AuthError::IncorrectPassword {} => Self::IncorrectPassword,
            AuthError::Policy(refusal) => Self::Unprocessable(*refusal),
            AuthError::ForbiddenByApplication {} => Self::ForbiddenByApplication,
            AuthError::NotFound {} => Self::NotFound,
            AuthError::LastHolder {} => Self::LastHolder,
            AuthError::Conflict {} | AuthError::EmailTaken {} => Self::Conflict,
            AuthError::TooManyAttempts { retry_after } => Self::TooManyAttempts(*retry_after),
            AuthError::Store(_)
            | AuthError::Hasher(
                HasherError::Busy {} | HasherError::UnknownPepper { .. } | HasherError::Failed { .. },
            )
            | AuthError::BreachedPasswords(_)
            | AuthError::TooManyRefusals {}
            | AuthError::Random(_)
            | AuthError::Issue(_)
            | AuthError::Contended {} => Self::Unavailable,
            AuthError::Amr(_) | AuthError::ExtraClaims(_) | AuthError::Misconfigured { .. } => Self::Internal,
        }
    }
}

/// What a denial looks like on the wire, with any renderer.
impl Denial {
    /// The status code. [`TokenEndpoint::Rfc6749`](crate::TokenEndpoint::Rfc6749) changes some to 400.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.words().0
    }

    /// The message for people: the `detail` member.
    #[must_use]
    pub fn detail(&self) -> Cow<'static, str> {
        match self {
            Self::MalformedField { name, problem } => format!("Malformed request: {name} {problem}").into(),
            Self::MalformedBody(problem) => format!("Malformed request: {problem}").into(),
            Self::UnsupportedMediaType(accepted) if !accepted.types().is_empty() => {
                format!("Unsupported media type: send {}", accepted.types().join(" or ")).into()
            }
            Self::Unprocessable(
                PolicyError::Password(PasswordPolicyError::TooShort { minimum })
                | PolicyError::NewPassword(PasswordPolicyError::TooShort { minimum }),
            ) => format!("Password must have at least {minimum} characters").into(),
            _ => self.words().1.into(),
        }
    }

    /// The code for programs: the `error` member of RFC 6749 §5.2 and RFC 6750 §3.1, or one of our own.
    #[must_use]
    pub const fn error(&self) -> Option<&'static str> {
        self.words().2
    }

    /// The field that the client has to change: the `field` member of a 400 or 422. The name is never taken from
    /// the request.
    ///
    /// ```
    /// use gatewright::AuthError;
    /// use gatewright::error::PolicyError;
    /// use gatewright::http::Denial;
    ///
    /// let taken = Denial::from(&AuthError::from(PolicyError::UsernameTaken));
    /// assert_eq!((taken.status(), taken.field()), (422, Some("username")));
    /// assert_eq!(Denial::NotFound.field(), None);
    /// ```
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::MalformedField { name, .. } => Some(*name),
            Self::Unprocessable(refusal) => Some(policy_field(*refusal)),
            _ => None,
        }
    }

    /// The status, the `detail` without particulars, and the `error`.
    const fn words(&self) -> (u16, &'static str, Option<&'static str>) {
        match self {
            Self::NotAuthenticated | Self::NoApiKey => (401, "Not authenticated", None),
            Self::MalformedCredentials => (400, "Malformed credentials", Some("invalid_request")),
            Self::InvalidToken => (401, "Could not validate credentials", Some("invalid_token")),
            Self::Forbidden(_) | Self::ApiKeyForbidden => {
                (403, "Insufficient permissions", Some("insufficient_scope"))
            }
            Self::InvalidApiKey => (403, "Invalid API key", None),
            Self::LoginRefused => (401, "Incorrect email or password", Some("invalid_grant")),
            Self::RefreshRefused => (401, "Invalid refresh token", Some("invalid_grant")),
            Self::IncorrectPassword => (403, "Incorrect password", None),
            Self::MalformedField { .. } | Self::MalformedBody(_) => {
                (400, "Malformed request", Some("invalid_request"))
            }
            Self::UnsupportedGrantType => (400, "Unsupported grant type", Some("unsupported_grant_type")),
            Self::InvalidScope => (400, "Invalid scope", Some("invalid_scope")),
            Self::Unprocessable(refusal) => policy_words(*refusal),
            Self::UnsupportedMediaType(_) => (415, "Unsupported media type", None),
            Self::BodyTooLarge => (413, "Request body too large", None),
            Self::MethodNotAllowed(_) => (405, "Method not allowed", None),
            Self::ForbiddenByApplication => (403, "Forbidden", None),
            Self::NotFound => (404, "Not found", None),
            Self::LastHolder => (409, "The last active administrator must remain", None),
            Self::Conflict => (409, "Conflict", None),
            Self::TooManyAttempts(_) => (429, "Too many attempts", Some("too_many_attempts")),
            Self::Unavailable => (503, "Service unavailable", None),
            Self::Internal => (500, "Internal server error", None),
        }
    }
}

const fn policy_words(refusal: PolicyError) -> (u16, &'static str, Option<&'static str>) {
    match refusal {
        PolicyError::Password(refusal) | PolicyError::NewPassword(refusal) => password_words(refusal),
        PolicyError::Email(_) => (422, "Invalid email address", Some("invalid_email")),
        PolicyError::Username(_) => (422, "Invalid user name", Some("invalid_username")),
        PolicyError::UsernameTaken => (422, "User name is taken", Some("username_taken")),
        PolicyError::Role(_) => (422, "Unknown role", Some("unknown_role")),
    }
}

/// The field that a rule is about, as the ready-made endpoints name it.
const fn policy_field(refusal: PolicyError) -> &'static str {
    match refusal {
        PolicyError::Password(_) => "password",
        PolicyError::NewPassword(_) => "new_password",
        PolicyError::Email(_) => "email",
        PolicyError::Username(_) | PolicyError::UsernameTaken => "username",
        PolicyError::Role(_) => "roles",
    }
}

const fn password_words(refusal: PasswordPolicyError) -> (u16, &'static str, Option<&'static str>) {
    let (detail, error) = match refusal {
        PasswordPolicyError::TooShort { .. } => ("Password is too short", "password_too_short"),
        PasswordPolicyError::TooLong => ("Password must have at most 1024 bytes", "password_too_long"),
        PasswordPolicyError::InvalidCharacters => {
            ("Password contains control or unassigned characters", "password_invalid_characters")
        }
        PasswordPolicyError::Common => ("Password is too common", "password_common"),
        PasswordPolicyError::Repetitive => {
            ("Password repeats itself or is a sequence", "password_repetitive")
        }
        PasswordPolicyError::ContainsContext => {
            ("Password is a name of the user or of the service", "password_contains_context")
        }
        PasswordPolicyError::Breached => ("Password is known from a breach", "password_breached"),
    };
    (422, detail, Some(error))
}
