//! What happened, for whoever audits: why a login, a refresh or an access was refused stands here and nowhere else.

use crate::error::{AccessError, AuthError, LoginError, RefreshError, RequestError};
use crate::types::{SessionId, UserId};

/// Something that happened. It names people by id and holds no address, password, hash or token.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An account was registered.
    #[non_exhaustive]
    Registered {
        /// The user.
        user: &'a UserId,
    },
    /// A registration named an address that is taken; the client was told what a new one is told.
    #[non_exhaustive]
    RegistrationRepeated {},
    /// A login succeeded.
    #[non_exhaustive]
    LoggedIn {
        /// The user.
        user: &'a UserId,
        /// The session that began.
        session: SessionId,
    },
    /// A login was refused.
    #[non_exhaustive]
    LoginRefused {
        /// Whose login it would have been, if the name is a user's.
        user: Option<&'a UserId>,
        /// The reason.
        cause: LoginError,
    },
    /// A hash was replaced by a better one of the same password.
    #[non_exhaustive]
    HashUpgraded {
        /// The user.
        user: &'a UserId,
    },
    /// A hash should have been replaced by a better one and was not; the login went on.
    #[non_exhaustive]
    HashNotUpgraded {
        /// The user.
        user: &'a UserId,
        /// What failed; `None` when the hash or the user changed meanwhile.
        cause: Option<&'a AuthError>,
    },
    /// A pair of tokens was exchanged for the next.
    #[non_exhaustive]
    Refreshed {
        /// The user.
        user: &'a UserId,
        /// The session.
        session: SessionId,
        /// Whether the previous token was used once more inside the grace window.
        grace: bool,
    },
    /// A refresh was refused.
    #[non_exhaustive]
    RefreshRefused {
        /// The session that the token names, if the token could be believed.
        session: Option<SessionId>,
        /// The reason.
        cause: RefreshError,
    },
    /// A used refresh token came again: somebody has a copy. The session has ended.
    #[non_exhaustive]
    TokenReused {
        /// The user.
        user: &'a UserId,
        /// The session that ended.
        session: SessionId,
    },
    /// A session was ended by its user.
    #[non_exhaustive]
    LoggedOut {
        /// The user.
        user: &'a UserId,
        /// The session that ended.
        session: SessionId,
    },
    /// All sessions of a user were ended by the user.
    #[non_exhaustive]
    LoggedOutEverywhere {
        /// The user.
        user: &'a UserId,
    },
    /// A session was ended by an administrator.
    #[non_exhaustive]
    SessionEnded {
        /// The user.
        user: &'a UserId,
        /// The session that ended.
        session: SessionId,
    },
    /// A token was to be revoked that is not valid; the client was told what everybody is told.
    #[non_exhaustive]
    NothingRevoked {
        /// Why it is not valid.
        cause: AccessError,
    },
    /// All sessions of a user were ended by an administrator.
    #[non_exhaustive]
    SessionsEnded {
        /// The user.
        user: &'a UserId,
    },
    /// A password was changed; all other sessions ended.
    #[non_exhaustive]
    PasswordChanged {
        /// The user.
        user: &'a UserId,
    },
    /// A change of password was refused, since the present password was not given.
    #[non_exhaustive]
    PasswordChangeRefused {
        /// The user.
        user: &'a UserId,
    },
    /// An account was changed by an administrator.
    #[non_exhaustive]
    AccountChanged {
        /// The user.
        user: &'a UserId,
    },
    /// An account was deleted.
    #[non_exhaustive]
    AccountDeleted {
        /// The user.
        user: &'a UserId,
    },
    /// A request to an endpoint could not be understood; a client that is being written, most of the time.
    #[non_exhaustive]
    RequestRefused {
        /// The reason.
        cause: RequestError,
    },
    /// A guard refused a credential.
    #[non_exhaustive]
    AccessRefused {
        /// The reason.
        cause: AccessError,
    },
    /// A guard refused somebody it recognised.
    #[non_exhaustive]
    Forbidden {
        /// The user.
        user: &'a UserId,
    },
    /// A guard refused an API key that is known and lacks a scope.
    #[non_exhaustive]
    ApiKeyForbidden {},
    /// A request failed for no fault of the client's, or the feed refused a revocation at once. A feed that takes messages and
    /// cannot pass them on says so in its own log.
    #[non_exhaustive]
    Failed {
        /// What failed.
        error: &'a AuthError,
    },
}

/// Receives events.
///
/// # Contract
/// - It must not block and must not panic: it is called on the request path. Whoever writes to a slow place queues.
/// - What it does with an event never changes an answer.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use gatewright_core::{Auth, Event, EventSink, Login, Password, TracingSink};
/// use gatewright_memory::MemoryStore;
///
/// static REFUSED: AtomicU64 = AtomicU64::new(0);
///
/// /// Counts refused logins, and logs everything as usual.
/// struct Counting;
///
/// impl EventSink for Counting {
///     fn emit(&self, event: &Event<'_>) {
///         if matches!(event, Event::LoginRefused { .. }) {
///             REFUSED.fetch_add(1, Ordering::Relaxed);
///         }
///         TracingSink.emit(event);
///     }
/// }
///
/// # gatewright_testkit::block_on(async {
/// # let tokens = gatewright_jwt::Jwt::hs256("fu8F0qTz1nQmX3vKd7RwYb2LhJc9PsEa", "https://issuer.example", "api");
/// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
/// let auth = Auth::local(MemoryStore::new(), tokens, hasher).with_events(Counting).build()?;
/// assert!(auth.login(Login::new("nobody@example.com", Password::new("whatever it may be"))).await.is_err());
/// assert_eq!(REFUSED.load(Ordering::Relaxed), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub trait EventSink: Send + Sync + 'static {
    /// Handles an event.
    fn emit(&self, event: &Event<'_>);
}

/// Writes events to [`tracing`], target `gatewright`. The default.
///
/// Failures are errors; a reused refresh token and refused logins, refreshes and permissions are warnings; requests that
/// cannot be understood are at level `debug`; the rest, refused access tokens included, at level `info`.
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingSink;

impl EventSink for TracingSink {
    fn emit(&self, event: &Event<'_>) {
        match event {
            Event::Failed { error } => {
                tracing::error!(target: "gatewright", cause = chain(error), "request failed");
            }
            Event::TokenReused { user, session } => {
                tracing::warn!(target: "gatewright", %user, %session, "refresh token used twice, session ended");
            }
            Event::HashNotUpgraded { user, cause: Some(error) } => {
                tracing::error!(target: "gatewright", %user, cause = chain(error), "password hash not upgraded");
            }
            Event::LoginRefused { .. }
            | Event::RefreshRefused { .. }
            | Event::HashNotUpgraded { .. }
            | Event::PasswordChangeRefused { .. }
            | Event::Forbidden { .. }
            | Event::ApiKeyForbidden {} => tracing::warn!(target: "gatewright", ?event),
            Event::RequestRefused { .. } => tracing::debug!(target: "gatewright", ?event),
            _ => tracing::info!(target: "gatewright", ?event),
        }
    }
}

/// An error and all its causes in one line.
fn chain(error: &AuthError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
