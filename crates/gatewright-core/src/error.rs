//! What went wrong, for operators: everything that a client must not learn.

use std::time::Duration;

use crate::password::{HasherError, PasswordPolicyError};
use crate::store::StoreError;
use crate::token::{IssueError, TokenError};
use crate::types::{InvalidEmail, RandomError, UnknownRole};

/// Why a request was not served: for operators and events, never for the client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The request cannot be understood.
    #[error("the request is refused")]
    Request(#[from] RequestError),
    /// The caller is not recognised.
    #[error("access is refused")]
    Access(#[from] AccessError),
    /// The caller is recognised and may not do this.
    #[error("a role or scope is missing")]
    #[non_exhaustive]
    Forbidden {
        /// The scopes that the route requires.
        scopes: Vec<&'static str>,
    },
    /// The API key is recognised and may not do this.
    #[error("the API key lacks a scope")]
    #[non_exhaustive]
    ApiKeyForbidden {},
    /// A login is refused.
    #[error("the login is refused")]
    Login(#[from] LoginError),
    /// A refresh is refused.
    #[error("the refresh is refused")]
    Refresh(#[from] RefreshError),
    /// The present password was not given, at a change of password.
    #[error("the current password is wrong")]
    #[non_exhaustive]
    IncorrectPassword {},
    /// A new account or password is refused by policy.
    #[error("the new value is refused by policy")]
    Policy(#[from] PolicyError),
    /// There is no such account.
    #[error("there is no such account")]
    #[non_exhaustive]
    NotFound {},
    /// The change would have left no active account with the protected role.
    #[error("the last active holder of the protected role must remain")]
    #[non_exhaustive]
    LastHolder {},
    /// The client tries too often. An application's own throttle answers with it; see [`AuthError::too_many_attempts`].
    #[error("there were too many attempts")]
    #[non_exhaustive]
    TooManyAttempts {
        /// How long to wait.
        retry_after: Duration,
    },
    /// A store did not answer.
    #[error("a store did not answer")]
    Store(#[from] StoreError),
    /// The password hasher did not answer.
    #[error("the password hasher did not answer")]
    Hasher(#[from] HasherError),
    /// No randomness.
    #[error("no identifier could be drawn")]
    Random(#[from] RandomError),
    /// A token could not be signed.
    #[error("a token could not be issued")]
    Issue(#[from] IssueError),
    /// The value behind a compare-and-swap changed at every attempt.
    #[error("the account changed at every attempt")]
    #[non_exhaustive]
    Contended {},
    /// The application mounted what it did not configure.
    #[error("not configured: {missing}")]
    #[non_exhaustive]
    Misconfigured {
        /// What to call on the builder.
        missing: &'static str,
    },
}

impl AuthError {
    /// For an application's own rules: 403, to somebody who is recognised and may not do this.
    #[must_use]
    pub const fn forbidden() -> Self {
        Self::Forbidden { scopes: Vec::new() }
    }

    /// For an application's own things that are not there: 404.
    #[must_use]
    pub const fn not_found() -> Self {
        Self::NotFound {}
    }

    /// For an application's own throttle: 429, with `Retry-After` in whole seconds, at least one.
    #[must_use]
    pub const fn too_many_attempts(retry_after: Duration) -> Self {
        Self::TooManyAttempts { retry_after }
    }
}

/// Why a request cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A field is missing, repeated or badly encoded.
    #[error("a field is missing, repeated or badly encoded")]
    Malformed,
    /// Another `grant_type` than the endpoint's.
    #[error("the grant type is not supported")]
    GrantType,
    /// A scope that is no scope, or one beyond what was granted.
    #[error("the scope is invalid or was not granted")]
    Scope,
    /// Another content type than the endpoint's.
    #[error("the content type is not supported")]
    MediaType,
    /// A body beyond [`MAX_BODY_BYTES`](crate::MAX_BODY_BYTES).
    #[error("the body is too large")]
    BodySize,
    /// Another method than the endpoint's.
    #[error("the method is not supported")]
    #[non_exhaustive]
    Method {
        /// Those that are.
        allow: &'static str,
    },
}

/// Why the caller is not recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// No credential, or one of another scheme.
    #[error("there is no credential")]
    NoCredential,
    /// A credential that cannot be read, or more than one.
    #[error("the credential cannot be read")]
    Malformed,
    /// The token is refused.
    #[error("the token is refused")]
    Token(#[from] TokenError),
    /// The token names no session or no epoch: it is not from a login here.
    #[error("the token belongs to no session")]
    Sessionless,
    /// The session has ended, or never was.
    #[error("the session has ended")]
    SessionEnded,
    /// The session is over by its own time.
    #[error("the session is expired")]
    SessionExpired,
    /// The session is another user's.
    #[error("the session is another user's")]
    SessionMismatch,
    /// There is no such user.
    #[error("there is no such user")]
    UserUnknown,
    /// The user is disabled.
    #[error("the user is disabled")]
    UserDisabled,
    /// The user's epoch was replaced: the password changed, or all sessions were ended.
    #[error("the user's epoch was replaced")]
    EpochReplaced,
    /// The identity was made by another [`Auth`](crate::Auth).
    #[error("the identity is another application's")]
    ForeignIdentity,
    /// No API key.
    #[error("there is no API key")]
    NoApiKey,
    /// An API key that is not one of those configured, or more than one.
    #[error("the API key is unknown")]
    ApiKeyUnknown,
}

/// Why a login is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The name is no email address.
    #[error("the name is not an email address")]
    NotAnEmail,
    /// There is no such user.
    #[error("there is no such user")]
    UserUnknown,
    /// The user is disabled.
    #[error("the user is disabled")]
    UserDisabled,
    /// The password is wrong, or there is no usable hash to hold it against.
    #[error("the password does not match")]
    WrongPassword,
    /// The password is longer than any password may be.
    #[error("the password is too long")]
    PasswordTooLong,
}

/// Why a refresh is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The token is refused.
    #[error("the token is refused")]
    Token(#[from] TokenError),
    /// The session or its user is refused.
    #[error("the session is refused")]
    Session(#[source] AccessError),
    /// The token was used up: somebody has a copy.
    #[error("the token was used before; its session has ended")]
    Reused,
}

/// Why a new account or password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The password.
    #[error("the password is refused")]
    Password(#[from] PasswordPolicyError),
    /// The address.
    #[error("the address is refused")]
    Email(#[from] InvalidEmail),
    /// The role.
    #[error("the role is refused")]
    Role(#[from] UnknownRole),
}
