//! [`Auth`] itself: the parts that it is built from, and what its methods share.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Once};
use std::time::Duration;

use super::error::{Answers, Error};
use super::extra_claims::ExtraClaimsSource;
use super::refusal_floor::RefusalFloor;
use super::reports::Reports;
use crate::cache::SessionCache;
use crate::error::AuthError;
use crate::event::{Event, EventSink};
use crate::http::{Reply, RequestView, TrustedProxies};
use crate::password::{AccountKey, HashContext, PasswordHasher};
use crate::revocation::{FeedCodec, RevocationFeed};
use crate::store::{Account, AccountStore, AuthUser, GracePolicy, SessionStore, UserStore};
use crate::token::{TokenIssuer, TokenVerifier};
use crate::types::{
    ApiKeys, ClientInfo, ClientNetwork, Clock, Deadline, RoleChange, RoleName, RoleScopes, Scopes,
    SecureRandom, Timer, Timestamp, Usernames,
};

/// Authentication and authorization for users of type `U`.
///
/// An application builds one `Auth` and clones it into its handlers. Cloning is cheap, and all clones
/// share one state.
///
/// # Methods by task
///
/// | task | methods |
/// |---|---|
/// | build | [`local`](Self::local), [`builder`](Self::builder), [`resource_server`](Self::resource_server) |
/// | log in, refresh, log out | [`login`](Self::login), [`create_session`](Self::create_session), [`refresh`](Self::refresh), [`logout`](Self::logout), [`logout_by_refresh_token`](Self::logout_by_refresh_token), [`logout_all`](Self::logout_all) |
/// | register and administrate accounts | [`register`](Self::register), [`change_password`](Self::change_password), [`accounts`](Self::accounts) |
/// | list and end sessions | [`sessions`](Self::sessions), [`end_session`](Self::end_session), [`delete_expired_sessions`](Self::delete_expired_sessions) |
/// | guard a route (adapters) | [`authenticate`](Self::authenticate), [`authenticate_with`](Self::authenticate_with), [`authorize`](Self::authorize), [`require`](Self::require), [`require_api_key`](Self::require_api_key), [`require_claims`](Self::require_claims) |
/// | answer in your own handlers | [`forbidden`](Self::forbidden), [`not_found`](Self::not_found), [`conflict`](Self::conflict), [`error`](Self::error) |
/// | answer requests (adapters) | [`endpoints`](Self::endpoints), [`handle`](Self::handle), [`public_keys`](Self::public_keys), [`method_not_allowed`](Self::method_not_allowed), [`reply_to`](Self::reply_to), [`client`](Self::client) |
/// | revoke and inspect tokens | [`revoke`](Self::revoke), [`introspect`](Self::introspect) |
/// | announce changes of your own stores | [`invalidate_user`](Self::invalidate_user), [`invalidate_session`](Self::invalidate_session) |
///
/// # Example
///
/// The ready-made endpoints make the same calls:
///
/// ```
/// use gatewright::endpoints::Refresh;
/// use gatewright::{Auth, Login, MemoryStore, Password, Registration, RoleName};
///
/// # gatewright_testkit::block_on(async {
/// # let secret = gatewright::HmacSecret::generate()?;
/// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
/// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
/// let auth = Auth::local(MemoryStore::new(), tokens, hasher)
///     .with_registration_role(RoleName::new("user")?)
///     .build()?;
/// let password = Password::new("correct horse battery staple");
/// auth.register(Registration::new("ada@example.com", password.clone())?).await?;
///
/// let pair = auth.login(Login::new("ada@example.com", password)).await?;
/// let next = auth.refresh(Refresh::new(pair.refresh_token.clone())).await?;
/// assert_eq!(next.expires_in, 15 * 60);
/// assert_ne!(next.refresh_token.expose(), pair.refresh_token.expose());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[doc(alias("authentication", "authorization", "login", "middleware"))]
pub struct Auth<U = Account> {
    pub(crate) inner: Arc<Inner<U>>,
}

pub(crate) struct Inner<U> {
    pub(crate) users: Arc<dyn UserStore<User = U>>,
    pub(crate) accounts: Option<Arc<dyn AccountStore<User = U>>>,
    pub(crate) sessions: Arc<dyn SessionStore>,
    pub(crate) verifier: Arc<dyn TokenVerifier>,
    pub(crate) issuer: Arc<dyn TokenIssuer>,
    pub(crate) hasher: Arc<dyn PasswordHasher>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) timer: Arc<dyn Timer>,
    pub(crate) refusal_floor: RefusalFloor,
    pub(crate) randomness: Arc<dyn SecureRandom>,
    /// The reads of users with a role that the application does not have.
    pub(crate) unknown_roles: Reports,
    pub(crate) events: Arc<dyn EventSink>,
    pub(crate) feed: Arc<dyn RevocationFeed>,
    /// Makes the messages of the feed.
    pub(crate) codec: Arc<FeedCodec>,
    /// `None` with [`RevocationCheck::ReadThrough`](crate::RevocationCheck::ReadThrough).
    pub(crate) cache: Option<Arc<SessionCache<U>>>,
    pub(crate) api_keys: ApiKeys,
    pub(crate) trusted_proxies: TrustedProxies,
    /// The warning about a peer without an address is logged once.
    pub(crate) no_peer: Once,
    /// Replies to errors and reports them.
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
    pub(crate) protected_role: Option<RoleName>,
    pub(crate) role_change: RoleChange,
    pub(crate) hash_wait: Duration,
    pub(crate) refusal_floor: Duration,
}

impl<U> Clone for Auth<U> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<U> fmt::Debug for Auth<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

impl<U: AuthUser> Auth<U> {
    /// Deletes expired sessions from the store, and returns how many.
    ///
    /// It only frees space, and need not be called: expired sessions are rejected in any case, and each
    /// login deletes some of them
    /// ([`MAX_EXPIRED_PER_LOGIN`](crate::store::MAX_EXPIRED_PER_LOGIN)). Redis deletes them itself.
    ///
    /// # Errors
    /// [`AuthError::Store`] if the store failed.
    pub async fn delete_expired_sessions(&self) -> Result<u64, Error> {
        let deleted = self.inner.sessions.delete_expired(self.inner.now()).await;
        deleted.map_err(|error| self.inner.error(error))
    }

    /// The client's address and user agent, for an application's own login and refresh (with
    /// [`Login::with_client`](crate::Login::with_client) and
    /// [`Refresh::with_client`](crate::Refresh::with_client)), throttle or log.
    ///
    /// The address is the peer's, or the one in `X-Forwarded-For` if the peer is one of the
    /// [`TrustedProxies`].
    #[must_use]
    pub fn client(&self, view: &RequestView<'_>) -> ClientInfo {
        self.inner.client(view)
    }

    /// An error with this cause, for an application's own checks: a `PolicyError`, a `RequestError`, or an
    /// [`AuthError`].
    ///
    /// ```
    /// use gatewright::error::PolicyError;
    /// use gatewright::{Auth, Email, Error};
    ///
    /// fn address(auth: &Auth, text: &str) -> Result<Email, Error> {
    ///     Email::parse(text).map_err(|invalid| auth.error(PolicyError::from(invalid)))
    /// }
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
    /// # let auth = Auth::local(gatewright::MemoryStore::new(), tokens, hasher).build()?;
    /// assert_eq!(address(&auth, "ada").unwrap_err().reply().status, 422);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn error(&self, kind: impl Into<AuthError>) -> Error {
        self.inner.error(kind)
    }

    /// An application's own 403: an authenticated caller may not do this.
    ///
    /// Unlike a guard's 403 it does not say `insufficient_scope`: a token with more scopes would not help.
    ///
    /// ```
    /// use gatewright::{Auth, Error, UserId};
    ///
    /// fn must_own(auth: &Auth, owner: &UserId, caller: &UserId) -> Result<(), Error> {
    ///     if owner == caller { Ok(()) } else { Err(auth.forbidden()) }
    /// }
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
    /// # let auth = Auth::local(gatewright::MemoryStore::new(), tokens, hasher).build()?;
    /// let reply = must_own(&auth, &UserId::from(1), &UserId::from(2)).unwrap_err().reply();
    /// assert_eq!((reply.status, &reply.body[..]), (403, &br#"{"detail":"Forbidden"}"#[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn forbidden(&self) -> Error {
        self.error(AuthError::forbidden())
    }

    /// An application's own 404: a resource does not exist.
    #[must_use]
    pub fn not_found(&self) -> Error {
        self.error(AuthError::not_found())
    }

    /// An application's own 409: the request conflicts with the state of a resource, for example because a
    /// name is taken.
    #[must_use]
    pub fn conflict(&self) -> Error {
        self.error(AuthError::conflict())
    }

    /// The reply to an error, as clients see it.
    ///
    /// Emits an event for a rejected credential, a malformed request or a failure of the server. A
    /// request without credentials emits none.
    #[must_use]
    pub fn reply_to(&self, error: &AuthError) -> Reply {
        self.inner.reply_to(error)
    }
}

impl<U> Inner<U> {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn client(&self, view: &RequestView<'_>) -> ClientInfo {
        let client = self.trusted_proxies.client(view);
        if client.address.is_none() {
            let fix = "on axum serve with into_make_service_with_connect_info::<SocketAddr>()";
            self.no_peer.call_once(|| {
                tracing::warn!(target: "gatewright", fix, "the framework provides no peer address: sessions and logs have no client address");
            });
        }
        client
    }

    /// The context of one call of the hasher, which may wait from now on.
    pub(crate) fn hash_context(&self, client: &ClientInfo, account: Option<AccountKey>) -> HashContext {
        let network = client.address.map(ClientNetwork::of);
        let deadline = Deadline::after(Arc::clone(&self.timer), self.settings.hash_wait);
        HashContext { network, account, deadline: Some(deadline) }
    }

    /// Runs a call of this client. If `is_held` says so of its outcome, the outcome is returned no earlier than
    /// the refusal floor after the start.
    pub(crate) async fn with_refusal_floor<T>(
        &self,
        client: &ClientInfo,
        call: impl Future<Output = Result<T, AuthError>>,
        is_held: impl FnOnce(&Result<T, AuthError>) -> bool,
    ) -> Result<T, AuthError> {
        self.refusal_floor.apply(&*self.events, client, call, is_held).await
    }

    pub(crate) fn emit(&self, event: &Event<'_>) {
        self.events.emit(event);
    }

    /// Reports an overload at most once a minute, with a count.
    pub(crate) fn report_overload(&self, error: &AuthError) {
        self.answers.report_overload(error);
    }

    pub(crate) fn reply_to(&self, error: &AuthError) -> Reply {
        self.answers.reply_to(error)
    }

    /// The error of a public method: it carries how this `Auth` answers.
    pub(crate) fn error(&self, kind: impl Into<AuthError>) -> Error {
        self.answers.error(kind.into())
    }

    /// Runs the body of a public method. Its error carries how this `Auth` answers.
    pub(crate) async fn answerable<T>(
        &self,
        call: impl Future<Output = Result<T, AuthError>>,
    ) -> Result<T, Error> {
        call.await.map_err(|kind| self.error(kind))
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
