//! The error of every store.

use std::error::Error;

/// A store did not do what it was asked: it is down, full, locked for too long, or holds what it should not.
///
/// It is never an answer about a user or a session: those are values. Clients see 503.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("the store could not {action}")]
pub struct StoreError {
    action: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    /// `action` completes "the store could not …"; `source` says why.
    #[must_use]
    pub fn new(action: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { action, source: source.into() }
    }
}
