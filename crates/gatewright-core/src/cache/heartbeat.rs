//! Whether the feed is live: the last heartbeat that came back was sent no more than [`HEARTBEAT_TIMEOUT`] ago.
//!
//! The time of sending counts, not that of return, so a feed that lags counts as silent. A feed delivers no heartbeat before
//! a revocation that was handed over earlier, so nothing older than the heartbeat is missing.
//!
//! A heartbeat carries a MAC of its time, under a key of this process alone: whoever can read and write the feed cannot
//! forge a later one to hide that messages are held back.

use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::revocation::HEARTBEAT_TIMEOUT;
use crate::types::{SystemRandom, Timestamp, random_bytes};

pub(crate) struct HeartbeatMonitor {
    /// The key of the MACs. `None` when no randomness was available: then the feed is never live.
    key: Option<Zeroizing<[u8; 64]>>,
    /// When the latest one to come back was sent, in microseconds; 0 for none.
    sent_at: AtomicU64,
}

impl HeartbeatMonitor {
    pub(crate) fn new() -> Self {
        Self { key: random_bytes(&SystemRandom).ok().map(Zeroizing::new), sent_at: AtomicU64::new(0) }
    }

    pub(crate) fn heartbeat(&self, now: Timestamp) -> String {
        format!("heartbeat {:016x} {}", self.tag(now.as_micros()).unwrap_or(0), now.as_micros())
    }

    /// A clock that was set back by more than [`HEARTBEAT_TIMEOUT`] makes it silent too.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        let sent_at = self.sent_at.load(Ordering::SeqCst);
        sent_at != 0 && u128::from(sent_at.abs_diff(now.as_micros())) <= HEARTBEAT_TIMEOUT.as_micros()
    }

    /// Takes a message that came in, and says whether it was a heartbeat. `forget` is called first if this one ends a silence.
    pub(crate) fn receive(&self, text: &str, now: Timestamp, forget: impl FnOnce()) -> bool {
        let Some((tag, sent_at)) = read(text) else { return false };
        let known = self.sent_at.load(Ordering::SeqCst);
        let overtaken = sent_at <= known && known <= now.as_micros();
        if self.tag(sent_at) == Some(tag) && sent_at <= now.as_micros() && !overtaken {
            if !self.is_live(now) {
                forget();
            }
            self.sent_at.store(sent_at, Ordering::SeqCst);
        }
        true
    }

    /// The first 64 bits of HMAC-SHA-256 of the time: each guess is a message.
    fn tag(&self, sent_at: u64) -> Option<u64> {
        let mut mac = Hmac::<Sha256>::new((&**self.key.as_ref()?).into());
        mac.update(&sent_at.to_be_bytes());
        mac.finalize().into_bytes().first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
    }
}

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

    /// Hears, and says whether everything was forgotten.
    fn hear(liveness: &HeartbeatMonitor, text: &str, now: Timestamp) -> bool {
        let forgot = Cell::new(false);
        assert!(liveness.receive(text, now, || forgot.set(true)), "{text}");
        forgot.get()
    }

    #[test]
    fn nobody_is_heard_before_the_first_heartbeat_comes_back() {
        let liveness = HeartbeatMonitor::new();
        assert!(!liveness.is_live(NOW));
        let beat = liveness.heartbeat(NOW);
        assert!(hear(&liveness, &beat, NOW), "what was read in silence is forgotten");
        assert!(liveness.is_live(later(3_000)) && !liveness.is_live(later(3_001)));
    }

    #[test]
    fn only_an_own_heartbeat_counts_and_by_the_time_it_was_sent() {
        let (liveness, other) = (HeartbeatMonitor::new(), HeartbeatMonitor::new());
        assert!(!hear(&liveness, &other.heartbeat(NOW), NOW));
        assert!(!liveness.is_live(NOW));
        let slow = liveness.heartbeat(NOW);
        hear(&liveness, &slow, later(3_500));
        assert!(!liveness.is_live(later(3_500)), "a feed that lags is silent");
    }

    #[test]
    fn whoever_reads_heartbeats_can_make_none_of_another_time() {
        let liveness = HeartbeatMonitor::new();
        hear(&liveness, &liveness.heartbeat(NOW), NOW);
        let seen = liveness.heartbeat(later(1));
        let (tag, _) = seen.strip_prefix("heartbeat ").unwrap().split_once(' ').unwrap();
        let at = later(4_000);
        for tag in [tag, "0000000000000000", "ffffffffffffffff"] {
            for sent_at in [later(3_999), at] {
                hear(&liveness, &format!("heartbeat {tag} {}", sent_at.as_micros()), at);
            }
        }
        assert!(!liveness.is_live(at), "messages were kept from it, and it knows");
        hear(&liveness, &liveness.heartbeat(at), at);
        assert!(liveness.is_live(at));
    }

    #[test]
    fn without_anything_random_nobody_is_heard() {
        let liveness = HeartbeatMonitor { key: None, sent_at: AtomicU64::new(0) };
        assert!(!hear(&liveness, &liveness.heartbeat(NOW), NOW));
        assert!(!liveness.is_live(NOW));
    }

    #[test]
    fn a_silence_is_over_with_the_next_heartbeat_and_everything_is_forgotten() {
        let liveness = HeartbeatMonitor::new();
        hear(&liveness, &liveness.heartbeat(NOW), NOW);
        assert!(!hear(&liveness, &liveness.heartbeat(later(2_900)), later(2_900)), "this was no silence");
        assert!(hear(&liveness, &liveness.heartbeat(later(6_000)), later(6_000)), "this was one");
        assert!(liveness.is_live(later(6_000)));
    }

    #[test]
    fn a_heartbeat_that_comes_twice_or_was_overtaken_changes_nothing() {
        let liveness = HeartbeatMonitor::new();
        let (first, second) = (liveness.heartbeat(NOW), liveness.heartbeat(later(1_000)));
        for beat in [&first, &second, &second, &first] {
            hear(&liveness, beat, later(1_000));
        }
        assert!(liveness.is_live(later(4_000)));
    }

    #[test]
    fn a_clock_that_is_set_back_is_silence_until_the_next_heartbeat() {
        let liveness = HeartbeatMonitor::new();
        hear(&liveness, &liveness.heartbeat(later(60_000)), later(60_000));
        assert!(!liveness.is_live(NOW));
        assert!(hear(&liveness, &liveness.heartbeat(NOW), NOW));
        assert!(liveness.is_live(NOW));
    }

    #[test]
    fn what_is_no_heartbeat_is_none() {
        let liveness = HeartbeatMonitor::new();
        for text in ["", "heartbeat", "heartbeat 1", "heartbeat x 1", "heartbeat 1 x", "user 42"] {
            assert!(!liveness.receive(text, NOW, || ()), "{text}");
        }
    }
}
