//! The audit trail of an `Auth`: reading, checking, retention. And the attempts of changes.

use std::fmt;
use std::future::Future;

use crate::audit::{
    Attempt, AuditActor, AuditCheckpoint, AuditCursor, AuditFilter, AuditReport, AuditRow, AuditTrail, verify,
};
use crate::auth::{Auth, Error, Shared};
use crate::error::AuthError;
use crate::event::Event;
use crate::guard::Identity;
use crate::store::{AuthUser, StoreError};
use crate::types::{Timestamp, UserId};

impl<U: AuthUser> Auth<U> {
    /// The audit trail of this `Auth`.
    ///
    /// # Errors
    /// [`AuthError::Misconfigured`] without an audit trail.
    pub fn audit(&self) -> Result<Audit<U>, Error> {
        let missing = AuthError::Misconfigured { missing: "call with_audit on the builder" };
        let trail = self.inner.audit.clone().ok_or_else(|| self.inner.error(missing))?;
        Ok(Audit { inner: self.inner.clone(), trail, actor: AuditActor::system() })
    }
}

/// The audit trail of an [`Auth`], from [`Auth::audit`].
pub struct Audit<U> {
    inner: Shared<U>,
    trail: AuditTrail,
    actor: AuditActor,
}

impl<U> fmt::Debug for Audit<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").finish_non_exhaustive()
    }
}

impl<U: AuthUser> Audit<U> {
    /// Names the caller as the actor of a deletion or an erasure. Without it, the actor is the application itself.
    #[must_use]
    pub fn by(mut self, caller: &Identity<U>) -> Self {
        self.actor = AuditActor::user(&caller.user().id());
        self
    }

    /// Waits until all events up to now are stored, with a checkpoint. Call it when the service stops, after its last
    /// request.
    ///
    /// # Errors
    /// [`AuthError::Store`] if they are not stored within [`FLUSH_WAIT`](crate::audit::FLUSH_WAIT).
    pub async fn flush(&self) -> Result<(), Error> {
        self.answered(self.trail.flush()).await
    }

    /// At most `limit` rows that the filter finds, the newest first. The next page comes after the
    /// [`AuditCursor`] of the last row.
    ///
    /// A row that was emitted just before may still wait in the queue.
    ///
    /// # Errors
    /// The store failed.
    pub async fn page(
        &self,
        filter: &AuditFilter,
        after: Option<&AuditCursor>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, Error> {
        self.answered(self.trail.store().page_rows(filter, after, limit)).await
    }

    /// Verifies all chains with the key of this `Auth`: see [`verify`](crate::audit::verify()).
    ///
    /// # Errors
    /// The store failed.
    pub async fn verify(&self, checkpoints: &[AuditCheckpoint]) -> Result<AuditReport, Error> {
        self.answered(verify(self.trail.store(), self.trail.keys(), checkpoints)).await
    }

    /// Deletes the rows before `time`, from the beginning of each chain, and returns how many. Before that, a row for
    /// each chain says up to which row it was deleted, so that the rest still verifies.
    ///
    /// Call it now and then: nothing else deletes rows.
    ///
    /// # Errors
    /// The store failed. Some rows may be deleted then.
    pub async fn delete_before(&self, time: Timestamp) -> Result<u64, Error> {
        self.answered(self.trail.delete_before(time, self.actor.clone())).await
    }

    /// Erases the client's address and the user agent in all stored rows of what this user did, and returns in how many.
    /// Rows that wait in this process are stored first. Rows that wait in other processes come later: erase again after an
    /// outage. The rows stay and still verify. The user's id stays: without the account it leads to no person.
    ///
    /// # Errors
    /// The store failed.
    pub async fn erase_personal(&self, user: &UserId) -> Result<u64, Error> {
        self.answered(self.trail.erase_personal(user, self.actor.clone())).await
    }

    async fn answered<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, Error> {
        call.await.map_err(|error| self.inner.error(error))
    }
}

impl<U> Shared<U> {
    /// Records the attempt of a change by an administrator, or of a credential. The change may be made only after it
    /// has returned.
    ///
    /// # Errors
    /// The attempt is not recorded: 503. Nothing may be changed.
    pub(super) async fn attempt(&self, event: &Event<'_>) -> Result<Attempt, AuthError> {
        match &self.audit {
            Some(trail) => Ok(trail.attempt(event, self.request()).await?),
            None => Ok(Attempt::unaudited()),
        }
    }

    /// Makes a change after its attempt is recorded, and records how it failed. If it succeeds, its own event says so.
    ///
    /// # Errors
    /// Those of the change. [`AuthError::Store`] if the attempt is not recorded: nothing was changed.
    ///
    /// # Cancel safety
    /// A dropped call leaves a row that its outcome is unknown, or that nothing was changed.
    pub(super) async fn attempted<T>(
        &self,
        event: &Event<'_>,
        change: impl Future<Output = Result<T, AuthError>>,
    ) -> Result<T, AuthError> {
        let attempt = self.attempt(event).await?;
        let outcome = change.await;
        end(attempt, &outcome);
        outcome
    }
}

/// Records how a change failed. If it succeeded, its own event says so.
pub(super) fn end<T>(attempt: Attempt, outcome: &Result<T, AuthError>) {
    match outcome {
        Ok(_) => attempt.made(),
        Err(error @ AuthError::Store(_)) => attempt.unknown(error),
        Err(error) => attempt.refused(error),
    }
}
