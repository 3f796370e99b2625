//! Claims of the application's own, made of a user at each login and refresh.

use std::error::Error;
use std::sync::Arc;

use serde::Serialize;

use crate::error::ExtraClaimsError;
use crate::token::ExtraObject;

type Make<U> = dyn Fn(&U) -> Result<ExtraObject, ExtraClaimsError> + Send + Sync;

/// The function of [`AuthBuilder::with_extra_claims`](crate::AuthBuilder::with_extra_claims). None unless set.
pub(crate) struct ExtraClaimsSource<U>(Option<Arc<Make<U>>>);

impl<U> ExtraClaimsSource<U> {
    pub(super) fn new<T, E>(make: impl Fn(&U) -> Result<T, E> + Send + Sync + 'static) -> Self
    where
        T: Serialize,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self(Some(Arc::new(move |user| {
            let claims = make(user).map_err(|error| ExtraClaimsError::Failed(error.into()))?;
            Ok(ExtraObject::new(&claims)?)
        })))
    }

    /// The claims of this user's next access token.
    pub(crate) fn make(&self, user: &U) -> Result<Option<ExtraObject>, ExtraClaimsError> {
        self.0.as_ref().map(|make| make(user)).transpose()
    }
}

impl<U> Default for ExtraClaimsSource<U> {
    fn default() -> Self {
        Self(None)
    }
}
