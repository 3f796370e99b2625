//! The first administrator, whom the application creates itself.

use std::collections::BTreeSet;

use super::accounts::{Accounts, Registration};
use crate::auth::Error;
use crate::error::AuthError;
use crate::event::Event;
use crate::store::{AuthUser, CreateOutcome};
use crate::types::{Email, Password, RoleName};

/// How many accounts are read at a time.
const PAGE: u32 = 100;

impl<U: AuthUser> Accounts<U> {
    /// Creates an administrator, unless an active account has the
    /// [protected role](crate::AuthBuilder::with_protected_role) already. Returns the new account, or `None` if
    /// there is an administrator.
    ///
    /// Call it at every start, on all nodes: of many calls at once, at most one creates an account. It never
    /// changes an existing account. It gives no role, enables none and sets no password. If every active
    /// administrator is locked after many failed logins, it lifts the lock of the one with this address.
    ///
    /// ```
    /// use gatewright::{Auth, Login, MemoryStore, Password, RoleName};
    ///
    /// # gatewright_testkit::block_on(async {
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
    /// let auth = Auth::local(MemoryStore::new(), tokens, hasher)
    ///     .with_protected_role(RoleName::new("admin")?)
    ///     .build()?;
    /// let (accounts, password) = (auth.accounts()?, Password::new("correct horse battery staple"));
    /// assert!(accounts.ensure_admin("admin@example.com", password.clone()).await?.is_some());
    /// assert!(accounts.ensure_admin("other@example.com", password.clone()).await?.is_none());
    /// auth.login(Login::new("admin@example.com", password)).await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// - [`AuthError::EmailTaken`] if another account has the address, such as a disabled administrator's.
    /// - [`AuthError::Policy`] if address or password break a rule.
    /// - [`AuthError::Misconfigured`] without a protected role.
    /// - Any other error if the store or the hasher failed.
    pub async fn ensure_admin(&self, email: &str, password: Password) -> Result<Option<U>, Error> {
        self.inner.answerable(self.create_first_admin(email, password)).await
    }

    async fn create_first_admin(&self, email: &str, password: Password) -> Result<Option<U>, AuthError> {
        let role = self.protected_role()?;
        if self.store.has_active_holder(role).await? {
            self.unlock_holder(email, role).await?;
            return Ok(None);
        }
        let new = self.checked(Registration::new(email, password)?).await?;
        let new = self.new_account(new, BTreeSet::from([role.clone()])).await?;
        let id = new.id.clone();
        let event = Event::AccountCreated { user: &id, actor: self.actor() };
        let attempt = self.inner.attempt(&event).await?;
        let created = self.store.create_first_holder(new, role).await;
        self.record_creation(attempt, &event, &created);
        match created? {
            CreateOutcome::Created(user) => Ok(Some(user)),
            CreateOutcome::HolderExists => Ok(None),
            // It has no user name, so none can be taken.
            CreateOutcome::Taken | CreateOutcome::UsernameTaken => Err(AuthError::EmailTaken {}),
        }
    }

    /// Lifts the lock of the administrator with this address, if every active administrator is locked after many
    /// failed logins. Returns whether it did. So an attacker cannot lock all of them out for good.
    ///
    /// [`ensure_admin`](Self::ensure_admin) calls it. An application that asks [`has_admin`](Self::has_admin) first
    /// calls it at its start.
    ///
    /// # Errors
    /// [`AuthError::Misconfigured`] without a protected role; any other error if a store or the throttle failed.
    pub async fn unlock_last_admin(&self, email: &str) -> Result<bool, Error> {
        let call = async { self.unlock_holder(email, self.protected_role()?).await };
        self.inner.answerable(call).await
    }

    async fn unlock_holder(&self, email: &str, role: &RoleName) -> Result<bool, AuthError> {
        let Ok(email) = Email::parse(email) else { return Ok(false) };
        let holder = self.store.find_by_email(&email).await?.filter(|user| holds(user, role));
        let Some(id) = holder.map(|user| user.id()) else { return Ok(false) };
        let is_last = self.inner.limiter.is_locked(&id).await? && self.all_are_locked(role).await?;
        if is_last {
            self.lift_lock(&id).await?;
        }
        Ok(is_last)
    }

    /// Whether every active holder of the role is locked. It stops at the first who is not.
    async fn all_are_locked(&self, role: &RoleName) -> Result<bool, AuthError> {
        let mut after = None;
        loop {
            let page = self.store.page(after.as_ref(), PAGE).await?;
            for holder in page.iter().filter(|user| holds(*user, role)) {
                if !self.inner.limiter.is_locked(&holder.id()).await? {
                    return Ok(false);
                }
            }
            match page.last() {
                Some(last) => after = Some(last.id()),
                None => return Ok(true),
            }
        }
    }

    /// Whether an active account has the protected role. If so, [`ensure_admin`](Self::ensure_admin) does nothing:
    /// an application can ask before it generates a password and shows it.
    ///
    /// # Errors
    /// [`AuthError::Misconfigured`] without a protected role; any other error if the store failed.
    pub async fn has_admin(&self) -> Result<bool, Error> {
        let call = async { Ok(self.store.has_active_holder(self.protected_role()?).await?) };
        self.inner.answerable(call).await
    }

    fn protected_role(&self) -> Result<&RoleName, AuthError> {
        let missing = AuthError::Misconfigured { missing: "call with_protected_role on the builder" };
        self.inner.settings.protected_role.as_ref().ok_or(missing)
    }
}

fn holds<U: AuthUser>(user: &U, role: &RoleName) -> bool {
    user.is_active() && user.roles().any(|own| own == role.as_str())
}
