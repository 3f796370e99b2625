//! A conformance suite for [`Throttle`].

pub mod accounts;
pub mod networks;
pub mod owners;
pub mod stores;
pub mod reference;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gatewright_core::throttle::{
    Attempt, ClientOrigin, Limit, Throttle, ThrottleDigests, ThrottleOutcome, ThrottleSettings, ThrottleStep,
};
use gatewright_core::types::DerivedKey;
use gatewright_core::{Timestamp, UserId};

/// Expands the suite for a [`Throttle`](gatewright_core::Throttle). Each case is its own test.
///
/// - `$fresh` is an async function without arguments. It returns two handles on one new, empty throttle, each
///   with its own connections. The throttle implements `Clone`.
/// - `$broken` is an async function without arguments. It returns a throttle whose calls fail: its server is down,
///   its connections are closed, or its table does not exist.
///
/// Attributes before the name apply to every case: `#[ignore = "needs a server"]`.
///
/// A throttle in memory passes `in_memory` instead of `$broken`. Its calls never fail, and they complete at the
/// first poll.
#[macro_export]
macro_rules! throttle_suite {
    ($(#[$attribute:meta])* $name:ident, $fresh:expr, $($broken:tt)+) => {
        mod $name {
            use super::*;

            $crate::throttle_cases! { [$(#[$attribute])*] accounts ($fresh().await),
                an_account_waits_after_ten_failures
                waits_double_up_to_the_longest_one
                failures_are_forgotten_after_a_day
                parallel_attempts_do_not_exceed_the_failures_of_an_account
                a_success_clears_the_account_and_the_pair
                attempts_that_are_given_back_leave_nothing
                an_attempt_without_an_outcome_becomes_a_failure
                every_network_has_its_own_pair
                time_does_not_go_back
                a_clock_that_was_far_ahead_delays_no_attempt_for_long
                two_clocks_that_take_turns_end_no_wait
                two_clocks_with_a_long_pause_between_them_end_no_more_waits
                five_wrong_passwords_end_a_session
            }
            $crate::throttle_cases! { [$(#[$attribute])*] networks ($fresh().await),
                a_network_is_limited_by_its_completed_failures
                own_logins_do_not_free_a_network
                attempts_in_flight_are_limited
                parallel_attempts_do_not_exceed_those_in_flight
                an_attempt_in_flight_is_forgotten_after_thirty_seconds
                addresses_of_an_ipv6_48_share_a_budget
                a_network_that_fails_on_many_accounts_is_slowed
                clients_behind_an_unknown_proxy_share_a_larger_budget
                without_an_address_no_network_is_limited
                registrations_of_a_network_are_limited
            }
            $crate::throttle_cases! { [$(#[$attribute])*] owners ($fresh().await),
                the_owner_gets_in_from_a_known_network
                five_networks_are_known_for_thirty_days
                known_networks_are_not_slowed
                known_networks_do_not_wait_for_the_failures_of_others
                only_known_networks_may_try_after_eighty_failures
                an_account_is_locked_after_a_hundred_failures
                eighty_failures_lock_an_account_without_a_known_network
                a_lock_does_not_expire_and_can_be_lifted
                names_without_an_account_are_locked_in_the_same_way
            }
            $crate::throttle_cases! { [$(#[$attribute])*] stores ($fresh().await),
                a_limited_attempt_writes_nothing
                purposes_have_budgets_of_their_own
                only_expired_states_are_deleted
                parallel_steps_on_overlapping_keys_complete
            }
            $crate::throttle_cases! { [$(#[$attribute])*] reference ($fresh().await),
                random_steps_agree_with_the_reference
            }
            $crate::throttle_failure_cases! { [$(#[$attribute])*] $fresh, $($broken)+ }
        }
    };
}

/// For the suite: each case of a module as a test.
#[doc(hidden)]
#[macro_export]
macro_rules! throttle_cases {
    ($attributes:tt $module:ident $arguments:tt, $($case:ident)+) => {
        mod $module {
            use super::*;

            $(
                $crate::case! { $attributes $case,
                    $crate::run_case(async || $crate::throttle::$module::$case $arguments.await)
                }
            )+
        }
    };
}

/// For the suite: the cases for failed and cancelled calls.
#[doc(hidden)]
#[macro_export]
macro_rules! throttle_failure_cases {
    ($attributes:tt $fresh:expr, in_memory) => {
        mod failures {
            use super::*;

            $crate::case! { $attributes steps_complete_at_first_poll,
                $crate::run_case(async || $crate::throttle::stores::steps_complete_at_first_poll($fresh().await).await)
            }
        }
    };
    ($attributes:tt $fresh:expr, $broken:expr) => {
        mod failures {
            use super::*;

            $crate::case! { $attributes cancelled_steps_are_atomic,
                $crate::run_case(async || $crate::throttle::stores::cancelled_steps_are_atomic($fresh().await).await)
            }
            $crate::case! { $attributes broken_throttle_returns_errors,
                $crate::run_case(async || $crate::throttle::stores::broken_throttle_returns_errors($broken().await).await)
            }
        }
    };
}

/// A throttle that the suite can test. Clones use the same states.
pub trait Cloned: Throttle + Clone {}

impl<T: Throttle + Clone> Cloned for T {}

/// The time at which the cases start.
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_700_000_000);

pub(crate) fn after(seconds: u64) -> Timestamp {
    START.saturating_add(Duration::from_secs(seconds))
}

/// The number of a network that ordinary cases use.
pub(crate) const HERE: u8 = 1;

/// Both handles, used in turn, with the numbers of the throttle.
pub(crate) struct Bench<T> {
    handles: [T; 2],
    pub(crate) settings: Arc<ThrottleSettings>,
    pub(crate) digests: ThrottleDigests,
    next: AtomicU64,
}

/// An attempt that was admitted.
pub(crate) struct Admitted {
    pub(crate) attempt: Attempt,
    pub(crate) id: u64,
    pub(crate) is_locked: bool,
}

impl<T: Cloned> Bench<T> {
    pub(crate) fn new(handles: [T; 2]) -> Self {
        Self::with(handles, |_| {})
    }

    pub(crate) fn with(handles: [T; 2], change: impl FnOnce(&mut ThrottleSettings)) -> Self {
        let mut settings = ThrottleSettings::default();
        change(&mut settings);
        let digests = ThrottleDigests::new(&DerivedKey::new([7; 32]));
        Self { handles, settings: Arc::new(settings), digests, next: AtomicU64::new(1) }
    }

    /// A number that is used once.
    pub(crate) fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn handle(&self, number: u64) -> &T {
        if number.is_multiple_of(2) { &self.handles[0] } else { &self.handles[1] }
    }

    pub(crate) async fn run(&self, step: &ThrottleStep) -> ThrottleOutcome {
        self.handle(self.next()).run_step(step).await.unwrap()
    }

    /// A login with a name that belongs to a user of the same name.
    pub(crate) fn login(&self, name: &str, network: u8) -> Attempt {
        self.digests.login(name, Some(&UserId::new(name).unwrap()), address(network))
    }

    pub(crate) async fn acquire(&self, attempt: &Attempt, now: Timestamp) -> Result<Admitted, Limit> {
        let id = self.next();
        let outcome = self.run(&ThrottleStep::acquire(attempt, id, &self.settings, now)).await;
        match outcome.limited {
            Some(limit) => Err(limit),
            None => Ok(Admitted { attempt: attempt.clone(), id, is_locked: outcome.is_locked }),
        }
    }

    /// Acquires, and expects to be admitted.
    pub(crate) async fn admitted(&self, attempt: &Attempt, now: Timestamp) -> Admitted {
        self.acquire(attempt, now).await.unwrap_or_else(|limit| panic!("limited at {now:?}: {limit:?}"))
    }

    /// Acquires, and expects to be limited. Returns how long.
    pub(crate) async fn limited(&self, attempt: &Attempt, now: Timestamp) -> Duration {
        match self.acquire(attempt, now).await {
            Ok(_) => panic!("admitted at {now:?}"),
            Err(limit) => limit.retry_after,
        }
    }

    pub(crate) async fn fail(&self, admitted: &Admitted, now: Timestamp) {
        assert_eq!(self.failure(admitted, now).await.limited, None);
    }

    pub(crate) async fn failure(&self, admitted: &Admitted, now: Timestamp) -> ThrottleOutcome {
        self.run(&ThrottleStep::fail(&admitted.attempt, admitted.id, &self.settings, now)).await
    }

    pub(crate) async fn succeed(&self, admitted: &Admitted, now: Timestamp) {
        let outcome =
            self.run(&ThrottleStep::succeed(&admitted.attempt, admitted.id, &self.settings, now)).await;
        assert_eq!(outcome, ThrottleOutcome::default());
    }

    pub(crate) async fn give_back(&self, admitted: &Admitted, now: Timestamp) {
        let step = ThrottleStep::give_back(&admitted.attempt, admitted.id, &self.settings, now);
        assert_eq!(self.run(&step).await, ThrottleOutcome::default());
    }

    /// Fails so many times at once, and expects each attempt to be admitted.
    pub(crate) async fn fail_times(&self, times: u32, attempt: &Attempt, now: Timestamp) {
        for _ in 0..times {
            let admitted = self.admitted(attempt, now).await;
            self.fail(&admitted, now).await;
        }
    }

    /// Logs in from a network.
    pub(crate) async fn log_in(&self, attempt: &Attempt, now: Timestamp) {
        let admitted = self.admitted(attempt, now).await;
        assert!(!admitted.is_locked);
        self.succeed(&admitted, now).await;
    }
}

/// An address of network `number`.
pub(crate) fn address(number: u8) -> ClientOrigin {
    ClientOrigin::Address(std::net::IpAddr::from([192, 0, 2, number]))
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
