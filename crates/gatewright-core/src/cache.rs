//! The guards' cache of sessions and users.
//!
//! It is positive only: it holds live sessions of active users. A token that it does not admit is checked against the
//! stores, never refused from the cache; and since the ends of token and session are checked at every request, neither
//! lasts longer for being cached. While a store is down, cached sessions are admitted as before, within the same bounds:
//! what cannot be written cannot have been revoked.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::feed::{Reach, RevocationListener};
use crate::fence::{Fences, Stamp};
use crate::id::{Epoch, SessionId, UserId};
use crate::liveness::{FeedLiveness, is_heartbeat};
use crate::proof::LivePair;
use crate::revocation::{Revocation, Revoked};
use crate::store::AuthUser;
use crate::token::VerifiedClaims;

/// How many sessions are cached, unless set: 10 000. With accounts as they usually are that is some 6 MB.
pub const DEFAULT_CACHE_CAPACITY: usize = 10_000;
/// The most that can be set: ten million.
pub const MAX_CACHE_CAPACITY: usize = 10_000_000;

pub(crate) struct Cache<U> {
    pairs: quick_cache::sync::Cache<SessionId, Entry<U>>,
    fences: Fences,
    /// `None` when the feed cannot lose messages: within one process.
    liveness: Option<FeedLiveness>,
    max_age: Duration,
    clock: Arc<dyn Clock>,
}

struct Entry<U> {
    pair: Arc<LivePair<U>>,
    stamp: Stamp,
}

impl<U> Clone for Entry<U> {
    fn clone(&self) -> Self {
        Self { pair: Arc::clone(&self.pair), stamp: self.stamp }
    }
}

impl<U: AuthUser> Cache<U> {
    pub(crate) fn new(capacity: usize, reach: Reach, clock: Arc<dyn Clock>) -> Self {
        Self {
            pairs: quick_cache::sync::Cache::new(capacity),
            fences: Fences::new(),
            liveness: (reach == Reach::Nodes).then(FeedLiveness::new),
            max_age: reach.max_age(),
            clock,
        }
    }

    /// The cached session and user that admit this token.
    pub(crate) fn find(
        &self,
        session: SessionId,
        claims: &VerifiedClaims,
        epoch: Epoch,
        now: Timestamp,
    ) -> Option<Arc<LivePair<U>>> {
        if !self.is_live(now) {
            return None;
        }
        let entry = self.pairs.get(&session)?;
        if !self.is_fresh(&entry, now) {
            self.pairs.remove_if(&session, |entry| !self.is_fresh(entry, now));
            return None;
        }
        entry.pair.admits(claims, epoch, now).then_some(entry.pair)
    }

    /// To be called before the stores are read: what they return is cached only if nothing was revoked meanwhile.
    pub(crate) fn begin(&self, session: SessionId, user: &UserId, now: Timestamp) -> Option<Stamp> {
        if self.is_live(now) { self.fences.stamp(session, user, now) } else { None }
    }

    /// Inserts what the stores returned. `find` checks the stamp again; checking it here only avoids a stale entry.
    pub(crate) fn keep(&self, pair: Arc<LivePair<U>>, stamp: Stamp) {
        if self.fences.holds(&stamp) {
            self.pairs.insert(pair.session(), Entry { pair, stamp });
        }
    }

    fn is_live(&self, now: Timestamp) -> bool {
        self.liveness.as_ref().is_none_or(|liveness| liveness.is_live(now))
    }

    /// An entry from the future is stale: the clock was set back.
    fn is_fresh(&self, entry: &Entry<U>, now: Timestamp) -> bool {
        let Stamp { taken_at, .. } = entry.stamp;
        now >= taken_at && now < taken_at.saturating_add(self.max_age) && self.fences.holds(&entry.stamp)
    }
}

impl<U: AuthUser> RevocationListener for Cache<U> {
    fn heartbeat(&self) -> Option<String> {
        Some(self.liveness.as_ref()?.heartbeat(self.clock.now()))
    }

    fn receive_heartbeat(&self, text: &str) -> bool {
        match &self.liveness {
            Some(liveness) => liveness.receive(text, self.clock.now(), || self.reset()),
            None => is_heartbeat(text),
        }
    }

    fn revoke(&self, revocation: &Revocation) {
        // The counter first: an entry that is inserted in between has an old stamp.
        self.fences.raise(revocation, self.clock.now());
        if let Revoked::Session(id) = revocation.revoked() {
            self.pairs.remove(id);
        }
    }

    fn reset(&self) {
        self.fences.raise_all();
        self.pairs.clear();
    }
}
