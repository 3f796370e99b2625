//! The throttle of an `Auth`: outcomes that are late, or that the throttle cannot store.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use async_trait::async_trait;
use gatewright::auth::ThrottleFailure;
use gatewright::endpoints::PasswordChange;
use gatewright::store::StoreError;
use gatewright::throttle::{
    MemoryThrottle, PASSWORD_CHANGE_FAILURES, Throttle, ThrottleKey, ThrottleOutcome, ThrottleReach,
    ThrottleStep,
};
use gatewright::types::{ClientInfo, Timestamp};
use gatewright::{AuthError, Login, MemoryStore, Password};
use gatewright_tests::{PASSWORD, World};

use super::throttle::{WRONG, count, status, world};
use super::{EMAIL, authenticate, new_password};

/// Longer than a reservation is in flight.
const LATE: Duration = Duration::from_secs(31);

/// A new password that is refused, and a hasher that is busy, are no guesses, however long the next one takes.
#[tokio::test]
async fn password_changes_without_a_guess_do_not_end_the_session() {
    let world = world().await;
    let pair = status(&world, EMAIL, PASSWORD, 1).await.unwrap();
    let identity = authenticate(&world, &pair.access_token).await;
    for _ in 0..=PASSWORD_CHANGE_FAILURES {
        let change = PasswordChange::new(Password::new(PASSWORD), Password::new("short")).unwrap();
        let refused = world.auth.change_password(&identity, change).await.unwrap_err();
        assert!(matches!(refused.kind(), AuthError::Policy(_)), "{refused:?}");
        world.clock.advance(LATE);
    }
    world.hasher.be_busy(PASSWORD_CHANGE_FAILURES as usize + 1);
    for _ in 0..=PASSWORD_CHANGE_FAILURES {
        let refused = world.auth.change_password(&identity, new_password()).await.unwrap_err();
        assert!(matches!(refused.kind(), AuthError::Hasher(_)), "{refused:?}");
        world.clock.advance(LATE);
    }
    assert_eq!(count(&world.events.take(), "SessionEndedByThrottle"), 0);
    assert!(world.auth.change_password(&identity, new_password()).await.is_ok());
}

/// A throttle that fails for the keys of one attempt.
#[derive(Clone)]
struct FailsForOne {
    inner: MemoryThrottle,
    keys: Arc<Mutex<Failing>>,
}

enum Failing {
    None,
    /// The keys of the next attempt are those that fail from then on.
    Next,
    For(Vec<ThrottleKey>),
}

impl FailsForOne {
    fn set(&self, failing: Failing) {
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = failing;
    }
}

#[async_trait]
impl Throttle for FailsForOne {
    async fn run_step(&self, step: &ThrottleStep) -> Result<ThrottleOutcome, StoreError> {
        {
            let mut failing = self.keys.lock().unwrap();
            match &*failing {
                Failing::For(keys) if keys == step.keys() => {
                    return Err(StoreError::new("run the step", "the row is locked"));
                }
                Failing::Next => *failing = Failing::For(step.keys().to_vec()),
                _ => {}
            }
        }
        self.inner.run_step(step).await
    }

    async fn delete_expired_states(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.inner.delete_expired_states(now, limit).await
    }

    fn throttle_reach(&self) -> ThrottleReach {
        ThrottleReach::Process
    }
}

/// The outcome of a stranger cannot be stored. Others log in meanwhile, and are counted.
#[tokio::test]
async fn an_outcome_that_cannot_be_stored_concerns_no_other_login() {
    for failure in [ThrottleFailure::Refuse, ThrottleFailure::Admit] {
        let throttle =
            FailsForOne { inner: MemoryThrottle::new(), keys: Arc::new(Mutex::new(Failing::None)) };
        let world = World::with(MemoryStore::new(), |builder| {
            builder.with_throttle(throttle.clone()).with_throttle_failure(failure)
        });
        world.add(EMAIL).await;
        throttle.set(Failing::Next);
        world.hasher.pause();
        {
            let stranger = ClientInfo::new(Some([198, 51, 100, 1].into()), None);
            let login = Login::new("eve@example.com", Password::new(WRONG)).with_client(stranger);
            let mut call = pin!(world.auth.login(login));
            assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        world.hasher.resume();
        for network in 1..=10 {
            assert_eq!(status(&world, EMAIL, WRONG, network).await.err(), Some(401), "{failure:?} {network}");
        }
        assert_eq!(status(&world, EMAIL, WRONG, 11).await.err(), Some(429), "{failure:?}: each was counted");
        assert_eq!(count(&world.events.take(), "Failed"), 11, "{failure:?}: each try is reported");
        throttle.set(Failing::None);
        world.clock.advance(LATE);
        assert!(status(&world, EMAIL, PASSWORD, 1).await.is_ok());
        assert_eq!(count(&world.events.take(), "Failed"), 0, "it is stored now");
    }
}
