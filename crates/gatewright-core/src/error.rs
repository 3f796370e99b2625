//! Errors for operators. They contain what clients must not learn.

use std::fmt;
use std::time::Duration;

use crate::password::{BreachedPasswordsError, HasherError, PasswordPolicyError};
use crate::store::StoreError;
use crate::token::{InvalidExtraClaims, IssueError, TokenError};
use crate::types::{InvalidAmr, InvalidEmail, InvalidUsername, RandomError, UnknownRole};

/// Why a request failed, for operators and events. Clients get a [`Denial`](crate::Denial) instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The request is malformed.
    #[error("the request is malformed")]
    Request(#[from] RequestError),
    /// The caller is not authenticated.
    #[error("the caller is not authenticated")]
    Access(#[from] AccessError),
    /// The caller is authenticated, but lacks a role or scope.
    #[error("a role or scope is missing")]
    #[non_exhaustive]
    Forbidden {
        /// The scopes that the route requires.
        scopes: Vec<&'static str>,
        /// The roles that the route requires and the user does not have. If one of several is enough, it is all
        /// of them.
        missing_roles: Vec<&'static str>,
        /// The scopes that the route requires and the token does not have.
        missing_scopes: Vec<&'static str>,
    },
    /// The API key is known, but lacks a scope.
    #[error("the API key lacks a scope")]
    #[non_exhaustive]
    ApiKeyForbidden {
        /// The roles that the route requires. A key has none.
        missing_roles: Vec<&'static str>,
        /// The scopes that the route requires and the key does not have.
        missing_scopes: Vec<&'static str>,
    },
    /// The login is refused.
    #[error("the login is refused")]
    Login(#[from] LoginError),
    /// The refresh is refused.
    #[error("the refresh is refused")]
    Refresh(#[from] RefreshError),
    /// The current password is wrong, at a password change.
    #[error("the current password is wrong")]
    #[non_exhaustive]
    IncorrectPassword {},
    /// A new password, address or role breaks a rule.
    #[error("the new value breaks a rule")]
    Policy(#[from] PolicyError),
    /// The application refuses an authenticated caller by a rule of its own; see [`AuthError::forbidden`].
    #[error("the application forbids it")]
    #[non_exhaustive]
    ForbiddenByApplication {},
    /// The account, session or other resource does not exist.
    #[error("the resource does not exist")]
    #[non_exhaustive]
    NotFound {},
    /// No active account would have the protected role any more.
    #[error("the last active holder of the protected role must remain")]
    #[non_exhaustive]
    LastHolder {},
    /// The resource is not in the state that the caller expected. Nothing changed.
    #[error("the resource has changed meanwhile")]
    #[non_exhaustive]
    Conflict {},
    /// The address of a first administrator belongs to another account. See
    /// [`Accounts::ensure_admin`](crate::Accounts::ensure_admin).
    #[error("the address belongs to an account that is not an active administrator; use another address")]
    #[non_exhaustive]
    EmailTaken {},
    /// The client made too many attempts. The throttle refuses it, or one of the application's own; see
    /// [`AuthError::too_many_attempts`].
    #[error("too many attempts")]
    #[non_exhaustive]
    TooManyAttempts {
        /// How long to wait.
        retry_after: Duration,
    },
    /// A store failed.
    #[error("a store failed")]
    Store(#[from] StoreError),
    /// The password hasher failed.
    #[error("the password hasher failed")]
    Hasher(#[from] HasherError),
    /// The list of breached passwords gave no answer, so a new password was not accepted.
    #[error("a new password could not be checked")]
    BreachedPasswords(#[from] BreachedPasswordsError),
    /// Too many refusals wait for the refusal floor, in all or of the client's network:
    /// [`MAX_HELD_REFUSALS`](crate::auth::MAX_HELD_REFUSALS).
    #[error("too many refusals wait for the refusal floor")]
    #[non_exhaustive]
    TooManyRefusals {},
    /// The source of randomness failed.
    #[error("no identifier could be generated")]
    Random(#[from] RandomError),
    /// The authentication methods of a new session are invalid.
    #[error("the authentication methods of a session are invalid")]
    Amr(#[from] InvalidAmr),
    /// A token could not be signed.
    #[error("a token could not be signed")]
    Issue(#[from] IssueError),
    /// The application's own claims of a token could not be made
    /// ([`AuthBuilder::with_extra_claims`](crate::AuthBuilder::with_extra_claims)).
    #[error("the extra claims of a token could not be made")]
    ExtraClaims(#[from] ExtraClaimsError),
    /// The value behind a compare-and-swap changed at every attempt.
    #[error("the account changed at every attempt")]
    #[non_exhaustive]
    Contended {},
    /// The application uses a part that it did not configure.
    #[error("not configured: {missing}")]
    #[non_exhaustive]
    Misconfigured {
        /// The builder method to call.
        missing: &'static str,
    },
}

impl AuthError {
    /// For an application's own rules: 403, for an authenticated caller who may not do this.
    ///
    /// Unlike a guard's 403 it does not say `insufficient_scope`: a token with more scopes would not help.
    #[must_use]
    pub const fn forbidden() -> Self {
        Self::ForbiddenByApplication {}
    }

    /// For an application's own resources: 404.
    #[must_use]
    pub const fn not_found() -> Self {
        Self::NotFound {}
    }

    /// For an application's own resources: 409, if the resource has changed since the caller read it, or its name
    /// is taken.
    #[must_use]
    pub const fn conflict() -> Self {
        Self::Conflict {}
    }

    /// For an application's own throttle: 429, with `Retry-After` in whole seconds, at least one.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use gatewright::AuthError;
    /// use gatewright::http::Denial;
    ///
    /// let error = AuthError::too_many_attempts(Duration::from_secs(30));
    /// assert_eq!(Denial::from(&error).status(), 429);
    /// ```
    #[must_use]
    pub const fn too_many_attempts(retry_after: Duration) -> Self {
        Self::TooManyAttempts { retry_after }
    }
}

/// Why a request is malformed.
///
/// It never contains a part of the request. An application's own handlers answer with it too:
///
/// ```
/// use gatewright::AuthError;
/// use gatewright::error::{FieldProblem, RequestError};
/// use gatewright::http::Denial;
///
/// let error = RequestError::Field { name: "colour", problem: FieldProblem::Missing };
/// let denial = Denial::from(&AuthError::from(error));
/// assert_eq!(denial.status(), 400);
/// assert_eq!(denial.detail(), "Malformed request: colour is missing");
/// assert_eq!(denial.field(), Some("colour"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A field of the body is missing or unusable.
    #[error("{name} {problem}")]
    Field {
        /// The name of the field, as clients write it.
        name: &'static str,
        /// What is wrong with it.
        problem: FieldProblem,
    },
    /// The body as a whole is unusable.
    #[error("{0}")]
    Body(BodyProblem),
    /// The endpoint does not support this `grant_type`.
    #[error("the grant type is not supported")]
    GrantType,
    /// The scope is invalid, or exceeds what was granted.
    #[error("the scope is invalid or was not granted")]
    Scope,
    /// The content type of the body is missing, repeated or not supported.
    #[error("the content type is not supported")]
    MediaType(AcceptedTypes),
    /// The body is larger than [`MAX_BODY_BYTES`](crate::MAX_BODY_BYTES).
    #[error("the body is too large")]
    BodySize,
    /// The endpoint does not support this method.
    #[error("the method is not supported")]
    #[non_exhaustive]
    Method {
        /// The supported methods.
        allow: &'static str,
    },
}

/// What is wrong with a field. The text follows the name of the field: `username is missing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldProblem {
    /// The body does not have it.
    Missing,
    /// It occurs more than once.
    Repeated,
    /// Its value is empty.
    Empty,
    /// Its value is JSON, but not a string.
    NotText,
    /// Its value in a form has an invalid percent code, or is not UTF-8.
    BadlyEncoded,
    /// Its value breaks a rule. For an application's own fields.
    Invalid,
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "is missing",
            Self::Repeated => "is repeated",
            Self::Empty => "is empty",
            Self::NotText => "is not a string",
            Self::BadlyEncoded => "is badly encoded",
            Self::Invalid => "is invalid",
        })
    }
}

/// What is wrong with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyProblem {
    /// It is not a form: a name, or the value of an unknown field, has an invalid percent code or is not UTF-8.
    NotForm,
    /// It is not a JSON object in UTF-8, or is nested too deeply.
    NotJson,
    /// The client did not send all of it.
    Incomplete,
    /// It breaks a rule. For an application's own bodies.
    Invalid,
}

impl fmt::Display for BodyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotForm => "the body is not a form in UTF-8",
            Self::NotJson => "the body is not a JSON object",
            Self::Incomplete => "the body is incomplete",
            Self::Invalid => "the body is invalid",
        })
    }
}

/// The content types that a route accepts. The answer 415 lists them in its text and in a header.
///
/// ```
/// use gatewright::AuthError;
/// use gatewright::error::{AcceptedTypes, RequestError};
/// use gatewright::http::Denial;
///
/// let error = RequestError::MediaType(AcceptedTypes::Post(&["application/json"]));
/// let denial = Denial::from(&AuthError::from(error));
/// assert_eq!(denial.detail(), "Unsupported media type: send application/json");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcceptedTypes {
    /// Of a `POST`. The header is `Accept-Post` (Linked Data Platform 1.0 §7.1).
    Post(&'static [&'static str]),
    /// Of a `PATCH`. The header is `Accept-Patch` (RFC 5789 §3.1).
    Patch(&'static [&'static str]),
    /// Of another method. There is no header.
    Other(&'static [&'static str]),
}

impl AcceptedTypes {
    /// The content types, in the order in which the answer lists them.
    #[must_use]
    pub const fn types(self) -> &'static [&'static str] {
        match self {
            Self::Post(types) | Self::Patch(types) | Self::Other(types) => types,
        }
    }

    /// The name of the header that lists them.
    #[must_use]
    pub const fn header(self) -> Option<&'static str> {
        match self {
            Self::Post(_) => Some("accept-post"),
            Self::Patch(_) => Some("accept-patch"),
            Self::Other(_) => None,
        }
    }
}

/// Why the caller is not authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The request has no credential, or one of another scheme.
    #[error("the request has no credential")]
    NoCredential,
    /// The credential is malformed, or occurs more than once.
    #[error("the credential is malformed")]
    Malformed,
    /// The token is rejected.
    #[error("the token is rejected")]
    Token(#[from] TokenError),
    /// The token contains no session or no epoch: no login of this application issued it.
    #[error("the token belongs to no session")]
    Sessionless,
    /// The session has ended, or never existed.
    #[error("the session has ended")]
    SessionEnded,
    /// The session has expired.
    #[error("the session has expired")]
    SessionExpired,
    /// The session belongs to another user.
    #[error("the session belongs to another user")]
    SessionMismatch,
    /// The user does not exist.
    #[error("the user does not exist")]
    UserUnknown,
    /// The user is disabled.
    #[error("the user is disabled")]
    UserDisabled,
    /// The user's epoch was replaced: the password was changed, or all sessions were ended.
    #[error("the user's epoch was replaced")]
    EpochReplaced,
    /// The token is valid, but its extra claims do not fit the type that a handler reads. The client gets other
    /// claims with a refresh.
    #[error("the token's extra claims do not fit `{type_name}`")]
    #[non_exhaustive]
    ExtraClaims {
        /// The type that the handler reads.
        type_name: &'static str,
    },
    /// Another [`Auth`](crate::Auth) made the identity.
    #[error("another Auth made the identity")]
    ForeignIdentity,
    /// The request has no API key.
    #[error("the request has no API key")]
    NoApiKey,
    /// The API key is not configured, or the request has more than one.
    #[error("the API key is unknown")]
    ApiKeyUnknown,
}

/// Why a login is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The text cannot be a [`LoginName`](crate::LoginName).
    #[error("the text cannot be a login name")]
    InvalidName,
    /// The user does not exist.
    #[error("the user does not exist")]
    UserUnknown,
    /// The user is disabled.
    #[error("the user is disabled")]
    UserDisabled,
    /// The password is wrong, or the user has no usable password hash.
    #[error("the password does not match")]
    WrongPassword,
    /// The user's password was hashed with a pepper that the hasher does not have
    /// ([`HasherError::UnknownPepper`]), so no password can be verified. The password may be right.
    #[error("the password was hashed with a pepper that this service does not have")]
    UnknownPepper,
    /// The account is locked after many consecutive failures ([`LOCK_AFTER`](crate::throttle::LOCK_AFTER)), or for
    /// this network. The password may be right.
    #[error("the account is locked after many failures")]
    Locked,
    /// The password is longer than [`MAX_PASSWORD_BYTES`](crate::password::MAX_PASSWORD_BYTES).
    #[error("the password is too long")]
    PasswordTooLong,
}

/// Why a refresh is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The token is rejected.
    #[error("the token is rejected")]
    Token(#[from] TokenError),
    /// The session or its user is rejected.
    #[error("the session is rejected")]
    Session(#[source] AccessError),
    /// The token was used before, so someone else may have a copy.
    #[error("the token was used before; its session has ended")]
    Reused,
    /// After three rotations in a row, a used token came from another network, so someone else seems to
    /// have a copy.
    #[error("used tokens came from another network after three rotations in a row; the session has ended")]
    GraceAbused,
    /// The store accepted the token, but the session's current token cannot be derived from it: the
    /// stored seed or digest was changed.
    #[error("the session's current token does not follow from the token: the stored session is damaged")]
    Underivable,
}

/// Why the application's own claims of a token could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtraClaimsError {
    /// The application's function failed.
    #[error("the application's function failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Its result is not valid.
    #[error("the application's function returned invalid claims")]
    Invalid(#[from] InvalidExtraClaims),
}

/// Which rule a new account or password breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A rule for passwords.
    #[error("the password breaks a rule")]
    Password(#[from] PasswordPolicyError),
    /// A rule for passwords, at a change of the password. Clients send it as `new_password`.
    #[error("the new password breaks a rule")]
    NewPassword(#[source] PasswordPolicyError),
    /// A rule for addresses.
    #[error("the address is invalid")]
    Email(#[from] InvalidEmail),
    /// A rule for user names.
    #[error("the user name is invalid")]
    Username(#[from] InvalidUsername),
    /// The user name belongs to another account.
    #[error("the user name is taken")]
    UsernameTaken,
    /// A rule for roles.
    #[error("the role is invalid")]
    Role(#[from] UnknownRole),
}
