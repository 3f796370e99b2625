//! Why a request failed, and whom its token names.

use crate::error::{AccessError, AuthError, RequestError};
use crate::token::VerifiedClaims;
use crate::types::{SessionId, UserId};

/// The cause of a failure, with what its event needs.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: AuthError,
    /// Boxed, because most failures have none.
    subject: Option<Box<Subject>>,
}

/// Whom a verified token names. The session may have ended, and the user may be unknown.
#[derive(Debug)]
struct Subject {
    user: UserId,
    session: Option<SessionId>,
}

impl Failure {
    pub(crate) fn new(kind: impl Into<AuthError>) -> Self {
        Self { kind: kind.into(), subject: None }
    }

    /// The failure of a request whose token has these claims.
    pub(crate) fn about(kind: impl Into<AuthError>, claims: &VerifiedClaims) -> Self {
        let subject = Subject { user: claims.subject().clone(), session: claims.session() };
        Self { kind: kind.into(), subject: Some(Box::new(subject)) }
    }

    pub(crate) fn user(&self) -> Option<&UserId> {
        self.subject.as_ref().map(|subject| &subject.user)
    }

    pub(crate) fn session(&self) -> Option<SessionId> {
        self.subject.as_ref().and_then(|subject| subject.session)
    }
}

impl From<AuthError> for Failure {
    fn from(kind: AuthError) -> Self {
        Self::new(kind)
    }
}

impl From<AccessError> for Failure {
    fn from(cause: AccessError) -> Self {
        Self::new(cause)
    }
}

impl From<RequestError> for Failure {
    fn from(cause: RequestError) -> Self {
        Self::new(cause)
    }
}
