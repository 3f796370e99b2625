//! Revoking: a verb of a store, its event, and the announcement to the other nodes.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::auth::{Auth, Inner};
use crate::error::AuthError;
use crate::event::Event;
use crate::feed::RevocationListener;
use crate::revocation::Revocation;
use crate::store::{AuthUser, StoreError};

impl<U: AuthUser> Auth<U> {
    /// Announces a revocation. For applications that change users or end sessions in their stores themselves: call it once
    /// the change is durable. This `Auth` reads the stores again before it relies on what it remembered, and the others do
    /// when they hear of it.
    ///
    /// # Errors
    /// When the feed could not hand it over; this `Auth` knows all the same.
    pub async fn announce(&self, revocation: Revocation) -> Result<(), AuthError> {
        PendingRevocation::new(&self.inner, revocation).announce().await
    }
}

impl<U: AuthUser> Inner<U> {
    /// Runs a store's verb that revokes something, and announces it. `record` runs as soon as the verb has returned: it
    /// emits the event, and says whether anything was revoked. When it was, this node's cache is cleared of it and the
    /// message is handed over before the call returns.
    ///
    /// # Errors
    /// When the verb fails, or the message could not be handed over. The verb's change stands in the second case.
    ///
    /// # Cancel safety
    /// A verb that fails or is dropped in its middle may have taken place all the same: it is announced as unsettled.
    pub(crate) async fn revoking<T>(
        &self,
        revocation: Revocation,
        verb: impl Future<Output = Result<T, StoreError>> + Send,
        record: impl FnOnce(&T) -> bool + Send,
    ) -> Result<T, AuthError> {
        let pending = PendingRevocation::new(self, revocation);
        let done = verb.await?;
        if record(&done) {
            pending.announce().await?;
        } else {
            pending.discard();
        }
        Ok(done)
    }

    /// As [`revoking`](Self::revoking), without waiting for the feed: for verbs that do more than revoke (a login, a
    /// refresh), and for the first of two steps, whose second announces the same again. A message that the feed refuses at
    /// once is an event.
    ///
    /// # Errors
    /// When the verb fails.
    pub(crate) async fn revoking_unconfirmed<T>(
        &self,
        revocation: Revocation,
        verb: impl Future<Output = Result<T, StoreError>> + Send,
        record: impl FnOnce(&T) -> bool + Send,
    ) -> Result<T, AuthError> {
        let pending = PendingRevocation::new(self, revocation);
        let done = verb.await?;
        if !record(&done) {
            pending.discard();
        } else if let Some(Err(error)) = now_or_never(pending.announce()) {
            self.emit(&Event::Failed { error: &error });
        }
        Ok(done)
    }

    fn tell(&self, revocation: &Revocation) -> impl Future<Output = Result<(), StoreError>> + Send + use<U> {
        if let Some(cache) = &self.cache {
            cache.revoke(revocation);
        }
        self.feed.announce(revocation)
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
    async fn announce(mut self) -> Result<(), AuthError> {
        let Some(revocation) = self.revocation.take() else { return Ok(()) };
        Ok(self.inner.tell(&revocation).await?)
    }

    /// It did not take place.
    fn discard(mut self) {
        self.revocation = None;
    }
}

impl<U: AuthUser> Drop for PendingRevocation<'_, U> {
    fn drop(&mut self) {
        if let Some(revocation) = self.revocation.take() {
            drop(self.inner.tell(&revocation.unsettled()));
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
