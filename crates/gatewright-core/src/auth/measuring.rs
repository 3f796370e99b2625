//! What an `Auth` measures, and the outcomes of attempts, refreshes and guards.

use std::future::Future;

use super::builder::AuthBuilder;
use super::error::Error;
use super::inner::Inner;
use crate::error::{AccessError, AuthError, RefreshError};
use crate::event::{AttemptOutcome, GuardOutcome, Measurement, Meter, MetricsSink, RefreshOutcome};
use crate::password::{BreachedPasswordsError, HasherError};
use crate::store::AuthUser;
use crate::throttle::Purpose;

impl<U: AuthUser> AuthBuilder<U> {
    /// Sets the receiver of measurements; none unless set. Give the same one to the hashing pool.
    ///
    /// `gatewright::metrics::Metrics` (feature `metrics`) hands them to the crate `metrics`.
    pub fn with_metrics(mut self, metrics: impl MetricsSink) -> Self {
        self.meter = Meter::new(metrics);
        self
    }
}

impl<U> Inner<U> {
    /// Runs an attempt and measures its outcome. A call that is dropped is not measured.
    pub(crate) async fn measured<T>(
        &self,
        purpose: Purpose,
        attempt: impl Future<Output = Result<T, AuthError>>,
    ) -> Result<T, AuthError> {
        let ended = attempt.await;
        self.meter
            .record(|| Measurement::Attempt { purpose, outcome: attempt_outcome(ended.as_ref().err()) });
        ended
    }

    /// Measures a refresh: whether the client got the token that was current already, or the error.
    pub(crate) fn measure_refresh(&self, is_grace: Result<bool, &AuthError>) {
        self.meter.record(|| Measurement::Refresh { outcome: refresh_outcome(is_grace) });
    }

    /// Measures a guard that accepted a caller, or not.
    pub(crate) fn measure_guard<T>(&self, decision: &Result<T, Error>) {
        let error = decision.as_ref().err();
        self.meter.record(|| Measurement::Guard { outcome: guard_outcome(error.map(Error::kind)) });
    }

    /// Measures a guard that needs no caller.
    pub(crate) fn measure_optional_guard<T>(&self, decision: &Result<Option<T>, Error>) {
        match decision {
            Ok(None) => self.meter.record(|| Measurement::Guard { outcome: GuardOutcome::Anonymous }),
            decision => self.measure_guard(decision),
        }
    }
}

fn attempt_outcome(error: Option<&AuthError>) -> AttemptOutcome {
    let Some(error) = error else { return AttemptOutcome::Accepted };
    match error {
        AuthError::Login(_)
        | AuthError::IncorrectPassword {}
        | AuthError::Access(_)
        | AuthError::Refresh(_)
        | AuthError::Forbidden { .. }
        | AuthError::ApiKeyForbidden { .. }
        | AuthError::ForbiddenByApplication {} => AttemptOutcome::Refused,
        AuthError::Request(_)
        | AuthError::Policy(_)
        | AuthError::NotFound {}
        | AuthError::LastHolder {}
        | AuthError::Conflict {}
        | AuthError::EmailTaken {} => AttemptOutcome::Invalid,
        AuthError::TooManyAttempts { .. } => AttemptOutcome::Limited,
        AuthError::Hasher(HasherError::Busy {})
        | AuthError::BreachedPasswords(BreachedPasswordsError::Busy {})
        | AuthError::TooManyRefusals {} => AttemptOutcome::Overloaded,
        AuthError::Store(_)
        | AuthError::Hasher(_)
        | AuthError::BreachedPasswords(_)
        | AuthError::Random(_)
        | AuthError::Amr(_)
        | AuthError::Issue(_)
        | AuthError::ExtraClaims(_)
        | AuthError::Contended {}
        | AuthError::Misconfigured { .. } => AttemptOutcome::Failed,
    }
}

fn refresh_outcome(is_grace: Result<bool, &AuthError>) -> RefreshOutcome {
    match is_grace {
        Ok(false) => RefreshOutcome::Rotated,
        Ok(true) => RefreshOutcome::Grace,
        Err(AuthError::Refresh(RefreshError::Reused | RefreshError::GraceAbused)) => RefreshOutcome::Reused,
        Err(error) => match attempt_outcome(Some(error)) {
            AttemptOutcome::Refused => RefreshOutcome::Refused,
            AttemptOutcome::Invalid => RefreshOutcome::Invalid,
            _ => RefreshOutcome::Failed,
        },
    }
}

fn guard_outcome(error: Option<&AuthError>) -> GuardOutcome {
    match error {
        None => GuardOutcome::Accepted,
        Some(AuthError::Access(AccessError::NoCredential | AccessError::NoApiKey)) => {
            GuardOutcome::Unauthenticated
        }
        Some(AuthError::Access(_) | AuthError::Request(_)) => GuardOutcome::Rejected,
        Some(
            AuthError::Forbidden { .. }
            | AuthError::ApiKeyForbidden { .. }
            | AuthError::ForbiddenByApplication {},
        ) => GuardOutcome::Forbidden,
        Some(AuthError::TooManyAttempts { .. }) => GuardOutcome::Limited,
        Some(_) => GuardOutcome::Failed,
    }
}
