//! The store suites: the contracts of `UserStore`, `AccountStore` and `SessionStore`, bullet by bullet.

pub mod users;
pub mod accounts;
pub mod broken;
pub mod sessions;
pub mod owners;
pub mod interruptions;

use std::future::Future;
use std::sync::Arc;

use gatewright_core::{Account, AccountStore, SessionStore};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

pub use users::{UserState, Users};

/// What the cases of accounts prove: a store of Gatewright's own accounts, whoever keeps the sessions.
pub trait Accounts: AccountStore<User = Account> + Clone {}

impl<T: AccountStore<User = Account> + Clone> Accounts for T {}

/// What the cases of sessions prove: a store of sessions, whoever keeps the accounts.
pub trait Sessions: SessionStore + Clone {}

impl<T: SessionStore + Clone> Sessions for T {}

/// What the whole suite proves: accounts and sessions behind one handle.
pub trait Store: Accounts + Sessions {}

impl<T: Accounts + Sessions> Store for T {}

/// How many callers race each other.
pub const RACERS: usize = 50;

/// Starts [`RACERS`] calls at once, on threads, half of them through each handle, and gathers what they return.
pub async fn race<S, T, F>(stores: &[S; 2], call: impl Fn(S, usize) -> F) -> Vec<T>
where
    S: Clone,
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    race_of(RACERS, stores, call).await
}

/// As [`race`], with fewer callers: for races that every one of them wins, and each win is a commit on a disk.
pub async fn race_of<S, T, F>(callers: usize, stores: &[S; 2], call: impl Fn(S, usize) -> F) -> Vec<T>
where
    S: Clone,
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(callers));
    let mut racers = JoinSet::new();
    for racer in 0..callers {
        let call = call(stores[racer % 2].clone(), racer);
        let barrier = Arc::clone(&barrier);
        racers.spawn(async move {
            barrier.wait().await;
            call.await
        });
    }
    racers.join_all().await
}

/// Expands the suite for a [`UserStore`](gatewright_core::UserStore), whatever its users are, each case its own test.
///
/// `$fresh` is an async function without arguments that returns two handles on one new, empty table of users: a
/// [`Users`](crate::store::Users) tells how the suite writes to it. `$broken` returns a store that cannot tell: its server is
/// gone, its connections are closed, or its table is not there. Attributes before the name go to every case:
/// `#[ignore = "needs a server"]`.
///
/// A store in memory neither fails nor waits: it has `in_memory` in the place of `$broken`. Its calls cannot be dropped in
/// their middle, and instead of the cases that drop them the suite proves that none waits.
#[macro_export]
macro_rules! user_suite {
    ($(#[$attribute:meta])* $name:ident, $fresh:expr, $($broken:tt)+) => {
        mod $name {
            use super::*;

            $crate::store_cases! { [$(#[$attribute])*] users ($fresh().await),
                a_user_comes_back_as_it_was_written
                an_unknown_user_is_absent
                addresses_and_ids_are_compared_byte_for_byte
                a_user_comes_back_as_of_one_moment
                a_read_sees_every_change_that_was_acknowledged_before_it_began
                a_hash_is_replaced_only_if_it_is_the_expected_one_to_the_byte
                of_many_parallel_upgrades_of_one_hash_one_succeeds
            }
            $crate::troubles_of_users! { [$(#[$attribute])*] $fresh, $($broken)+ }
        }
    };
}

/// Expands the suite for an [`AccountStore`](gatewright_core::AccountStore) of Gatewright's own accounts, [`user_suite!`]
/// included, whose arguments it has; `$fresh` returns two handles on one new, empty store.
#[macro_export]
macro_rules! account_suite {
    ($(#[$attribute:meta])* $name:ident, $fresh:expr, $($broken:tt)+) => {
        mod $name {
            use super::*;

            async fn as_users() -> [impl $crate::store::Users; 2] {
                $crate::store::accounts::AsUsers::of($fresh().await)
            }

            $crate::user_suite! { $(#[$attribute])* of_users, as_users, $($broken)+ }
            $crate::store_cases! { [$(#[$attribute])*] accounts ($fresh().await),
                an_account_comes_back_as_it_was_made
                an_unknown_account_is_absent
                a_taken_address_or_id_changes_nothing
                addresses_and_ids_are_compared_byte_for_byte
                of_many_parallel_creates_of_one_address_one_succeeds
                of_many_parallel_swaps_of_one_hash_one_succeeds
                a_change_of_password_replaces_hash_and_epoch_together
                an_account_that_may_not_be_used_gets_no_password
                an_update_changes_what_it_names_and_nothing_else
                the_last_active_holder_of_the_protected_role_remains
                many_holders_cannot_demote_disable_and_delete_each_other_at_once
                a_deleted_account_is_gone_and_its_address_free
                accounts_are_counted
                pages_show_every_account_once_while_others_are_made
                pages_show_every_account_once_while_many_are_made_at_once
            }
            $crate::troubles_of_accounts! { [$(#[$attribute])*] $fresh, $($broken)+ }
        }
    };
}

/// Expands the suite for a [`SessionStore`](gatewright_core::SessionStore), whoever keeps the accounts, each case its own
/// test. `$fresh` is an async function without arguments that returns two handles on one new, empty store; `in_memory` says
/// that it is one whose calls never wait, as for [`user_suite!`].
#[macro_export]
macro_rules! session_suite {
    ($(#[$attribute:meta])* $name:ident, $fresh:expr $(, $in_memory:ident)?) => {
        mod $name {
            use super::*;

            $crate::store_cases! { [$(#[$attribute])*] sessions ($fresh().await),
                a_session_comes_back_as_it_was_kept
                an_unknown_session_is_absent
                the_current_token_rotates
                the_previous_token_gets_the_same_successor_inside_the_grace_window
                the_previous_token_is_reuse_once_its_successor_was_used
                the_previous_token_is_reuse_when_the_grace_window_closes
                a_clock_that_was_set_back_opens_no_grace_window_of_its_own
                any_other_token_is_reuse
                an_expired_session_rotates_nothing
                an_ended_session_is_unknown
                the_idle_end_never_passes_the_absolute_end
                of_many_parallel_rotations_without_grace_one_succeeds
                many_parallel_rotations_with_grace_agree_on_one_successor
                one_session_too_many_ends_the_oldest
                many_parallel_beginnings_keep_the_limit
                ending_is_final_and_ends_nothing_else
                a_retained_session_takes_the_epoch_and_the_others_end
                expired_sessions_are_forgotten_and_others_are_not
                many_parallel_clean_ups_forget_each_expired_session_once
                users_are_compared_byte_for_byte
            }
            $crate::store_cases! { [$(#[$attribute])*] owners ($fresh().await),
                no_verb_reaches_the_session_of_another_user
                sessions_are_listed_in_the_order_in_which_they_began
                where_a_login_came_from_is_kept
            }
            $crate::troubles_of_sessions! { [$(#[$attribute])*] $fresh $(, $in_memory)? }
        }
    };
}

/// Expands the whole suite of a store that keeps accounts and sessions: [`account_suite!`], whose arguments it has, and
/// [`session_suite!`].
#[macro_export]
macro_rules! store_suite {
    ($(#[$attribute:meta])* $name:ident, $fresh:expr, in_memory) => {
        mod $name {
            use super::*;

            $crate::account_suite! { $(#[$attribute])* of_accounts, $fresh, in_memory }
            $crate::session_suite! { $(#[$attribute])* of_sessions, $fresh, in_memory }
        }
    };
    ($(#[$attribute:meta])* $name:ident, $fresh:expr, $broken:expr) => {
        mod $name {
            use super::*;

            $crate::account_suite! { $(#[$attribute])* of_accounts, $fresh, $broken }
            $crate::session_suite! { $(#[$attribute])* of_sessions, $fresh }
        }
    };
}

/// For [`user_suite!`]: calls that fail and calls that are dropped in their middle, or that there are none.
#[doc(hidden)]
#[macro_export]
macro_rules! troubles_of_users {
    ($attributes:tt $fresh:expr, in_memory) => {
        $crate::store_cases! { $attributes interruptions ($fresh().await), no_call_about_users_waits }
    };
    ($attributes:tt $fresh:expr, $broken:expr) => {
        $crate::store_cases! { $attributes broken ($fresh().await, $broken().await),
            a_store_of_users_that_cannot_tell_says_so
        }
        $crate::store_cases! { $attributes interruptions ($fresh().await),
            a_dropped_upgrade_has_happened_or_not
        }
    };
}

/// As `troubles_of_users!`, for [`account_suite!`].
#[doc(hidden)]
#[macro_export]
macro_rules! troubles_of_accounts {
    ($attributes:tt $fresh:expr, in_memory) => {
        $crate::store_cases! { $attributes interruptions ($fresh().await), no_call_about_accounts_waits }
    };
    ($attributes:tt $fresh:expr, $broken:expr) => {
        $crate::store_cases! { $attributes broken ($fresh().await, $broken().await),
            a_store_of_accounts_that_cannot_tell_says_so
        }
        $crate::store_cases! { $attributes interruptions ($fresh().await),
            a_dropped_creation_has_happened_or_not
            a_dropped_update_has_happened_or_not
            a_dropped_change_of_password_has_happened_or_not
        }
    };
}

/// As `troubles_of_users!`, for [`session_suite!`].
#[doc(hidden)]
#[macro_export]
macro_rules! troubles_of_sessions {
    ($attributes:tt $fresh:expr, in_memory) => {
        $crate::store_cases! { $attributes interruptions ($fresh().await), no_call_about_sessions_waits }
    };
    ($attributes:tt $fresh:expr) => {
        $crate::store_cases! { $attributes interruptions ($fresh().await),
            a_dropped_rotation_has_happened_or_not
            a_dropped_beginning_has_happened_or_not
            a_dropped_retaining_has_happened_or_not
            what_is_acknowledged_after_dropped_calls_has_happened
        }
    };
}

/// For the store suites: each case of a module as a test. `$arguments` stand in parentheses.
#[doc(hidden)]
#[macro_export]
macro_rules! store_cases {
    ($attributes:tt $module:ident $arguments:tt, $($case:ident)+) => {
        mod $module {
            use super::*;

            $(
                $crate::case! { $attributes $case,
                    $crate::block_on(async { $crate::store::$module::$case $arguments.await })
                }
            )+
        }
    };
}
