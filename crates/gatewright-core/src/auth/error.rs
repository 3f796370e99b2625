//! The error of an [`Auth`](crate::Auth)'s methods: the cause, and how that `Auth` answers and reports it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::reports::Reports;
use crate::error::{AccessError, AuthError};
use crate::event::{Event, EventSink};
use crate::http::{Denial, DenialResponder, Reply};
use crate::password::HasherError;
use crate::types::Timer;

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
    kind: AuthError,
    answers: Arc<Answers>,
    is_reported: AtomicBool,
}

impl Error {
    /// The cause.
    #[must_use]
    pub const fn kind(&self) -> &AuthError {
        &self.kind
    }

    /// The cause alone. Who answers it, and whether it was reported, is lost.
    #[must_use]
    pub fn into_kind(self) -> AuthError {
        self.kind
    }

    /// The reply, as clients see it.
    ///
    /// The first call emits an event, if [`Auth::reply_to`](crate::Auth::reply_to) emits one for this cause.
    /// Further calls emit none. An error that is never answered is not reported: an application that handles
    /// a failure itself also logs it.
    #[must_use]
    pub fn reply(&self) -> Reply {
        if !self.is_reported.swap(true, Ordering::Relaxed) {
            self.answers.report(&self.kind);
        }
        self.answers.responder.reply(&Denial::from(self))
    }

    /// The status of the [`reply`](Self::reply). Emits nothing.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.answers.responder.status(&Denial::from(self))
    }
}

/// The message of the cause.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The source of the cause.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.kind)
    }
}

/// As [`Error::into_kind`], for functions that return an [`AuthError`].
impl From<Error> for AuthError {
    fn from(error: Error) -> Self {
        error.kind
    }
}

/// The denial of its cause.
impl From<&Error> for Denial {
    fn from(error: &Error) -> Self {
        Self::from(&error.kind)
    }
}

/// How one `Auth` answers and reports errors. Its errors share it.
pub(crate) struct Answers {
    pub(crate) responder: DenialResponder,
    events: Arc<dyn EventSink>,
    timer: Arc<dyn Timer>,
    /// The requests that were refused, and the hashes that were not upgraded, because too many passwords wait.
    overloads: Reports,
}

impl Answers {
    pub(crate) fn new(responder: DenialResponder, events: Arc<dyn EventSink>, timer: Arc<dyn Timer>) -> Self {
        Self { responder, events, timer, overloads: Reports::default() }
    }

    /// An error of this `Auth`, not reported yet.
    pub(crate) fn error(self: &Arc<Self>, kind: AuthError) -> Error {
        Error { kind, answers: Arc::clone(self), is_reported: AtomicBool::new(false) }
    }

    pub(crate) fn reply_to(&self, error: &AuthError) -> Reply {
        self.report(error);
        self.responder.reply(&Denial::from(error))
    }

    /// Reports an overload at most once a minute, with a count.
    pub(crate) fn report_overload(&self, error: &AuthError) {
        if let Some(count) = self.overloads.record(self.timer.now()) {
            self.events.emit(&Event::Overloaded { error, count });
        }
    }

    /// Emits the causes that the methods of `Auth` do not emit themselves.
    fn report(&self, error: &AuthError) {
        match error {
            AuthError::Access(AccessError::NoCredential | AccessError::NoApiKey) => {}
            AuthError::Request(cause) => self.events.emit(&Event::RequestRefused { cause: *cause }),
            AuthError::Hasher(HasherError::Busy {}) | AuthError::TooManyRefusals {} => {
                self.report_overload(error);
            }
            AuthError::Access(cause) => self.events.emit(&Event::AccessRefused { cause: *cause }),
            _ if matches!(Denial::from(error), Denial::Unavailable | Denial::Internal) => {
                self.events.emit(&Event::Failed { error });
            }
            _ => {}
        }
    }
}
