//! The throttle of one [`Auth`](crate::Auth): it admits attempts, and reports their outcomes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::reports::Reports;
use super::throttle_parts::ThrottleFailure;
use crate::error::{AccessError, AuthError};
use crate::event::{Event, EventSink, Measurement, Meter, RequestContext};
use crate::store::StoreError;
use crate::throttle::{
    Attempt, CLOCK_TOLERANCE, IN_FLIGHT_TIMEOUT, KeyKind, MAX_EXPIRED_PER_STEP, MemoryThrottle, Purpose,
    Throttle, ThrottleDigests, ThrottleOutcome, ThrottleSettings, ThrottleStep,
};
use crate::types::{ClientInfo, Clock, RandomError, SecureRandom, Timer, UserId, random_bytes};

/// How many outcomes wait at most to be stored. A further one is dropped, and its reservation
/// expires in the store.
const MAX_UNSETTLED: usize = 1_024;
/// How many outcomes an attempt stores for others before it. Each attempt leaves one at most.
const SETTLED_PER_ATTEMPT: usize = 4;
/// The shortest time between two deletions of expired states.
const CLEANUP_INTERVAL: Duration = Duration::from_secs(10);

/// The throttle, with what it needs to ask it.
pub(crate) struct Limiter {
    parts: Option<Parts>,
    settings: Arc<ThrottleSettings>,
    failure: ThrottleFailure,
    clock: Arc<dyn Clock>,
    timer: Arc<dyn Timer>,
    randomness: Arc<dyn SecureRandom>,
    events: Arc<dyn EventSink>,
    meter: Meter,
    /// Outcomes of attempts whose future was dropped, or that could not be stored.
    unsettled: Mutex<VecDeque<Unsettled>>,
    cleaned_at: Mutex<Option<Duration>>,
    limited: Reports,
    /// Refused requests are counted in this process.
    refused: MemoryThrottle,
}

struct Parts {
    throttle: Arc<dyn Throttle>,
    digests: ThrottleDigests,
}

/// What the limiter shares with its `Auth`.
pub(super) struct Environment {
    clock: Arc<dyn Clock>,
    timer: Arc<dyn Timer>,
    randomness: Arc<dyn SecureRandom>,
    events: Arc<dyn EventSink>,
    meter: Meter,
}

impl Environment {
    pub(super) fn new(
        clock: &Arc<dyn Clock>,
        timer: &Arc<dyn Timer>,
        randomness: &Arc<dyn SecureRandom>,
        events: &Arc<dyn EventSink>,
        meter: &Meter,
    ) -> Self {
        Self {
            clock: Arc::clone(clock),
            timer: Arc::clone(timer),
            randomness: Arc::clone(randomness),
            events: Arc::clone(events),
            meter: meter.clone(),
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settlement {
    Succeeded,
    Failed,
    GivenBack,
}

struct Unsettled {
    attempt: Attempt,
    reservation: u64,
    settlement: Settlement,
    subject: Subject,
    /// When it was put here first.
    since: Duration,
}

/// Who makes an attempt on whose account, for events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subject {
    pub(crate) user: Option<UserId>,
    pub(crate) client: ClientInfo,
    /// `None` outside of a request.
    pub(crate) request: Option<Arc<RequestContext>>,
}

impl Limiter {
    pub(super) fn new(
        built: super::throttle_parts::Built,
        settings: ThrottleSettings,
        failure: ThrottleFailure,
        environment: Environment,
    ) -> Self {
        let Environment { clock, timer, randomness, events, meter } = environment;
        Self {
            parts: built.map(|(throttle, digests)| Parts { throttle, digests }),
            settings: Arc::new(settings),
            failure,
            clock,
            timer,
            randomness,
            events,
            meter,
            unsettled: Mutex::default(),
            cleaned_at: Mutex::default(),
            limited: Reports::default(),
            refused: MemoryThrottle::new(),
        }
    }

    /// Reserves an attempt, whose keys `keys` makes.
    ///
    /// # Errors
    /// [`AuthError::TooManyAttempts`] if it is limited; [`AccessError::SessionEnded`] if the failures of its session
    /// are used up, so that the session is to end; [`AuthError::Store`] if the throttle failed, unless it is set to
    /// admit.
    pub(crate) async fn acquire(
        &self,
        subject: Subject,
        keys: impl FnOnce(&ThrottleDigests) -> Attempt + Send,
    ) -> Result<Permit<'_>, AuthError> {
        let Some(parts) = &self.parts else { return Ok(Permit::unlimited(self, subject)) };
        let (attempt, reservation) = (keys(&parts.digests), self.reservation()?);
        // Dropped before the step has returned, it is given back: the step may have been made.
        let mut permit = Permit::new(self, subject, Some((attempt.clone(), reservation)));
        let step = ThrottleStep::acquire(&attempt, reservation, &self.settings, self.clock.now());
        self.settle_earlier(parts).await;
        let outcome = match parts.throttle.run_step(&step).await.and_then(readable) {
            Ok(outcome) => outcome,
            Err(error) if self.failure == ThrottleFailure::Admit => {
                self.report_failure(error, &permit.subject);
                return Ok(permit);
            }
            Err(error) => return Err(error.into()),
        };
        self.report(&outcome, &permit.subject);
        permit.is_locked = outcome.is_locked;
        let Some(limit) = outcome.limited else { return Ok(permit) };
        permit.reserved = None;
        self.report_limited(attempt.purpose(), limit.kind, &permit.subject);
        if outcome.is_exhausted {
            return Err(AccessError::SessionEnded.into());
        }
        Err(AuthError::TooManyAttempts { retry_after: limit.retry_after })
    }

    /// Counts a refused request of this client, in this process.
    ///
    /// # Errors
    /// [`AuthError::TooManyAttempts`] if there were too many: the answer in place of the refusal.
    pub(crate) fn count_refused(&self, subject: &Subject) -> Result<(), AuthError> {
        let Some(parts) = &self.parts else { return Ok(()) };
        let attempt = parts.digests.refused_request((&subject.client).into());
        let step = ThrottleStep::acquire(&attempt, 0, &self.settings, self.clock.now());
        let Some(limit) = self.refused.run(&step).limited else { return Ok(()) };
        self.report_limited(attempt.purpose(), limit.kind, subject);
        Err(AuthError::TooManyAttempts { retry_after: limit.retry_after })
    }

    /// Lifts the lock of a user. Returns whether there was one.
    pub(crate) async fn unlock(&self, user: &UserId) -> Result<bool, StoreError> {
        self.of_owner(user, ThrottleStep::unlock).await
    }

    /// Lifts the lock of a user, and deletes the known networks of the user.
    pub(crate) async fn forget(&self, user: &UserId) -> Result<(), StoreError> {
        self.of_owner(user, ThrottleStep::forget).await.map(drop)
    }

    /// Whether a user is locked for all networks.
    pub(crate) async fn is_locked(&self, user: &UserId) -> Result<bool, StoreError> {
        self.of_owner(user, ThrottleStep::look).await
    }

    async fn of_owner(
        &self,
        user: &UserId,
        step: fn(&Attempt, &Arc<ThrottleSettings>, crate::types::Timestamp) -> ThrottleStep,
    ) -> Result<bool, StoreError> {
        let Some(parts) = &self.parts else { return Ok(false) };
        let step = step(&ThrottleDigests::owner(user), &self.settings, self.clock.now());
        let outcome = readable(parts.throttle.run_step(&step).await?)?;
        let subject = Subject { user: Some(user.clone()), ..Subject::default() };
        self.report(&outcome, &subject);
        Ok(outcome.is_locked)
    }

    /// Deletes states that expired, at most every [`CLEANUP_INTERVAL`].
    async fn delete_expired(&self, parts: &Parts) {
        let now = self.timer.now();
        {
            let mut cleaned_at = self.cleaned_at.lock().unwrap_or_else(PoisonError::into_inner);
            if cleaned_at.is_some_and(|at| now.saturating_sub(at) < CLEANUP_INTERVAL) {
                return;
            }
            *cleaned_at = Some(now);
        }
        // A node whose clock is ahead by less than the tolerance deletes nothing that the others need.
        let before = self.clock.now().saturating_sub(CLOCK_TOLERANCE);
        let deleted = parts.throttle.delete_expired_states(before, MAX_EXPIRED_PER_STEP).await;
        if let Err(error) = deleted {
            self.report_failure(error, &Subject::default());
        }
    }

    /// Stores the outcomes of earlier attempts whose futures were dropped. A failure is reported, and does not
    /// concern the attempt that comes next: the outcome waits again, until it is as old as [`IN_FLIGHT_TIMEOUT`].
    async fn settle_earlier(&self, parts: &Parts) {
        for _ in 0..SETTLED_PER_ATTEMPT {
            let next = self.unsettled().pop_front();
            let Some(next) = next else { break };
            let Unsettled { attempt, reservation, settlement, subject, since } = next;
            // If this future is dropped as well, the outcome waits for the next attempt.
            let mut permit = Permit::new(self, subject, Some((attempt, reservation)));
            (permit.settlement, permit.unsettled_since) = (settlement, Some(since));
            let Err(error) = permit.settle(parts).await else { continue };
            self.report_failure(error, &permit.subject);
            if self.timer.now().saturating_sub(since) >= IN_FLIGHT_TIMEOUT {
                permit.reserved = None;
            }
            break;
        }
    }

    fn reservation(&self) -> Result<u64, RandomError> {
        random_bytes(&*self.randomness).map(u64::from_be_bytes)
    }

    fn report(&self, outcome: &ThrottleOutcome, subject: &Subject) {
        if outcome.repaired > 0 {
            self.emit(&Event::ThrottleRepaired { count: u64::from(outcome.repaired) }, subject);
        }
        if outcome.stuffing {
            self.emit(&Event::StuffingSuspected { client: &subject.client }, subject);
        }
        if let (Some(stage), Some(user)) = (outcome.lock, &subject.user) {
            self.emit(&Event::AccountLocked { user, stage }, subject);
        }
    }

    /// The event is emitted at most once a minute, with a count; the measurement is made each time.
    fn report_limited(&self, purpose: Purpose, kind: KeyKind, subject: &Subject) {
        self.meter.record(|| Measurement::Limited { key: kind });
        if let Some(count) = self.limited.record(self.timer.now()) {
            self.emit(&Event::Throttled { purpose, kind, client: &subject.client, count }, subject);
        }
    }

    fn report_failure(&self, error: StoreError, subject: &Subject) {
        self.emit(&Event::Failed { error: &error.into() }, subject);
    }

    fn emit(&self, event: &Event<'_>, subject: &Subject) {
        let request = subject.request.as_deref().unwrap_or(RequestContext::none());
        self.events.emit(event, request);
    }

    fn unsettled(&self) -> MutexGuard<'_, VecDeque<Unsettled>> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// # Errors
/// A later program wrote a state.
fn readable(outcome: ThrottleOutcome) -> Result<ThrottleOutcome, StoreError> {
    if outcome.is_unreadable {
        let cause = "a later version of Gatewright wrote a state; update this program";
        return Err(StoreError::new("read the states of the throttle", cause));
    }
    Ok(outcome)
}

/// An attempt that was admitted.
///
/// A permit that is dropped without an outcome is a failure if a hash was begun, else it is given back. The next
/// attempt of this process stores that.
pub(crate) struct Permit<'a> {
    limiter: &'a Limiter,
    /// `None` if there is no throttle, or the outcome is stored.
    reserved: Option<(Attempt, u64)>,
    settlement: Settlement,
    subject: Subject,
    is_locked: bool,
    /// Since when the outcome waits to be stored.
    unsettled_since: Option<Duration>,
}

impl<'a> Permit<'a> {
    const fn new(limiter: &'a Limiter, subject: Subject, reserved: Option<(Attempt, u64)>) -> Self {
        let settlement = Settlement::GivenBack;
        Self { limiter, reserved, settlement, subject, is_locked: false, unsettled_since: None }
    }

    const fn unlimited(limiter: &'a Limiter, subject: Subject) -> Self {
        Self::new(limiter, subject, None)
    }

    /// The account is locked for this network: the attempt is to be refused as a wrong password.
    pub(crate) const fn is_locked(&self) -> bool {
        self.is_locked
    }

    /// A hash is begun now. Dropped from now on, the permit is a failure.
    pub(crate) const fn begin(&mut self) {
        self.settlement = Settlement::Failed;
    }

    /// No hash was computed.
    pub(crate) async fn given_back(mut self) {
        self.settlement = Settlement::GivenBack;
        self.store().await;
    }

    /// The attempt succeeded.
    pub(crate) async fn succeeded(mut self) {
        self.settlement = Settlement::Succeeded;
        self.store().await;
    }

    /// The attempt failed. Returns whether those of its session are used up.
    pub(crate) async fn failed(mut self) -> bool {
        self.settlement = Settlement::Failed;
        self.store().await
    }

    /// No password could be judged: a failure of the account and the network, as with any name, but none of the
    /// user's consecutive failures. The password may have been right.
    pub(crate) async fn unjudged(mut self) -> bool {
        self.settlement = Settlement::Failed;
        if let (Some(parts), Some((attempt, reservation))) = (&self.limiter.parts, &mut self.reserved) {
            let (owner, now) = (attempt.take_owner(), self.limiter.clock.now());
            let step = ThrottleStep::give_back(&owner, *reservation, &self.limiter.settings, now);
            let given_back =
                if owner.keys().is_empty() { Ok(()) } else { parts.throttle.run_step(&step).await.map(drop) };
            if let Err(error) = given_back {
                self.limiter.report_failure(error, &self.subject);
            }
        }
        self.store().await
    }

    /// The attempt took place. Its tokens are never given back.
    pub(crate) fn spent(mut self) {
        self.reserved = None;
    }

    async fn store(&mut self) -> bool {
        let Some(parts) = &self.limiter.parts else { return false };
        match self.settle(parts).await {
            Ok(is_exhausted) => {
                self.limiter.delete_expired(parts).await;
                is_exhausted
            }
            // The outcome waits for the next attempt.
            Err(error) => {
                self.limiter.report_failure(error, &self.subject);
                false
            }
        }
    }

    /// Stores the outcome. Returns whether the failures of its session are used up.
    async fn settle(&mut self, parts: &Parts) -> Result<bool, StoreError> {
        let Some((attempt, reservation)) = &self.reserved else { return Ok(false) };
        let step = match self.settlement {
            Settlement::Succeeded => ThrottleStep::succeed,
            Settlement::Failed => ThrottleStep::fail,
            Settlement::GivenBack => ThrottleStep::give_back,
        };
        let step = step(attempt, *reservation, &self.limiter.settings, self.limiter.clock.now());
        let outcome = parts.throttle.run_step(&step).await?;
        self.reserved = None;
        // Another try would find the same state, so it would stop all attempts that come after it.
        let outcome = match readable(outcome) {
            Ok(outcome) => outcome,
            Err(error) => {
                self.limiter.report_failure(error, &self.subject);
                return Ok(false);
            }
        };
        self.limiter.report(&outcome, &self.subject);
        Ok(outcome.is_exhausted)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let Some((attempt, reservation)) = self.reserved.take() else { return };
        let since = self.unsettled_since.unwrap_or_else(|| self.limiter.timer.now());
        let mut unsettled = self.limiter.unsettled();
        if unsettled.len() < MAX_UNSETTLED {
            let (subject, settlement) = (std::mem::take(&mut self.subject), self.settlement);
            unsettled.push_back(Unsettled { attempt, reservation, settlement, subject, since });
        }
    }
}
