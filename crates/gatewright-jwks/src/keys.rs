//! The keys at hand, and for how long each is believed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatewright_core::Timestamp;
use gatewright_jwt::{JwkSet, KeyRing};

/// How long a key is believed after the last good answer that had it, unless set otherwise: a day.
pub const DEFAULT_MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// The shortest time that `with_max_stale` takes: five minutes, enough for two fetches that fail slowly.
pub const MIN_STALE: Duration = Duration::from_secs(5 * 60);
/// The longest time that `with_max_stale` takes: thirty days.
pub const MAX_STALE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

const NEVER: u64 = u64::MAX;

/// A ring, and when each of its keys was last read from a good answer.
pub(crate) struct Keys {
    ring: KeyRing,
    max_stale: Duration,
    confirmed: Mutex<HashMap<String, Timestamp>>,
    /// When the first key becomes stale, in microseconds: most requests read nothing else.
    next_stale: AtomicU64,
}

impl Keys {
    pub(crate) fn new(ring: KeyRing, max_stale: Duration) -> Self {
        Self { ring, max_stale, confirmed: Mutex::default(), next_stale: AtomicU64::new(NEVER) }
    }

    /// Takes over a good answer that was asked for at `moment`. A key that cannot be used there keeps its old moment.
    pub(crate) fn replace(&self, set: JwkSet, moment: Timestamp) {
        let read: Vec<String> = set.keys().iter().map(|key| key.id().to_owned()).collect();
        let mut confirmed = self.confirmed();
        // A set has no two keys of one id, and this ring does not sign: there is nothing to refuse.
        let _ = self.ring.replace_with_jwks(set);
        let at_hand = self.ring.ids();
        confirmed.retain(|id, _| at_hand.contains(id));
        confirmed.extend(read.into_iter().map(|id| (id, moment)));
        self.update(&confirmed);
    }

    /// Removes the keys that no good answer has had for too long; returns how many.
    pub(crate) fn remove_stale(&self, now: Timestamp) -> usize {
        if now.as_micros() < self.next_stale.load(Ordering::Acquire) {
            return 0;
        }
        let mut confirmed = self.confirmed();
        let before = confirmed.len();
        confirmed.retain(|id, moment| {
            let fresh = moment.saturating_add(self.max_stale) > now;
            if !fresh {
                let _ = self.ring.retire(id);
            }
            fresh
        });
        self.update(&confirmed);
        before.saturating_sub(confirmed.len())
    }

    /// Corrects moments that lie ahead of `now`, after the clock was set back: otherwise keys would be believed for longer.
    pub(crate) fn correct(&self, now: Timestamp) {
        let mut confirmed = self.confirmed();
        confirmed.values_mut().for_each(|moment| *moment = now.min(*moment));
        self.update(&confirmed);
    }

    fn confirmed(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.confirmed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, confirmed: &HashMap<String, Timestamp>) {
        let first = confirmed.values().min();
        let next = first.map_or(NEVER, |moment| moment.saturating_add(self.max_stale).as_micros());
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
    fn each_key_is_believed_for_so_long_after_the_last_good_answer_that_had_it() {
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
    fn a_clock_that_is_set_back_does_not_add_its_difference() {
        let (keys, ring) = keys();
        keys.replace(set(&["a"]), at(100_000));
        keys.correct(at(0));
        assert_eq!((keys.remove_stale(at(299)), ring.ids().len()), (0, 1));
        assert_eq!((keys.remove_stale(at(300)), ring.ids().len()), (1, 0));
    }
}
