//! The parts that an [`Auth`](super::Auth) is built from.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::answers::Answers;
use super::extra_claims::ExtraClaimsSource;
use super::limiter::Limiter;
use super::refusal_floor::RefusalFloor;
use super::reports::{NamedReports, Reports};
use crate::audit::AuditTrail;
use crate::cache::SessionCache;
use crate::error::AccessError;
use crate::event::Meter;
use crate::http::{BearerToken, RequestView};
use crate::password::{AccountKey, HashContext, PasswordHasher, PasswordRules};
use crate::revocation::{FeedCodec, RevocationFeed};
use crate::store::{AccountStore, AuthUser, GracePolicy, SessionStore, UserStore};
use crate::token::{TokenIssuer, TokenVerifier};
use crate::types::{
    ApiKeys, ClientInfo, ClientNetwork, Clock, Deadline, RoleChange, RoleName, RoleScopes, Scopes,
    SecureRandom, Timer, Timestamp, Usernames,
};

/// The parts. All clones of an `Auth` share them.
pub(crate) struct Inner<U> {
    pub(crate) users: Arc<dyn UserStore<User = U>>,
    pub(crate) accounts: Option<Arc<dyn AccountStore<User = U>>>,
    pub(crate) sessions: Arc<dyn SessionStore>,
    pub(crate) verifier: Arc<dyn TokenVerifier>,
    pub(crate) issuer: Arc<dyn TokenIssuer>,
    pub(crate) hasher: Arc<dyn PasswordHasher>,
    pub(crate) password_rules: PasswordRules,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) timer: Arc<dyn Timer>,
    pub(crate) refusal_floor: RefusalFloor,
    pub(crate) randomness: Arc<dyn SecureRandom>,
    /// The reads of users with a role that the application does not have.
    pub(crate) unknown_roles: Reports,
    /// The logins of users whose hash names a pepper that the hasher does not have.
    pub(crate) unknown_peppers: NamedReports,
    pub(crate) feed: Arc<dyn RevocationFeed>,
    /// Makes the messages of the feed.
    pub(crate) codec: Arc<FeedCodec>,
    /// `None` with [`RevocationCheck::ReadThrough`](crate::RevocationCheck::ReadThrough).
    pub(crate) cache: Option<Arc<SessionCache<U>>>,
    pub(crate) api_keys: ApiKeys,
    pub(crate) limiter: Limiter,
    /// `None` without an audit trail.
    pub(crate) audit: Option<AuditTrail>,
    pub(crate) meter: Meter,
    /// Replies to failures and reports them.
    pub(crate) answers: Arc<Answers>,
    pub(crate) extra_claims: ExtraClaimsSource<U>,
    pub(crate) settings: Settings,
}

/// The settings that have defaults.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) access_lifetime: Duration,
    pub(crate) refresh_lifetime: Duration,
    pub(crate) session_lifetime: Duration,
    pub(crate) refresh_grace: Duration,
    pub(crate) grace_policy: GracePolicy,
    pub(crate) role_scopes: RoleScopes,
    /// `None` if the application does not name its roles.
    pub(crate) roles: Option<BTreeSet<RoleName>>,
    pub(crate) registration_role: Option<RoleName>,
    pub(crate) usernames: Usernames,
    pub(crate) single_script_usernames: bool,
    pub(crate) protected_role: Option<RoleName>,
    pub(crate) role_change: RoleChange,
    pub(crate) hash_wait: Duration,
    pub(crate) refusal_floor: Duration,
    pub(crate) max_token_bytes: usize,
}

impl<U> Inner<U> {
    /// The bearer token of a request.
    pub(crate) fn bearer(&self, view: &RequestView<'_>) -> Result<Option<BearerToken>, AccessError> {
        BearerToken::read_up_to(view, self.settings.max_token_bytes)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The context of one call of the hasher, which may wait from now on.
    pub(crate) fn hash_context(&self, client: &ClientInfo, account: Option<AccountKey>) -> HashContext {
        let network = client.address.map(ClientNetwork::of);
        let deadline = Deadline::after(Arc::clone(&self.timer), self.settings.hash_wait);
        HashContext { network, account, deadline: Some(deadline) }
    }
}

impl<U: AuthUser> Inner<U> {
    /// The scopes that the user's roles grant now.
    pub(crate) fn allowed_scopes(&self, user: &U) -> Scopes {
        self.settings.role_scopes.allowed(user.roles())
    }

    /// Those of `scopes` that the user's roles grant now.
    pub(crate) fn effective_scopes(&self, scopes: &Scopes, user: &U) -> Scopes {
        let granted = &self.settings.role_scopes;
        scopes.filter(|scope| user.roles().any(|role| granted.grants(role, scope)))
    }
}
