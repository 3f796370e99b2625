//! Revocation: runs a store operation that revokes something, emits its event, invalidates this
//! node's cache and publishes the revocation to the other nodes.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::error::Error;
use super::handle::Auth;
use super::inner::Inner;
use super::shared::Shared;
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
    /// If your change failed and may still take effect, call it as well, and again after
    /// [`UNCONFIRMED_WINDOW`](crate::revocation::UNCONFIRMED_WINDOW).
    ///
    /// # Errors
    /// [`AuthError::Store`] if the feed did not take the message within 5 seconds. The cache of this
    /// `Auth` is invalidated in any case.
    pub async fn invalidate_user(&self, user: &UserId) -> Result<(), Error> {
        self.publish(Revocation::user(user.clone())).await
    }

    /// Invalidates what the caches of all nodes hold about one session.
    ///
    /// Call it when the application has deleted the session in its own store, after the change is
    /// durable.
    ///
    /// # Errors
    /// As [`Auth::invalidate_user`].
    pub async fn invalidate_session(&self, session: SessionId) -> Result<(), Error> {
        self.publish(Revocation::session(session)).await
    }

    async fn publish(&self, revocation: Revocation) -> Result<(), Error> {
        self.inner.answerable(self.inner.publish_and_wait(revocation)).await
    }
}

impl<U: AuthUser> Shared<U> {
    /// Runs a store operation that revokes something, and waits until the feed has the message.
    ///
    /// `record` runs right after the operation. It emits the event and returns whether anything was
    /// revoked. If so, this node's cache is invalidated and the feed takes the message before the call
    /// returns.
    ///
    /// # Errors
    /// The operation failed, or the feed did not take the message. In the second case the change in
    /// the store has happened.
    ///
    /// # Cancel safety
    /// An operation that fails, or whose future is dropped, may still take effect. It is published as
    /// unconfirmed.
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

    /// As [`revoke_and_wait`](Self::revoke_and_wait), without waiting for the feed.
    ///
    /// A login or a refresh uses it, because revoking is a side effect there. So does the first of two
    /// steps, because the second publishes the same revocation again. If the feed fails at once, the
    /// failure is emitted as an event.
    ///
    /// # Errors
    /// The operation failed.
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
}

impl<U: AuthUser> Inner<U> {
    /// Publishes a revocation whose change is in the store already, and waits until the feed has the message.
    ///
    /// # Errors
    /// The feed did not take the message.
    pub(crate) async fn publish_and_wait(&self, revocation: Revocation) -> Result<(), AuthError> {
        PendingRevocation::new(self, revocation).publish().await
    }

    /// Invalidates this node's cache, then hands the message to the feed.
    fn invalidate(
        &self,
        revocation: Revocation,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<U> {
        if let Some(cache) = &self.cache {
            cache.invalidate(&revocation);
        }
        self.feed.publish(&self.codec.seal(revocation, self.now()))
    }
}

/// A revocation whose store operation has not returned yet. Dropping it publishes the revocation as
/// unconfirmed.
struct PendingRevocation<'a, U: AuthUser> {
    inner: &'a Inner<U>,
    revocation: Option<Revocation>,
}

impl<'a, U: AuthUser> PendingRevocation<'a, U> {
    const fn new(inner: &'a Inner<U>, revocation: Revocation) -> Self {
        Self { inner, revocation: Some(revocation) }
    }

    /// The operation revoked something.
    async fn publish(mut self) -> Result<(), AuthError> {
        let Some(revocation) = self.revocation.take() else { return Ok(()) };
        Ok(self.inner.invalidate(revocation).await?)
    }

    /// The operation revoked nothing.
    fn discard(mut self) {
        self.revocation = None;
    }
}

impl<U: AuthUser> Drop for PendingRevocation<'_, U> {
    fn drop(&mut self) {
        if let Some(revocation) = self.revocation.take() {
            drop(self.inner.invalidate(revocation.unconfirmed()));
        }
    }
}

/// The output of a future that is ready at its first poll.
fn now_or_never<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
