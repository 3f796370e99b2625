//! The test vectors of the rotation (`docs/rotation.md`), run on a store.
//!
//! `vectors/rotation.json` of this crate holds them. They were made by another implementation of the
//! rules, `vectors/rotation.py`. [`SCENARIOS`] lists the scenarios, and
//! [`rotation_vector_suite!`](crate::rotation_vector_suite) expands them.

mod document;
mod run;

pub use document::{Document, Scenario, Step};
pub use run::{run, run_on_rules};

/// The names of the scenarios.
pub const SCENARIOS: &[&str] = crate::rotation_scenarios! { rotation_names [] };

/// Expands the test vectors of the rotation for a
/// [`SessionStore`](gatewright_core::SessionStore). Each scenario is its own test.
///
/// `$fresh` is an async function without arguments. It returns two handles on one new, empty store.
/// Attributes before the name apply to every case: `#[ignore = "needs a server"]`.
#[macro_export]
macro_rules! rotation_vector_suite {
    ($(#[$attribute:meta])* $name:ident, $fresh:expr) => {
        $crate::rotation_scenarios! { rotation_tests [[$(#[$attribute])*] $name, $fresh] }
    };
}

/// For [`rotation_vector_suite!`] and [`SCENARIOS`]: the only list of the scenarios.
#[doc(hidden)]
#[macro_export]
macro_rules! rotation_scenarios {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            current_token_rotates
            unknown_session
            idle_expiry
            absolute_expiry
            stranger
            retry_after_a_lost_answer
            end_of_the_window
            clock_behind
            clock_far_behind
            no_window
            use_times_never_go_back
            each_token_has_its_own_window
            tabs_behind_by_eight_rotations
            eight_tokens_kept
            oldest_token_dropped
            retention
            same_network
            ipv6_networks
            other_user_agent
            unknown_addresses
            rotating_client_counts
            third_foreign_grace_ends_the_session
            foreign_graces_count_once_a_rotation
            quiet_rotation_ends_the_row
            second_tab_does_not_end_the_row
            thief_cannot_end_the_row
            row_ends_after_the_retention
            report_policy
            policy_changed_to_end_session
            stolen_token_used_first
            password_change
            late_password_change
            grace_moves_no_time
            pending_use
            earlier_use
        }
    };
}

/// For [`rotation_vector_suite!`]: each scenario as a test.
#[doc(hidden)]
#[macro_export]
macro_rules! rotation_tests {
    ([$attributes:tt $name:ident, $fresh:expr] $($scenario:ident)+) => {
        mod $name {
            use super::*;

            $(
                $crate::case! { $attributes $scenario,
                    $crate::block_on(async {
                        $crate::rotation_vectors::run(stringify!($scenario), $fresh().await).await
                    })
                }
            )+
        }
    };
}

/// For [`SCENARIOS`]: the name of each scenario.
#[doc(hidden)]
#[macro_export]
macro_rules! rotation_names {
    ([] $($scenario:ident)+) => {
        &[$(stringify!($scenario)),+]
    };
}
