//! Sessions: how every login begins one, and how an application begins one without a password.

use super::token_pair::{CurrentToken, Grant, TokenPair, sign};
use crate::auth::{Auth, Error, Shared};
use crate::error::{AuthError, LoginError};
use crate::event::Event;
use crate::guard::find_user;
use crate::revocation::Revocation;
use crate::store::{
    AuthUser, MAX_SESSIONS_PER_USER, Session, SessionSeed, TokenDigest, Validity, first_token_id,
};
use crate::types::{Amr, ClientInfo, InvalidAmr, Scopes, SessionId, UserId};

/// The method of a login with a password (RFC 8176).
pub(super) const PASSWORD_METHOD: &str = "pwd";

/// What a new session records: client, authentication methods and scopes.
///
/// [`Auth::create_session`] takes it.
#[doc(alias("2fa", "magic link", "mfa", "oidc", "passkey", "social login", "sso", "webauthn"))]
#[derive(Debug, Clone)]
pub struct SessionOptions {
    client: ClientInfo,
    amr: Result<Amr, InvalidAmr>,
    scopes: Option<Scopes>,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { client: ClientInfo::default(), amr: Ok(Amr::default()), scopes: None }
    }
}

impl SessionOptions {
    /// Creates options without a client and methods, with all scopes that the user may have.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets address and user agent of the client. The session keeps them, to show them to the user. A handler
    /// gets them from [`Auth::client`].
    #[must_use]
    pub fn with_client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }

    /// Sets how the user proved who they are: the `amr` of RFC 8176, for example `["hwk"]` for a passkey. See
    /// [`Amr`] for the limits.
    #[must_use]
    pub fn with_amr(mut self, methods: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.amr = Amr::new(methods);
        self
    }

    /// Requests these scopes. Those that the user may have are granted.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = Some(scopes);
        self
    }

    pub(super) const fn client(&self) -> &ClientInfo {
        &self.client
    }
}

impl<U: AuthUser> Auth<U> {
    /// Logs a user in whom the application authenticated itself: with another provider, a magic link or a
    /// passkey, or in a test. Returns the first pair of tokens of a new session.
    ///
    /// The caller vouches for the user: there is no password and no [refusal
    /// floor](crate::AuthBuilder::with_refusal_floor). Everything else is as in [`Auth::login`]: the limit of
    /// sessions, the events, and the time of the login (`auth_time`), which a refresh does not change.
    ///
    /// ```
    /// use gatewright::{Auth, AuthError, SessionOptions, UserId};
    /// # use gatewright::{MemoryStore, Password, Registration, RoleName};
    ///
    /// # gatewright_testkit::block_on(async {
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
    /// # let builder = Auth::local(MemoryStore::new(), tokens, hasher).with_registration_role(RoleName::new("user")?);
    /// # let auth = builder.build()?;
    /// # auth.register(Registration::new("ada@example.com", Password::new("correct horse battery staple"))?).await?;
    /// # let ada = auth.accounts()?.page(None, 1).await?.remove(0).id;
    /// // The application has verified Ada's passkey.
    /// let pair = auth.create_session(&ada, SessionOptions::new().with_amr(["hwk"])).await?;
    /// assert_eq!(pair.expires_in, 15 * 60);
    ///
    /// let unknown = UserId::new("another id")?;
    /// let refused = auth.create_session(&unknown, SessionOptions::new()).await.unwrap_err();
    /// assert!(matches!(refused.kind(), AuthError::Login(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// - [`AuthError::Login`] if the user does not exist or is disabled.
    /// - [`AuthError::Amr`] if the methods break a rule of [`Amr`]. No session is created.
    /// - Any other error if a store or the issuer failed.
    ///
    /// # Cancel safety
    /// A cancelled call may leave a session without tokens. It expires.
    pub async fn create_session(&self, user: &UserId, options: SessionOptions) -> Result<TokenPair, Error> {
        self.inner.answerable(self.inner.create_session(user, options)).await
    }
}

impl<U: AuthUser> Shared<U> {
    async fn create_session(&self, user: &UserId, options: SessionOptions) -> Result<TokenPair, AuthError> {
        let refuse = |user: Option<&UserId>, cause| {
            self.emit(&Event::LoginRefused { user, cause, name: None });
            Err(AuthError::Login(cause))
        };
        match find_user(self, user).await? {
            None => refuse(None, LoginError::UserUnknown),
            Some(found) if !found.is_active() => refuse(Some(user), LoginError::UserDisabled),
            Some(found) => self.start_session(&found, options).await,
        }
    }

    /// Creates a session of a user who was just authenticated, and signs its first pair of tokens.
    ///
    /// The epoch was read together with what authenticated the user. If all sessions of the user have ended
    /// since, the new one is invalid from the start.
    pub(super) async fn start_session(
        &self,
        user: &U,
        options: SessionOptions,
    ) -> Result<TokenPair, AuthError> {
        self.report_unknown_role(user);
        let session = self.new_session(user, options)?;
        let grant = Grant::new(self, user, session.scopes.clone())?;
        let validity = Validity::new(session.created_at, session.idle_expires_at);
        let first = CurrentToken { id: first_token_id(&*self.randomness)?, validity };
        // An issuer that fails begins no session.
        let pair = sign(self, &session, &first, &grant).await?;
        // The store may delete the oldest sessions. It returns how many, but not which.
        let (oldest, current) = (Revocation::user(session.user.clone()), TokenDigest::of(&first.id));
        let create = self.sessions.create(&session, current, MAX_SESSIONS_PER_USER);
        self.revoke_without_waiting(oldest, create, |deleted| *deleted > 0).await?;
        self.emit(&Event::LoggedIn { user: &session.user, session: session.id });
        Ok(pair)
    }

    fn new_session(&self, user: &U, options: SessionOptions) -> Result<Session, AuthError> {
        let SessionOptions { client, amr, scopes: requested } = options;
        let allowed = self.allowed_scopes(user);
        let scopes = requested.map_or_else(|| allowed.clone(), |requested| requested.intersection(&allowed));
        let now = self.now();
        let id = SessionId::generate(now, &*self.randomness)?;
        let seed = SessionSeed::generate(&*self.randomness)?;
        let idle = now.saturating_add(self.settings.refresh_lifetime);
        let absolute = now.saturating_add(self.settings.session_lifetime);
        Ok(Session::new(id, user.id(), user.epoch(), seed, now)
            .with_scopes(scopes)
            .with_client(client)
            .with_amr(amr?)
            .with_expiry(idle, absolute))
    }
}
