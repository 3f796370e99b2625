//! Heartbeats: whether the messages of other nodes still arrive.
//!
//! A node sends heartbeats over the feed and receives them back. The feed is live if the latest
//! heartbeat that came back was sent at most [`HEARTBEAT_TIMEOUT`] ago. The time of sending counts, so
//! a feed that lags is as good as silent. A feed never delivers a heartbeat before a revocation that
//! it took earlier. So a node whose heartbeat came back has received everything older.
//!
//! A heartbeat carries a MAC of its time under a key that only this process has. An attacker who can
//! read and write the feed cannot forge a later heartbeat to hide that messages are held back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::revocation::{HEARTBEAT_TIMEOUT, Received};
use crate::types::{SystemRandom, Timestamp, random_bytes};

/// Sends heartbeats, and tracks when the latest one that came back was sent.
pub(crate) struct HeartbeatMonitor {
    /// The key of the MACs. `None` if the source of randomness failed: then the feed is never live.
    key: Option<Zeroizing<[u8; 64]>>,
    /// When the latest heartbeat that came back was sent, in microseconds; 0 before the first one.
    /// Written under the lock of `era`.
    sent_at: AtomicU64,
    /// How often the feed was suspended. A heartbeat counts only in the era in which it was made.
    era: Mutex<u64>,
}

impl HeartbeatMonitor {
    pub(crate) fn new() -> Self {
        let key = random_bytes(&SystemRandom).ok().map(Zeroizing::new);
        Self { key, sent_at: AtomicU64::new(0), era: Mutex::new(0) }
    }

    /// The heartbeat to send at `now`.
    pub(crate) fn heartbeat(&self, now: Timestamp) -> String {
        let era = *self.era.lock().unwrap_or_else(PoisonError::into_inner);
        format!("heartbeat {:016x} {}", self.tag(era, now.as_micros()).unwrap_or(0), now.as_micros())
    }

    /// From now on the feed is not live. Only a heartbeat that is made later ends that.
    pub(crate) fn suspend(&self) {
        let mut era = self.era.lock().unwrap_or_else(PoisonError::into_inner);
        *era = era.wrapping_add(1);
        self.sent_at.store(0, Ordering::SeqCst);
    }

    /// When the latest heartbeat that came back was sent; 1970 before the first one.
    pub(crate) fn sent_at(&self) -> Timestamp {
        Timestamp::from_micros(self.sent_at.load(Ordering::SeqCst))
    }

    /// Whether the feed is live at `now`. It is not after the clock was set back by more than
    /// [`HEARTBEAT_TIMEOUT`].
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        let sent_at = self.sent_at.load(Ordering::SeqCst);
        sent_at != 0 && u128::from(sent_at.abs_diff(now.as_micros())) <= HEARTBEAT_TIMEOUT.as_micros()
    }

    /// Handles an incoming message. `None` if it is not a heartbeat. Calls `clear` first if this
    /// heartbeat ends a silence, because messages may have been lost meanwhile.
    pub(crate) fn receive(&self, text: &str, now: Timestamp, clear: impl FnOnce()) -> Option<Received> {
        let (tag, sent_at) = read(text)?;
        let era = self.era.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = self.sent_at.load(Ordering::SeqCst);
        let overtaken = sent_at <= latest && latest <= now.as_micros();
        if self.tag(*era, sent_at) != Some(tag) || sent_at > now.as_micros() || overtaken {
            return Some(Received::Ignored);
        }
        if !self.is_live(now) {
            clear();
        }
        self.sent_at.store(sent_at, Ordering::SeqCst);
        Some(Received::OwnHeartbeat)
    }

    /// The first 64 bits of HMAC-SHA-256 of era and time. 64 bits are enough: each guess costs the attacker
    /// one message over the feed.
    fn tag(&self, era: u64, sent_at: u64) -> Option<u64> {
        let mut mac = Hmac::<Sha256>::new((&**self.key.as_ref()?).into());
        mac.update(&era.to_be_bytes());
        mac.update(&sent_at.to_be_bytes());
        mac.finalize().into_bytes().first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
    }
}

/// Whether the text has the form of a heartbeat, of any node.
pub(crate) fn is_heartbeat(text: &str) -> bool {
    read(text).is_some()
}

fn read(text: &str) -> Option<(u64, u64)> {
    let (tag, sent_at) = text.strip_prefix("heartbeat ")?.split_once(' ')?;
    Some((u64::from_str_radix(tag, 16).ok()?, sent_at.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn later(millis: u64) -> Timestamp {
        NOW.saturating_add(Duration::from_millis(millis))
    }

    /// Delivers a heartbeat, and returns whether the cache was cleared.
    fn deliver(monitor: &HeartbeatMonitor, text: &str, now: Timestamp) -> bool {
        let cleared = Cell::new(false);
        assert!(monitor.receive(text, now, || cleared.set(true)).is_some(), "{text}");
        cleared.get()
    }

    #[test]
    fn the_feed_is_not_live_before_the_first_heartbeat_came_back() {
        let monitor = HeartbeatMonitor::new();
        assert!(!monitor.is_live(NOW));
        let beat = monitor.heartbeat(NOW);
        assert!(deliver(&monitor, &beat, NOW), "entries read during the silence are cleared");
        assert!(monitor.is_live(later(3_000)) && !monitor.is_live(later(3_001)));
    }

    #[test]
    fn only_own_heartbeats_count_and_by_their_time_of_sending() {
        let (monitor, other) = (HeartbeatMonitor::new(), HeartbeatMonitor::new());
        assert!(!deliver(&monitor, &other.heartbeat(NOW), NOW));
        assert!(!monitor.is_live(NOW));
        let slow = monitor.heartbeat(NOW);
        deliver(&monitor, &slow, later(3_500));
        assert!(!monitor.is_live(later(3_500)), "a feed that lags is not live");
    }

    #[test]
    fn a_heartbeat_cannot_be_forged_from_one_that_was_read() {
        let monitor = HeartbeatMonitor::new();
        deliver(&monitor, &monitor.heartbeat(NOW), NOW);
        let seen = monitor.heartbeat(later(1));
        let (tag, _) = seen.strip_prefix("heartbeat ").unwrap().split_once(' ').unwrap();
        let at = later(4_000);
        for tag in [tag, "0000000000000000", "ffffffffffffffff"] {
            for sent_at in [later(3_999), at] {
                deliver(&monitor, &format!("heartbeat {tag} {}", sent_at.as_micros()), at);
            }
        }
        assert!(!monitor.is_live(at), "withheld messages are noticed");
        deliver(&monitor, &monitor.heartbeat(at), at);
        assert!(monitor.is_live(at));
    }

    #[test]
    fn without_randomness_the_feed_is_never_live() {
        let monitor = HeartbeatMonitor { key: None, ..HeartbeatMonitor::new() };
        assert!(!deliver(&monitor, &monitor.heartbeat(NOW), NOW));
        assert!(!monitor.is_live(NOW));
    }

    #[test]
    fn the_heartbeat_that_ends_a_silence_clears_the_cache() {
        let monitor = HeartbeatMonitor::new();
        deliver(&monitor, &monitor.heartbeat(NOW), NOW);
        assert!(
            !deliver(&monitor, &monitor.heartbeat(later(2_900)), later(2_900)),
            "2.9 s are not a silence"
        );
        assert!(deliver(&monitor, &monitor.heartbeat(later(6_000)), later(6_000)), "3.1 s are a silence");
        assert!(monitor.is_live(later(6_000)));
    }

    #[test]
    fn duplicate_and_overtaken_heartbeats_change_nothing() {
        let monitor = HeartbeatMonitor::new();
        let (first, second) = (monitor.heartbeat(NOW), monitor.heartbeat(later(1_000)));
        for beat in [&first, &second, &second, &first] {
            deliver(&monitor, beat, later(1_000));
        }
        assert!(monitor.is_live(later(4_000)));
    }

    #[test]
    fn after_the_clock_was_set_back_the_feed_is_silent_until_a_heartbeat() {
        let monitor = HeartbeatMonitor::new();
        deliver(&monitor, &monitor.heartbeat(later(60_000)), later(60_000));
        assert!(!monitor.is_live(NOW));
        assert!(deliver(&monitor, &monitor.heartbeat(NOW), NOW));
        assert!(monitor.is_live(NOW));
    }

    #[test]
    fn malformed_heartbeats_are_not_heartbeats() {
        let monitor = HeartbeatMonitor::new();
        for text in ["", "heartbeat", "heartbeat 1", "heartbeat x 1", "heartbeat 1 x", "user 42"] {
            assert_eq!(monitor.receive(text, NOW, || ()), None, "{text}");
        }
    }

    #[test]
    fn a_suspension_ends_only_with_a_heartbeat_that_was_made_after_it() {
        let monitor = HeartbeatMonitor::new();
        deliver(&monitor, &monitor.heartbeat(NOW), NOW);
        let (seen, at) = (monitor.heartbeat(later(1)), later(2));
        monitor.suspend();
        assert!(!monitor.is_live(at));
        assert_eq!(monitor.receive(&seen, at, || ()), Some(Received::Ignored), "recorded and replayed");
        assert!(!monitor.is_live(at));
        let next = monitor.heartbeat(at);
        assert!(deliver(&monitor, &next, at), "entries from before the suspension are cleared");
        assert!(monitor.is_live(at));
        assert_eq!(monitor.receive(&next, at, || ()), Some(Received::Ignored), "it counts once");
    }
}
