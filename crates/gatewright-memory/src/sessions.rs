//! Sessions, with three indexes: the sessions by id; the session ids of each user, in order of creation;
//! and all session ids, in order of expiry.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use gatewright_core::store::{RotationState, StateChange, TokenDigest};
use gatewright_core::{
    Rotation, RotationRequest, Session, SessionId, SessionStore, StoreError, Timestamp, UserId,
};

use crate::MemoryStore;

/// How many expired sessions a login deletes.
const MAX_EXPIRED_PER_LOGIN: usize = gatewright_core::store::MAX_EXPIRED_PER_LOGIN as usize;

#[derive(Default)]
pub(crate) struct Sessions {
    by_id: HashMap<SessionId, Entry>,
    by_user: HashMap<UserId, Vec<SessionId>>,
    by_expiry: BTreeSet<(Timestamp, SessionId)>,
}

/// A session and the state of its refresh tokens.
struct Entry {
    session: Session,
    rotation: RotationState,
}

impl Sessions {
    /// The session with this id if it belongs to `user`.
    fn find(&mut self, user: &UserId, id: SessionId) -> Option<&mut Entry> {
        self.by_id.get_mut(&id).filter(|entry| entry.session.user == *user)
    }

    fn insert(&mut self, session: &Session, current: TokenDigest) {
        let entry = Entry { session: session.clone(), rotation: session.rotation(current) };
        self.by_id.insert(session.id, entry);
        self.by_user.entry(session.user.clone()).or_default().push(session.id);
        self.by_expiry.insert((session.idle_expires_at, session.id));
    }

    /// The ids of the user's sessions, oldest first.
    fn ids_of(&self, user: &UserId) -> Vec<SessionId> {
        self.by_user.get(user).cloned().unwrap_or_default()
    }

    /// Updates the index by expiry when the expiry of a session changes.
    fn reschedule(&mut self, id: SessionId, before: Timestamp, after: Timestamp) {
        self.by_expiry.remove(&(before, id));
        self.by_expiry.insert((after, id));
    }

    /// The ids of sessions that expired before `now`, earliest first.
    fn expired_before(&self, now: Timestamp) -> impl Iterator<Item = SessionId> {
        self.by_expiry.iter().take_while(move |(expiry, _)| *expiry < now).map(|(_, id)| *id)
    }

    /// Removes these sessions from all maps. Every id must exist. Returns their number.
    fn remove(&mut self, ids: Vec<SessionId>) -> u64 {
        let removed = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        for id in ids {
            let Some(Entry { session, .. }) = self.by_id.remove(&id) else { continue };
            self.by_expiry.remove(&(session.idle_expires_at, id));
            let Some(of_user) = self.by_user.get_mut(&session.user) else { continue };
            of_user.retain(|other| *other != id);
            if of_user.is_empty() {
                self.by_user.remove(&session.user);
            }
        }
        removed
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn create(&self, session: &Session, current: TokenDigest, limit: u32) -> Result<u64, StoreError> {
        let mut sessions = self.sessions();
        sessions.insert(session, current);
        let mut excess = sessions.ids_of(&session.user);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        excess.truncate(excess.len().saturating_sub(limit));
        let deleted = sessions.remove(excess);
        let expired = sessions.expired_before(session.created_at).take(MAX_EXPIRED_PER_LOGIN);
        let expired = expired.collect();
        sessions.remove(expired);
        Ok(deleted)
    }

    async fn find(&self, user: &UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        Ok(self.sessions().find(user, id).map(|entry| entry.session.clone()))
    }

    async fn list(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        let sessions = self.sessions();
        let entries = sessions.ids_of(user).into_iter().filter_map(|id| sessions.by_id.get(&id));
        Ok(entries.map(|entry| entry.session.clone()).collect())
    }

    async fn rotate(&self, request: &RotationRequest) -> Result<Rotation, StoreError> {
        let mut sessions = self.sessions();
        let Some(entry) = sessions.find(&request.user, request.session) else {
            return Ok(Rotation::Unknown);
        };
        let (rotation, change) = entry.rotation.rotate(request);
        let before = entry.session.idle_expires_at;
        entry.session.apply(&rotation);
        let after = entry.session.idle_expires_at;
        sessions.reschedule(request.session, before, after);
        match change {
            // The state is changed in place.
            StateChange::Keep | StateChange::Replace => {}
            StateChange::Delete => _ = sessions.remove(vec![request.session]),
        }
        Ok(rotation)
    }

    async fn delete(&self, user: &UserId, id: SessionId) -> Result<(), StoreError> {
        let mut sessions = self.sessions();
        if sessions.find(user, id).is_some() {
            sessions.remove(vec![id]);
        }
        Ok(())
    }

    async fn delete_all(&self, user: &UserId) -> Result<(), StoreError> {
        let mut sessions = self.sessions();
        let ids = sessions.ids_of(user);
        sessions.remove(ids);
        Ok(())
    }

    async fn replace_all(&self, new: &Session, current: TokenDigest) -> Result<(), StoreError> {
        let mut sessions = self.sessions();
        let old = sessions.ids_of(&new.user);
        sessions.remove(old);
        sessions.insert(new, current);
        Ok(())
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut sessions = self.sessions();
        let entries = sessions.by_id.values().filter(|entry| entry.session.is_expired(now));
        let expired = entries.map(|entry| entry.session.id).collect();
        Ok(sessions.remove(expired))
    }
}
