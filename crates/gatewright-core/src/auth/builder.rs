//! Building an [`Auth`]: what is required, what can be set, and what is refused.

use std::fmt;
use std::sync::{Arc, Once};
use std::time::Duration;

use super::handle::{Auth, Inner, Settings};
use crate::cache::{DEFAULT_CACHE_CAPACITY, MAX_CACHE_CAPACITY, SessionCache};
use crate::event::{EventSink, TracingSink};
use crate::http::{DenialResponder, Renderer, TokenEndpoint, TrustedProxies, is_realm};
use crate::password::PasswordHasher;
use crate::revocation::{
    FeedReach, LocalFeed, RevocationCheck, RevocationFeed, RevocationListener, RevocationReceiver,
};
use crate::store::{Account, AccountStore, AuthUser, SessionStore, UserStore};
use crate::token::{MAX_ACCESS_LIFETIME, MAX_REFRESH_LIFETIME, TokenIssuer, TokenVerifier};
use crate::types::{
    ApiKeys, Clock, MAX_SCOPES_BYTES, RoleChange, RoleName, RoleScopes, SecureRandom, SystemClock,
    SystemRandom,
};

/// How long an access token is valid, unless set: 15 minutes.
pub const DEFAULT_ACCESS_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How long a session may lie unused (the refresh token's lifetime), unless set: 7 days.
pub const DEFAULT_REFRESH_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long a session may last, unless set: 30 days.
pub const DEFAULT_SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long the previous refresh token is answered with the same successor, unless set: 10 seconds.
pub const DEFAULT_REFRESH_GRACE: Duration = Duration::from_secs(10);
/// The longest grace that can be set: 60 seconds.
pub const MAX_REFRESH_GRACE: Duration = Duration::from_secs(60);

/// What is missing or unsafe, by the name of the setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("{setting}: {problem}")]
pub struct BuildError {
    /// The setting, as the builder's method names it without `with_`.
    pub setting: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl BuildError {
    /// For builders of other crates.
    #[must_use]
    pub const fn new(setting: &'static str, problem: &'static str) -> Self {
        Self { setting, problem }
    }
}

impl Auth<Account> {
    /// Begins with one store for accounts and sessions, one key for issuing and verifying tokens, and a hasher.
    pub fn local<S, T>(store: S, tokens: T, hasher: impl PasswordHasher) -> AuthBuilder<Account>
    where
        S: AccountStore<User = Account> + SessionStore,
        T: TokenIssuer + TokenVerifier + 'static,
    {
        let store = Arc::new(store);
        let tokens = Arc::new(tokens);
        let users: Arc<dyn UserStore<User = Account>> = Arc::clone(&store) as _;
        let sessions: Arc<dyn SessionStore> = Arc::clone(&store) as _;
        let verifier: Arc<dyn TokenVerifier> = Arc::clone(&tokens) as _;
        AuthBuilder::new(users, sessions, verifier)
            .with_shared_accounts(store)
            .with_shared_issuer(tokens)
            .with_hasher(hasher)
    }
}

impl<U: AuthUser> Auth<U> {
    /// Begins with what every guard needs. The user store settles `U`.
    pub fn builder(
        users: impl UserStore<User = U>,
        sessions: impl SessionStore,
        verifier: impl TokenVerifier + 'static,
    ) -> AuthBuilder<U> {
        AuthBuilder::new(Arc::new(users), Arc::new(sessions), Arc::new(verifier))
    }
}

/// Collects an [`Auth`]. Begin with [`Auth::builder`] or [`Auth::local`].
///
/// ```
/// # use gatewright_core::{Auth, BuildError};
/// # use std::time::Duration;
/// # let tokens = gatewright_jwt::Jwt::hs256("fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEa", "https://issuer.example", "api");
/// # let (store, tokens) = (gatewright_memory::MemoryStore::new(), tokens.build()?);
/// let builder = Auth::local(store, tokens, gatewright_testkit::TestHasher::new());
/// let error = builder.with_access_lifetime(Duration::from_secs(25 * 60 * 60)).build().unwrap_err();
/// assert_eq!(error.to_string(), "access_lifetime: is longer than 24 hours");
/// # Ok::<(), BuildError>(())
/// ```
#[must_use]
pub struct AuthBuilder<U> {
    users: Arc<dyn UserStore<User = U>>,
    accounts: Option<Arc<dyn AccountStore<User = U>>>,
    sessions: Arc<dyn SessionStore>,
    verifier: Arc<dyn TokenVerifier>,
    issuer: Option<Arc<dyn TokenIssuer>>,
    hasher: Option<Arc<dyn PasswordHasher>>,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn SecureRandom>,
    events: Arc<dyn EventSink>,
    feed: Arc<dyn RevocationFeed>,
    revocation_check: RevocationCheck,
    cache_capacity: usize,
    api_keys: ApiKeys,
    trusted_proxies: TrustedProxies,
    answers: DenialResponder,
    settings: Settings,
}

impl<U> fmt::Debug for AuthBuilder<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<U: AuthUser> AuthBuilder<U> {
    pub(crate) fn new(
        users: Arc<dyn UserStore<User = U>>,
        sessions: Arc<dyn SessionStore>,
        verifier: Arc<dyn TokenVerifier>,
    ) -> Self {
        Self {
            users,
            accounts: None,
            sessions,
            verifier,
            issuer: None,
            hasher: None,
            clock: Arc::new(SystemClock),
            randomness: Arc::new(SystemRandom),
            events: Arc::new(TracingSink),
            feed: Arc::new(LocalFeed::new()),
            revocation_check: RevocationCheck::default(),
            cache_capacity: DEFAULT_CACHE_CAPACITY,
            api_keys: ApiKeys::new(),
            trusted_proxies: TrustedProxies::new(),
            answers: DenialResponder::default(),
            settings: Settings {
                access_lifetime: DEFAULT_ACCESS_LIFETIME,
                refresh_lifetime: DEFAULT_REFRESH_LIFETIME,
                session_lifetime: DEFAULT_SESSION_LIFETIME,
                refresh_grace: DEFAULT_REFRESH_GRACE,
                role_scopes: RoleScopes::new(),
                registration_role: None,
                protected_role: None,
                role_change: RoleChange::KeepSessions,
            },
        }
    }

    /// Who signs tokens. Required.
    pub fn with_issuer(self, issuer: impl TokenIssuer + 'static) -> Self {
        self.with_shared_issuer(Arc::new(issuer))
    }

    pub(crate) fn with_shared_issuer(mut self, issuer: Arc<dyn TokenIssuer>) -> Self {
        self.issuer = Some(issuer);
        self
    }

    /// Who hashes passwords. Required.
    pub fn with_hasher(mut self, hasher: impl PasswordHasher) -> Self {
        self.hasher = Some(Arc::new(hasher));
        self
    }

    /// Where accounts are created and changed: for registration, password change and [`Auth::accounts`].
    pub fn with_accounts(self, accounts: impl AccountStore<User = U>) -> Self {
        self.with_shared_accounts(Arc::new(accounts))
    }

    pub(crate) fn with_shared_accounts(mut self, accounts: Arc<dyn AccountStore<User = U>>) -> Self {
        self.accounts = Some(accounts);
        self
    }

    /// Who tells the time; [`SystemClock`] unless set.
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where ids, epochs and seeds come from; [`SystemRandom`] unless set.
    pub fn with_secure_random(mut self, randomness: impl SecureRandom + 'static) -> Self {
        self.randomness = Arc::new(randomness);
        self
    }

    /// Who hears of events; [`TracingSink`] unless set.
    pub fn with_events(mut self, events: impl EventSink) -> Self {
        self.events = Arc::new(events);
        self
    }

    /// How guards learn of revocations; [`RevocationCheck::Cached`] unless set.
    pub const fn with_revocation_check(mut self, check: RevocationCheck) -> Self {
        self.revocation_check = check;
        self
    }

    /// What tells the other nodes, or the other `Auth`s of this process, of revocations; a [`LocalFeed`] of its own unless
    /// set: what others write to the stores is then seen within
    /// [`CACHE_TTL_WITHOUT_FEED`](crate::revocation::CACHE_TTL_WITHOUT_FEED). An `Auth` that reads through announces what it revokes too.
    pub fn with_revocation_feed(mut self, feed: impl RevocationFeed) -> Self {
        self.feed = Arc::new(feed);
        self
    }

    /// How many sessions guards remember: [`DEFAULT_CACHE_CAPACITY`] unless set, 1 to [`MAX_CACHE_CAPACITY`].
    pub const fn with_cache_capacity(mut self, sessions: usize) -> Self {
        self.cache_capacity = sessions;
        self
    }

    /// How long an access token is valid: whole seconds, [`DEFAULT_ACCESS_LIFETIME`] unless set, at most
    /// [`MAX_ACCESS_LIFETIME`].
    pub fn with_access_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.access_lifetime = lifetime;
        self
    }

    /// How long a session may lie unused: whole seconds, [`DEFAULT_REFRESH_LIFETIME`] unless set, at most
    /// [`MAX_REFRESH_LIFETIME`] and not less than the access lifetime.
    pub fn with_refresh_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.refresh_lifetime = lifetime;
        self
    }

    /// How long a session may last, used or not: whole seconds, [`DEFAULT_SESSION_LIFETIME`] unless set, not less
    /// than the access lifetime. A session never outlasts it, whatever the refresh lifetime.
    pub fn with_session_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.session_lifetime = lifetime;
        self
    }

    /// How long the previous refresh token is answered with the same successor: [`DEFAULT_REFRESH_GRACE`] unless
    /// set, at most [`MAX_REFRESH_GRACE`]. Zero makes every second use end the session, that of a client whose
    /// answer was lost included.
    pub fn with_refresh_grace(mut self, grace: Duration) -> Self {
        self.settings.refresh_grace = grace;
        self
    }

    /// Which scopes each role may have; none unless set. All together are at most 1024 bytes long, so that they fit in a
    /// token.
    pub fn with_role_scopes(mut self, scopes: RoleScopes) -> Self {
        self.settings.role_scopes = scopes;
        self
    }

    /// The role of those who register; without it nobody can.
    pub fn with_registration_role(mut self, role: RoleName) -> Self {
        self.settings.registration_role = Some(role);
        self
    }

    /// A role that must keep at least one active holder: the last can be neither demoted, disabled nor deleted.
    pub fn with_protected_role(mut self, role: RoleName) -> Self {
        self.settings.protected_role = Some(role);
        self
    }

    /// What becomes of a user's sessions when the role changes; they go on unless set.
    pub fn with_role_change(mut self, policy: RoleChange) -> Self {
        self.settings.role_change = policy;
        self
    }

    /// The realm in challenges (RFC 9110 §11.5): visible ASCII and spaces, without quotes and backslashes; none
    /// unless set.
    pub fn with_realm(mut self, realm: impl Into<String>) -> Self {
        self.answers.realm = Some(realm.into());
        self
    }

    /// The keys that services may present in `X-API-Key`; none unless set.
    pub fn with_api_keys(mut self, keys: ApiKeys) -> Self {
        self.api_keys = keys;
        self
    }

    /// The proxies whose `X-Forwarded-For` is believed about the client's address; none unless set.
    pub fn with_trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.trusted_proxies = proxies;
        self
    }

    /// Who writes the bodies of denials; [`DetailRenderer`](crate::http::DetailRenderer) unless set.
    pub fn with_renderer(mut self, renderer: impl Renderer) -> Self {
        self.answers.renderer = Arc::new(renderer);
        self
    }

    /// How login and refresh answer a refused grant; [`TokenEndpoint::Unauthorized`] unless set.
    pub const fn with_token_endpoint(mut self, token_endpoint: TokenEndpoint) -> Self {
        self.answers.token_endpoint = token_endpoint;
        self
    }

    /// Checks everything and makes the handle.
    ///
    /// # Errors
    /// When something required is missing, or a setting is out of its bounds; the error names it.
    pub fn build(self) -> Result<Auth<U>, BuildError> {
        check(&self.settings)?;
        if self.answers.realm.as_deref().is_some_and(|realm| !is_realm(realm)) {
            return Err(BuildError::new("realm", "must be visible ASCII without quotes and backslashes"));
        }
        if self.cache_capacity == 0 || self.cache_capacity > MAX_CACHE_CAPACITY {
            return Err(BuildError::new(
                "cache_capacity",
                "must be 1 to 10000000; RevocationCheck::ReadThrough keeps none",
            ));
        }
        let issuer = self.issuer.ok_or(BuildError::new("issuer", "is missing: nobody could sign tokens"))?;
        let hasher =
            self.hasher.ok_or(BuildError::new("hasher", "is missing: nobody could verify passwords"))?;
        let cache = match self.revocation_check {
            RevocationCheck::ReadThrough => None,
            RevocationCheck::Cached => Some(remember(self.cache_capacity, &*self.feed, &self.clock)),
        };
        let inner = Inner {
            users: self.users,
            accounts: self.accounts,
            sessions: self.sessions,
            verifier: self.verifier,
            issuer,
            hasher,
            clock: self.clock,
            randomness: self.randomness,
            events: self.events,
            feed: self.feed,
            cache,
            api_keys: self.api_keys,
            trusted_proxies: self.trusted_proxies,
            no_peer: Once::new(),
            answers: self.answers,
            settings: self.settings,
        };
        Ok(Auth { inner: Arc::new(inner) })
    }
}

/// What guards remember, listening to the feed. Where not all who write are heard, the log says so once.
fn remember<U: AuthUser>(
    capacity: usize,
    feed: &dyn RevocationFeed,
    clock: &Arc<dyn Clock>,
) -> Arc<SessionCache<U>> {
    let reach = feed.reach();
    if reach == FeedReach::Process {
        let seconds = reach.cache_ttl().as_secs();
        tracing::info!(target: "gatewright", "what other processes revoke is seen within {seconds} seconds");
    }
    let cache = Arc::new(SessionCache::new(capacity, reach, Arc::clone(clock)));
    let listener: Arc<dyn RevocationListener> = Arc::clone(&cache) as _;
    feed.subscribe(RevocationReceiver::new(&listener));
    cache
}

fn check(settings: &Settings) -> Result<(), BuildError> {
    let Settings { access_lifetime, refresh_lifetime, session_lifetime, refresh_grace, .. } = settings;
    whole_seconds("access_lifetime", *access_lifetime)?;
    whole_seconds("refresh_lifetime", *refresh_lifetime)?;
    whole_seconds("session_lifetime", *session_lifetime)?;
    if *access_lifetime > MAX_ACCESS_LIFETIME {
        return Err(BuildError::new("access_lifetime", "is longer than 24 hours"));
    }
    if *refresh_lifetime > MAX_REFRESH_LIFETIME {
        return Err(BuildError::new("refresh_lifetime", "is longer than 400 days"));
    }
    if refresh_lifetime < access_lifetime {
        return Err(BuildError::new("refresh_lifetime", "is shorter than the access lifetime"));
    }
    if session_lifetime < access_lifetime {
        return Err(BuildError::new("session_lifetime", "is shorter than the access lifetime"));
    }
    if settings.role_scopes.all().as_str().len() > MAX_SCOPES_BYTES {
        return Err(BuildError::new("role_scopes", "are longer than 1024 bytes together"));
    }
    if *refresh_grace > MAX_REFRESH_GRACE {
        return Err(BuildError::new("refresh_grace", "is longer than 60 seconds"));
    }
    Ok(())
}

fn whole_seconds(setting: &'static str, span: Duration) -> Result<(), BuildError> {
    let whole = !span.is_zero() && span.subsec_nanos() == 0;
    if whole { Ok(()) } else { Err(BuildError::new(setting, "must be a positive number of whole seconds")) }
}
