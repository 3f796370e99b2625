//! Guards: they authenticate the caller of a route, then authorize it against the route's access rule.

mod access_rule;
mod identity;
mod authenticate;
mod authorize;
mod extractors;

pub use access_rule::{AccessRule, GuardedExtractor};
pub use authorize::{Guard, missing_auth};
pub use identity::{ApiKeyIdentity, Caller, CredentialKind, Identity};

pub(crate) use authenticate::{authenticate_uncached, find_user, session_of};
