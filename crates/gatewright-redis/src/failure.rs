//! The error type inside this crate. Public methods return it as the source of a [`StoreError`].

use std::error::Error;

use gatewright_core::StoreError;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// For `map_err`. `action` completes the text "the store could not …".
pub(crate) fn store_error(action: &'static str) -> impl FnOnce(Failure) -> StoreError {
    move |failure| StoreError::new(action, failure)
}
