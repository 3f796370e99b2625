//! What is proved about a session and its user, as types that nobody else can make.

use std::sync::Arc;

use crate::error::AccessError;
use crate::store::{AuthUser, Session};
use crate::token::VerifiedClaims;
use crate::types::{Epoch, SessionId, Timestamp, UserId};

/// A user who exists, is active and whose epoch is the one expected: only this module makes one.
pub(crate) struct ActiveUser<U>(Arc<U>);

impl<U: AuthUser> ActiveUser<U> {
    /// Judges a user as the store gave it.
    pub(crate) fn judge(user: Option<U>, epoch: Epoch) -> Result<Self, AccessError> {
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

/// A session that exists, is the one expected and the expected user's, and is not over.
pub(crate) struct LiveSession(Session);

impl LiveSession {
    /// Judges a session as the store gave it, against the token that names it.
    pub(crate) fn judge(
        session: Option<Session>,
        claims: &VerifiedClaims,
        now: Timestamp,
    ) -> Result<Self, AccessError> {
        let session = session.ok_or(AccessError::SessionEnded)?;
        // A store that answers with another session is not believed, and nothing of that session is judged.
        if session.user != claims.subject || claims.session != Some(session.id) {
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

/// A living session with its active user, one epoch in both: what an identity is made of, and what may be kept. It
/// holds nothing of the session that a token could be made from.
pub(crate) struct CachedSession<U> {
    session: SessionId,
    owner: UserId,
    epoch: Epoch,
    ends_at: Timestamp,
    user: Arc<U>,
}

impl<U: AuthUser> CachedSession<U> {
    /// Joins both proofs; the epoch is the one the user was judged by.
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

    /// Whether the cached pair admits this token. `false` does not refuse the token: the session may have been refreshed,
    /// or have a new epoch, and the stores are asked instead.
    pub(crate) fn admits(&self, claims: &VerifiedClaims, epoch: Epoch, now: Timestamp) -> bool {
        now < self.ends_at && self.epoch == epoch && self.owner == claims.subject
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
    use crate::store::SessionSeed;
    use crate::store::{Account, NewAccount};
    use crate::token::{Claims, TokenId};
    use crate::types::Email;
    use crate::types::PasswordHash;
    use crate::types::RoleName;
    use crate::types::SystemRandom;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    #[test]
    fn what_is_remembered_lets_nobody_in_from_the_end_of_the_session_on() {
        let (user, epoch) = (UserId::new("42").unwrap(), Epoch::from_u64(7));
        let (email, role) = (Email::parse("a@b").unwrap(), RoleName::new("user").unwrap());
        let account = NewAccount::new(user.clone(), email, PasswordHash::new("x"), role, epoch, NOW);
        let [idle, absolute, token] = [10, 20, 30].map(|s| NOW.saturating_add(Duration::from_secs(s)));
        let id = SessionId::generate(NOW, &SystemRandom).unwrap();
        let claims = Claims::new(user.clone(), TokenId::new("x"), NOW, token).with_session(id);
        let claims = VerifiedClaims::assertion("issuer".into(), claims);
        let seed = SessionSeed::generate(&SystemRandom).unwrap();
        let session = Session::new(id, user, epoch, seed, NOW).with_expiry(idle, absolute);
        let session = LiveSession::judge(Some(session), &claims, NOW).unwrap();
        let user = ActiveUser::judge(Some(Account::from(account)), epoch).unwrap();
        let pair = CachedSession::join(&session, epoch, user).unwrap();
        assert!(pair.admits(&claims, epoch, NOW));
        assert!(!pair.admits(&claims, epoch, idle), "though the token is good for longer");
        assert!(!pair.admits(&claims, Epoch::from_u64(8), NOW));
    }
}
