//! The refusal floor: refusals that could show by their time whether an account exists are answered no
//! earlier than a fixed time after their request arrived.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::reports::Reports;
use crate::error::AuthError;
use crate::event::{Event, EventSink};
use crate::types::Timer;

/// The earliest answer to a refused login, measured from its arrival, unless set: 400 milliseconds.
pub const DEFAULT_REFUSAL_FLOOR: Duration = Duration::from_millis(400);
/// The highest refusal floor that can be set: 2 seconds.
pub const MAX_REFUSAL_FLOOR: Duration = Duration::from_secs(2);
/// How many refusals an [`Auth`](crate::Auth) holds back at a time: 1,024. While it holds as many, a login, a
/// registration or a password change that arrives gets 503 before any look-up.
pub const MAX_HELD_REFUSALS: usize = 1024;

/// The refusal floor of an `Auth`.
pub(crate) struct RefusalFloor {
    floor: Duration,
    timer: Arc<dyn Timer>,
    held: AtomicUsize,
    /// The refusals that took longer than the floor.
    overruns: Reports,
}

impl RefusalFloor {
    pub(crate) fn new(floor: Duration, timer: Arc<dyn Timer>) -> Self {
        Self { floor, timer, held: AtomicUsize::new(0), overruns: Reports::default() }
    }

    /// Runs a call. If `is_held` says so of its outcome, the outcome is returned no earlier than the floor
    /// after the start.
    ///
    /// The future of the call, with the password in it, is dropped before the wait.
    ///
    /// # Errors
    /// Those of the call, or [`AuthError::TooManyRefusals`] before it starts.
    pub(crate) async fn apply<T>(
        &self,
        events: &dyn EventSink,
        call: impl Future<Output = Result<T, AuthError>>,
        is_held: impl FnOnce(&Result<T, AuthError>) -> bool,
    ) -> Result<T, AuthError> {
        if self.floor.is_zero() {
            return call.await;
        }
        // Not after the call: the time of this answer would be the time of the call.
        if self.held.load(Ordering::Relaxed) >= MAX_HELD_REFUSALS {
            return Err(AuthError::TooManyRefusals {});
        }
        let arrived = self.timer.now();
        let outcome = call.await;
        if is_held(&outcome) {
            let elapsed = self.timer.now().saturating_sub(arrived);
            match self.floor.checked_sub(elapsed) {
                Some(rest) => self.hold(rest).await,
                None => self.record_overrun(elapsed, events),
            }
        }
        outcome
    }

    async fn hold(&self, rest: Duration) {
        let _place = Place::take(&self.held);
        self.timer.sleep(rest).await;
    }

    fn record_overrun(&self, elapsed: Duration, events: &dyn EventSink) {
        if let Some(count) = self.overruns.record(self.timer.now()) {
            events.emit(&Event::RefusalFloorExceeded { floor: self.floor, elapsed, count });
        }
    }
}

/// A refusal that is held back. It is counted until it is dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(held: &'a AtomicUsize) -> Self {
        held.fetch_add(1, Ordering::Relaxed);
        Self(held)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
