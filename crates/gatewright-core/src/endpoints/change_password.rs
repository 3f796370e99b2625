//! Password changes. A change replaces all sessions of the user with a new one of the caller.
//!
//! It has two steps, because accounts and sessions may be in two stores. The first writes the hash and a
//! new epoch, which rejects all earlier tokens. The second replaces the sessions.

use super::accounts::Accounts;
use super::audit::end;
use super::create_session::PASSWORD_METHOD;
use super::token_pair::{CurrentToken, Grant, TokenPair, sign};
use crate::audit::Attempt;
use crate::auth::{Auth, Error, Inner, shows_first_hash};
use crate::error::{AccessError, AuthError, PolicyError};
use crate::event::Event;
use crate::guard::Identity;
use crate::http::Fields;
use crate::password::{
    AccountKey, HasherError, PasswordVerdict, check_form, has_one_form, hashes_of_refusal, verify_bounded,
};
use crate::revocation::Revocation;
use crate::store::{
    AuthUser, CompareAndSwap, Session, SessionSeed, StoredPassword, TokenDigest, Validity, first_token_id,
};
use crate::throttle::{Purpose, ThrottleDigests};
use crate::types::{Amr, ClientInfo, Epoch, Password, PasswordHash, SessionId, UserId};

/// How often a password change is tried if another change replaces hash or epoch at the same time.
const MAX_PASSWORD_CHANGE_ATTEMPTS: u32 = 3;

/// A password change: the current and the new password.
#[doc(alias("change password", "reset"))]
#[derive(Debug, Clone)]
pub struct PasswordChange {
    current: Password,
    new: Password,
    client: ClientInfo,
}

impl PasswordChange {
    /// Checks the rules for the new password that no setting changes: its greatest length and its characters. The
    /// change itself checks the others.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn new(current: Password, new: Password) -> Result<Self, PolicyError> {
        check_form(&new).map_err(PolicyError::NewPassword)?;
        Ok(Self { current, new, client: ClientInfo::default() })
    }

    /// Sets address and user agent of the client. The address decides which share of the hasher's queue the
    /// change takes. The new session keeps the client of the login.
    ///
    /// The ready-made endpoint sets them. An application's own route gets them from [`Auth::client`].
    #[must_use]
    pub fn with_client(mut self, client: ClientInfo) -> Self {
        self.client = client;
        self
    }

    pub(crate) fn from_fields(fields: &Fields) -> Result<Self, AuthError> {
        let current = Password::new(fields.present("current_password")?);
        Ok(Self::new(current, Password::new(fields.present("new_password")?))?)
    }
}

impl<U: AuthUser> Auth<U> {
    /// Changes the caller's own password, and returns the first pair of tokens of a new session.
    ///
    /// The new session replaces all sessions of the user, the caller's included. It continues that one: it
    /// has its client, its scopes, the time of its login and its absolute expiry. Its `auth_time` is now, and
    /// its `amr` is `pwd`, because the caller sent the current password. All tokens issued before are rejected, also a refresh token that someone has copied.
    ///
    /// ```
    /// use gatewright::endpoints::{PasswordChange, Refresh};
    /// use gatewright::http::{Headers, RequestView};
    /// use gatewright::{Auth, Login};
    /// # use gatewright::{MemoryStore, Password, Registration, RoleName};
    /// # struct Bearer(String);
    /// # impl Headers for Bearer {
    /// #     fn each(&self, name: &str, see: &mut dyn FnMut(&[u8])) {
    /// #         if name == "authorization" { see(self.0.as_bytes()); }
    /// #     }
    /// # }
    ///
    /// # gatewright_testkit::block_on(async {
    /// # let secret = gatewright::HmacSecret::generate()?;
    /// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
    /// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
    /// # let builder = Auth::local(MemoryStore::new(), tokens, hasher).with_registration_role(RoleName::new("user")?);
    /// # let auth = builder.build()?;
    /// # let password = Password::new("correct horse battery staple");
    /// # auth.register(Registration::new("ada@example.com", password.clone())?).await?;
    /// let old = auth.login(Login::new("ada@example.com", password.clone())).await?;
    /// # let headers = Bearer(format!("Bearer {}", old.access_token.expose()));
    /// # let identity = auth.authenticate(&RequestView::new("POST", &headers)).await.unwrap().unwrap();
    /// let change = PasswordChange::new(password, Password::new("another correct horse"))?;
    /// let new = auth.change_password(&identity, change).await?;
    /// assert!(auth.refresh(Refresh::new(old.refresh_token)).await.is_err());
    /// auth.refresh(Refresh::new(new.refresh_token)).await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// - [`AuthError::Policy`] if the new password breaks one of the
    ///   [`PasswordRules`](crate::password::PasswordRules), before the current one is verified.
    /// - [`AuthError::IncorrectPassword`] if the current password is wrong, no earlier than the
    ///   [refusal floor](crate::AuthBuilder::with_refusal_floor) after the call.
    /// - [`AuthError::TooManyAttempts`] if as many changes of the session are being tried as may fail. The failure
    ///   that uses them up ends the session ([`PASSWORD_CHANGE_FAILURES`](crate::throttle::PASSWORD_CHANGE_FAILURES)).
    /// - [`AuthError::Access`] if the caller's session has ended meanwhile, also while the new password was
    ///   hashed. Nothing is changed then. So it is if an administrator ends all sessions or disables the user, up
    ///   to the first step. A single session that ends at the same moment as the first step is not noticed, because accounts and sessions may be in two stores: the password is changed, and the new
    ///   session continues the ended one.
    /// - Any other error if a store, the hasher or the issuer failed. If the session store or the feed fails
    ///   after the first step, the password is changed and every token issued before is rejected. The user
    ///   logs in with the new password.
    ///
    /// # Cancel safety
    /// A cancelled call has changed nothing, or the password is changed and every token issued before is
    /// rejected.
    pub async fn change_password(
        &self,
        identity: &Identity<U>,
        change: PasswordChange,
    ) -> Result<TokenPair, Error> {
        identity.must_be_of(self).map_err(|foreign| self.inner.error(foreign))?;
        let accounts = self.accounts()?;
        let (client, hashes) = (change.client.clone(), hashes_of_refusal(&change.current));
        let is_refused = |outcome: &Result<_, _>| match outcome {
            Err(AuthError::IncorrectPassword {}) => true,
            Err(error) => shows_first_hash(error, hashes),
            Ok(_) => false,
        };
        let call = Box::pin(async move { accounts.change_limited_password(identity, change).await });
        let call = self.inner.with_refusal_floor(&client, hashes, call, is_refused);
        self.inner.answerable(self.inner.measured(Purpose::ChangePassword, call)).await
    }
}

impl<U: AuthUser> Accounts<U> {
    /// Changes the password, and ends the session whose wrong passwords are used up.
    async fn change_limited_password(
        &self,
        identity: &Identity<U>,
        mut change: PasswordChange,
    ) -> Result<TokenPair, AuthError> {
        // A new password that is refused is no attempt.
        let names = identity.user().names();
        let refusal = PolicyError::NewPassword;
        change.new = self.inner.check_new_password(&change.new, &names, &change.client, refusal).await?;
        let has_one_form = has_one_form(&change.current);
        let (user, session) = (identity.claims().subject(), identity.session());
        let subject = self.inner.subject(Some(user.clone()), change.client.clone());
        let keys = |digests: &ThrottleDigests| digests.change_password(session);
        let mut permit = match self.inner.limiter.acquire(subject, keys).await {
            Ok(permit) => permit,
            Err(error @ AuthError::Access(AccessError::SessionEnded)) => {
                self.end_guessed_session(user, session).await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        permit.begin();
        let changed = self.change_password(identity, change).await;
        match &changed {
            Ok(_) => {
                permit.succeeded().await;
                self.inner.forget_attempts(user).await;
            }
            Err(AuthError::IncorrectPassword {}) => {
                if permit.failed().await {
                    self.end_guessed_session(user, session).await?;
                }
            }
            // The first of two forms may have been judged.
            Err(AuthError::Hasher(HasherError::Busy {})) if !has_one_form => {
                permit.failed().await;
            }
            // It costs a hash each time, so it counts: the attempts of a session are limited. The answer stays 503.
            Err(AuthError::Hasher(HasherError::UnknownPepper { id })) => {
                self.inner.report_unknown_pepper(user, id);
                permit.unjudged().await;
            }
            // No password was judged, or the right one.
            Err(_) => permit.given_back().await,
        }
        changed
    }

    /// Ends a session in which too many current passwords were wrong: its access token may be stolen.
    async fn end_guessed_session(&self, user: &UserId, session: SessionId) -> Result<(), AuthError> {
        let record = |&(): &()| {
            self.inner.emit(&Event::SessionEndedByThrottle { user, session });
            true
        };
        let delete = self.inner.sessions.delete(user, session);
        self.inner.revoke_and_wait(Revocation::session(session), delete, record).await
    }

    async fn change_password(
        &self,
        identity: &Identity<U>,
        change: PasswordChange,
    ) -> Result<TokenPair, AuthError> {
        let inner = &self.inner;
        // Everything that can fail without the stores comes before the first step.
        let epoch = Epoch::generate(&*inner.randomness)?;
        let old = current_session(inner, identity).await?;
        let session = replacement(inner, &old, epoch)?;
        let validity = Validity::new(session.last_used_at, session.idle_expires_at);
        let first = CurrentToken { id: first_token_id(&*inner.randomness)?, validity };
        let next = NextSession { session, first };
        let pair = self.replace_password(identity, &old, &change, &next).await?;
        let NextSession { session, first } = &next;
        let replace = inner.sessions.replace_all(session, TokenDigest::of(&first.id));
        inner.revoke_and_wait(Revocation::user(session.user.clone()), replace, |&()| true).await?;
        Ok(pair)
    }

    /// Replaces the hash that the current password was verified against. If that hash changed meanwhile, because
    /// of a login that upgraded it or another password change, it verifies the current password again.
    ///
    /// Returns the tokens of the next session. They are signed first, so an issuer that fails changes nothing.
    async fn replace_password(
        &self,
        identity: &Identity<U>,
        session: &Session,
        change: &PasswordChange,
        next: &NextSession,
    ) -> Result<TokenPair, AuthError> {
        let mut attempt = None;
        let replaced = self.try_to_replace(identity, session, (change, next), &mut attempt).await;
        attempt.into_iter().for_each(|attempt| end(attempt, &replaced));
        replaced
    }

    /// Replaces the hash, after it has recorded the attempt.
    async fn try_to_replace(
        &self,
        identity: &Identity<U>,
        session: &Session,
        (change, next): (&PasswordChange, &NextSession),
        attempt: &mut Option<Attempt>,
    ) -> Result<TokenPair, AuthError> {
        let id = &session.user;
        let event = Event::PasswordChanged { user: id };
        let mut hash = None;
        for _ in 0..MAX_PASSWORD_CHANGE_ATTEMPTS {
            let (user, stored) = self.verify_current(id, change).await?;
            if user.epoch() != session.epoch {
                return Err(AccessError::EpochReplaced.into());
            }
            let new = match hash.take() {
                Some(new) => new,
                None => {
                    let context = self.inner.hash_context(&change.client, Some(AccountKey::of_user(id)));
                    self.inner.hasher.hash(change.new.clone(), &context).await?
                }
            };
            let grant = Grant::new(&self.inner, &user, self.inner.effective_scopes(&session.scopes, &user))?;
            let pair = sign(&self.inner, &next.session, &next.first, &grant).await?;
            if attempt.is_none() {
                *attempt = Some(self.inner.attempt(&event).await?);
            }
            // Hashing takes long. A session that ended meanwhile must not continue.
            current_session(&self.inner, identity).await?;
            let record = |swap: &CompareAndSwap| {
                let swapped = *swap == CompareAndSwap::Swapped;
                if swapped {
                    self.inner.emit(&event);
                }
                swapped
            };
            // The epoch of the caller's session. If another call replaces it, that session has ended.
            let expected = StoredPassword::new(stored, session.epoch);
            let new = StoredPassword::new(new, next.session.epoch);
            let swap = self.store.change_password(id, &expected, &new);
            match self.first_step(id, swap, record).await? {
                CompareAndSwap::Swapped => return Ok(pair),
                CompareAndSwap::Conflict => hash = Some(new.hash),
            }
        }
        Err(AuthError::Contended {})
    }

    /// Verifies the current password, and returns the user with the stored hash that it matches.
    async fn verify_current(
        &self,
        id: &UserId,
        change: &PasswordChange,
    ) -> Result<(U, PasswordHash), AuthError> {
        let user = self.store.find_by_id(id).await?.filter(AuthUser::is_active);
        let stored = user.as_ref().and_then(AuthUser::password_hash);
        let context = || self.inner.hash_context(&change.client, Some(AccountKey::of_user(id)));
        let (hasher, may_stop) = (&*self.inner.hasher, user.is_some());
        let verdict = verify_bounded(hasher, &change.current, stored.clone(), context, may_stop).await?;
        match (verdict, user.zip(stored)) {
            (PasswordVerdict::Match | PasswordVerdict::MatchUpgrade, Some(verified)) => Ok(verified),
            _ => {
                self.inner.emit(&Event::PasswordChangeRefused { user: id });
                Err(AuthError::IncorrectPassword {})
            }
        }
    }
}

/// The session that replaces all others, and its first refresh token.
struct NextSession {
    session: Session,
    first: CurrentToken,
}

/// The caller's session, if it still exists and is live.
async fn current_session<U: AuthUser>(
    inner: &Inner<U>,
    identity: &Identity<U>,
) -> Result<Session, AuthError> {
    let found = inner.sessions.find(identity.claims().subject(), identity.session()).await?;
    let session = found.ok_or(AccessError::SessionEnded)?;
    if session.is_expired(inner.now()) {
        return Err(AccessError::SessionExpired.into());
    }
    Ok(session)
}

/// A new session that continues `old`. No token of `old` is one of its tokens.
fn replacement<U: AuthUser>(inner: &Inner<U>, old: &Session, epoch: Epoch) -> Result<Session, AuthError> {
    let (now, randomness) = (inner.now(), &*inner.randomness);
    let id = SessionId::generate(now, randomness)?;
    let seed = SessionSeed::generate(randomness)?;
    let idle = now.saturating_add(inner.settings.refresh_lifetime);
    let session = Session::new(id, old.user.clone(), epoch, seed, old.created_at)
        .with_scopes(old.scopes.clone())
        .with_client(old.client.clone())
        .with_auth_time(now)
        .with_amr(Amr::new([PASSWORD_METHOD])?)
        .with_expiry(idle, old.expires_at);
    Ok(session.used_since(old, now))
}
