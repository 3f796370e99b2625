//! The verifier: it uses the keys that are present, and requests a fetch if others may be needed.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use gatewright_core::{Timestamp, TokenError, TokenKind, TokenVerifier, VerifiedClaims};
use gatewright_jwt::{IssuerVerifier, Jwt};

use crate::fetch::FetchFailure;
use crate::refresher::Shared;

/// Verifies the access tokens of another issuer with keys that a background thread fetches.
///
/// Other kinds of tokens are rejected, because they are meant for that issuer itself. `sid` and
/// `epoch` are ignored. A subject is unique only within this issuer ([`VerifiedClaims::issuer`]).
/// Dropping the verifier ends its thread.
///
/// [`RemoteIssuer::builder`] starts with the settings. `gatewright_jwt::Issuers` combines several
/// issuers. The [crate's documentation](crate) lists what is guaranteed.
#[doc(alias("auth0", "keycloak", "oidc", "resource server"))]
pub struct RemoteIssuer {
    pub(crate) jwt: Jwt,
    pub(crate) shared: Arc<Shared>,
    /// Requests a fetch from the thread.
    pub(crate) requests: SyncSender<()>,
}

impl RemoteIssuer {
    /// Blocks until one fetch has succeeded, at most for `longest`. Returns whether one has. Call
    /// it when the service starts: before the first successful fetch every token is rejected.
    #[must_use]
    pub fn wait_until_ready(&self, longest: Duration) -> bool {
        self.shared.wait_until_ready(longest)
    }

    /// Why the last fetch failed. `None` if it succeeded, or if no fetch has ended yet.
    #[must_use]
    pub fn last_failure(&self) -> Option<FetchFailure> {
        self.shared.status().failure
    }

    /// How many fetches have ended, failed ones included. For metrics.
    #[must_use]
    pub fn fetches(&self) -> u64 {
        self.shared.status().fetches
    }

    /// How many keys of the last successful fetch are not usable. For metrics. If there was a
    /// previous key with the id of such a key, it stays in use until it is stale.
    #[must_use]
    pub fn rejected_keys(&self) -> usize {
        self.shared.status().rejected_keys
    }

    /// The ids of the keys that are in use, sorted.
    #[must_use]
    pub fn key_ids(&self) -> Vec<String> {
        self.shared.remove_stale_keys(self.shared.clock.now());
        self.jwt.ring().ids()
    }

    /// Whether a rejected token may be signed with a key that is not fetched yet. Without `kid`, a
    /// new key shows in three ways: the algorithm differs, the signature is not valid, or the ring
    /// does not have exactly one key.
    fn may_need_another_key(&self, token: &str, error: TokenError) -> bool {
        match error {
            TokenError::Key => self.jwt.accepts_without_kid() || self.jwt.has_key_id(token),
            TokenError::Signature | TokenError::Algorithm => {
                self.jwt.accepts_without_kid() && !self.jwt.has_key_id(token)
            }
            _ => false,
        }
    }
}

/// Verifies with the keys that are not stale. Requests a fetch if the set is due, or if a newer set may
/// change the verdict.
impl TokenVerifier for RemoteIssuer {
    fn verify(
        &self,
        kind: TokenKind,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<VerifiedClaims>, TokenError> {
        let schedule = &self.shared.schedule;
        let at = self.shared.clock.now();
        self.shared.remove_stale_keys(at);
        let verdict = self.jwt.verify(kind, token, now);
        let outdated = verdict.as_ref().is_err_and(|error| self.may_need_another_key(token, *error));
        if (outdated || schedule.is_due(at)) && schedule.may_fetch(at) {
            // If the channel is full, a fetch is already requested. If it is closed, the thread has
            // ended.
            let _ = self.requests.try_send(());
        }
        verdict
    }
}

impl IssuerVerifier for RemoteIssuer {
    fn issuer(&self) -> &str {
        self.jwt.issuer()
    }

    fn accepts_issuer(&self, issuer: &str) -> bool {
        self.jwt.accepts_issuer(issuer)
    }

    fn max_token_bytes(&self) -> usize {
        self.jwt.max_token_bytes()
    }
}

impl fmt::Debug for RemoteIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteIssuer").field("jwt", &self.jwt).finish_non_exhaustive()
    }
}
