//! The background thread that fetches the set, and the state that it shares with the verifier.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use gatewright_core::{Clock, Timestamp};
use gatewright_jwt::{KeyError, RejectedKey};

use crate::fetch::{FetchFailure, FetchedSet, Fetcher};
use crate::keys::Keys;
use crate::schedule::Schedule;

/// The state that the thread writes and the verifier reads.
pub(crate) struct Shared {
    /// For log messages.
    issuer: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) schedule: Schedule,
    keys: Keys,
    status: Mutex<Status>,
    ready: Condvar,
}

/// The outcome of the fetches so far.
#[derive(Default)]
pub(crate) struct Status {
    /// Whether one fetch has succeeded.
    ready: bool,
    pub(crate) fetches: u64,
    pub(crate) failure: Option<FetchFailure>,
    pub(crate) rejected_keys: usize,
    /// The rejected entries whose reasons are logged: at most [`MAX_LOGGED`].
    logged: HashSet<RejectedEntry>,
}

/// The `kid` of a rejected entry, if it has one, and the reason.
type RejectedEntry = (Option<String>, KeyError);

/// How many rejected entries are logged. An issuer can invent any number of them.
const MAX_LOGGED: usize = 1024;

impl Status {
    /// Notes the rejected entries of a set. Returns those that no set had before.
    fn note_rejected<'k>(&mut self, rejected: &'k [RejectedKey]) -> Vec<&'k RejectedKey> {
        self.rejected_keys = rejected.len();
        let mut new = |key: &&RejectedKey| {
            let entry = (key.id().map(str::to_owned), key.error());
            self.logged.len() < MAX_LOGGED && self.logged.insert(entry)
        };
        rejected.iter().filter(|key| new(key)).collect()
    }
}

impl Shared {
    pub(crate) fn new(issuer: String, clock: Arc<dyn Clock>, schedule: Schedule, keys: Keys) -> Self {
        Self { issuer, clock, schedule, keys, status: Mutex::default(), ready: Condvar::new() }
    }

    pub(crate) fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks until one fetch has succeeded, at most for `longest`. Returns whether one has.
    pub(crate) fn wait_until_ready(&self, longest: Duration) -> bool {
        let waited = self.ready.wait_timeout_while(self.status(), longest, |status| !status.ready);
        waited.unwrap_or_else(PoisonError::into_inner).0.ready
    }

    /// Removes the stale keys and logs that they were removed.
    pub(crate) fn remove_stale_keys(&self, now: Timestamp) {
        let removed = self.keys.remove_stale(now);
        if removed > 0 {
            tracing::error!(
                issuer = self.issuer,
                removed,
                "removed keys that no successful fetch has contained for max_stale; their tokens are rejected"
            );
        }
    }

    /// Records the outcome of a fetch, and wakes callers of `wait_until_ready`.
    fn record(&self, failure: Option<FetchFailure>) {
        let mut status = self.status();
        status.fetches = status.fetches.saturating_add(1);
        status.ready |= failure.is_none();
        status.failure = failure;
        self.ready.notify_all();
    }
}

/// The thread. It fetches when the set is due or the verifier requests it, and ends when the
/// verifier is dropped.
pub(crate) struct Refresher {
    fetcher: Fetcher,
    shared: Arc<Shared>,
    requests: Receiver<()>,
}

impl Refresher {
    /// Starts the thread. A message on the returned channel requests a fetch. The channel has room
    /// for one message: if it is full, a fetch is already requested.
    pub(crate) fn spawn(fetcher: Fetcher, shared: Arc<Shared>) -> std::io::Result<SyncSender<()>> {
        let (sender, requests) = sync_channel(1);
        let refresher = Self { fetcher, shared, requests };
        thread::Builder::new().name("gatewright-jwks".to_owned()).spawn(move || refresher.run())?;
        Ok(sender)
    }

    fn run(self) {
        let mut requested = false;
        loop {
            let (schedule, now) = (&self.shared.schedule, self.shared.clock.now());
            self.shared.remove_stale_keys(now);
            if (requested || schedule.is_due(now)) && schedule.may_fetch(now) {
                self.refresh(now);
            }
            requested = match self.requests.recv_timeout(schedule.wait(self.shared.clock.now())) {
                Ok(()) => true,
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => return,
            };
        }
    }

    fn refresh(&self, now: Timestamp) {
        self.shared.schedule.start_fetch(now);
        self.shared.keys.correct_times(now);
        // A panic must not end the thread.
        let fetched = catch_unwind(AssertUnwindSafe(|| self.fetcher.fetch()));
        let failure = match fetched.unwrap_or(Err(FetchFailure::Unreachable)) {
            Ok(fetched) => {
                self.apply(fetched, now);
                None
            }
            Err(failure) => {
                tracing::warn!(
                    issuer = self.shared.issuer,
                    %failure,
                    "fetching the keys of an issuer failed; the previous keys are used for at most max_stale"
                );
                Some(failure)
            }
        };
        self.shared.record(failure);
    }

    /// Replaces the keys by those of a set that was requested at `requested_at`.
    fn apply(&self, fetched: FetchedSet, requested_at: Timestamp) {
        for rejected in self.shared.status().note_rejected(fetched.set.rejected()) {
            let issuer = &self.shared.issuer;
            match rejected.error() {
                KeyError::Use => tracing::info!(issuer, %rejected, "a key of an issuer is not used"),
                _ => tracing::warn!(issuer, %rejected, "a key of an issuer is not usable"),
            }
        }
        self.shared.keys.replace(fetched.set, requested_at);
        self.shared.schedule.finish_fetch(self.shared.clock.now(), fetched.lifetime);
    }
}

#[cfg(test)]
mod tests {
    use gatewright_jwt::JwkSet;

    use super::*;

    #[test]
    fn the_reason_of_a_rejected_entry_is_logged_once() {
        let mut status = Status::default();
        let mut noted = |entries: &str| {
            let set = JwkSet::parse(&format!(r#"{{"keys":[{entries}]}}"#)).unwrap();
            let new =
                status.note_rejected(set.rejected()).into_iter().map(ToString::to_string).collect::<Vec<_>>();
            (status.rejected_keys, new.len())
        };
        let encryption = r#"{"kty":"RSA","use":"enc","kid":"e","n":"AA","e":"AQAB"}"#;
        assert_eq!(noted(encryption), (1, 1));
        assert_eq!(noted(encryption), (1, 0));
        assert_eq!(noted(&format!("1,{encryption}")), (2, 1));
        assert_eq!(
            noted(&format!("2,{encryption},[]")),
            (3, 0),
            "entries without a kid differ by their reason"
        );
        assert_eq!(noted(&format!("1,{}", encryption.replace("enc", "sig"))), (2, 1), "another reason");
        assert_eq!((noted(""), noted(encryption)), ((0, 0), (1, 0)), "also if it was gone in between");
        let many: Vec<String> = (0..255).map(|id| format!(r#"{{"kid":"{id}","kty":"?"}}"#)).collect();
        assert_eq!(noted(&many.join(",")), (255, 255));
    }
}
