//! Accounts: registration and administration. Changes of accounts are in `account_changes.rs`.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::sessions::SessionList;
use crate::audit::Attempt;
use crate::auth::{Auth, Error, Shared};
use crate::error::{AuthError, FieldProblem, PolicyError, RequestError};
use crate::event::{Actor, Event};
use crate::guard::Identity;
use crate::http::Fields;
use crate::password::{AccountKey, check_form};
use crate::revocation::Revocation;
use crate::store::{Account, AccountCounts, AccountStore, AuthUser, CreateOutcome, NewAccount, StoreError};
use crate::throttle::{Purpose, ThrottleDigests};
use crate::types::{
    ClientInfo, Email, Epoch, InvalidUsername, MAX_EMAIL_BYTES, Password, RoleName, SessionId, UnknownRole,
    UserId, Username, Usernames, search_key,
};

/// A registration: address and password of a new account.
#[doc(alias("sign up", "signup"))]
#[derive(Debug, Clone)]
pub struct Registration {
    email: Email,
    username: Option<Username>,
    password: Password,
    client: ClientInfo,
}

impl Registration {
    /// Checks the address, and the rules for passwords that no setting changes: the greatest length and the characters.
    /// [`Auth::register`] and [`Accounts::create`] check the others.
    ///
    /// # Errors
    /// The rule that one of them breaks.
    pub fn new(email: &str, password: Password) -> Result<Self, PolicyError> {
        let email = Email::parse(email)?;
        check_form(&password)?;
        Ok(Self { email, username: None, password, client: ClientInfo::default() })
    }

    /// Sets address and user agent of the client, for [`Event::RegistrationRepeated`]. The address also
    /// decides which share of the hasher's queue the registration takes.
    ///
    /// The ready-made endpoint sets them. An application's own registration gets them from
    /// [`Auth::client`].
    #[must_use]
    pub fn with_client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }

    /// Sets the user name of the account. The `Auth` needs
    /// [`with_usernames`](crate::AuthBuilder::with_usernames).
    ///
    /// # Errors
    /// The text is not a [`Username`].
    pub fn with_username(mut self, username: &str) -> Result<Self, PolicyError> {
        self.username = Some(Username::parse(username)?);
        Ok(self)
    }

    /// The field `username` is read only if accounts have user names. An empty one counts as omitted. A malformed
    /// field is refused before a value that breaks a rule.
    pub(crate) fn from_fields(fields: &Fields, usernames: Usernames) -> Result<Self, AuthError> {
        let (email, password) = (fields.present("email")?, Password::new(fields.present("password")?));
        let username = match usernames {
            Usernames::None => None,
            Usernames::Optional => fields.optional("username")?,
            Usernames::Required => Some(fields.required("username")?),
        };
        let registration = Self::new(email, password)?;
        Ok(match username {
            Some(username) => registration.with_username(username)?,
            None => registration,
        })
    }
}

impl<U: AuthUser> Auth<U> {
    /// The administration of the accounts of this `Auth`.
    ///
    /// # Errors
    /// [`AuthError::Misconfigured`] if no account store is configured.
    pub fn accounts(&self) -> Result<Accounts<U>, Error> {
        let missing = AuthError::Misconfigured { missing: "call with_accounts on the builder" };
        let store = self.inner.accounts.clone().ok_or_else(|| self.inner.error(missing))?;
        Ok(Accounts { inner: self.inner.clone(), store, actor: None })
    }

    /// Creates an account with the registration role, unless the address is taken.
    ///
    /// Both cases return `Ok`, no earlier than the [refusal floor](crate::AuthBuilder::with_refusal_floor)
    /// after the call, so that a caller cannot find out which addresses have an account. It does not log in.
    ///
    /// # Errors
    /// - [`AuthError::Policy`] if the password breaks one of the [`PasswordRules`](crate::password::PasswordRules), or
    ///   the user name is taken or has [several scripts](crate::AuthBuilder::with_single_script_usernames).
    /// - [`AuthError::Request`] if the user name is missing, and every registration must have one.
    /// - [`AuthError::Misconfigured`] if registration is not configured, or there is a user name without
    ///   [`with_usernames`](crate::AuthBuilder::with_usernames).
    /// - Any other error if the store or the hasher failed.
    pub async fn register(&self, registration: Registration) -> Result<(), Error> {
        let missing = AuthError::Misconfigured { missing: "call with_registration_role on the builder" };
        let role = self.inner.settings.registration_role.clone();
        let role = role.ok_or_else(|| self.inner.error(missing))?;
        let accounts = self.accounts()?;
        let client = registration.client.clone();
        let subject = self.inner.subject(None, client.clone());
        let create = async {
            let register = |digests: &ThrottleDigests| digests.register((&client).into());
            let permit = self.inner.limiter.acquire(subject, register).await?;
            permit.spent();
            accounts.create_or_report(registration, role).await
        };
        let call = self.inner.with_refusal_floor(&client, 1, Box::pin(create), Result::is_ok);
        self.inner.answerable(self.inner.measured(Purpose::Register, call)).await
    }
}

/// Administration of accounts. A change that must end sessions and tokens ends them.
///
/// ```
/// use gatewright::{Auth, AuthError, Login, MemoryStore, Password, Registration, RoleName};
///
/// # gatewright_testkit::block_on(async {
/// # let secret = gatewright::HmacSecret::generate()?;
/// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
/// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
/// let auth = Auth::local(MemoryStore::new(), tokens, hasher)
///     .with_protected_role(RoleName::new("admin")?)
///     .build()?;
/// let accounts = auth.accounts()?;
/// let password = Password::new("correct horse battery staple");
/// let admin = Registration::new("admin@example.com", password.clone())?;
/// let _created_or_taken = accounts.create(admin, [RoleName::new("admin")?]).await?;
///
/// let admin = &accounts.page(None, 1).await?[0];
/// let refused = accounts.set_active(&admin.id, false).await.unwrap_err();
/// assert!(matches!(refused.kind(), AuthError::LastHolder { .. }));
/// auth.login(Login::new("admin@example.com", password)).await?;
/// assert_eq!(accounts.sessions(&admin.id).await?.sessions.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[doc(alias("admin", "user management"))]
pub struct Accounts<U = Account> {
    pub(super) inner: Shared<U>,
    pub(super) store: Arc<dyn AccountStore<User = U>>,
    /// The user on whose behalf it works. `None` is the application itself.
    actor: Option<UserId>,
}

impl<U> fmt::Debug for Accounts<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}

impl<U: AuthUser> Accounts<U> {
    /// Names the caller as the actor of the following changes, for their events. Without it, the actor is the
    /// application itself ([`Actor::System`]).
    #[must_use]
    pub fn by(mut self, caller: &Identity<U>) -> Self {
        self.actor = Some(caller.user().id());
        self
    }

    /// Creates an account with these roles, unless the address or the user name is taken.
    ///
    /// In all cases it computes the hash. A store may still take slightly longer to write a row than to find an
    /// existing one. The caller gets the outcome, so a taken address causes no event.
    ///
    /// # Errors
    /// - [`AuthError::Misconfigured`] if there is a user name without
    ///   [`with_usernames`](crate::AuthBuilder::with_usernames).
    /// - [`AuthError::Policy`] if the application does not have one of the roles
    ///   ([`with_roles`](crate::AuthBuilder::with_roles)), or the password breaks one of the
    ///   [`PasswordRules`](crate::password::PasswordRules).
    /// - Any other error if the store or the hasher failed.
    pub async fn create(
        &self,
        new: Registration,
        roles: impl IntoIterator<Item = impl Into<RoleName>>,
    ) -> Result<CreateOutcome<U>, Error> {
        let roles = roles.into_iter().map(Into::into).collect();
        self.inner.answerable(self.create_with_roles(new, roles)).await
    }

    async fn create_with_roles(
        &self,
        new: Registration,
        roles: BTreeSet<RoleName>,
    ) -> Result<CreateOutcome<U>, AuthError> {
        self.check_known(&roles)?;
        let new = self.new_account(self.checked(new).await?, roles).await?;
        let id = new.id.clone();
        let event = Event::AccountCreated { user: &id, actor: self.actor() };
        let attempt = self.inner.attempt(&event).await?;
        let created = self.store.create(new).await;
        self.record_creation(attempt, &event, &created);
        Ok(created?)
    }

    /// Records how the creation of an account ended, and emits the event if it was created.
    pub(super) fn record_creation(
        &self,
        attempt: Attempt,
        event: &Event<'_>,
        created: &Result<CreateOutcome<U>, StoreError>,
    ) {
        match created {
            Ok(CreateOutcome::Created(_)) => {
                self.inner.emit(event);
                attempt.made();
            }
            Ok(CreateOutcome::Taken | CreateOutcome::HolderExists) => {
                attempt.refused(&AuthError::Conflict {});
            }
            Ok(CreateOutcome::UsernameTaken) => attempt.refused(&PolicyError::UsernameTaken),
            Err(error) => attempt.unknown(error),
        }
    }

    /// Checks user name and password, and brings the password into the form that is hashed.
    pub(super) async fn checked(&self, mut new: Registration) -> Result<Registration, AuthError> {
        let single_script = self.inner.settings.single_script_usernames;
        if single_script && new.username.as_ref().is_some_and(|name| !name.is_single_script()) {
            return Err(PolicyError::Username(InvalidUsername::MixedScripts).into());
        }
        let mut names = vec![new.email.as_str()];
        names.extend(new.username.as_ref().map(Username::as_str));
        let refusal = PolicyError::Password;
        new.password = self.inner.check_new_password(&new.password, &names, &new.client, refusal).await?;
        Ok(new)
    }

    /// Computes the hash of a checked password, and generates id and epoch.
    pub(super) async fn new_account(
        &self,
        new: Registration,
        roles: BTreeSet<RoleName>,
    ) -> Result<NewAccount, AuthError> {
        if new.username.is_some() && self.inner.settings.usernames == Usernames::None {
            return Err(AuthError::Misconfigured { missing: "call with_usernames on the builder" });
        }
        let context = self.inner.hash_context(&new.client, Some(AccountKey::of_email(&new.email)));
        let password_hash = self.inner.hasher.hash(new.password, &context).await?;
        let now = self.inner.now();
        let id = UserId::generate(now, &*self.inner.randomness)?;
        let epoch = Epoch::generate(&*self.inner.randomness)?;
        let mut account = NewAccount::new(id, new.email, password_hash, roles, epoch, now);
        account.username = new.username;
        Ok(account)
    }

    /// Creates an account for a client. An event reports a taken address, because the client must not learn it.
    ///
    /// It looks the address up in both cases, so that both read the store as often.
    async fn create_or_report(&self, new: Registration, role: RoleName) -> Result<(), AuthError> {
        if new.username.is_none() && self.inner.settings.usernames == Usernames::Required {
            return Err(RequestError::Field { name: "username", problem: FieldProblem::Missing }.into());
        }
        let new = self.checked(new).await?;
        // The look-up saves the hash. Its result is public.
        if let Some(username) = &new.username
            && self.store.find_by_login(&username.into()).await?.is_some()
        {
            return Err(PolicyError::UsernameTaken.into());
        }
        let holder = self.store.find_by_email(&new.email).await?.map(|user| user.id());
        let client = new.client.clone();
        let new = self.new_account(new, BTreeSet::from([role])).await?;
        match self.store.create(new).await? {
            CreateOutcome::Created(user) => self.inner.emit(&Event::Registered { user: &user.id() }),
            CreateOutcome::Taken | CreateOutcome::HolderExists => {
                self.inner.emit(&Event::RegistrationRepeated { user: holder.as_ref(), client: &client });
            }
            CreateOutcome::UsernameTaken => return Err(PolicyError::UsernameTaken.into()),
        }
        Ok(())
    }

    /// Finds the account with this id.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] if it does not exist; any other error if the store failed.
    pub async fn find(&self, id: &UserId) -> Result<U, Error> {
        self.inner.answerable(async { self.store.find_by_id(id).await?.ok_or(AuthError::NotFound {}) }).await
    }

    /// Lists a user's live sessions.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] if the user does not exist; any other error if a store failed.
    pub async fn sessions(&self, user: &UserId) -> Result<SessionList, Error> {
        let user = self.find(user).await?;
        self.inner.answerable(self.inner.list_sessions(&user)).await
    }

    /// Ends one of a user's sessions. Its tokens are rejected from then on.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] if the user has no such session; any other error if the store failed.
    pub async fn end_session(&self, user: &UserId, id: SessionId) -> Result<(), Error> {
        let call = async {
            self.inner.sessions.find(user, id).await?.ok_or(AuthError::NotFound {})?;
            let event = Event::SessionEnded { user, session: id, actor: self.actor() };
            let record = |&(): &()| {
                self.inner.emit(&event);
                true
            };
            let delete = self.inner.sessions.delete(user, id);
            let end = self.inner.revoke_and_wait(Revocation::session(id), delete, record);
            self.inner.attempted(&event, end).await
        };
        self.inner.answerable(call).await
    }

    /// Ends all of a user's sessions. The user may log in again.
    ///
    /// It replaces the epoch first, which also invalidates logins at the same time.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] if the user does not exist; any other error if a store failed. If only the
    /// session store failed, all tokens are rejected. The remaining sessions expire.
    pub async fn end_sessions(&self, id: &UserId) -> Result<(), Error> {
        let call = async {
            let event = Event::SessionsEnded { user: id, actor: self.actor() };
            let end = async {
                if !self.inner.replace_epoch(id, &event).await? {
                    return Err(AuthError::NotFound {});
                }
                self.inner.delete_all_sessions(id, None).await
            };
            self.inner.attempted(&event, end).await
        };
        self.inner.answerable(call).await
    }

    /// Lifts the lock of an account after many consecutive failures
    /// ([`LOCK_AFTER`](crate::throttle::LOCK_AFTER)). Returns whether there was one for all networks.
    ///
    /// The waiting time of the login name, at most 15 minutes unless set, is not shortened.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] if the account does not exist; any other error if a store or the throttle failed.
    pub async fn unlock(&self, id: &UserId) -> Result<bool, Error> {
        let call = async {
            self.store.find_by_id(id).await?.ok_or(AuthError::NotFound {})?;
            self.lift_lock(id).await
        };
        self.inner.answerable(call).await
    }

    pub(super) async fn lift_lock(&self, id: &UserId) -> Result<bool, AuthError> {
        let event = Event::AccountUnlocked { user: id, actor: self.actor() };
        let lift = async {
            let was_locked = self.inner.limiter.unlock(id).await?;
            self.inner.emit(&event);
            Ok(was_locked)
        };
        self.inner.attempted(&event, lift).await
    }

    /// Counts all and the active accounts.
    ///
    /// # Errors
    /// The store failed.
    pub async fn count(&self) -> Result<AccountCounts, Error> {
        self.store.count().await.map_err(|error| self.inner.error(error))
    }

    /// Returns at most `limit` accounts whose ids come after `after`, in the order of their ids.
    ///
    /// # Errors
    /// The store failed.
    pub async fn page(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<U>, Error> {
        self.store.page(after, limit).await.map_err(|error| self.inner.error(error))
    }

    /// Returns at most `limit` accounts whose address contains `text` and whose ids come after `after`, in the
    /// order of their ids. Case does not matter, and no character is a wildcard. An empty text finds all accounts.
    /// The store compares [keys](Email::key), which have an internationalised domain in its ASCII form. So a whole
    /// address and a whole domain behind an `@` are found in both spellings, a part of such a domain is not.
    ///
    /// The store reads all accounts that come after `after`, until it has found as many.
    ///
    /// ```
    /// use gatewright::{Auth, MemoryStore, Password, Registration, RoleName};
    ///
    /// # gatewright_testkit::block_on(async {
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
    /// let auth = Auth::local(MemoryStore::new(), tokens, hasher).build()?;
    /// let accounts = auth.accounts()?;
    /// for email in ["ada@example.com", "eve@example.com", "adam@example.org"] {
    ///     let new = Registration::new(email, Password::new("correct horse battery staple"))?;
    ///     let _created_or_taken = accounts.create(new, [RoleName::new("user")?]).await?;
    /// }
    /// let first = accounts.search("Ada", None, 1).await?;
    /// let second = accounts.search("Ada", first.last().map(|account| &account.id), 10).await?;
    /// assert_eq!((first.len(), second.len()), (1, 1), "Ada and Adam, in either order: ids are random");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// The store failed.
    pub async fn search(&self, text: &str, after: Option<&UserId>, limit: u32) -> Result<Vec<U>, Error> {
        let text = text.trim();
        // No address contains such a text, and databases reject some of them.
        if text.len() > MAX_EMAIL_BYTES || text.contains(char::is_control) {
            return Ok(Vec::new());
        }
        let found = self.store.search(&search_key(text), after, limit).await;
        found.map_err(|error| self.inner.error(error))
    }

    /// Refuses roles that the application does not have.
    pub(super) fn check_known(&self, roles: &BTreeSet<RoleName>) -> Result<(), PolicyError> {
        let known = self.inner.settings.roles.as_ref();
        if known.is_none_or(|known| roles.is_subset(known)) {
            Ok(())
        } else {
            Err(UnknownRole::default().into())
        }
    }

    /// Who makes the changes, for events.
    pub(super) fn actor(&self) -> Actor<'_> {
        self.actor.as_ref().map_or(Actor::System, Actor::User)
    }
}
