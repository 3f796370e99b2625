//! The error of every store.

use std::error::Error;

/// A store failed: it is down, full, locked for too long, or holds malformed data.
///
/// It never says anything about a user or a session: an absent one is `Ok(None)` or a verdict. Clients
/// get 503.
///
/// ```
/// use gatewright::store::StoreError;
///
/// let error = StoreError::new("find the user", "connection refused");
/// assert_eq!(error.to_string(), "the store could not find the user");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("the store could not {action}")]
pub struct StoreError {
    action: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    /// Creates an error. `action` completes the sentence "the store could not …", `source` is the cause.
    #[must_use]
    pub fn new(action: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { action, source: source.into() }
    }
}
