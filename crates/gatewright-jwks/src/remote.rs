//! A verifier whose keys are somebody else's: it judges by the keys at hand and asks its thread for others.

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

/// Believes the access tokens of an issuer whose keys are fetched, and no other kind: its refresh tokens are for itself.
/// What a token says of a session (`sid`, `epoch`) is not read, and a subject is unique among those of this issuer alone
/// ([`VerifiedClaims::issuer`]). Dropping it ends its thread.
pub struct RemoteIssuer {
    pub(crate) jwt: Jwt,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shared: Arc<Shared>,
    /// Holds one message: whoever finds it full need not ask.
    pub(crate) ask: SyncSender<()>,
}

/// What the thread tells the others.
pub(crate) struct Shared {
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
    /// Begins with the issuer and audience that tokens must name, and where the issuer's JWK set is.
    pub fn builder(
        issuer: impl Into<String>,
        audience: impl Into<String>,
        jwks_url: impl Into<String>,
    ) -> RemoteIssuerBuilder {
        RemoteIssuerBuilder::new(issuer.into(), audience.into(), jwks_url.into())
    }

    /// Waits until the keys were fetched once, or `longest` is over; whether they were. For a service's start: until
    /// then every token is refused.
    #[must_use]
    pub fn wait_until_ready(&self, longest: Duration) -> bool {
        let status = self.shared.status();
        let waited = self.shared.ready.wait_timeout_while(status, longest, |status| !status.ready);
        waited.unwrap_or_else(PoisonError::into_inner).0.ready
    }

    /// Why the last fetch changed nothing; `None` when it was good, or none has ended.
    #[must_use]
    pub fn last_failure(&self) -> Option<FetchFailure> {
        self.shared.status().failure
    }

    /// How many fetches have ended, for operators to count.
    #[must_use]
    pub fn fetches(&self) -> u64 {
        self.shared.status().fetches
    }

    /// How many keys of the last good answer cannot be used, for operators to look at. A known key
    /// of one of their ids stays until it is too old.
    #[must_use]
    pub fn refused_keys(&self) -> usize {
        self.shared.status().refused
    }

    /// The ids of the keys that are believed now, sorted.
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
    /// As [`TokenVerifier::verify`], or [`TokenRefusal::ClaimType`] when the claims are not those of `E`.
    pub fn verify_with<E: DeserializeOwned>(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<ExtendedClaims<E>, TokenRefusal> {
        self.judge(token, |jwt| jwt.verify_with(TokenKind::Access, token, now))
    }

    /// Verifies with the keys that are not too old. Asks for the set when it is due, or when a newer one could change the
    /// verdict.
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
            // A full channel has been asked already, a closed one cannot answer.
            let _ = self.ask.try_send(());
        }
        verdict
    }

    /// Whether a refused token may be signed with a key that is not here yet. Without `kid` a new key shows only by its
    /// algorithm, by its signature, or as one of several.
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
    pub(crate) fn new(schedule: Schedule, keys: Keys) -> Self {
        Self { schedule, keys, status: Mutex::default(), ready: Condvar::new() }
    }

    /// Removes the keys that are too old, and tells operators.
    fn remove_stale_keys(&self, now: Timestamp) {
        let removed = self.keys.remove_stale(now);
        if removed > 0 {
            tracing::error!(
                removed,
                "keys of an issuer are believed no longer: no good answer had them for too long"
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

/// The thread: fetches when the set is due or asked for, until nobody is left to ask.
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
        // The thread goes on even after a panic in there.
        let fetched = catch_unwind(AssertUnwindSafe(|| self.source.fetch()));
        let failure = match fetched.unwrap_or(Err(FetchFailure::Unreachable)) {
            Ok(answer) => {
                self.take(answer, now);
                None
            }
            Err(failure) => {
                tracing::warn!(%failure, "the keys of an issuer were not fetched; those at hand stay until they are too old");
                Some(failure)
            }
        };
        self.shared.tell(failure);
    }

    /// Takes over an answer that was asked for at `asked_at`.
    fn take(&self, answer: Answer, asked_at: Timestamp) {
        let refused = answer.set.refused().len();
        if refused > 0 {
            tracing::warn!(refused, "some keys of an issuer cannot be used");
        }
        self.shared.status().refused = refused;
        self.shared.keys.replace(answer.set, asked_at);
        self.shared.schedule.succeeded(self.clock.now(), answer.lifetime);
    }
}
