//! Revoking: a operation of a store, its event, and the announcement to the other nodes.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::handle::{Auth, Inner};
use crate::error::AuthError;
use crate::event::Event;
use crate::revocation::{Revocation, RevocationListener};
use crate::store::{AuthUser, StoreError};
use crate::types::{SessionId, UserId};

impl<U: AuthUser> Auth<U> {
    /// Invalidates what the caches of all nodes hold about a user: the user's record and all of the
    /// user's sessions.
    ///
    /// Call it when the application has changed the user in its own store, after the change is
    /// durable: for example after it disabled the user or changed a role. This `Auth` reads the
    /// stores again before the next request of that user. The other nodes do so when the message
    /// reaches them.
    ///
    /// # Errors
    /// [`AuthError::Store`] if the feed did not take the message within 5 seconds. The cache of this
    /// `Auth` is invalidated in any case.
    pub async fn invalidate_user(&self, user: &UserId) -> Result<(), AuthError> {
        self.publish(Revocation::user(user.clone())).await
    }

    /// Invalidates what the caches of all nodes hold about one session.
    ///
    /// Call it when the application has deleted the session in its own store, after the change is
    /// durable.
    ///
    /// # Errors
    /// As [`Auth::invalidate_user`].
    pub async fn invalidate_session(&self, session: SessionId) -> Result<(), AuthError> {
        self.publish(Revocation::session(session)).await
    }

    async fn publish(&self, revocation: Revocation) -> Result<(), AuthError> {
        PendingRevocation::new(&self.inner, revocation).publish().await
    }
}

impl<U: AuthUser> Inner<U> {
    /// Runs a store's operation that revokes something, and announces it. `record` runs as soon as the operation has returned: it
    /// emits the event, and says whether anything was revoked. When it was, this node's cache is cleared of it and the
    /// message is handed over before the call returns.
    ///
    /// # Errors
    /// When the operation fails, or the message could not be handed over. The operation's change stands in the second case.
    ///
    /// # Cancel safety
    /// A operation that fails or is dropped in its middle may have taken place all the same: it is announced as unsettled.
    pub(crate) async fn revoke_and_wait<T>(
        &self,
        revocation: Revocation,
        operation: impl Future<Output = Result<T, StoreError>> + Send,
        record: impl FnOnce(&T) -> bool + Send,
    ) -> Result<T, AuthError> {
        let pending = PendingRevocation::new(self, revocation);
        let done = operation.await?;
        if record(&done) {
            pending.publish().await?;
        } else {
            pending.discard();
        }
        Ok(done)
    }

    /// As [`revoke_and_wait`](Self::revoke_and_wait), without waiting for the feed: for verbs that do more than revoke (a login, a
    /// refresh), and for the first of two steps, whose second announces the same again. A message that the feed refuses at
    /// once is an event.
    ///
    /// # Errors
    /// When the operation fails.
    pub(crate) async fn revoke_without_waiting<T>(
        &self,
        revocation: Revocation,
        operation: impl Future<Output = Result<T, StoreError>> + Send,
        record: impl FnOnce(&T) -> bool + Send,
    ) -> Result<T, AuthError> {
        let pending = PendingRevocation::new(self, revocation);
        let done = operation.await?;
        if !record(&done) {
            pending.discard();
        } else if let Some(Err(error)) = now_or_never(pending.publish()) {
            self.emit(&Event::Failed { error: &error });
        }
        Ok(done)
    }

    fn invalidate(
        &self,
        revocation: &Revocation,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<U> {
        if let Some(cache) = &self.cache {
            cache.invalidate(revocation);
        }
        self.feed.publish(revocation)
    }
}

/// A revocation whose outcome is not known yet. Dropped, it is announced as unsettled.
struct PendingRevocation<'a, U: AuthUser> {
    inner: &'a Inner<U>,
    revocation: Option<Revocation>,
}

impl<'a, U: AuthUser> PendingRevocation<'a, U> {
    const fn new(inner: &'a Inner<U>, revocation: Revocation) -> Self {
        Self { inner, revocation: Some(revocation) }
    }

    /// It took place.
    async fn publish(mut self) -> Result<(), AuthError> {
        let Some(revocation) = self.revocation.take() else { return Ok(()) };
        Ok(self.inner.invalidate(&revocation).await?)
    }

    /// It did not take place.
    fn discard(mut self) {
        self.revocation = None;
    }
}

impl<U: AuthUser> Drop for PendingRevocation<'_, U> {
    fn drop(&mut self) {
        if let Some(revocation) = self.revocation.take() {
            drop(self.inner.invalidate(&revocation.unconfirmed()));
        }
    }
}

/// The output of a future that is ready when it is polled for the first time.
fn now_or_never<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
