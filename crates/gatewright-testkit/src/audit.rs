//! A conformance suite for [`AuditStore`].

pub mod rows;
pub mod pages;
pub mod removal;
pub mod failures;

use gatewright_core::Timestamp;
use gatewright_core::audit::{
    AppendOutcome, AuditActor, AuditOutcome, AuditRecord, AuditRow, AuditStore, SALT_BYTES, WriterId,
};

/// Expands the suite for an [`AuditStore`](gatewright_core::AuditStore). Each case is its own test.
///
/// - `$fresh` is an async function without arguments. It returns two handles on one new, empty store, each with its
///   own connections. The store implements `Clone`.
/// - `$broken` is an async function without arguments. It returns a store whose calls fail: its connections are
///   closed, or its table does not exist.
///
/// Attributes before the name apply to every case: `#[ignore = "needs a server"]`.
///
/// A store in memory passes `in_memory` instead of `$broken`. Its calls never fail, and they complete at the first
/// poll.
#[macro_export]
macro_rules! audit_suite {
    ($(#[$attribute:meta])* $name:ident, $fresh:expr, $($broken:tt)+) => {
        mod $name {
            use super::*;

            $crate::audit_cases! { [$(#[$attribute])*] rows ($fresh().await),
                rows_are_returned_unchanged
                appended_rows_are_visible_to_the_other_handle
                a_batch_with_a_taken_number_is_not_stored
                two_writers_do_not_disturb_each_other
                parallel_writers_of_one_name_store_each_number_once
                the_largest_batch_is_stored
            }
            $crate::audit_cases! { [$(#[$attribute])*] pages ($fresh().await),
                pages_begin_with_the_newest_row
                rows_of_one_time_are_ordered_by_writer_and_number
                filters_find_the_rows_that_they_describe
                wildcards_and_case_have_no_effect
            }
            $crate::audit_cases! { [$(#[$attribute])*] removal ($fresh().await),
                only_the_personal_columns_of_the_user_are_erased
                many_rows_are_erased
                rows_are_deleted_from_the_beginning_of_one_chain
                the_first_number_since_a_time_is_found
            }
            $crate::audit_failure_cases! { [$(#[$attribute])*] $fresh, $($broken)+ }
        }
    };
}

/// For the suite: each case of a module as a test.
#[doc(hidden)]
#[macro_export]
macro_rules! audit_cases {
    ($attributes:tt $module:ident $arguments:tt, $($case:ident)+) => {
        mod $module {
            use super::*;

            $(
                $crate::case! { $attributes $case,
                    $crate::run_case(async || $crate::audit::$module::$case $arguments.await)
                }
            )+
        }
    };
}

/// For the suite: the cases for failed and cancelled calls.
#[doc(hidden)]
#[macro_export]
macro_rules! audit_failure_cases {
    ($attributes:tt $fresh:expr, in_memory) => {
        mod failures {
            use super::*;

            $crate::case! { $attributes calls_complete_at_first_poll,
                $crate::run_case(async || $crate::audit::failures::calls_complete_at_first_poll($fresh().await).await)
            }
            $crate::case! { $attributes the_writer_runs_in_the_background,
                $crate::run_case(async || $crate::audit::failures::the_writer_runs_in_the_background($fresh().await).await)
            }
        }
    };
    ($attributes:tt $fresh:expr, $broken:expr) => {
        mod failures {
            use super::*;

            $crate::case! { $attributes cancelled_batches_are_atomic,
                $crate::run_case(async || $crate::audit::failures::cancelled_batches_are_atomic($fresh().await).await)
            }
            $crate::case! { $attributes broken_store_returns_errors,
                $crate::run_case(async || $crate::audit::failures::broken_store_returns_errors($broken().await).await)
            }
            $crate::case! { $attributes the_writer_runs_in_the_background,
                $crate::run_case(async || $crate::audit::failures::the_writer_runs_in_the_background($fresh().await).await)
            }
        }
    };
}

/// A store that the suite can test. Clones use the same rows.
pub trait Cloned: AuditStore + Clone {}

impl<T: AuditStore + Clone> Cloned for T {}

/// The time of row number 0.
pub(crate) const START: u64 = 1_700_000_000;

pub(crate) const fn at(second: u64) -> Timestamp {
    Timestamp::from_seconds(START + second)
}

pub(crate) fn writer(name: &str) -> WriterId {
    name.parse().unwrap()
}

/// A row whose time is `number` seconds after [`START`].
pub(crate) fn row(name: &str, number: u64) -> AuditRow {
    row_of(name, number, AuditRecord::new(at(number), "LoggedIn", AuditOutcome::Succeeded))
}

/// A row with this record, and any digests.
pub(crate) fn row_of(name: &str, number: u64, record: AuditRecord) -> AuditRow {
    let digests = (Some(vec![7; SALT_BYTES]), vec![8; 32], Some(vec![9; 32]));
    AuditRow::new(writer(name), number, record, digests)
}

/// A row of what `user` did: to `subject`, or of its own.
pub(crate) fn action(name: &str, number: u64, actor: Option<AuditActor>, subject: &str) -> AuditRow {
    let mut record = AuditRecord::new(at(number), "AccountChanged", AuditOutcome::Succeeded);
    record.actor = actor;
    record.subject = Some(subject.to_owned());
    record.client_address = Some("2001:db8::7".to_owned());
    record.user_agent = Some("curl/8.5.0".to_owned());
    row_of(name, number, record)
}

pub(crate) async fn append<T: AuditStore>(store: &T, rows: &[AuditRow]) {
    assert_eq!(store.append_rows(rows).await.unwrap(), AppendOutcome::Appended);
}

pub(crate) async fn chain<T: AuditStore>(store: &T, name: &str) -> Vec<AuditRow> {
    store.chain_rows(&writer(name), 0, 1_000).await.unwrap()
}

/// The writers and numbers of rows.
pub(crate) fn places(rows: &[AuditRow]) -> Vec<(&str, u64)> {
    rows.iter().map(|row| (row.writer.as_str(), row.number)).collect()
}
