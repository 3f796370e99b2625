//! Accounts: registration, change of password, and what administrators do.
//!
//! Where a change must end tokens, the epoch is written first, as a fence, and the sessions end second: the two may
//! live in two stores, and between the steps everything old is refused already.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::sessions::SessionList;
use crate::auth::{Auth, Inner};
use crate::error::{AuthError, PolicyError, RequestError};
use crate::event::Event;
use crate::guard::Identity;
use crate::http::Fields;
use crate::password::{PasswordVerdict, check_policy, verify_bounded};
use crate::revocation::Revocation;
use crate::store::{
    Account, AccountChange, AccountCounts, AccountStore, AuthUser, CompareAndSwap, CreateOutcome, NewAccount,
    StoreError, UpdateOutcome,
};
use crate::types::{Email, Epoch, Password, PasswordHash, RoleChange, RoleName, SessionId, UserId};

/// How often a change of password is tried when the hash changes under it.
const MAX_SWAP_ATTEMPTS: u32 = 3;

/// An address and a password for a new account.
#[derive(Debug, Clone)]
pub struct Registration {
    email: Email,
    password: Password,
}

impl Registration {
    /// Checks both.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn new(email: &str, password: Password) -> Result<Self, PolicyError> {
        let email = Email::parse(email)?;
        check_policy(&password)?;
        Ok(Self { email, password })
    }

    pub(crate) fn from_fields(fields: &Fields) -> Result<Self, AuthError> {
        let field = |name| fields.verbatim(name)?.ok_or(RequestError::Malformed);
        Ok(Self::new(field("email")?, Password::new(field("password")?))?)
    }
}

/// The present password and the one to come.
#[derive(Debug, Clone)]
pub struct PasswordChange {
    current: Password,
    new: Password,
}

impl PasswordChange {
    /// Checks the new password.
    ///
    /// # Errors
    /// The rule it breaks.
    pub fn new(current: Password, new: Password) -> Result<Self, PolicyError> {
        check_policy(&new)?;
        Ok(Self { current, new })
    }

    pub(crate) fn from_fields(fields: &Fields) -> Result<Self, AuthError> {
        let field = |name| fields.verbatim(name)?.ok_or(RequestError::Malformed);
        Ok(Self::new(Password::new(field("current_password")?), Password::new(field("new_password")?))?)
    }
}

impl<U: AuthUser> Auth<U> {
    /// The accounts of this `Auth`.
    ///
    /// # Errors
    /// [`AuthError::Misconfigured`] when no account store was configured.
    pub fn accounts(&self) -> Result<Accounts<U>, AuthError> {
        let missing = AuthError::Misconfigured { missing: "call with_accounts on the builder" };
        let store = self.inner.accounts.clone().ok_or(missing)?;
        Ok(Accounts { inner: Arc::clone(&self.inner), store })
    }

    /// Creates an account with the registration role, unless the address is taken. Both look the same from outside:
    /// who registers learns nothing about who else did, and nobody is logged in.
    ///
    /// # Errors
    /// When the store or the hasher does not answer, or nothing was configured for it.
    pub async fn register(&self, registration: Registration) -> Result<(), AuthError> {
        let missing = AuthError::Misconfigured { missing: "call with_registration_role on the builder" };
        let role = self.inner.settings.registration_role.clone().ok_or(missing)?;
        let _ = self.accounts()?.create(registration, role).await?;
        Ok(())
    }

    /// Changes the caller's own password. Every access token issued before is refused from then on, and every other
    /// session ends; the caller's session goes on through its refresh token.
    ///
    /// # Errors
    /// [`AuthError::IncorrectPassword`] when the present password is wrong. When a store fails between the change and
    /// the end of the sessions, the password is changed and all sessions are refused, the caller's own included.
    pub async fn change_password(&self, who: &Identity<U>, change: PasswordChange) -> Result<(), AuthError> {
        who.must_be_of(self)?;
        self.accounts()?.change_password(who, change).await
    }
}

/// Creates and changes accounts, and ends what must not outlive a change.
///
/// ```
/// use gatewright_core::{Auth, AuthError, Login, Password, Registration, RoleName};
/// use gatewright_memory::MemoryStore;
///
/// # gatewright_testkit::block_on(async {
/// # let tokens = gatewright_jwt::Jwt::hs256("fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEa", "https://issuer.example", "api");
/// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
/// let auth = Auth::local(MemoryStore::new(), tokens, hasher)
///     .with_protected_role(RoleName::new("admin")?)
///     .build()?;
/// let accounts = auth.accounts()?;
/// let password = Password::new("correct horse battery staple");
/// let admin = Registration::new("admin@example.com", password.clone())?;
/// let _created_or_taken = accounts.create(admin, RoleName::new("admin")?).await?;
///
/// let admin = &accounts.page(None, 1).await?[0];
/// let refused = accounts.update(&admin.id, None, Some(false)).await.unwrap_err();
/// assert!(matches!(refused, AuthError::LastHolder { .. }));
/// auth.login(Login::new("admin@example.com", password)).await?;
/// assert_eq!(accounts.sessions(&admin.id).await?.sessions.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct Accounts<U = Account> {
    inner: Arc<Inner<U>>,
    store: Arc<dyn AccountStore<User = U>>,
}

impl<U> fmt::Debug for Accounts<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}

impl<U: AuthUser> Accounts<U> {
    /// Creates an account, unless the address is taken. The hash is computed either way; a store may still take a little
    /// longer to write a row than to find that it need not.
    ///
    /// # Errors
    /// When the store or the hasher does not answer.
    pub async fn create(&self, new: Registration, role: RoleName) -> Result<CreateOutcome<U>, AuthError> {
        let password_hash = self.inner.hasher.hash(new.password).await?;
        let now = self.inner.now();
        let id = UserId::generate(now, &*self.inner.randomness)?;
        let epoch = Epoch::generate(&*self.inner.randomness)?;
        let created =
            self.store.create(NewAccount::new(id, new.email, password_hash, role, epoch, now)).await?;
        match &created {
            CreateOutcome::Created(user) => self.inner.emit(&Event::Registered { user: &user.id() }),
            CreateOutcome::Taken => self.inner.emit(&Event::RegistrationRepeated {}),
        }
        Ok(created)
    }

    /// The account with this id.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] when there is none, anything else when the store does not answer.
    pub async fn find(&self, id: &UserId) -> Result<U, AuthError> {
        self.store.find_by_id(id).await?.ok_or(AuthError::NotFound {})
    }

    /// Changes role and activity; `None` leaves a thing as it is. Disabling ends all sessions and tokens, and so does another
    /// role under [`RoleChange::EndSessions`].
    ///
    /// # Errors
    /// [`AuthError::NotFound`] and [`AuthError::LastHolder`], or when a store does not answer. When only the session store
    /// fails, the change stands and every token is refused; what is left of the sessions ends by its own time.
    pub async fn update(
        &self,
        id: &UserId,
        role: Option<RoleName>,
        is_active: Option<bool>,
    ) -> Result<U, AuthError> {
        let ends_sessions = is_active == Some(false) || self.ends_sessions(id, role.as_ref()).await?;
        let epoch = if ends_sessions { Some(Epoch::generate(&*self.inner.randomness)?) } else { None };
        let change = AccountChange { role, is_active, epoch };
        let protected = self.inner.settings.protected_role.as_ref();
        let update = self.store.update(id, &change, protected);
        let record = |changed: &UpdateOutcome<U>| self.record(changed, &Event::AccountChanged { user: id });
        if !ends_sessions {
            return done(self.inner.revoke_and_wait(Revocation::user(id.clone()), update, record).await?);
        }
        let user = done(self.first_of_two(id, update, record).await?)?;
        self.inner.delete_all(id, None).await?;
        Ok(user)
    }

    /// Whether giving the user this role is to end the user's sessions.
    async fn ends_sessions(&self, id: &UserId, role: Option<&RoleName>) -> Result<bool, AuthError> {
        let (RoleChange::EndSessions, Some(role)) = (self.inner.settings.role_change, role) else {
            return Ok(false);
        };
        let user = self.store.find_by_id(id).await?;
        Ok(user.is_some_and(|user| !user.roles().eq([role.as_str()])))
    }

    /// Deletes an account and ends its sessions.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] and [`AuthError::LastHolder`], or when a store does not answer. When only the session store
    /// fails, the account is gone and every token is refused; what is left of the sessions ends by its own time, or when
    /// this is called again: where there is no account, its sessions end all the same.
    pub async fn delete(&self, id: &UserId) -> Result<(), AuthError> {
        let protected = self.inner.settings.protected_role.as_ref();
        let record = |deleted: &UpdateOutcome<()>| self.record(deleted, &Event::AccountDeleted { user: id });
        let deleted = self.first_of_two(id, self.store.delete(id, protected), record).await?;
        // Where there is no account, an earlier call may have failed between its two steps.
        if !matches!(deleted, UpdateOutcome::LastHolder) {
            self.inner.delete_all(id, None).await?;
        }
        done(deleted)
    }

    /// A user's sessions that are alive.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] when there is no such user, anything else when a store does not answer.
    pub async fn sessions(&self, user: &UserId) -> Result<SessionList, AuthError> {
        self.inner.list_sessions(&self.find(user).await?).await
    }

    /// Ends one of a user's sessions. Its tokens are refused.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] when there is none, anything else when the store does not answer.
    pub async fn end_session(&self, user: &UserId, id: SessionId) -> Result<(), AuthError> {
        self.inner.sessions.find(user, id).await?.ok_or(AuthError::NotFound {})?;
        let record = |&(): &()| {
            self.inner.emit(&Event::SessionEnded { user, session: id });
            true
        };
        self.inner
            .revoke_and_wait(Revocation::session(id), self.inner.sessions.delete(user, id), record)
            .await
    }

    /// Ends all of a user's sessions, and those that overlapping logins begin: the epoch is replaced first. The account
    /// stays as it is, and the user may log in again.
    ///
    /// # Errors
    /// [`AuthError::NotFound`], or when a store does not answer. When only the session store fails, every token is
    /// refused; what is left of the sessions ends by its own time.
    pub async fn end_sessions(&self, id: &UserId) -> Result<(), AuthError> {
        if !self.inner.replace_epoch(id, &Event::SessionsEnded { user: id }).await? {
            return Err(AuthError::NotFound {});
        }
        self.inner.delete_all(id, None).await
    }

    /// Counts accounts.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn count(&self) -> Result<AccountCounts, AuthError> {
        Ok(self.store.count().await?)
    }

    /// The next at most `limit` accounts behind `after`, in the order of their ids.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn page(&self, after: Option<&UserId>, limit: u32) -> Result<Vec<U>, AuthError> {
        Ok(self.store.page(after, limit).await?)
    }

    async fn change_password(&self, who: &Identity<U>, change: PasswordChange) -> Result<(), AuthError> {
        let id = who.user().id();
        let epoch = Epoch::generate(&*self.inner.randomness)?;
        self.swap_password(&id, &change, epoch).await?;
        let delete_others = self.inner.sessions.delete_others(&id, who.session(), epoch);
        self.inner.revoke_and_wait(Revocation::user(id.clone()), delete_others, |&()| true).await
    }

    /// Emits the event of a change that was made, and says whether it was.
    fn record<T>(&self, change: &UpdateOutcome<T>, event: &Event<'_>) -> bool {
        let made = matches!(change, UpdateOutcome::Updated(_));
        if made {
            self.inner.emit(event);
        }
        made
    }

    /// Runs the first verb of two. Its announcement is not waited for, since the second verb's is: no change stops halfway
    /// because the feed is down.
    async fn first_of_two<T>(
        &self,
        id: &UserId,
        verb: impl Future<Output = Result<T, StoreError>> + Send,
        record: impl FnOnce(&T) -> bool + Send,
    ) -> Result<T, AuthError> {
        self.inner.revoke_without_waiting(Revocation::user(id.clone()), verb, record).await
    }

    /// Replaces the hash that the present password was verified against. When that hash changed meanwhile (a login
    /// upgraded it, or somebody else changed the password), the present password is verified again.
    async fn swap_password(
        &self,
        id: &UserId,
        change: &PasswordChange,
        epoch: Epoch,
    ) -> Result<(), AuthError> {
        let mut hash = None;
        for _ in 0..MAX_SWAP_ATTEMPTS {
            let stored = self.verify_current(id, &change.current).await?;
            let new = match hash.take() {
                Some(new) => new,
                None => self.inner.hasher.hash(change.new.clone()).await?,
            };
            let record = |swap: &CompareAndSwap| {
                let swapped = *swap == CompareAndSwap::Swapped;
                if swapped {
                    self.inner.emit(&Event::PasswordChanged { user: id });
                }
                swapped
            };
            let swap = self.store.change_password(id, &stored, &new, epoch);
            match self.first_of_two(id, swap, record).await? {
                CompareAndSwap::Swapped => return Ok(()),
                CompareAndSwap::Conflict => hash = Some(new),
            }
        }
        Err(AuthError::Contended {})
    }

    /// The stored hash, once the present password was held against it.
    async fn verify_current(&self, id: &UserId, current: &Password) -> Result<PasswordHash, AuthError> {
        let user = self.store.find_by_id(id).await?.filter(AuthUser::is_active);
        let stored = user.as_ref().and_then(AuthUser::password_hash);
        let verdict = verify_bounded(&*self.inner.hasher, current, stored.clone()).await?;
        match (verdict, stored) {
            (PasswordVerdict::Match | PasswordVerdict::MatchUpgrade, Some(stored)) => Ok(stored),
            _ => {
                self.inner.emit(&Event::PasswordChangeRefused { user: id });
                Err(AuthError::IncorrectPassword {})
            }
        }
    }
}

fn done<T>(change: UpdateOutcome<T>) -> Result<T, AuthError> {
    match change {
        UpdateOutcome::Updated(value) => Ok(value),
        UpdateOutcome::NotFound => Err(AuthError::NotFound {}),
        UpdateOutcome::LastHolder => Err(AuthError::LastHolder {}),
    }
}
