//! Consecutive failures of a user, and the networks from which the user logged in.

use std::time::Duration;

use super::attempts::Attempts;
use super::bytes::{Entry, Reader, Writer, remove};
use super::settings::{KNOWN_NETWORKS, ThrottleSettings};
use crate::types::Timestamp;

/// How far an account is locked after many consecutive failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LockStage {
    /// Only networks from which the user logged in before may try. An account without such a network is locked.
    KnownNetworksOnly,
    /// No network may try, until the lock is lifted.
    Locked,
}

impl LockStage {
    const fn code(stage: Option<Self>) -> u8 {
        match stage {
            None => 0,
            Some(Self::KnownNetworksOnly) => 1,
            Some(Self::Locked) => 2,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) attempts: Attempts,
    /// The stage that was reported.
    reported: Option<LockStage>,
    /// The latest last.
    known: Vec<Entry>,
}

impl Owner {
    pub(super) const fn new(seen: Timestamp) -> Self {
        Self { attempts: Attempts::new(seen), reported: None, known: Vec::new() }
    }

    /// So many failures, and no known network.
    pub(super) const fn failed(failures: u32, now: Timestamp) -> Self {
        Self { attempts: Attempts::failed(failures, now), reported: None, known: Vec::new() }
    }

    pub(super) fn advance(&mut self, now: Timestamp, reset: Option<Duration>, known_for: Duration) {
        self.attempts.advance(now, reset);
        let seen = self.attempts.seen;
        self.known.retain(|entry| entry.at.saturating_add(known_for) > seen);
    }

    pub(super) fn knows(&self, network: u64) -> bool {
        self.known.iter().any(|entry| entry.id == network)
    }

    /// Whether an attempt from this network is refused.
    pub(super) fn is_locked_for(&self, network: u64, settings: &ThrottleSettings) -> bool {
        match stage(self.attempts.total(), settings) {
            None => false,
            Some(LockStage::KnownNetworksOnly) => !self.knows(network),
            Some(LockStage::Locked) => true,
        }
    }

    /// Whether no network may try: the account is locked, or has no known network while only those may try.
    /// Attempts in flight do not count.
    pub(super) fn is_locked(&self, settings: &ThrottleSettings) -> bool {
        match stage(self.attempts.failures(), settings) {
            None => false,
            Some(LockStage::KnownNetworksOnly) => self.known.is_empty(),
            Some(LockStage::Locked) => true,
        }
    }

    /// Counts a failure. Returns the stage that the account has reached with it.
    pub(super) fn fail(&mut self, id: u64, settings: &ThrottleSettings) -> Option<LockStage> {
        self.attempts.fail(id);
        let reached = stage(self.attempts.failures(), settings);
        if reached <= self.reported {
            return None;
        }
        self.reported = reached;
        reached
    }

    /// The user logged in from this network.
    pub(super) fn succeed(&mut self, id: u64, network: u64) {
        self.attempts.succeed(id);
        self.reported = None;
        remove(&mut self.known, network);
        self.known.push(Entry::new(network, self.attempts.seen));
        let excess = self.known.len().saturating_sub(KNOWN_NETWORKS);
        self.known.drain(..excess);
    }

    /// Lifts the lock.
    pub(super) fn unlock(&mut self) {
        self.attempts.clear();
        self.reported = None;
    }

    /// Lifts the lock and forgets the known networks.
    pub(super) fn forget(&mut self) {
        self.unlock();
        self.known.clear();
    }

    /// When nothing of the state matters any more; `None` if nothing does now.
    pub(super) fn expires_at(&self, reset: Option<Duration>, known_for: Duration) -> Option<Timestamp> {
        let known = self.known.last().map(|entry| entry.at.saturating_add(known_for));
        if self.attempts.is_empty() {
            return known;
        }
        let failures = reset.map_or(NEVER, |reset| self.attempts.last().saturating_add(reset));
        known.max(Some(failures))
    }

    pub(super) fn rebase(&mut self, back: Duration) {
        self.attempts.rebase(back);
        self.known.iter_mut().for_each(|entry| entry.at = entry.at.saturating_sub(back));
    }

    pub(super) fn write(&self, to: &mut Writer) {
        self.attempts.write(to);
        to.u8(LockStage::code(self.reported));
        to.list(&self.known);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        let attempts = Attempts::read(from)?;
        let reported = match from.u8()? {
            0 => None,
            1 => Some(LockStage::KnownNetworksOnly),
            2 => Some(LockStage::Locked),
            _ => return None,
        };
        let known = from.list()?;
        (known.len() <= KNOWN_NETWORKS).then_some(Self { attempts, reported, known })
    }
}

/// The latest possible time.
pub(super) const NEVER: Timestamp = Timestamp::from_micros(u64::MAX);

fn stage(failures: u32, settings: &ThrottleSettings) -> Option<LockStage> {
    if failures >= settings.lock_after {
        Some(LockStage::Locked)
    } else if failures >= settings.known_networks_only_after {
        Some(LockStage::KnownNetworksOnly)
    } else {
        None
    }
}
