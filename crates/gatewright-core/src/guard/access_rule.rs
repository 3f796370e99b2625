//! Access rules: which credential a route accepts, and what it requires of the caller.

use crate::types::{Policy, Requirement};

/// What must be presented, and what its bearer must have: all that a guard enforces and a document describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessRule {
    /// A user's access token.
    User(Requirement),
    /// A key in `X-API-Key`. It has scopes and no roles.
    ApiKey(Requirement),
}

impl From<Requirement> for AccessRule {
    fn from(requirement: Requirement) -> Self {
        Self::User(requirement)
    }
}

/// For `guarded(&auth, role::Admin, …)`: the type that guards handlers guards routers.
impl<P: Policy> From<P> for AccessRule {
    fn from(_: P) -> Self {
        Self::User(P::REQUIREMENT)
    }
}

impl AccessRule {
    /// What the bearer must have.
    #[must_use]
    pub const fn requirement(&self) -> &Requirement {
        match self {
            Self::User(requirement) | Self::ApiKey(requirement) => requirement,
        }
    }
}

/// A handler's argument that guards the handler. Adapters implement it for their extractors, so that a document can be
/// written from the very types that guard at run time.
pub trait GuardedExtractor {
    /// What is demanded.
    const ACCESS_RULE: AccessRule;
    /// Whether nobody may pass as well; a credential that is there must be good all the same.
    const IS_OPTIONAL: bool = false;
}
