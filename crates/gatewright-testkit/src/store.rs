//! The store suite: the contracts of `AccountStore` and `SessionStore`, bullet by bullet.

pub mod accounts;
pub mod interruptions;
pub mod owners;
pub mod sessions;

use std::sync::Arc;

use gatewright_core::{Account, AccountStore, SessionStore};
use std::future::Future;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// What the suite proves: accounts and sessions behind one handle.
pub trait Store: AccountStore<User = Account> + SessionStore + Clone {}

impl<T: AccountStore<User = Account> + SessionStore + Clone> Store for T {}

/// What the cases of sessions prove: a store of sessions, whoever keeps the accounts.
pub trait Sessions: SessionStore + Clone {}

impl<T: SessionStore + Clone> Sessions for T {}

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

/// Expands the whole store suite, each case its own test. `$fresh` is an async function without arguments that returns
/// two handles on one new, empty store. Attributes before the name go to every case: `#[ignore = "needs a server"]`.
///
/// The last argument is `in_memory` for a store whose calls never wait. They cannot be dropped in their middle, and
/// instead of the cases that drop them the suite proves that none waits.
#[macro_export]
macro_rules! store_suite {
    ($(#[$attribute:meta])* $name:ident, $fresh:expr $(, $in_memory:ident)?) => {
        mod $name {
            use super::*;

            $crate::store_cases! { [$(#[$attribute])*] accounts, $fresh,
                an_account_comes_back_as_it_was_made
                an_unknown_account_is_absent
                a_taken_address_or_id_changes_nothing
                addresses_and_ids_are_compared_byte_for_byte
                of_many_parallel_creates_of_one_address_one_succeeds
                a_hash_is_replaced_only_if_it_is_the_expected_one_to_the_byte
                of_many_parallel_swaps_of_one_hash_one_succeeds
                of_many_parallel_upgrades_of_one_hash_one_succeeds
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
            $crate::account_interruptions! { [$(#[$attribute])*] $fresh $(, $in_memory)? }
            $crate::session_suite! { $(#[$attribute])* of_sessions, $fresh $(, $in_memory)? }
        }
    };
}

/// Expands the suite of a store that keeps sessions alone, as [`store_suite!`] expands the whole.
#[macro_export]
macro_rules! session_suite {
    ($(#[$attribute:meta])* $name:ident, $fresh:expr $(, $in_memory:ident)?) => {
        mod $name {
            use super::*;

            $crate::store_cases! { [$(#[$attribute])*] sessions, $fresh,
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
            $crate::store_cases! { [$(#[$attribute])*] owners, $fresh,
                no_verb_reaches_the_session_of_another_user
                sessions_are_listed_in_the_order_in_which_they_began
                where_a_login_came_from_is_kept
            }
            $crate::session_interruptions! { [$(#[$attribute])*] $fresh $(, $in_memory)? }
        }
    };
}

/// For [`store_suite!`]: calls that are dropped in their middle, or have none.
#[doc(hidden)]
#[macro_export]
macro_rules! account_interruptions {
    ($attributes:tt $fresh:expr, in_memory) => {
        $crate::store_cases! { $attributes interruptions, $fresh,
            no_call_about_accounts_waits
        }
    };
    ($attributes:tt $fresh:expr) => {
        $crate::store_cases! { $attributes interruptions, $fresh,
            a_dropped_change_of_password_has_happened_or_not
        }
    };
}

/// For [`session_suite!`]: calls that are dropped in their middle, or have none.
#[doc(hidden)]
#[macro_export]
macro_rules! session_interruptions {
    ($attributes:tt $fresh:expr, in_memory) => {
        $crate::store_cases! { $attributes interruptions, $fresh,
            no_call_about_sessions_waits
        }
    };
    ($attributes:tt $fresh:expr) => {
        $crate::store_cases! { $attributes interruptions, $fresh,
            a_dropped_rotation_has_happened_or_not
            a_dropped_beginning_has_happened_or_not
            a_dropped_retaining_has_happened_or_not
            what_is_acknowledged_after_dropped_calls_has_happened
        }
    };
}

/// For the store suites.
#[doc(hidden)]
#[macro_export]
macro_rules! store_cases {
    ($attributes:tt $module:ident, $fresh:expr, $($case:ident)+) => {
        mod $module {
            use super::*;

            $(
                $crate::case! { $attributes $case,
                    $crate::block_on(async { $crate::store::$module::$case($fresh().await).await })
                }
            )+
        }
    };
}
