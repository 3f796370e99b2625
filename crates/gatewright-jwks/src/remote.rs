//! A verifier with fetched keys. It uses the keys that it has, and asks its thread to fetch others.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use gatewright_core::{Clock, Timestamp, TokenKind, TokenRefusal, TokenVerifier, VerifiedClaims};
use gatewright_jwt::{ExtendedClaims, IssuerVerifier, Jwt, has_key_id};
use serde::de::DeserializeOwned;

use crate::builder::RemoteIssuerBuilder;
use crate::fetch::{Answer, FetchFailure, Source};
use crate::keys::Keys;
use crate::schedule::Schedule;

/// Verifies the access tokens of another issuer, whose keys are fetched. Other kinds are refused: they are for that issuer
/// itself. `sid` and `epoch` are ignored. A subject is unique only within this issuer ([`VerifiedClaims::issuer`]). Dropping
/// it ends its thread.
pub struct RemoteIssuer {
    pub(crate) jwt: Jwt,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shared: Arc<Shared>,
    /// Wakes the thread. Has room for one message; if it is full, the thread has been asked already.
    pub(crate) ask: SyncSender<()>,
}

/// What the thread and the verifier share.
pub(crate) struct Shared {
    /// For the log.
    issuer: String,
    pub(crate) schedule: Schedule,
    keys: Keys,
    status: Mutex<Status>,
    ready: Condvar,
}

#[derive(Default)]
struct Status {
    ready: bool,
    fetches: u64,
    failure: Option<FetchFailure>,
    refused: usize,
}

impl RemoteIssuer {
    /// Starts with the expected issuer and audience, and the URL of the issuer's JWK set.
    pub fn builder(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        jwks_url: impl Into<String>,
    ) -> RemoteIssuerBuilder {
        RemoteIssuerBuilder::new(issuer.into(), audience.into(), jwks_url.into())
    }

    /// Waits until the keys have been fetched once, at most for `longest`. Returns whether they have. For the start of a
    /// service: until then every token is refused.
    #[must_use]
    pub fn wait_until_ready(&self, longest: Duration) -> bool {
        let status = self.shared.status();
        let waited = self.shared.ready.wait_timeout_while(status, longest, |status| !status.ready);
        waited.unwrap_or_else(PoisonError::into_inner).0.ready
    }

    /// Why the last fetch failed; `None` if it succeeded, or none has ended.
    #[must_use]
    pub fn last_failure(&self) -> Option<FetchFailure> {
        self.shared.status().failure
    }

    /// How many fetches have ended, for metrics.
    #[must_use]
    pub fn fetches(&self) -> u64 {
        self.shared.status().fetches
    }

    /// How many keys of the last successful fetch cannot be used, for metrics. A previous key with the id of one of them is used
    /// until it is too old.
    #[must_use]
    pub fn refused_keys(&self) -> usize {
        self.shared.status().refused
    }

    /// The ids of the keys that are in use, sorted.
    #[must_use]
    pub fn key_ids(&self) -> Vec<String> {
        self.shared.remove_stale_keys(self.clock.now());
        self.jwt.ring().ids()
    }
}

impl TokenVerifier for RemoteIssuer {
    fn verify(&self, kind: TokenKind, token: &str, now: Timestamp) -> Result<VerifiedClaims, TokenRefusal> {
        self.judge(token, |jwt| jwt.verify(kind, token, now))
    }
}

impl IssuerVerifier for RemoteIssuer {
    fn issuer(&self) -> &str {
        self.jwt.issuer()
    }
}

impl RemoteIssuer {
    /// Verifies an access token and then reads claims of the application's own from it, as [`Jwt::verify_with`].
    ///
    /// # Errors
    /// As [`TokenVerifier::verify`], or [`TokenRefusal::ClaimType`] when the claims cannot be read as `E`.
    pub fn verify_with<E: DeserializeOwned>(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<ExtendedClaims<E>, TokenRefusal> {
        self.judge(token, |jwt| jwt.verify_with(TokenKind::Access, token, now))
    }

    /// Verifies with the keys that are not too old. Asks for a fetch if the set is due, or if a newer one may change the verdict.
    fn judge<T>(
        &self,
        token: &str,
        verify: impl FnOnce(&Jwt) -> Result<T, TokenRefusal>,
    ) -> Result<T, TokenRefusal> {
        let (schedule, moment) = (&self.shared.schedule, self.clock.now());
        self.shared.remove_stale_keys(moment);
        let verdict = verify(&self.jwt);
        let outdated = verdict.as_ref().is_err_and(|refusal| self.may_need_another_key(token, *refusal));
        if (outdated || schedule.is_due(moment)) && schedule.may_fetch(moment) {
            // If the channel is full, the thread has been asked already; if it is closed, there is none.
            let _ = self.ask.try_send(());
        }
        verdict
    }

    /// Whether a refused token may be signed with a key that has not been fetched yet. Without `kid`, a new key shows by its
    /// algorithm, by its signature, or because the ring does not have exactly one key.
    fn may_need_another_key(&self, token: &str, refusal: TokenRefusal) -> bool {
        match refusal {
            TokenRefusal::Key => self.jwt.accepts_without_kid() || has_key_id(token),
            TokenRefusal::Signature | TokenRefusal::Algorithm => {
                self.jwt.accepts_without_kid() && !has_key_id(token)
            }
            _ => false,
        }
    }
}

impl fmt::Debug for RemoteIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteIssuer").field("jwt", &self.jwt).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(issuer: String, schedule: Schedule, keys: Keys) -> Self {
        Self { issuer, schedule, keys, status: Mutex::default(), ready: Condvar::new() }
    }

    /// Removes the keys that are too old, and logs it.
    fn remove_stale_keys(&self, now: Timestamp) {
        let removed = self.keys.remove_stale(now);
        if removed > 0 {
            tracing::error!(
                issuer = self.issuer,
                removed,
                "keys of an issuer are too old and no longer used: no fetch has contained them for max_stale"
            );
        }
    }

    fn status(&self) -> std::sync::MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, failure: Option<FetchFailure>) {
        let mut status = self.status();
        status.fetches = status.fetches.saturating_add(1);
        status.ready |= failure.is_none();
        status.failure = failure;
        self.ready.notify_all();
    }
}

/// The thread. It fetches when the set is due or a verifier asks, until the verifier is dropped.
pub(crate) struct Refresher {
    pub(crate) source: Source,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) asked: Receiver<()>,
}

impl Refresher {
    pub(crate) fn run(self) {
        let mut asked = false;
        loop {
            let (schedule, now) = (&self.shared.schedule, self.clock.now());
            self.shared.remove_stale_keys(now);
            if (asked || schedule.is_due(now)) && schedule.may_fetch(now) {
                self.refresh(now);
            }
            asked = match self.asked.recv_timeout(schedule.wait(self.clock.now())) {
                Ok(()) => true,
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => return,
            };
        }
    }

    fn refresh(&self, now: Timestamp) {
        self.shared.schedule.begin(now);
        self.shared.keys.correct(now);
        // A panic does not end the thread.
        let fetched = catch_unwind(AssertUnwindSafe(|| self.source.fetch()));
        let failure = match fetched.unwrap_or(Err(FetchFailure::Unreachable)) {
            Ok(answer) => {
                self.take(answer, now);
                None
            }
            Err(failure) => {
                tracing::warn!(
                    issuer = self.shared.issuer,
                    %failure,
                    "the keys of an issuer could not be fetched; the previous ones are used until they are too old"
                );
                Some(failure)
            }
        };
        self.shared.tell(failure);
    }

    /// Uses the keys of an answer that was requested at `asked_at`.
    fn take(&self, answer: Answer, asked_at: Timestamp) {
        let refused = answer.set.refused().len();
        if refused > 0 {
            tracing::warn!(issuer = self.shared.issuer, refused, "some keys of an issuer cannot be used");
        }
        self.shared.status().refused = refused;
        self.shared.keys.replace(answer.set, asked_at);
        self.shared.schedule.succeeded(self.clock.now(), answer.lifetime);
    }
}
