//! Login with a password: the OAuth 2.0 password form (RFC 6749 §4.3), as in FastAPI.

use super::create_session::{PASSWORD_METHOD, SessionOptions};
use super::token_pair::TokenPair;
use crate::auth::{Auth, Error, Inner, Permit, Shared, shows_first_hash};
use crate::error::{AuthError, LoginError, RequestError};
use crate::event::{AttemptedName, Event};
use crate::http::Fields;
use crate::password::{
    AccountKey, HashContext, HasherError, PasswordVerdict, has_one_form, hashes_of_refusal, is_overlong,
    verify_bounded,
};
use crate::store::{AuthUser, CompareAndSwap};
use crate::throttle::{ClientOrigin, Purpose, ThrottleDigests};
use crate::types::{ClientInfo, LoginName, Password, Scopes};

/// A login: user name, password and requested scopes.
///
/// ```
/// use gatewright::error::LoginError;
/// use gatewright::{
///     Auth, AuthError, Login, MemoryStore, Password, Registration, RoleName, RoleScopes, Scopes,
/// };
///
/// # gatewright_testkit::block_on(async {
/// # let secret = gatewright::HmacSecret::generate()?;
/// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
/// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
/// let auth = Auth::local(MemoryStore::new(), tokens, hasher)
///     .with_registration_role(RoleName::new("user")?)
///     .with_role_scopes(RoleScopes::new().with(RoleName::new("user")?, Scopes::parse("items:read items:list")?))
///     .build()?;
/// let password = Password::new("correct horse battery staple");
/// auth.register(Registration::new("ada@example.com", password.clone())?).await?;
///
/// let login = Login::new("ada@example.com", password).with_scopes(Scopes::parse("items:read items:write")?);
/// assert_eq!(auth.login(login).await?.scopes.as_str(), "items:read");
///
/// let guess = Login::new("ada@example.com", Password::new("an entirely wrong guess"));
/// let refused = auth.login(guess).await.unwrap_err();
/// assert!(matches!(refused.kind(), AuthError::Login(LoginError::WrongPassword)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[doc(alias("oauth2 password", "sign in", "signin"))]
#[derive(Debug, Clone)]
pub struct Login {
    /// `None` if the text cannot be a login name.
    name: Option<LoginName>,
    password: Password,
    options: SessionOptions,
}

impl Login {
    /// Creates a login that requests all scopes that the user may have. `username` is a [`LoginName`]. A text
    /// that cannot be one is refused later, in the same way as an unknown name.
    #[must_use]
    pub fn new(username: &str, password: Password) -> Self {
        let options = SessionOptions::new().with_amr([PASSWORD_METHOD]);
        Self { name: LoginName::parse(username).ok(), password, options }
    }

    /// Requests these scopes. Those that the user may have are granted.
    #[must_use]
    pub fn with_scopes(mut self, scopes: Scopes) -> Self {
        self.options = self.options.with_scopes(scopes);
        self
    }

    /// Sets address and user agent of the client. The session keeps them, to show them to the user. The
    /// address also decides which share of the hasher's queue the login takes.
    ///
    /// The ready-made endpoint sets them. An application's own login gets them from [`Auth::client`].
    #[must_use]
    pub fn with_client(mut self, client: ClientInfo) -> Self {
        self.options = self.options.with_client(client);
        self
    }

    pub(crate) fn from_fields(fields: &Fields) -> Result<Self, RequestError> {
        if fields.optional("grant_type")?.is_some_and(|grant| grant != "password") {
            return Err(RequestError::GrantType);
        }
        let login = Self::new(fields.required("username")?, Password::new(fields.required("password")?));
        Ok(match fields.scopes()? {
            Some(scopes) => login.with_scopes(scopes),
            None => login,
        })
    }
}

impl Login {
    const fn client(&self) -> &ClientInfo {
        self.options.client()
    }

    fn hash_context<U>(&self, inner: &Inner<U>) -> HashContext {
        inner.hash_context(self.client(), self.name.as_ref().map(AccountKey::of_login))
    }
}

impl<U: AuthUser> Auth<U> {
    /// Logs a user in: creates a session and returns its first pair of tokens.
    ///
    /// The throttle limits the attempts of an account and of a network before any hash
    /// ([`throttle`](crate::throttle)). An unknown name, a disabled user, a wrong password, a locked account, an
    /// unusable hash and an unknown pepper give the client the same answer, no earlier than the
    /// [refusal floor](crate::AuthBuilder::with_refusal_floor) after the call, which is twice as high for a password in
    /// two forms. A stored hash that the hasher wants to be replaced, such as a weaker one, is replaced.
    ///
    /// The password is tried in its normal form ([`Password::normalized`]), then as it was received: another system may
    /// have stored the hash of that. After such a login the hash is replaced by that of the normal form.
    ///
    /// # Errors
    /// [`AuthError::Login`] if the login is refused; [`AuthError::TooManyAttempts`] if it must wait; any other error
    /// if a store or the hasher failed.
    ///
    /// # Cancel safety
    /// A cancelled call may leave a session without tokens. It expires.
    pub async fn login(&self, login: Login) -> Result<TokenPair, Error> {
        let (client, hashes) = (login.client().clone(), hashes_of_refusal(&login.password));
        let is_refused = |outcome: &Result<_, _>| match outcome {
            Err(AuthError::Login(_)) => true,
            Err(error) => shows_first_hash(error, hashes),
            Ok(_) => false,
        };
        // In a box: each layer around a future would store it twice.
        let call = Box::pin(self.login_at_once(login));
        let call = self.inner.with_refusal_floor(&client, hashes, call, is_refused);
        self.inner.answerable(self.inner.measured(Purpose::Login, call)).await
    }

    /// Logs a user in. A refusal is not held back.
    async fn login_at_once(&self, login: Login) -> Result<TokenPair, AuthError> {
        let user = verify_user(&self.inner, &login).await?;
        self.inner.start_session(&user, login.options).await
    }
}

/// Finds the user and verifies the password. Each refusal of the same password does the same work: one hash, or two
/// if the password is not in its normal form.
async fn verify_user<U: AuthUser>(inner: &Shared<U>, login: &Login) -> Result<U, AuthError> {
    let user = match &login.name {
        Some(name) if !is_overlong(&login.password) => inner.users.find_by_login(name).await?,
        _ => None,
    };
    let stored = user.as_ref().and_then(AuthUser::password_hash);
    let mut permit = admit(inner, login, user.as_ref()).await?;
    let context = || login.hash_context(inner);
    // A locked account computes as many hashes for the right password as for a wrong one.
    let may_log_in = user.as_ref().is_some_and(AuthUser::is_active) && !permit.is_locked();
    permit.begin();
    let verified = verify_bounded(&*inner.hasher, &login.password, stored, context, may_log_in).await;
    let verdict = match verified {
        Ok(verdict) => Ok(verdict),
        // The client learns nothing about the account: the answer, the work and the count are those of a wrong password.
        Err(HasherError::UnknownPepper { id }) => {
            user.iter().for_each(|user| inner.report_unknown_pepper(&user.id(), &id));
            Err(LoginError::UnknownPepper)
        }
        Err(error) => {
            // Of two forms, the first may have been judged.
            if matches!(error, HasherError::Busy {}) && has_one_form(&login.password) {
                permit.given_back().await;
            } else {
                permit.failed().await;
            }
            return Err(error.into());
        }
    };
    let is_judged = verdict.is_ok();
    let locked = permit.is_locked().then_some(LoginError::Locked);
    match refusal(login, user.as_ref(), verdict).or(locked) {
        Some(cause) => {
            if is_judged {
                permit.failed().await;
            } else {
                permit.unjudged().await;
            }
            let id = user.as_ref().map(AuthUser::id);
            let name = login.name.as_ref().filter(|_| id.is_none()).map(LoginName::throttle_key);
            let name = name.as_deref().map(AttemptedName::new);
            inner.emit(&Event::LoginRefused { user: id.as_ref(), cause, name });
            Err(cause.into())
        }
        None => {
            permit.succeeded().await;
            let user = user.ok_or(LoginError::UserUnknown)?;
            if verdict == Ok(PasswordVerdict::MatchUpgrade) {
                upgrade_hash(inner, &user, login).await;
            }
            Ok(user)
        }
    }
}

/// Reserves the login under its account, its network and the user. It is refused before any hash if one of them is
/// limited.
async fn admit<'a, U: AuthUser>(
    inner: &'a Shared<U>,
    login: &Login,
    user: Option<&U>,
) -> Result<Permit<'a>, AuthError> {
    let client = login.client();
    let (user, origin) = (user.map(AuthUser::id), ClientOrigin::from(client));
    let subject = inner.subject(user.clone(), client.clone());
    let name = login.name.as_ref().map(LoginName::throttle_key);
    let keys = |digests: &ThrottleDigests| match name {
        Some(name) => digests.login(&name, user.as_ref(), origin),
        None => digests.nameless_login(origin),
    };
    inner.limiter.acquire(subject, keys).await
}

/// Why the login is refused, or `None` if it is accepted.
fn refusal<U: AuthUser>(
    login: &Login,
    user: Option<&U>,
    verdict: Result<PasswordVerdict, LoginError>,
) -> Option<LoginError> {
    match user {
        _ if is_overlong(&login.password) => Some(LoginError::PasswordTooLong),
        _ if login.name.is_none() => Some(LoginError::InvalidName),
        None => Some(LoginError::UserUnknown),
        Some(user) if !user.is_active() => Some(LoginError::UserDisabled),
        // Another system may have stored the hash of an empty password.
        Some(_) if login.password.expose().is_empty() => Some(LoginError::WrongPassword),
        Some(_) => match verdict {
            Ok(PasswordVerdict::Match | PasswordVerdict::MatchUpgrade) => None,
            Ok(PasswordVerdict::Mismatch) => Some(LoginError::WrongPassword),
            Err(cause) => Some(cause),
        },
    }
}

/// Replaces the stored hash by a new one. If that fails, the login continues.
async fn upgrade_hash<U: AuthUser>(inner: &Shared<U>, user: &U, login: &Login) {
    let id = user.id();
    let swap = async {
        let context = login.hash_context(inner);
        let new = inner.hasher.hash(login.password.normalized(), &context).await?;
        let Some(old) = user.password_hash() else { return Ok(CompareAndSwap::Conflict) };
        Ok::<_, AuthError>(inner.users.replace_password_hash(&id, &old, &new).await?)
    };
    match swap.await {
        Ok(CompareAndSwap::Swapped) => inner.emit(&Event::HashUpgraded { user: &id }),
        Ok(CompareAndSwap::Conflict) => inner.emit(&Event::HashNotUpgraded { user: &id, cause: None }),
        // The next login tries again. An event for each login would flood the log of an overloaded service.
        Err(error @ AuthError::Hasher(HasherError::Busy {})) => inner.report_overload(&error),
        Err(error) => inner.emit(&Event::HashNotUpgraded { user: &id, cause: Some(&error) }),
    }
}
