//! Conformance suites for `UserStore`, `AccountStore` and `SessionStore`.

pub mod users;
pub mod accounts;
pub mod roles;
pub mod addresses;
pub mod usernames;
pub mod broken;
pub mod sessions;
pub mod rotation;
pub mod replacement;
pub mod user_isolation;
pub mod cancellation;

use std::future::Future;
use std::sync::Arc;

use gatewright_core::{Account, AccountStore, SessionStore};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

pub use users::{UserState, Users};

/// A store that [`account_suite!`](crate::account_suite) can test. Clones use the same accounts.
pub trait Accounts: AccountStore<User = Account> + Clone {}

impl<T: AccountStore<User = Account> + Clone> Accounts for T {}

/// A store that [`session_suite!`](crate::session_suite) can test. Clones use the same sessions.
pub trait Sessions: SessionStore + Clone {}

impl<T: SessionStore + Clone> Sessions for T {}

/// A store that [`store_suite!`](crate::store_suite) can test: accounts and sessions in one type.
pub trait Store: Accounts + Sessions {}

impl<T: Accounts + Sessions> Store for T {}

/// The number of calls that [`race`] starts.
pub const RACERS: usize = 50;

/// Starts [`RACERS`] calls at once, half of them on each handle, and returns their results.
///
/// `call` receives the handle and the number of the call.
pub async fn race<S, T, F>(stores: &[S; 2], call: impl Fn(S, usize) -> F) -> Vec<T>
where
    S: Clone,
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    race_of(RACERS, stores, call).await
}

/// Like [`race`], with a given number of calls. Use fewer calls if each of them commits to disk.
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

/// Expands the suite for a [`UserStore`](gatewright_core::UserStore) of any user type. Each case is
/// its own test.
///
/// - `$fresh` is an async function without arguments. It returns two handles on one new, empty
///   table. A handle implements [`Users`](crate::store::Users), through which the suite writes
///   rows.
/// - `$broken` is an async function without arguments. It returns a store whose calls fail: its
///   server is down, its connections are closed, or its table does not exist.
///
/// Attributes before the name apply to every case: `#[ignore = "needs a server"]`.
///
/// A store in memory passes `in_memory` instead of `$broken`. Its calls never fail, and they
/// complete at the first poll. The suite checks that, and omits the cases for failed and cancelled
/// calls.
#[macro_export]
macro_rules! user_suite {
    ($(#[$attribute:meta])* $name:ident, $fresh:expr, $($broken:tt)+) => {
        mod $name {
            use super::*;

            $crate::store_cases! { [$(#[$attribute])*] users ($fresh().await),
                user_fields_round_trip
                unknown_users_are_absent
                addresses_and_ids_are_compared_byte_for_byte
                reads_return_one_consistent_row
                reads_see_all_acknowledged_writes
                hash_replacement_compares_byte_for_byte
                one_of_many_parallel_hash_upgrades_succeeds
            }
            $crate::store_failure_cases! { [$(#[$attribute])*]
                user_calls_complete_at_first_poll
                [broken_user_store_returns_errors]
                [cancelled_hash_upgrade_is_atomic]
                $fresh, $($broken)+
            }
        }
    };
}

/// Expands the suite for an [`AccountStore`](gatewright_core::AccountStore) of Gatewright's own
/// accounts. It includes [`user_suite!`].
///
/// The arguments are those of [`user_suite!`], but `$fresh` returns two handles on one new, empty
/// store.
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
                account_fields_round_trip
                changes_to_unknown_accounts_are_verdicts
                taken_address_or_id_changes_nothing
                addresses_and_ids_are_compared_byte_for_byte
                one_of_many_parallel_creates_succeeds
                one_of_many_parallel_password_changes_succeeds
                password_change_replaces_hash_and_epoch_together
                password_change_does_not_overwrite_a_new_epoch
                disabled_account_cannot_change_its_password
                update_changes_only_the_given_fields
                deleting_an_account_frees_its_address
                total_and_active_accounts_are_counted
                pages_show_each_account_once_during_inserts
                pages_show_each_account_once_during_parallel_inserts
                search_finds_the_addresses_that_contain_a_text
            }
            $crate::store_cases! { [$(#[$attribute])*] roles ($fresh().await),
                accounts_have_any_number_of_roles
                roles_change_only_from_the_expected_ones
                one_of_many_parallel_role_changes_succeeds
                epoch_is_replaced_if_the_roles_differ
                last_active_holder_of_the_protected_role_remains
                parallel_changes_leave_one_holder_of_the_protected_role
                first_holder_of_a_role_is_created_once
                one_of_many_parallel_first_holders_is_created
            }
            $crate::store_cases! { [$(#[$attribute])*] addresses ($fresh().await),
                spellings_of_an_address_are_one_account
                addresses_that_look_alike_are_different_accounts
                search_reads_the_keys_of_the_addresses
                a_deleted_account_frees_every_spelling
            }
            $crate::store_cases! { [$(#[$attribute])*] usernames ($fresh().await),
                user_names_round_trip
                logins_search_one_column
                taken_user_name_changes_nothing
                one_of_many_parallel_creates_with_a_user_name_succeeds
                deleting_an_account_frees_its_user_name
            }
            $crate::store_failure_cases! { [$(#[$attribute])*]
                account_calls_complete_at_first_poll
                [broken_account_store_returns_errors]
                [
                    cancelled_account_creation_is_atomic
                    cancelled_account_update_is_atomic
                    cancelled_password_change_is_atomic
                ]
                $fresh, $($broken)+
            }
        }
    };
}

/// Expands the suite for a [`SessionStore`](gatewright_core::SessionStore). Each case is its own
/// test.
///
/// `$fresh` is an async function without arguments. It returns two handles on one new, empty store.
/// A store in memory also passes `in_memory`, as for [`user_suite!`].
#[macro_export]
macro_rules! session_suite {
    ($(#[$attribute:meta])* $name:ident, $fresh:expr $(, $in_memory:ident)?) => {
        mod $name {
            use super::*;

            $crate::store_cases! { [$(#[$attribute])*] sessions ($fresh().await),
                session_fields_round_trip
                unknown_sessions_are_absent
                session_limit_deletes_the_oldest
                parallel_creates_keep_the_session_limit
                delete_is_final_and_deletes_nothing_else
                delete_expired_deletes_only_expired_sessions
                parallel_cleanups_delete_each_expired_session_once
                user_ids_are_compared_byte_for_byte
            }
            $crate::store_cases! { [$(#[$attribute])*] rotation ($fresh().await),
                current_token_rotates
                used_tokens_get_the_current_token_within_the_grace_window
                used_token_is_reuse_after_its_grace_window
                grace_window_tolerates_only_small_clock_differences
                times_of_use_never_go_back
                current_token_does_not_rotate_with_eight_used_ones_in_the_window
                graces_in_another_network_end_the_session_at_the_third_rotation
                a_rotation_without_a_grace_in_another_network_resets_the_count
                other_user_agents_and_reported_networks_do_not_end_the_session
                unknown_token_of_a_session_is_reuse
                expired_session_does_not_rotate
                deleted_session_is_unknown
                idle_expiry_never_exceeds_the_absolute_expiry
                one_of_many_parallel_rotations_without_grace_succeeds
                parallel_rotations_with_grace_share_one_successor
            }
            $crate::store_cases! { [$(#[$attribute])*] replacement ($fresh().await),
                replace_all_leaves_only_the_new_session
                replace_all_creates_a_users_first_session
                parallel_replacements_leave_one_session
                replace_all_is_atomic_between_logins_rotations_and_logouts
            }
            $crate::store_cases! { [$(#[$attribute])*] user_isolation ($fresh().await),
                methods_never_reach_sessions_of_other_users
                sessions_are_listed_in_creation_order
                client_address_and_user_agent_round_trip
            }
            $crate::store_failure_cases! { [$(#[$attribute])*]
                session_calls_complete_at_first_poll
                []
                [
                    cancelled_rotation_is_atomic
                    cancelled_session_creation_is_atomic
                    cancelled_replacement_is_atomic
                    writes_after_cancelled_calls_are_not_lost
                ]
                $fresh $(, $in_memory)?
            }
        }
    };
}

/// Expands [`account_suite!`] and [`session_suite!`] for a store of accounts and sessions. The
/// arguments are those of [`account_suite!`].
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

/// For the store suites: the cases for failed and cancelled calls. A store in memory gets the case
/// `$at_once` instead.
#[doc(hidden)]
#[macro_export]
macro_rules! store_failure_cases {
    ($attributes:tt $at_once:ident $failed:tt $cancelled:tt $fresh:expr, in_memory) => {
        $crate::store_cases! { $attributes cancellation ($fresh().await), $at_once }
    };
    ($attributes:tt $at_once:ident [$($failed:ident)?] [$($cancelled:ident)+] $fresh:expr $(, $broken:expr)?) => {
        $(
            $crate::store_cases! { $attributes broken ($fresh().await, $broken().await), $failed }
        )?
        $crate::store_cases! { $attributes cancellation ($fresh().await), $($cancelled)+ }
    };
}

/// For the store suites: each case of a module as a test. `$arguments` are in parentheses.
#[doc(hidden)]
#[macro_export]
macro_rules! store_cases {
    ($attributes:tt $module:ident $arguments:tt, $($case:ident)+) => {
        mod $module {
            use super::*;

            $(
                $crate::case! { $attributes $case,
                    $crate::run_case(async || $crate::store::$module::$case $arguments.await)
                }
            )+
        }
    };
}
