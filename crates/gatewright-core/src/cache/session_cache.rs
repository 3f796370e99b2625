//! The guards' cache of sessions and users.
//!
//! It is positive only: it holds live sessions of active users. A token that it does not admit is checked against the
//! stores, never refused from the cache; and since the ends of token and session are checked at every request, neither
//! lasts longer for being cached. While a store is down, cached sessions are admitted as before, within the same bounds:
//! what cannot be written cannot have been revoked.

use std::sync::Arc;
use std::time::Duration;

use super::cached_session::CachedSession;
use super::generations::{GenerationSnapshot, Generations};
use super::heartbeat::{HeartbeatMonitor, is_heartbeat};
use crate::revocation::{FeedReach, Revocation, RevocationListener, Revoked};
use crate::store::AuthUser;
use crate::token::VerifiedClaims;
use crate::types::{Clock, Epoch, SessionId, Timestamp, UserId};

/// How many sessions are cached, unless set: 10 000. With accounts as they usually are that is some 6 MB.
pub const DEFAULT_CACHE_CAPACITY: usize = 10_000;
/// The most that can be set: ten million.
pub const MAX_CACHE_CAPACITY: usize = 10_000_000;

pub(crate) struct SessionCache<U> {
    sessions: quick_cache::sync::Cache<SessionId, Entry<U>>,
    generations: Generations,
    /// `None` when the feed cannot lose messages: within one process.
    heartbeat: Option<HeartbeatMonitor>,
    ttl: Duration,
    clock: Arc<dyn Clock>,
}

struct Entry<U> {
    session: Arc<CachedSession<U>>,
    snapshot: GenerationSnapshot,
}

impl<U> Clone for Entry<U> {
    fn clone(&self) -> Self {
        Self { session: Arc::clone(&self.session), snapshot: self.snapshot }
    }
}

impl<U: AuthUser> SessionCache<U> {
    pub(crate) fn new(capacity: usize, reach: FeedReach, clock: Arc<dyn Clock>) -> Self {
        Self {
            sessions: quick_cache::sync::Cache::new(capacity),
            generations: Generations::new(),
            heartbeat: (reach == FeedReach::Cluster).then(HeartbeatMonitor::new),
            ttl: reach.cache_ttl(),
            clock,
        }
    }

    /// The cached session and user that admit this token.
    pub(crate) fn get(
        &self,
        session: SessionId,
        claims: &VerifiedClaims,
        epoch: Epoch,
        now: Timestamp,
    ) -> Option<Arc<CachedSession<U>>> {
        if !self.is_live(now) {
            return None;
        }
        let entry = self.sessions.get(&session)?;
        if !self.is_fresh(&entry, now) {
            self.sessions.remove_if(&session, |entry| !self.is_fresh(entry, now));
            return None;
        }
        entry.session.admits(claims, epoch, now).then_some(entry.session)
    }

    /// To be called before the stores are read: what they return is cached only if nothing was revoked meanwhile.
    pub(crate) fn snapshot(
        &self,
        session: SessionId,
        user: &UserId,
        now: Timestamp,
    ) -> Option<GenerationSnapshot> {
        if self.is_live(now) { self.generations.snapshot(session, user, now) } else { None }
    }

    /// Inserts what the stores returned. `find` checks the snapshot again; checking it here only avoids a stale entry.
    pub(crate) fn insert(&self, session: Arc<CachedSession<U>>, snapshot: GenerationSnapshot) {
        if self.generations.holds(&snapshot) {
            self.sessions.insert(session.session(), Entry { session, snapshot });
        }
    }

    fn is_live(&self, now: Timestamp) -> bool {
        self.heartbeat.as_ref().is_none_or(|heartbeat| heartbeat.is_live(now))
    }

    /// An entry from the future is stale: the clock was set back.
    fn is_fresh(&self, entry: &Entry<U>, now: Timestamp) -> bool {
        let GenerationSnapshot { taken_at, .. } = entry.snapshot;
        now >= taken_at && now < taken_at.saturating_add(self.ttl) && self.generations.holds(&entry.snapshot)
    }
}

impl<U: AuthUser> RevocationListener for SessionCache<U> {
    fn heartbeat(&self) -> Option<String> {
        Some(self.heartbeat.as_ref()?.heartbeat(self.clock.now()))
    }

    fn receive_heartbeat(&self, text: &str) -> bool {
        match &self.heartbeat {
            Some(heartbeat) => heartbeat.receive(text, self.clock.now(), || self.clear()),
            None => is_heartbeat(text),
        }
    }

    fn invalidate(&self, revocation: &Revocation) {
        // The counter first: an entry that is inserted in between has an old snapshot.
        self.generations.bump(revocation, self.clock.now());
        if let Revoked::Session(id) = revocation.revoked() {
            self.sessions.remove(id);
        }
    }

    fn clear(&self) {
        self.generations.bump_all();
        self.sessions.clear();
    }
}
