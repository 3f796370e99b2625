//! The settings of the audit trail, and their checks.

use std::sync::Arc;

use super::build_error::BuildError;
use crate::audit::{AuditReach, AuditSettings, AuditStore, AuditTrail, Parts, check};
use crate::event::EventSink;

/// Where the audit trail is.
#[derive(Default)]
pub(super) struct AuditParts {
    store: Option<Arc<dyn AuditStore>>,
    settings: Option<AuditSettings>,
    is_off: bool,
}

impl AuditParts {
    /// The store of the accounts, if it is a database.
    pub(super) fn offer(&mut self, store: Arc<dyn AuditStore>) {
        if store.audit_reach() == AuditReach::Database {
            self.store = Some(store);
        }
    }

    pub(super) fn set(&mut self, store: Arc<dyn AuditStore>, settings: AuditSettings) {
        *self = Self { store: Some(store), settings: Some(settings), is_off: false };
    }

    pub(super) fn set_settings(&mut self, settings: AuditSettings) {
        self.settings = Some(settings);
    }

    pub(super) const fn turn_off(&mut self) {
        self.is_off = true;
    }

    /// Checks the settings. `None` without an audit trail.
    pub(super) fn build(self, parts: Parts) -> Result<Option<AuditTrail>, BuildError> {
        let Self { store, settings, is_off } = self;
        if let Some(settings) = &settings {
            check(settings)
                .map_err(|(rule, found)| BuildError::new("audit_settings", rule).with_found(found))?;
        }
        let Some(store) = store.filter(|_| !is_off) else {
            if settings.is_some() {
                return Err(BuildError::new(
                    "audit_settings",
                    "are set, and there is no audit trail; name its store with `with_audit`, and do not call \
                     `without_audit`",
                ));
            }
            return Ok(None);
        };
        let settings = settings.unwrap_or_default();
        let trail = AuditTrail::new(store, settings, parts);
        if trail.keys().is_empty() {
            tracing::info!(target: "gatewright", "the audit trail has no key: a changed row does not show (`with_audit_settings`)");
        }
        Ok(Some(trail))
    }
}

/// The application's sink, and the audit trail after it.
pub(super) fn composed(events: Arc<dyn EventSink>, trail: Option<&AuditTrail>) -> Arc<dyn EventSink> {
    match trail {
        Some(trail) => Arc::new((events, trail.clone())),
        None => events,
    }
}
