//! The error of an [`Auth`](crate::Auth)'s methods: the cause, and how that `Auth` answers and reports it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::answers::Answers;
use super::failure::Failure;
use crate::error::AuthError;
use crate::event::{Event, RequestContext};
use crate::http::{Denial, Reply, RequestView};

/// Why a method of [`Auth`](crate::Auth) or [`Accounts`](crate::Accounts) failed.
///
/// It contains the cause, an [`AuthError`]. It also knows the renderer, the realm and the event sink of the
/// `Auth` that made it. So its [`reply`](Self::reply) is the one that a ready-made endpoint gives.
///
/// Handlers return it with `?`: each adapter has an `Error` of its framework, into which this one converts.
///
/// ```
/// use gatewright::error::LoginError;
/// use gatewright::{Auth, AuthError, Login, MemoryStore, Password};
///
/// # gatewright_testkit::block_on(async {
/// # let secret = gatewright::HmacSecret::generate()?;
/// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
/// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
/// let auth = Auth::local(MemoryStore::new(), tokens, hasher).with_realm("api").build()?;
/// let guess = Login::new("ada@example.com", Password::new("an entirely wrong guess"));
/// let error = auth.login(guess).await.unwrap_err();
/// assert!(matches!(error.kind(), AuthError::Login(LoginError::UserUnknown)));
///
/// let reply = error.reply();
/// assert_eq!(reply.status, 401);
/// assert!(reply.headers.contains(&("www-authenticate", "Bearer realm=\"api\"".to_owned())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct Error {
    failure: Failure,
    answers: Arc<Answers>,
    /// The request of the `Auth` that made the error, if it had one.
    request: Option<Arc<RequestContext>>,
    is_reported: AtomicBool,
}

impl Error {
    /// An error that is not reported yet.
    pub(super) const fn new(
        failure: Failure,
        answers: Arc<Answers>,
        request: Option<Arc<RequestContext>>,
    ) -> Self {
        Self { failure, answers, request, is_reported: AtomicBool::new(false) }
    }

    /// The cause.
    #[must_use]
    pub const fn kind(&self) -> &AuthError {
        &self.failure.kind
    }

    /// The cause alone. Who answers it, and whether it was reported, is lost.
    #[must_use]
    pub fn into_kind(self) -> AuthError {
        self.failure.kind
    }

    /// The reply, as clients see it.
    ///
    /// The first call emits an event, if [`Auth::reply_to`](crate::Auth::reply_to) emits one for this cause.
    /// Further calls emit none. An error that is never answered is not reported: an application that handles
    /// a failure itself also logs it.
    ///
    /// The event says in which request it happened if the error comes from
    /// [`Auth::for_request`](crate::Auth::for_request). Guards and extractors call [`reply_for`](Self::reply_for).
    #[must_use]
    pub fn reply(&self) -> Reply {
        self.report(|answers, event| answers.emit(event, RequestContext::none()));
        self.answers.reply(self.kind())
    }

    /// As [`reply`](Self::reply), for the request of this view: the event says in which request it happened. The
    /// view is read only if an event is emitted.
    #[must_use]
    pub fn reply_for(&self, view: &RequestView<'_>) -> Reply {
        self.report(|answers, event| answers.emit(event, &answers.context(view)));
        self.answers.reply(self.kind())
    }

    /// Emits the event the first time. `emit` is for an error without a request of its own.
    fn report(&self, emit: impl FnOnce(&Answers, &Event<'_>)) {
        if self.is_reported.swap(true, Ordering::Relaxed) {
            return;
        }
        self.answers.report(&self.failure, |event| match &self.request {
            Some(request) => self.answers.emit(event, request),
            None => emit(&self.answers, event),
        });
    }

    /// The status of the [`reply`](Self::reply). Emits nothing.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.answers.status(self.kind())
    }
}

/// The message of the cause.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", self.kind()).finish_non_exhaustive()
    }
}

/// The source of the cause.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(self.kind())
    }
}

/// As [`Error::into_kind`], for functions that return an [`AuthError`].
impl From<Error> for AuthError {
    fn from(error: Error) -> Self {
        error.failure.kind
    }
}

/// The denial of its cause.
impl From<&Error> for Denial {
    fn from(error: &Error) -> Self {
        Self::from(error.kind())
    }
}

/// Keeps whom its token names.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        error.failure
    }
}
