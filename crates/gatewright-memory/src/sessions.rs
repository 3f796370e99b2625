//! Sessions: a map by id, and the ids by user in the order of their beginning.

use std::collections::HashMap;

use async_trait::async_trait;
use gatewright_core::rotation::{RotationState, TokenDigest};
use gatewright_core::{
    Epoch, Rotation, RotationRequest, Session, SessionId, SessionStore, StoreError, Timestamp, UserId,
};

use crate::MemoryStore;

#[derive(Default)]
pub(crate) struct Sessions {
    by_id: HashMap<SessionId, Entry>,
    by_user: HashMap<UserId, Vec<SessionId>>,
}

struct Entry {
    session: Session,
    rotation: RotationState,
}

impl Sessions {
    fn end(&mut self, id: SessionId) {
        let Some(entry) = self.by_id.remove(&id) else { return };
        if let Some(ids) = self.by_user.get_mut(&entry.session.user) {
            ids.retain(|own| *own != id);
            if ids.is_empty() {
                self.by_user.remove(&entry.session.user);
            }
        }
    }

    fn own(&mut self, user: &UserId, id: SessionId) -> Option<&mut Entry> {
        self.by_id.get_mut(&id).filter(|entry| entry.session.user == *user)
    }

    fn of(&self, user: &UserId) -> Vec<SessionId> {
        self.by_user.get(user).cloned().unwrap_or_default()
    }
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn begin(&self, session: &Session, current: TokenDigest, limit: u32) -> Result<u64, StoreError> {
        let mut sessions = self.sessions();
        let entry = Entry { session: session.clone(), rotation: session.rotation(current) };
        sessions.by_id.insert(session.id, entry);
        let ids = sessions.by_user.entry(session.user.clone()).or_default();
        ids.push(session.id);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let excess: Vec<SessionId> = ids.iter().copied().take(ids.len().saturating_sub(limit)).collect();
        let ended = u64::try_from(excess.len()).unwrap_or(u64::MAX);
        excess.into_iter().for_each(|id| sessions.end(id));
        Ok(ended)
    }

    async fn find(&self, user: &UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        Ok(self.sessions().own(user, id).map(|entry| entry.session.clone()))
    }

    async fn list(&self, user: &UserId) -> Result<Vec<Session>, StoreError> {
        let mut sessions = self.sessions();
        let ids = sessions.of(user);
        Ok(ids.into_iter().filter_map(|id| Some(sessions.own(user, id)?.session.clone())).collect())
    }

    async fn rotate(&self, request: &RotationRequest) -> Result<Rotation, StoreError> {
        let mut sessions = self.sessions();
        let Some(entry) = sessions.own(&request.user, request.session) else { return Ok(Rotation::Unknown) };
        let rotation = entry.rotation.rotate(request);
        match rotation {
            Rotation::Rotated(life) => {
                entry.session.last_used_at = life.issued_at;
                entry.session.idle_expires_at = life.expires_at;
            }
            Rotation::Reused => sessions.end(request.session),
            _ => {}
        }
        Ok(rotation)
    }

    async fn end(&self, user: &UserId, id: SessionId) -> Result<(), StoreError> {
        let mut sessions = self.sessions();
        if sessions.own(user, id).is_some() {
            sessions.end(id);
        }
        Ok(())
    }

    async fn end_all(&self, user: &UserId) -> Result<(), StoreError> {
        let mut sessions = self.sessions();
        sessions.of(user).into_iter().for_each(|id| sessions.end(id));
        Ok(())
    }

    async fn retain(&self, user: &UserId, keep: SessionId, epoch: Epoch) -> Result<(), StoreError> {
        let mut sessions = self.sessions();
        for id in sessions.of(user) {
            match sessions.by_id.get_mut(&id) {
                Some(entry) if id == keep => entry.session.epoch = epoch,
                Some(entry) if entry.session.epoch == epoch => {}
                _ => sessions.end(id),
            }
        }
        Ok(())
    }

    async fn purge_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut sessions = self.sessions();
        let over: Vec<SessionId> = sessions
            .by_id
            .values()
            .filter(|entry| entry.session.is_expired(now))
            .map(|entry| entry.session.id)
            .collect();
        over.iter().for_each(|id| sessions.end(*id));
        Ok(u64::try_from(over.len()).unwrap_or(u64::MAX))
    }
}
