//! What all clones of an [`Auth`](super::Auth) share, with the request that one of them works for.

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;

use super::error::Error;
use super::failure::Failure;
use super::inner::Inner;
use super::limiter::Subject;
use crate::error::AuthError;
use crate::event::{Event, RequestContext};
use crate::http::{Reply, RequestView};
use crate::types::{ClientInfo, UserId};

/// A handle on an [`Inner`]. Everything that emits an event goes through it, so that the event says in which
/// request it happened.
pub(crate) struct Shared<U> {
    inner: Arc<Inner<U>>,
    /// `None` outside of a request, and for guards: they read it only if they refuse the request.
    request: Option<Arc<RequestContext>>,
}

impl<U> Clone for Shared<U> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), request: self.request.clone() }
    }
}

impl<U> Deref for Shared<U> {
    type Target = Inner<U>;

    fn deref(&self) -> &Inner<U> {
        &self.inner
    }
}

impl<U> Shared<U> {
    pub(super) fn new(inner: Inner<U>) -> Self {
        Self { inner: Arc::new(inner), request: None }
    }

    /// The same state, for this request.
    pub(super) fn for_request(&self, view: &RequestView<'_>) -> Self {
        let request = Some(Arc::new(self.answers.context(view)));
        Self { inner: Arc::clone(&self.inner), request }
    }

    /// The state alone.
    pub(crate) const fn inner(&self) -> &Arc<Inner<U>> {
        &self.inner
    }

    /// The request of the events.
    pub(crate) fn request(&self) -> &RequestContext {
        self.request.as_deref().unwrap_or(RequestContext::none())
    }

    /// Who makes an attempt, and in which request.
    pub(crate) fn subject(&self, user: Option<UserId>, client: ClientInfo) -> Subject {
        Subject { user, client, request: self.request.clone() }
    }

    /// Lifts the lock of a user whose password was set, and deletes the known networks. A failure is an event: the
    /// password is set.
    pub(crate) async fn forget_attempts(&self, user: &UserId) {
        if let Err(error) = self.limiter.forget(user).await {
            self.emit(&Event::Failed { error: &error.into() });
        }
    }

    pub(crate) fn emit(&self, event: &Event<'_>) {
        self.answers.emit(event, self.request());
    }

    /// Reports an overload at most once a minute, with a count.
    pub(crate) fn report_overload(&self, error: &AuthError) {
        if let Some(event) = self.answers.overload(error) {
            self.emit(&event);
        }
    }

    /// Reports a user whose password cannot be verified, at most once a minute for a pepper, with a count.
    pub(crate) fn report_unknown_pepper(&self, user: &UserId, id: &str) {
        if let Some(count) = self.unknown_peppers.record(id, self.timer.now()) {
            self.emit(&Event::UnknownPepper { user, id, count });
        }
    }

    /// The reply to a failure. Emits its event.
    pub(crate) fn reply_to(&self, failure: &Failure) -> Reply {
        self.answers.report(failure, |event| self.emit(event));
        self.answers.reply(&failure.kind)
    }

    /// The error of a public method: it carries how this `Auth` answers.
    pub(crate) fn error(&self, kind: impl Into<AuthError>) -> Error {
        self.failed(Failure::new(kind))
    }

    /// As [`error`](Self::error), of a request whose token names a user.
    pub(crate) fn failed(&self, failure: Failure) -> Error {
        Error::new(failure, Arc::clone(&self.answers), self.request.clone())
    }

    /// Runs the body of a public method. Its error carries how this `Auth` answers.
    pub(crate) async fn answerable<T>(
        &self,
        call: impl Future<Output = Result<T, AuthError>>,
    ) -> Result<T, Error> {
        call.await.map_err(|kind| self.error(kind))
    }

    /// Runs a call of this client. If `is_held` says so of its outcome, the outcome is returned no earlier than
    /// the refusal floor after the start, for each of the `hashes` that a refusal computes.
    pub(crate) async fn with_refusal_floor<T>(
        &self,
        client: &ClientInfo,
        hashes: u32,
        call: impl Future<Output = Result<T, AuthError>>,
        is_held: impl FnOnce(&Result<T, AuthError>) -> bool,
    ) -> Result<T, AuthError> {
        self.refusal_floor.apply(|event| self.emit(event), client, hashes, call, is_held).await
    }
}
