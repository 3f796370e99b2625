//! The builder of [`Auth`]: required parts, optional settings, and the checks of [`AuthBuilder::build`].

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::answers::Answers;
use super::audit_parts::{AuditParts, composed};
use super::build_error::BuildError;
use super::extra_claims::ExtraClaimsSource;
use super::feed_keys::FeedKeys;
use super::handle::Auth;
use super::inner::{Inner, Settings};
use super::limiter::{Environment, Limiter};
use super::limits::{
    DEFAULT_ACCESS_LIFETIME, DEFAULT_HASH_WAIT, DEFAULT_REFRESH_GRACE, DEFAULT_REFRESH_LIFETIME,
    DEFAULT_SESSION_LIFETIME, check, check_cache_capacity, check_hash_wait, check_password_rules,
    check_realm,
};
use super::named_roles::check_roles;
use super::refusal_floor::{DEFAULT_REFUSAL_FLOOR, RefusalFloor};
use super::reports::{NamedReports, Reports};
use super::shared::Shared;
use super::throttle_parts::ThrottleParts;
use crate::audit::Parts as AuditEnvironment;
use crate::cache::{DEFAULT_CACHE_CAPACITY, SessionCache};
use crate::event::{EventSink, Meter, TracingSink};
use crate::http::{DenialResponder, Renderer, TokenEndpoint, TrustedProxies};
use crate::password::{PasswordHasher, PasswordRules};
use crate::revocation::{
    FeedKey, FeedReach, LocalFeed, RevocationCheck, RevocationFeed, RevocationListener, RevocationReceiver,
};
use crate::store::{AccountStore, AuthUser, GracePolicy, SessionStore, UserStore};
use crate::token::{MAX_TOKEN_BYTES, TokenIssuer, TokenVerifier};
use crate::types::{
    ApiKeys, Clock, RoleChange, RoleEnum, RoleName, RoleScopes, SecureRandom, SystemClock, SystemRandom,
    SystemTimer, Timer, Usernames,
};

/// The required parts of an [`Auth`].
pub(super) struct Parts<U> {
    pub(super) users: Arc<dyn UserStore<User = U>>,
    pub(super) sessions: Arc<dyn SessionStore>,
    pub(super) verifier: Arc<dyn TokenVerifier>,
    pub(super) issuer: Arc<dyn TokenIssuer>,
    pub(super) hasher: Arc<dyn PasswordHasher>,
}

/// Builder for [`Auth`]. Start with [`Auth::local`], [`Auth::builder`] or [`Auth::resource_server`].
///
/// [`build`](Self::build) checks all settings together.
///
/// ```
/// # use gatewright::Auth;
/// # use gatewright::auth::BuildError;
/// # use std::time::Duration;
/// # let secret = gatewright::HmacSecret::generate()?;
/// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
/// # let (store, tokens) = (gatewright::MemoryStore::new(), tokens.build()?);
/// let builder = Auth::local(store, tokens, gatewright_testkit::TestHasher::new());
/// let error = builder.with_access_lifetime(Duration::from_secs(25 * 60 * 60)).build().unwrap_err();
/// assert_eq!(error.to_string(), "access_lifetime: must be at most 24 hours, is 90000s");
/// # Ok::<(), BuildError>(())
/// ```
#[must_use]
pub struct AuthBuilder<U> {
    parts: Parts<U>,
    accounts: Option<Arc<dyn AccountStore<User = U>>>,
    clock: Arc<dyn Clock>,
    timer: Arc<dyn Timer>,
    randomness: Arc<dyn SecureRandom>,
    events: Arc<dyn EventSink>,
    pub(super) meter: Meter,
    feed: Arc<dyn RevocationFeed>,
    feed_keys: FeedKeys,
    revocation_check: RevocationCheck,
    cache_capacity: usize,
    pub(super) throttle: ThrottleParts,
    pub(super) audit: AuditParts,
    api_keys: ApiKeys,
    trusted_proxies: TrustedProxies,
    responder: DenialResponder,
    extra_claims: ExtraClaimsSource<U>,
    pub(super) password_rules: PasswordRules,
    pub(super) settings: Settings,
}

impl<U> fmt::Debug for AuthBuilder<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<U: AuthUser> AuthBuilder<U> {
    pub(super) fn new(parts: Parts<U>) -> Self {
        Self {
            parts,
            accounts: None,
            clock: Arc::new(SystemClock),
            timer: Arc::new(SystemTimer),
            randomness: Arc::new(SystemRandom),
            events: Arc::new(TracingSink),
            meter: Meter::default(),
            feed: Arc::new(LocalFeed::new()),
            feed_keys: FeedKeys::default(),
            revocation_check: RevocationCheck::default(),
            cache_capacity: DEFAULT_CACHE_CAPACITY,
            throttle: ThrottleParts::default(),
            audit: AuditParts::default(),
            api_keys: ApiKeys::new(),
            trusted_proxies: TrustedProxies::new(),
            responder: DenialResponder::default(),
            extra_claims: ExtraClaimsSource::default(),
            password_rules: PasswordRules::new(),
            settings: Settings {
                access_lifetime: DEFAULT_ACCESS_LIFETIME,
                refresh_lifetime: DEFAULT_REFRESH_LIFETIME,
                session_lifetime: DEFAULT_SESSION_LIFETIME,
                refresh_grace: DEFAULT_REFRESH_GRACE,
                grace_policy: GracePolicy::default(),
                role_scopes: RoleScopes::new(),
                roles: None,
                registration_role: None,
                usernames: Usernames::default(),
                single_script_usernames: false,
                protected_role: None,
                role_change: RoleChange::KeepSessions,
                hash_wait: DEFAULT_HASH_WAIT,
                refusal_floor: DEFAULT_REFUSAL_FLOOR,
                max_token_bytes: MAX_TOKEN_BYTES,
            },
        }
    }

    /// Sets the account store. Registration, password changes and [`Auth::accounts`] need it.
    pub fn with_accounts(self, accounts: impl AccountStore<User = U>) -> Self {
        self.with_shared_accounts(Arc::new(accounts))
    }

    pub(super) fn with_shared_accounts(mut self, accounts: Arc<dyn AccountStore<User = U>>) -> Self {
        self.accounts = Some(accounts);
        self
    }

    /// Sets the source of the current time; [`SystemClock`] unless set.
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the timer that waits; [`SystemTimer`] unless set. Tests set one that they move.
    pub fn with_timer(mut self, timer: impl Timer) -> Self {
        self.timer = Arc::new(timer);
        self
    }

    /// Sets the source of randomness for ids, epochs and seeds; [`SystemRandom`] unless set.
    pub fn with_secure_random(mut self, randomness: impl SecureRandom + 'static) -> Self {
        self.randomness = Arc::new(randomness);
        self
    }

    /// Sets the receiver of events; [`TracingSink`] unless set.
    pub fn with_events(mut self, events: impl EventSink) -> Self {
        self.events = Arc::new(events);
        self
    }

    /// Sets how guards check for revocations; [`RevocationCheck::Cached`] unless set.
    pub const fn with_revocation_check(mut self, check: RevocationCheck) -> Self {
        self.revocation_check = check;
        self
    }

    /// Sets the feed that carries revocations to other nodes, or to other `Auth`s of this process.
    ///
    /// Unless set, it is a [`LocalFeed`] of this `Auth` alone. Changes that other processes make in
    /// the stores then take effect within
    /// [`CACHE_TTL_WITHOUT_FEED`](crate::revocation::CACHE_TTL_WITHOUT_FEED). An `Auth` with
    /// [`RevocationCheck::ReadThrough`] publishes its revocations too. A feed that reaches other nodes
    /// needs a key: see [`with_feed_key`](Self::with_feed_key).
    pub fn with_revocation_feed(mut self, feed: impl RevocationFeed) -> Self {
        self.feed = Arc::new(feed);
        self
    }

    /// Sets the key under which nodes authenticate the messages of the feed. All nodes need the same one.
    ///
    /// Unless set, the key is derived from the issuer's secret or private key, so nodes that sign with the
    /// same key share it. Set one if the issuer cannot derive any (a key management service), or if `Auth`s
    /// with different signing keys share a feed. A key that was set replaces the derived ones.
    ///
    /// A wrong key costs speed, never a revocation: see
    /// [`DISTRUST_WINDOW`](crate::revocation::DISTRUST_WINDOW).
    pub fn with_feed_key(mut self, key: FeedKey) -> Self {
        self.feed_keys.key = Some(key);
        self
    }

    /// Sets further keys that verify messages of the feed and do not sign: 7 at most, none unless set.
    ///
    /// To replace a key without a loss of speed, give all nodes the next key here first, then make it the
    /// [`feed key`](Self::with_feed_key) and keep the former one here until all nodes have the new one.
    /// Derived keys need none of this: those of all secrets in the issuer's key ring verify.
    pub fn with_previous_feed_keys(mut self, keys: impl IntoIterator<Item = FeedKey>) -> Self {
        self.feed_keys.previous = keys.into_iter().collect();
        self
    }

    pub(super) const fn without_feed_key(mut self) -> Self {
        self.feed_keys.is_unauthenticated = true;
        self
    }

    /// Sets how many sessions the cache holds: 1 to [`MAX_CACHE_CAPACITY`](crate::cache::MAX_CACHE_CAPACITY), and
    /// [`DEFAULT_CACHE_CAPACITY`] unless set.
    pub const fn with_cache_capacity(mut self, sessions: usize) -> Self {
        self.cache_capacity = sessions;
        self
    }

    /// Sets how long an access token is valid: whole seconds, at most [`MAX_ACCESS_LIFETIME`](crate::token::MAX_ACCESS_LIFETIME), and
    /// [`DEFAULT_ACCESS_LIFETIME`] unless set.
    pub fn with_access_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.access_lifetime = lifetime;
        self
    }

    /// Sets after how long without a refresh a session expires: whole seconds, at least the access
    /// lifetime, at most [`MAX_REFRESH_LIFETIME`](crate::token::MAX_REFRESH_LIFETIME), and [`DEFAULT_REFRESH_LIFETIME`] unless set.
    pub fn with_refresh_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.refresh_lifetime = lifetime;
        self
    }

    /// Sets how long a session lasts at most, used or not: whole seconds, at least the access lifetime,
    /// and [`DEFAULT_SESSION_LIFETIME`] unless set. It also caps a longer refresh lifetime.
    pub fn with_session_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.session_lifetime = lifetime;
        self
    }

    /// Sets how long after its use a refresh token returns the session's current token: at most
    /// [`MAX_REFRESH_GRACE`](crate::auth::MAX_REFRESH_GRACE), and [`DEFAULT_REFRESH_GRACE`] unless set.
    ///
    /// With zero, every reuse ends the session. That includes the retry of a client that never
    /// received the reply, and a second tab that loads at the same time. Unless it is zero, the clocks of
    /// nodes must differ by less than this time. In any case they must differ by less than the verifier's
    /// tolerance ([`FUTURE_TOLERANCE`](crate::token::FUTURE_TOLERANCE) unless set): a node that is further
    /// behind rejects new tokens.
    pub fn with_refresh_grace(mut self, grace: Duration) -> Self {
        self.settings.refresh_grace = grace;
        self
    }

    /// Sets what happens when used refresh tokens are accepted from another network after three
    /// rotations in a row; [`GracePolicy::EndSession`] unless set.
    ///
    /// [`GracePolicy::Report`] is for users whose address changes from request to request. A thief who
    /// shares a session with its owner is then only reported
    /// ([`Event::GraceFromAnotherClient`](crate::Event::GraceFromAnotherClient)).
    pub const fn with_grace_policy(mut self, policy: GracePolicy) -> Self {
        self.settings.grace_policy = policy;
        self
    }

    /// Sets how long after its arrival a refusal is answered at the earliest: zero to [`MAX_REFUSAL_FLOOR`](crate::auth::MAX_REFUSAL_FLOOR),
    /// and [`DEFAULT_REFUSAL_FLOOR`] unless set.
    ///
    /// It is for the refusals that could show by their time whether an account exists: every refused login,
    /// a registration (of a new and of a taken address), and a password change with a wrong current password.
    /// A granted login is not delayed.
    ///
    /// A password that is not in its [normal form](crate::Password::normalized) is tried in two forms. The floor of
    /// such a login or password change is twice as high, whichever account it is about.
    ///
    /// It makes the times of single attempts equal. The time includes the wait for a hashing thread, so attempts
    /// in parallel for one account can still show that its stored hash is dearer than a new one, until all stored
    /// hashes have the current costs (`Upgrade::ToCurrent` of the hashing pool). A throttle limits such attempts.
    ///
    /// Set it above the time that the dearest stored hash takes to verify, together with the time that the store
    /// takes to write an account. If a refusal takes longer,
    /// [`Event::RefusalFloorExceeded`](crate::Event::RefusalFloorExceeded) says so. With zero, refusals are
    /// answered at once; tests set that.
    ///
    /// ```
    /// # use gatewright::Auth;
    /// # use gatewright::auth::BuildError;
    /// # use std::time::Duration;
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (store, tokens) = (gatewright::MemoryStore::new(), tokens.build()?);
    /// let builder = Auth::local(store, tokens, gatewright_testkit::TestHasher::new());
    /// let auth = builder.with_refusal_floor(Duration::from_millis(800)).build()?;
    /// # Ok::<(), BuildError>(())
    /// ```
    pub fn with_refusal_floor(mut self, floor: Duration) -> Self {
        self.settings.refusal_floor = floor;
        self
    }

    /// Sets how long a password waits at most until its hash is begun: more than zero, at most
    /// [`MAX_THROTTLED_HASH_WAIT`](crate::auth::MAX_THROTTLED_HASH_WAIT) with a throttle and
    /// [`MAX_HASH_WAIT`](crate::auth::MAX_HASH_WAIT) without, and [`DEFAULT_HASH_WAIT`] unless set. Then the client gets
    /// 503.
    ///
    /// A call that needs two hashes, such as a password change, may wait twice.
    pub fn with_hash_wait(mut self, wait: Duration) -> Self {
        self.settings.hash_wait = wait;
        self
    }

    /// Sets which scopes each role grants; none unless set. All scopes together are at most 1024 bytes
    /// long, so that they fit in a token.
    pub fn with_role_scopes(mut self, scopes: RoleScopes) -> Self {
        self.settings.role_scopes = scopes;
        self
    }

    /// Names all roles of the application, as [`roles!`](crate::roles) declares them.
    ///
    /// - [`build`](Self::build) rejects other roles in the settings.
    /// - If [`RoleScopes`] has entries, a role without one is a warning at the start: users with this role get no
    ///   scopes.
    /// - [`Accounts`](crate::Accounts) gives an account no other role ([`PolicyError::Role`](crate::error::PolicyError::Role), 422).
    /// - A stored user with another role is an event, at most once a minute
    ///   ([`Event::UnknownRole`](crate::Event::UnknownRole)).
    ///
    /// ```
    /// use gatewright::{Auth, RoleName};
    ///
    /// gatewright::roles! { pub enum Role: role { User = "user", Admin = "admin" } }
    ///
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (store, tokens) = (gatewright::MemoryStore::new(), tokens.build()?);
    /// # let hasher = gatewright_testkit::TestHasher::new();
    /// let builder = Auth::local(store, tokens, hasher).with_roles::<Role>().with_registration_role(Role::User);
    /// let error = builder.with_protected_role(RoleName::new("root")?).build().unwrap_err();
    /// assert_eq!(error.to_string(), "protected_role: must be one of `with_roles`, is root");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_roles<R: RoleEnum>(mut self) -> Self {
        self.settings.roles = Some(R::ROLES.iter().map(|role| (*role).into()).collect());
        self
    }

    /// Sets the role of newly registered accounts. Without it, registration is disabled.
    pub fn with_registration_role(mut self, role: impl Into<RoleName>) -> Self {
        self.settings.registration_role = Some(role.into());
        self
    }

    /// Sets a role that keeps at least one active holder. The last one cannot be demoted, disabled or
    /// deleted.
    pub fn with_protected_role(mut self, role: impl Into<RoleName>) -> Self {
        self.settings.protected_role = Some(role.into());
        self
    }

    /// Sets what happens to a user's sessions when the role changes; [`RoleChange::KeepSessions`] unless
    /// set.
    pub fn with_role_change(mut self, policy: RoleChange) -> Self {
        self.settings.role_change = policy;
        self
    }

    /// Adds claims of the application's own to access tokens, made of the user; none unless set.
    ///
    /// The function runs at each login and refresh, so a change of the user reaches the claims with the next
    /// refresh. It must not block. What it returns serializes as one JSON object of at most 1 KiB. Names of
    /// registered claims are reserved ([`ExtraObject`](crate::token::ExtraObject)). If the function fails, or
    /// the object is invalid, the client gets 500 and the log names the claim. Then no session begins or
    /// changes.
    ///
    /// Handlers read the claims with [`VerifiedClaims::extra`](crate::VerifiedClaims::extra) or the extractor
    /// `ExtraClaims`. Guards never read them: use roles and scopes for permissions. Anyone who has a token can
    /// read its claims.
    ///
    /// ```
    /// use gatewright::auth::BuildError;
    /// use gatewright::{Account, Auth};
    /// use serde::Serialize;
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (store, tokens) = (gatewright::MemoryStore::new(), tokens.build()?);
    ///
    /// #[derive(Serialize)]
    /// struct Contact {
    ///     email: String,
    /// }
    ///
    /// let contact = |user: &Account| Ok::<_, std::fmt::Error>(Contact { email: user.email.to_string() });
    /// let builder = Auth::local(store, tokens, gatewright_testkit::TestHasher::new());
    /// let auth = builder.with_extra_claims(contact).build()?;
    /// # Ok::<(), BuildError>(())
    /// ```
    pub fn with_extra_claims<T, E>(
        mut self,
        make: impl Fn(&U) -> Result<T, E> + Send + Sync + 'static,
    ) -> Self
    where
        T: Serialize,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.extra_claims = ExtraClaimsSource::new(make);
        self
    }

    /// Sets the realm in challenges (RFC 9110 §11.5): visible ASCII and spaces, without quotes and
    /// backslashes. No realm unless set.
    pub fn with_realm(mut self, realm: impl Into<String>) -> Self {
        self.responder.realm = Some(realm.into());
        self
    }

    /// Sets the keys that services may send in `X-API-Key`; none unless set.
    pub fn with_api_keys(mut self, keys: ApiKeys) -> Self {
        self.api_keys = keys;
        self
    }

    /// Sets the proxies whose `X-Forwarded-For` is trusted for the client's address; none unless set.
    pub fn with_trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.trusted_proxies = proxies;
        self
    }

    /// Sets the renderer of denial bodies; [`DetailRenderer`](crate::http::DetailRenderer) unless set.
    pub fn with_renderer(mut self, renderer: impl Renderer) -> Self {
        self.responder.renderer = Arc::new(renderer);
        self
    }

    /// Sets how login and refresh reply to a refused grant; [`TokenEndpoint::Unauthorized`] unless set.
    pub const fn with_token_endpoint(mut self, token_endpoint: TokenEndpoint) -> Self {
        self.responder.token_endpoint = token_endpoint;
        self
    }

    /// Checks all settings and builds the handle.
    ///
    /// # Errors
    /// A setting is out of its bounds, or the timer cannot be started. The error names the setting.
    pub fn build(self) -> Result<Auth<U>, BuildError> {
        check(&self.settings)?;
        check_roles(&self.settings)?;
        check_password_rules(&self.password_rules)?;
        check_realm(self.responder.realm.as_deref())?;
        check_cache_capacity(self.cache_capacity)?;
        let Parts { users, sessions, verifier, issuer, hasher } = self.parts;
        let codec = Arc::new(self.feed_keys.codec(self.feed.reach(), &issuer)?);
        let throttle = self.throttle.build(self.feed.reach(), &*issuer, &*self.randomness)?;
        check_hash_wait(self.settings.hash_wait, throttle.is_some())?;
        let audit = self.audit.build(AuditEnvironment {
            clock: Arc::clone(&self.clock),
            timer: Arc::clone(&self.timer),
            randomness: Arc::clone(&self.randomness),
            meter: self.meter.clone(),
        })?;
        let events = composed(self.events, audit.as_ref());
        let environment = Environment::new(&self.clock, &self.timer, &self.randomness, &events, &self.meter);
        let limiter = Limiter::new(throttle, self.throttle.settings, self.throttle.failure, environment);
        if !self.settings.refusal_floor.is_zero() {
            self.timer.start().map_err(|_| {
                BuildError::new(
                    "timer",
                    "could not be started: the system has no more threads; raise its limit",
                )
            })?;
        }
        let cache = match self.revocation_check {
            RevocationCheck::ReadThrough => None,
            RevocationCheck::Cached => {
                let (codec, clock) = (Arc::clone(&codec), Arc::clone(&self.clock));
                let reports = (Arc::clone(&events), self.meter.clone());
                let cache = SessionCache::new(self.cache_capacity, self.feed.reach(), codec, clock, reports);
                Some(subscribed(cache, &*self.feed))
            }
        };
        let realm = self.responder.realm.clone();
        let inner = Inner {
            password_rules: self.password_rules.with_words(realm),
            users,
            accounts: self.accounts,
            sessions,
            verifier,
            issuer,
            hasher,
            clock: self.clock,
            refusal_floor: RefusalFloor::new(self.settings.refusal_floor, Arc::clone(&self.timer)),
            timer: Arc::clone(&self.timer),
            randomness: self.randomness,
            unknown_roles: Reports::default(),
            unknown_peppers: NamedReports::default(),
            feed: self.feed,
            codec,
            cache,
            api_keys: self.api_keys,
            limiter,
            audit,
            meter: self.meter,
            extra_claims: self.extra_claims,
            answers: Arc::new(Answers::new(self.responder, events, self.trusted_proxies, self.timer)),
            settings: self.settings,
        };
        Ok(Auth { inner: Shared::new(inner) })
    }
}

/// Subscribes the cache to the feed. Logs once if the feed does not reach other processes.
fn subscribed<U: AuthUser>(cache: SessionCache<U>, feed: &dyn RevocationFeed) -> Arc<SessionCache<U>> {
    let reach = feed.reach();
    if reach == FeedReach::Process {
        let seconds = reach.cache_ttl().as_secs();
        tracing::info!(target: "gatewright", "revocations made by other processes take effect within {seconds} s");
    }
    let cache = Arc::new(cache);
    let listener: Arc<dyn RevocationListener> = Arc::clone(&cache) as _;
    feed.subscribe(RevocationReceiver::new(&listener));
    cache
}
