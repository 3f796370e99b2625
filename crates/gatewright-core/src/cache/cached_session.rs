//! Proof types for a session and its user.
//!
//! The stores return a [`Session`] and a user. A value of [`LiveSession`] or [`ActiveUser`] exists
//! only if the checks passed, and a [`CachedSession`] is made from both.

use std::sync::Arc;

use crate::error::AccessError;
use crate::store::{AuthUser, Session};
use crate::token::VerifiedClaims;
use crate::types::{Epoch, SessionId, Timestamp, UserId};

/// A user who exists, is active and has the expected epoch.
pub(crate) struct ActiveUser<U>(Arc<U>);

impl<U: AuthUser> ActiveUser<U> {
    /// Checks a user as the store returned it.
    ///
    /// # Errors
    /// The first check that failed: unknown, disabled, or another epoch.
    pub(crate) fn check(user: Option<U>, epoch: Epoch) -> Result<Self, AccessError> {
        let user = user.ok_or(AccessError::UserUnknown)?;
        if !user.is_active() {
            return Err(AccessError::UserDisabled);
        }
        if user.epoch() != epoch {
            return Err(AccessError::EpochReplaced);
        }
        Ok(Self(Arc::new(user)))
    }

    pub(crate) fn get(&self) -> &U {
        &self.0
    }
}

/// A session that exists, has the expected id and user, and has not expired.
pub(crate) struct LiveSession(Session);

impl LiveSession {
    /// Checks a session as the store returned it against the claims of the token.
    ///
    /// # Errors
    /// The first check that failed: ended, another session or user, or expired.
    pub(crate) fn check(
        session: Option<Session>,
        claims: &VerifiedClaims,
        now: Timestamp,
    ) -> Result<Self, AccessError> {
        let session = session.ok_or(AccessError::SessionEnded)?;
        // Guards against a store that returns another session.
        if session.user != *claims.subject() || claims.session() != Some(session.id) {
            return Err(AccessError::SessionMismatch);
        }
        if session.is_expired(now) {
            return Err(AccessError::SessionExpired);
        }
        Ok(Self(session))
    }

    pub(crate) fn get(&self) -> &Session {
        &self.0
    }
}

/// A live session with its active user, both with the same epoch: the value that the cache holds and
/// an identity is made of.
///
/// It does not hold the session's seed or digests, so no token can be derived from the cache.
pub(crate) struct CachedSession<U> {
    session: SessionId,
    owner: UserId,
    epoch: Epoch,
    ends_at: Timestamp,
    user: Arc<U>,
}

impl<U: AuthUser> CachedSession<U> {
    /// Joins both proofs. `epoch` is the one that the user was checked against.
    ///
    /// # Errors
    /// [`AccessError::EpochReplaced`] if session and user do not share this epoch.
    pub(crate) fn join(
        session: &LiveSession,
        epoch: Epoch,
        user: ActiveUser<U>,
    ) -> Result<Self, AccessError> {
        let LiveSession(session) = session;
        if session.epoch != epoch || user.0.epoch() != epoch {
            return Err(AccessError::EpochReplaced);
        }
        Ok(Self {
            session: session.id,
            owner: session.user.clone(),
            epoch,
            ends_at: session.idle_expires_at.min(session.expires_at),
            user: user.0,
        })
    }

    /// Whether this entry can authenticate the token.
    ///
    /// `false` does not reject the token. The session may have been refreshed or have a new epoch, so
    /// the caller reads the stores instead.
    pub(crate) fn admits(&self, claims: &VerifiedClaims, epoch: Epoch, now: Timestamp) -> bool {
        now < self.ends_at && self.epoch == epoch && self.owner == *claims.subject()
    }

    pub(crate) const fn session(&self) -> SessionId {
        self.session
    }

    pub(crate) const fn user(&self) -> &Arc<U> {
        &self.user
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::{Account, NewAccount, SessionSeed};
    use crate::token::{Claims, TokenId};
    use crate::types::{Email, PasswordHash, RoleName, SystemRandom};

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    #[test]
    fn a_cached_session_admits_no_token_after_the_session_expired() {
        let (user, epoch) = (UserId::new("42").unwrap(), Epoch::from_u64(7));
        let (email, role) = (Email::parse("a@b").unwrap(), RoleName::new("user").unwrap());
        let account = NewAccount::new(user.clone(), email, PasswordHash::new("x"), [role], epoch, NOW);
        let [idle, absolute, token] = [10, 20, 30].map(|s| NOW.saturating_add(Duration::from_secs(s)));
        let id = SessionId::generate(NOW, &SystemRandom).unwrap();
        let claims = Claims::new(user.clone(), TokenId::new("x"), NOW, token).with_session(id);
        let claims = VerifiedClaims::assertion("issuer".into(), claims);
        let seed = SessionSeed::generate(&SystemRandom).unwrap();
        let session = Session::new(id, user, epoch, seed, NOW).with_expiry(idle, absolute);
        let session = LiveSession::check(Some(session), &claims, NOW).unwrap();
        let user = ActiveUser::check(Some(Account::from(account)), epoch).unwrap();
        let cached = CachedSession::join(&session, epoch, user).unwrap();
        assert!(cached.admits(&claims, epoch, NOW));
        assert!(!cached.admits(&claims, epoch, idle), "the token itself is valid for longer");
        assert!(!cached.admits(&claims, Epoch::from_u64(8), NOW));
    }
}
