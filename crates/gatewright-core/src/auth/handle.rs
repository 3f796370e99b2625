//! [`Auth`] itself: what an application calls.

use std::fmt;

use super::error::Error;
use super::shared::Shared;
use crate::error::AuthError;
use crate::event::RequestContext;
use crate::http::{Reply, RequestView};
use crate::store::{Account, AuthUser};
use crate::types::ClientInfo;

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
/// | register and administrate accounts | [`register`](Self::register), [`change_password`](Self::change_password), [`check_password`](Self::check_password), [`accounts`](Self::accounts) |
/// | list and end sessions | [`sessions`](Self::sessions), [`end_session`](Self::end_session), [`delete_expired_sessions`](Self::delete_expired_sessions) |
/// | guard a route (adapters) | [`authenticate`](Self::authenticate), [`authenticate_with`](Self::authenticate_with), [`authorize`](Self::authorize), [`require`](Self::require), [`require_api_key`](Self::require_api_key), [`require_claims`](Self::require_claims) |
/// | answer in your own handlers | [`forbidden`](Self::forbidden), [`not_found`](Self::not_found), [`conflict`](Self::conflict), [`error`](Self::error), [`for_request`](Self::for_request), [`request`](Self::request) |
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
    pub(crate) inner: Shared<U>,
}

impl<U> Clone for Auth<U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
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
    /// [`TrustedProxies`](crate::TrustedProxies).
    #[must_use]
    pub fn client(&self, view: &RequestView<'_>) -> ClientInfo {
        self.inner.answers.clients.of(view)
    }

    /// This `Auth` for one request: the events of its methods, and of the [`Accounts`](crate::Accounts) made
    /// from it, say in which request they happened.
    ///
    /// A handler needs it only for methods that it calls itself. Guards and the ready-made endpoints know
    /// their request. Each adapter has a function `for_request` that takes the framework's request.
    ///
    /// ```
    /// use gatewright::Auth;
    /// use gatewright::http::{Headers, RequestView};
    ///
    /// struct Id;
    ///
    /// impl Headers for Id {
    ///     fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
    ///         if name == "x-request-id" {
    ///             see(b"7f3a");
    ///         }
    ///     }
    /// }
    ///
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
    /// # let auth = Auth::local(gatewright::MemoryStore::new(), tokens, hasher).build()?;
    /// let auth = auth.for_request(&RequestView::new("GET", &Id).with_route(&"/users/{id}"));
    /// assert_eq!(auth.request().request_id(), Some("7f3a"));
    /// assert_eq!(auth.request().route(), Some("/users/{id}"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn for_request(&self, view: &RequestView<'_>) -> Self {
        Self { inner: self.inner.for_request(view) }
    }

    /// The request that [`for_request`](Self::for_request) was called with; empty without one.
    #[must_use]
    pub fn request(&self) -> &RequestContext {
        self.inner.request()
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
    /// Emits an event for a missing or rejected credential, a missing role or scope, a malformed request, a
    /// refused change of an account, or a failure of the server. Login and refresh have emitted their refusals
    /// themselves.
    #[must_use]
    pub fn reply_to(&self, error: &AuthError) -> Reply {
        self.inner.answers.report_kind(error, self.inner.request());
        self.inner.answers.reply(error)
    }
}
