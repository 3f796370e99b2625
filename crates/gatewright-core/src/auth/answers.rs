//! How one `Auth` answers and reports failures.

use std::sync::{Arc, Once};

use super::failure::Failure;
use super::reports::Reports;
use crate::error::AuthError;
use crate::event::{Event, EventSink, RequestContext};
use crate::http::{Denial, DenialResponder, Reply, RequestView, TrustedProxies};
use crate::password::{BreachedPasswordsError, HasherError};
use crate::types::{ClientInfo, SessionId, Timer, UserId};

/// How one `Auth` answers and reports failures. Its errors share it.
pub(crate) struct Answers {
    responder: DenialResponder,
    events: Arc<dyn EventSink>,
    pub(super) clients: Clients,
    timer: Arc<dyn Timer>,
    /// The requests that were refused, and the hashes that were not upgraded, because too many passwords wait.
    overloads: Reports,
}

impl Answers {
    pub(super) fn new(
        responder: DenialResponder,
        events: Arc<dyn EventSink>,
        trusted_proxies: TrustedProxies,
        timer: Arc<dyn Timer>,
    ) -> Self {
        let clients = Clients { trusted_proxies, no_peer: Once::new(), unknown_proxy: Once::new() };
        Self { responder, events, clients, timer, overloads: Reports::default() }
    }

    /// The reply. Emits nothing.
    pub(crate) fn reply(&self, kind: &AuthError) -> Reply {
        self.responder.reply(&Denial::from(kind))
    }

    pub(super) fn status(&self, kind: &AuthError) -> u16 {
        self.responder.status(&Denial::from(kind))
    }

    pub(super) fn emit(&self, event: &Event<'_>, request: &RequestContext) {
        self.events.emit(event, request);
    }

    /// Reads what events say about a request.
    pub(super) fn context(&self, view: &RequestView<'_>) -> RequestContext {
        view.context(self.clients.of(view))
    }

    /// Emits the event of a failure, if no method of `Auth` has emitted it. Only then the request is read.
    pub(super) fn report(&self, failure: &Failure, emit: impl FnOnce(&Event<'_>)) {
        if let Some(event) = self.event(&failure.kind, failure.user(), failure.session()) {
            emit(&event);
        }
    }

    /// As [`report`](Self::report), of a cause alone.
    pub(super) fn report_kind(&self, kind: &AuthError, request: &RequestContext) {
        if let Some(event) = self.event(kind, None, None) {
            self.emit(&event, request);
        }
    }

    fn event<'a>(
        &self,
        kind: &'a AuthError,
        user: Option<&'a UserId>,
        session: Option<SessionId>,
    ) -> Option<Event<'a>> {
        match kind {
            AuthError::Request(cause) => Some(Event::RequestRefused { cause: *cause }),
            AuthError::Access(cause) => Some(Event::AccessRefused { user, session, cause: *cause }),
            AuthError::Forbidden { missing_roles, missing_scopes, .. } => {
                Some(Event::Forbidden { user, session, missing_roles, missing_scopes })
            }
            AuthError::ApiKeyForbidden { missing_roles, missing_scopes } => {
                Some(Event::ApiKeyForbidden { missing_roles, missing_scopes })
            }
            cause @ (AuthError::Policy(_) | AuthError::LastHolder {} | AuthError::EmailTaken {}) => {
                Some(Event::ChangeRefused { cause })
            }
            error @ (AuthError::Hasher(HasherError::Busy {})
            | AuthError::BreachedPasswords(BreachedPasswordsError::Busy {})
            | AuthError::TooManyRefusals {}) => self.overload(error),
            error if matches!(Denial::from(error), Denial::Unavailable | Denial::Internal) => {
                Some(Event::Failed { error })
            }
            _ => None,
        }
    }

    /// The event of an overload: at most one a minute, with a count.
    pub(super) fn overload<'a>(&self, error: &'a AuthError) -> Option<Event<'a>> {
        let count = self.overloads.record(self.timer.now())?;
        Some(Event::Overloaded { error, count })
    }
}

/// Says which client a request comes from.
pub(super) struct Clients {
    trusted_proxies: TrustedProxies,
    /// The warning about a peer without an address is logged once.
    no_peer: Once,
    /// So is the warning about a proxy that is not configured.
    unknown_proxy: Once,
}

impl Clients {
    pub(super) fn of(&self, view: &RequestView<'_>) -> ClientInfo {
        let client = self.trusted_proxies.client(view);
        if client.address.is_none() {
            let fix = "on axum serve with into_make_service_with_connect_info::<SocketAddr>()";
            self.no_peer.call_once(|| {
                tracing::warn!(target: "gatewright", fix, "the framework provides no peer address: sessions and logs have no client address");
            });
        }
        if client.is_behind_unknown_proxy() {
            let fix = "name the proxies with with_trusted_proxies, and let them send X-Forwarded-For";
            self.unknown_proxy.call_once(|| {
                tracing::warn!(target: "gatewright", fix, "a proxy is not trusted, or sends a forwarding header without a client address that is read: its clients share one limit of attempts");
            });
        }
        client
    }
}
