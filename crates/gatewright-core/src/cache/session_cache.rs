//! The guards' cache of sessions and users.
//!
//! The cache is positive-only: it holds live sessions of active users. A hit can authenticate a
//! request; only the stores can reject one. Session and token expiry are checked on every hit, so
//! caching extends neither.
//!
//! While a store is down, cached sessions keep working within the same bounds: nothing can be revoked
//! in a store that cannot be written.

use std::sync::Arc;
use std::time::Duration;

use super::cached_session::CachedSession;
use super::distrust::Distrust;
use super::generations::{GenerationSnapshot, Generations};
use super::heartbeat::{HeartbeatMonitor, is_heartbeat};
use super::recent_messages::RecentMessages;
use crate::event::{Event, EventSink, Measurement, Meter, RequestContext};
use crate::revocation::{
    CACHE_TTL_WITHOUT_FEED, FeedCodec, FeedReach, Received, Revocation, RevocationListener, Revoked,
};
use crate::store::AuthUser;
use crate::token::VerifiedClaims;
use crate::types::{Clock, Epoch, SessionId, Timestamp, UserId};

/// How many sessions the cache holds unless set: 10,000, about 6 MB with Gatewright's own accounts.
pub const DEFAULT_CACHE_CAPACITY: usize = 10_000;
/// The largest capacity that can be set: ten million sessions.
pub const MAX_CACHE_CAPACITY: usize = 10_000_000;

pub(crate) struct SessionCache<U> {
    sessions: quick_cache::sync::Cache<SessionId, Entry<U>>,
    generations: Generations,
    /// `None` for a feed within one process: it cannot lose messages.
    heartbeat: Option<HeartbeatMonitor>,
    codec: Arc<FeedCodec>,
    recent: RecentMessages,
    distrust: Distrust,
    /// How old an entry may be while the feed is trusted.
    ttl: Duration,
    clock: Arc<dyn Clock>,
    events: Arc<dyn EventSink>,
    meter: Meter,
}

/// A cached session, valid while the generations of the snapshot are unchanged.
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
    pub(crate) fn new(
        capacity: usize,
        reach: FeedReach,
        codec: Arc<FeedCodec>,
        clock: Arc<dyn Clock>,
        (events, meter): (Arc<dyn EventSink>, Meter),
    ) -> Self {
        Self {
            sessions: quick_cache::sync::Cache::new(capacity),
            generations: Generations::new(),
            heartbeat: (reach == FeedReach::Cluster).then(HeartbeatMonitor::new),
            codec,
            recent: RecentMessages::new(),
            distrust: Distrust::default(),
            ttl: reach.cache_ttl(),
            clock,
            events,
            meter,
        }
    }

    /// The valid entry that authenticates this token.
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

    /// Takes a snapshot of the generations, before the caller reads the stores. `None` if the result
    /// must not be cached: the feed is silent, or an unconfirmed revocation may still take effect.
    pub(crate) fn snapshot(
        &self,
        session: SessionId,
        user: &UserId,
        now: Timestamp,
    ) -> Option<GenerationSnapshot> {
        if self.is_live(now) { self.generations.snapshot(session, user, now) } else { None }
    }

    /// Inserts the session that the stores returned, unless it was revoked since the snapshot.
    /// [`get`](Self::get) checks the snapshot again; the check here only saves a useless entry.
    pub(crate) fn insert(&self, session: Arc<CachedSession<U>>, snapshot: GenerationSnapshot) {
        if self.generations.is_current(&snapshot) {
            self.sessions.insert(session.session(), Entry { session, snapshot });
        }
    }

    /// Whether revocations of other nodes still arrive.
    fn is_live(&self, now: Timestamp) -> bool {
        self.heartbeat.as_ref().is_none_or(|heartbeat| heartbeat.is_live(now))
    }

    /// Whether the entry is young enough and not revoked. An entry from the future is not: the clock
    /// was set back.
    fn is_fresh(&self, entry: &Entry<U>, now: Timestamp) -> bool {
        let GenerationSnapshot { taken_at, .. } = entry.snapshot;
        now >= taken_at
            && now < taken_at.saturating_add(self.ttl(now))
            && self.generations.is_current(&entry.snapshot)
    }

    /// How old an entry may be now.
    fn ttl(&self, now: Timestamp) -> Duration {
        if self.distrust.is_active(now) { self.ttl.min(CACHE_TTL_WITHOUT_FEED) } else { self.ttl }
    }

    fn receive_heartbeat(&self, text: &str) -> Option<Received> {
        let Some(heartbeat) = &self.heartbeat else {
            return is_heartbeat(text).then_some(Received::Ignored);
        };
        let received = heartbeat.receive(text, self.clock.now(), || self.clear());
        if received == Some(Received::OwnHeartbeat) {
            self.meter.record(|| Measurement::FeedHeartbeat { sent_at: heartbeat.sent_at() });
        }
        received
    }

    /// Emits an event about rejected messages, once a minute at most.
    fn report(&self) {
        if let Some(count) = self.distrust.report(self.clock.now()) {
            self.events.emit(&Event::FeedMessagesRejected { count }, RequestContext::none());
        }
    }
}

impl<U: AuthUser> RevocationListener for SessionCache<U> {
    fn heartbeat(&self) -> Option<String> {
        let heartbeat = self.heartbeat.as_ref()?;
        self.codec.refresh();
        self.report();
        Some(heartbeat.heartbeat(self.clock.now()))
    }

    fn receive(&self, text: &str) -> Received {
        if let Some(received) = self.receive_heartbeat(text) {
            return received;
        }
        let Ok(message) = self.codec.open(text) else {
            self.reject();
            return Received::Rejected;
        };
        if message.id().is_some_and(|id| self.recent.contains(id)) {
            return Received::Ignored;
        }
        self.invalidate(message.revocation());
        message.id().inspect(|id| self.recent.insert(*id));
        Received::Accepted
    }

    fn reject(&self) {
        if self.distrust.reject(self.clock.now()) {
            self.clear();
        }
        self.report();
    }

    fn invalidate(&self, revocation: &Revocation) {
        // Bump before removing: an entry that another request inserts in between has an old snapshot.
        self.generations.bump(revocation, self.clock.now());
        if let Revoked::Session(id) = revocation.revoked() {
            self.sessions.remove(id);
        }
    }

    fn suspend(&self) {
        match &self.heartbeat {
            Some(heartbeat) => heartbeat.suspend(),
            None => self.clear(),
        }
    }

    /// Invalid entries stay in memory until they are looked up or replaced, as expired ones do: removing
    /// all of them would take as long as the cache is large.
    fn clear(&self) {
        self.generations.bump_all();
    }
}
