//! Revoking: a verb of a store, and everybody told of it.

use std::future::Future;

use crate::auth::{Auth, Inner};
use crate::error::AuthError;
use crate::event::Event;
use crate::feed::Ear;
use crate::revocation::Revocation;
use crate::store::{AuthUser, StoreError};

impl<U: AuthUser> Auth<U> {
    /// For applications that change users or end sessions in their stores themselves: call it once the change is
    /// durable. This `Auth` then reads again before it believes, and the others do when they hear of it.
    ///
    /// # Errors
    /// When the feed could not hand it over; this `Auth` knows all the same.
    pub async fn announce(&self, revocation: Revocation) -> Result<(), AuthError> {
        Pending::new(&self.inner, revocation).settle().await
    }
}

impl<U: AuthUser> Inner<U> {
    /// Runs a store's verb that revokes something. This node knows before the caller does, and the message to the others
    /// is handed over. A verb that fails, or is given up in its middle, may have done it all the same, now or a moment
    /// later: everybody is told of that too. What happened is recorded whether they could be told or not.
    pub(crate) async fn revoking<T>(
        &self,
        revocation: Revocation,
        verb: impl Future<Output = Result<T, StoreError>> + Send,
        record: impl FnOnce(&T) + Send,
    ) -> Result<T, AuthError> {
        let pending = Pending::new(self, revocation);
        let done = verb.await?;
        record(&done);
        pending.settle().await?;
        Ok(done)
    }

    /// As [`Inner::revoking`] where what follows must not stop for want of a feed, since the verb does more than revoke or
    /// another revokes the same once more: what could not be handed over is an event.
    pub(crate) async fn revoking_besides<T>(
        &self,
        revocation: Revocation,
        verb: impl Future<Output = Result<T, StoreError>> + Send,
        revokes: impl FnOnce(&T) -> bool + Send,
    ) -> Result<T, AuthError> {
        let pending = Pending::new(self, revocation);
        let done = verb.await?;
        if !revokes(&done) {
            pending.disarm();
        } else if let Err(error) = pending.settle().await {
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

/// A revocation whose outcome is not known yet. Dropped as it is, it tells everybody that it never will be.
struct Pending<'a, U: AuthUser> {
    inner: &'a Inner<U>,
    revocation: Option<Revocation>,
}

impl<'a, U: AuthUser> Pending<'a, U> {
    const fn new(inner: &'a Inner<U>, revocation: Revocation) -> Self {
        Self { inner, revocation: Some(revocation) }
    }

    async fn settle(mut self) -> Result<(), AuthError> {
        let Some(revocation) = self.revocation.take() else { return Ok(()) };
        Ok(self.inner.tell(&revocation).await?)
    }

    fn disarm(mut self) {
        self.revocation = None;
    }
}

impl<U: AuthUser> Drop for Pending<'_, U> {
    fn drop(&mut self) {
        if let Some(revocation) = self.revocation.take() {
            drop(self.inner.tell(&revocation.unsettled()));
        }
    }
}
