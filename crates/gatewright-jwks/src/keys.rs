//! The fetched keys. Each is used for a limited time after the last successful fetch that contained
//! it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatewright_core::Timestamp;
use gatewright_jwt::{JwkSet, KeyRing};

/// The default of [`with_max_stale`](crate::RemoteIssuerBuilder::with_max_stale): one day. A key is
/// used for this long after the last successful fetch that contained it.
pub const DEFAULT_MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// The minimum of [`with_max_stale`](crate::RemoteIssuerBuilder::with_max_stale): five minutes.
/// This leaves time for a second fetch after a slow failure.
pub const MIN_STALE: Duration = Duration::from_secs(5 * 60);
/// The maximum of [`with_max_stale`](crate::RemoteIssuerBuilder::with_max_stale): thirty days.
pub const MAX_STALE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

const NEVER: u64 = u64::MAX;

/// A ring, and the time at which each of its keys was last fetched.
pub(crate) struct Keys {
    ring: KeyRing,
    max_stale: Duration,
    fetched_at: Mutex<HashMap<String, Timestamp>>,
    /// When the first key becomes stale, in microseconds. Most requests read only this.
    next_stale: AtomicU64,
}

impl Keys {
    pub(crate) fn new(ring: KeyRing, max_stale: Duration) -> Self {
        Self { ring, max_stale, fetched_at: Mutex::default(), next_stale: AtomicU64::new(NEVER) }
    }

    /// Replaces the keys by those of a set that was requested at `requested_at`. A key that stays
    /// only because its successor is not usable keeps its time.
    pub(crate) fn replace(&self, set: JwkSet, requested_at: Timestamp) {
        let read: Vec<String> = set.keys().iter().map(|key| key.id().to_owned()).collect();
        let mut fetched_at = self.fetched_at();
        // Cannot fail: no two keys of a set have the same id and algorithm, and this ring does not sign.
        let _ = self.ring.replace_with_jwks(set);
        let present = self.ring.ids();
        fetched_at.retain(|id, _| present.contains(id));
        fetched_at.extend(read.into_iter().map(|id| (id, requested_at)));
        self.update_next_stale(&fetched_at);
    }

    /// Removes the stale keys. Returns how many there were.
    pub(crate) fn remove_stale(&self, now: Timestamp) -> usize {
        let latest = now.saturating_add(self.max_stale).as_micros();
        if (latest + 1..NEVER).contains(&self.next_stale.load(Ordering::Acquire)) {
            self.correct_times(now);
        }
        if now.as_micros() < self.next_stale.load(Ordering::Acquire) {
            return 0;
        }
        let mut fetched_at = self.fetched_at();
        let before = fetched_at.len();
        fetched_at.retain(|id, time| {
            let fresh = time.saturating_add(self.max_stale) > now;
            if !fresh {
                let _ = self.ring.retire(id);
            }
            fresh
        });
        self.update_next_stale(&fetched_at);
        before.saturating_sub(fetched_at.len())
    }

    /// Replaces times in the future by `now`. They show that the clock was set back, and would
    /// extend the use of their keys.
    pub(crate) fn correct_times(&self, now: Timestamp) {
        let mut fetched_at = self.fetched_at();
        fetched_at.values_mut().for_each(|time| *time = now.min(*time));
        self.update_next_stale(&fetched_at);
    }

    fn fetched_at(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.fetched_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update_next_stale(&self, fetched_at: &HashMap<String, Timestamp>) {
        let first = fetched_at.values().min();
        let next = first.map_or(NEVER, |time| time.saturating_add(self.max_stale).as_micros());
        self.next_stale.store(next, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_700_000_000 + seconds)
    }

    fn set(ids: &[&str]) -> JwkSet {
        let jwk = |id: &&str| {
            format!(
                r#"{{"kty":"OKP","crv":"Ed25519","kid":"{id}","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}"#
            )
        };
        let keys: Vec<String> = ids.iter().map(jwk).collect();
        JwkSet::parse(&format!(r#"{{"keys":[{},{{"kid":"broken"}}]}}"#, keys.join(","))).unwrap()
    }

    fn keys() -> (Keys, KeyRing) {
        let ring = KeyRing::default();
        (Keys::new(ring.clone(), Duration::from_secs(300)), ring)
    }

    #[test]
    fn a_key_is_used_for_max_stale_after_the_last_fetch_that_contained_it() {
        let (keys, ring) = keys();
        assert_eq!(keys.remove_stale(at(1_000_000)), 0, "nothing has been fetched");
        keys.replace(set(&["a", "broken"]), at(0));
        keys.replace(set(&["a"]), at(100));
        assert_eq!((keys.remove_stale(at(299)), ring.ids().len()), (0, 2));
        assert_eq!((keys.remove_stale(at(300)), ring.ids()), (1, vec!["a".to_owned()]));
        keys.replace(set(&["a"]), at(350));
        assert_eq!(keys.remove_stale(at(649)), 0);
        assert_eq!((keys.remove_stale(at(650)), ring.ids().len()), (1, 0));
        keys.replace(set(&["a", "broken"]), at(700));
        assert_eq!((keys.remove_stale(at(700)), ring.ids().len()), (0, 2));
    }

    #[test]
    fn setting_the_clock_back_does_not_extend_the_use_of_a_key() {
        let (keys, ring) = keys();
        keys.replace(set(&["a"]), at(100_000));
        assert_eq!((keys.remove_stale(at(0)), ring.ids().len()), (0, 1));
        assert_eq!((keys.remove_stale(at(299)), ring.ids().len()), (0, 1));
        assert_eq!((keys.remove_stale(at(300)), ring.ids().len()), (1, 0));
    }
}
