//! Access rules: which credential a route accepts, and what it requires of the caller.

use crate::types::{Policy, Requirement};

/// Which credential a route accepts, and what it requires of the caller.
///
/// A guard enforces the rule, and an OpenAPI document describes it.
///
/// ```
/// use gatewright::guard::AccessRule;
/// use gatewright::types::Requirement;
///
/// const WRITERS: Requirement = Requirement::Scopes(&["items:write"]);
/// let for_users = AccessRule::from(WRITERS);
/// assert_eq!(for_users, AccessRule::User(WRITERS));
/// assert_ne!(for_users, AccessRule::ApiKey(WRITERS));
/// ```
#[doc(alias("permission", "policy"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessRule {
    /// The access token of a user who meets the requirement.
    User(Requirement),
    /// A key in `X-API-Key` that meets the requirement. Keys have scopes and no roles.
    ApiKey(Requirement),
}

impl From<Requirement> for AccessRule {
    fn from(requirement: Requirement) -> Self {
        Self::User(requirement)
    }
}

/// For `guarded(&auth, role::Admin, …)`: a policy type guards routers as well as handlers.
impl<P: Policy> From<P> for AccessRule {
    fn from(_: P) -> Self {
        Self::User(P::REQUIREMENT)
    }
}

impl AccessRule {
    /// What the rule requires of the caller.
    #[must_use]
    pub const fn requirement(&self) -> &Requirement {
        match self {
            Self::User(requirement) | Self::ApiKey(requirement) => requirement,
        }
    }
}

/// An extractor that guards its handler: the handler runs only for callers who satisfy the rule.
///
/// Adapters implement it for their extractors. `gatewright-openapi` reads the rule from here, so a
/// document describes the same types that guard at run time.
pub trait GuardedExtractor {
    /// The rule that the extractor enforces.
    const ACCESS_RULE: AccessRule;
    /// Whether anonymous requests pass. A credential that is present must still be valid.
    const IS_OPTIONAL: bool = false;
}
