//! The list of cases, and the macro that expands each as a test.

/// Every case, as `module::case`.
pub const CASES: &[&[&str]] = &[
    crate::auth_routes_cases! { endpoints case_names },
    crate::auth_routes_cases! { accounts case_names },
    crate::auth_routes_cases! { usernames case_names },
    crate::auth_routes_cases! { introspection case_names },
];

/// Expands the suite for the ready-made endpoints, each case as its own test.
///
/// `$target` is a function without arguments that returns a `&'static`
/// [`Target`](crate::auth_routes::Target); it may start the application at its first call. The
/// groups of cases are for the endpoints that not every application has: `accounts` for `register`
/// and `password`, `usernames` if accounts have user names, and `introspection` for `introspect`.
///
/// ```text
/// fn running() -> &'static Target { … }
///
/// gatewright_testkit::auth_routes_suite!(my_application, running, accounts, introspection);
/// ```
#[macro_export]
macro_rules! auth_routes_suite {
    ($(#[$attribute:meta])* $name:ident, $target:expr $(, $group:ident)*) => {
        $crate::auth_routes_groups! { [$(#[$attribute])*] $name, $target, endpoints $($group)* }
    };
}

/// For [`auth_routes_suite!`].
#[doc(hidden)]
#[macro_export]
macro_rules! auth_routes_groups {
    ($attributes:tt $name:ident, $target:expr, $($group:ident)+) => {
        mod $name {
            use super::*;
            use $crate::auth_routes as cases;

            $($crate::auth_routes_cases! { $group case_tests $attributes $target })+
        }
    };
}

/// For [`auth_routes_suite!`]: the cases of a group.
#[doc(hidden)]
#[macro_export]
macro_rules! auth_routes_cases {
    (endpoints $then:ident $($argument:tt)*) => {
        $crate::$then! { [$($argument)*]
            guarded_route {
                missing_credentials_and_other_schemes_are_401
                malformed_credentials_are_400
                the_scheme_is_read_in_any_case_and_spaces_may_repeat
                every_invalid_token_gets_the_same_answer
            }
            published_vectors {
                rs_no_credentials
                rs_unsupported_scheme_digest
                rs_scheme_only
                rs_lowercase_scheme
                rs_two_spaces
                rs_no_separator
                rs_two_tokens
                rs_two_headers
                rs_header_and_query
                rs_oversized
                rs_expired
                rs_expired_and_bad_signature
                rs_refresh_token
                rs_dpop_bound_as_bearer
            }
            login {
                login_returns_a_token_pair
                every_refused_login_gets_the_same_answer
                other_grant_types_and_malformed_scopes_are_400
                login_accepts_forms_only
                login_grants_only_scopes_of_the_user
            }
            refresh {
                refresh_accepts_form_and_json
                every_refused_refresh_gets_the_same_answer
                a_refresh_for_more_scopes_is_refused_and_consumes_nothing
                malformed_refresh_requests_are_400
                a_used_token_returns_the_current_one_within_the_grace_window
            }
            logout {
                logout_ends_the_session
                logout_by_refresh_token_needs_no_access_token
                logout_all_ends_every_session_of_the_caller_alone
                a_refused_logout_all_ends_nothing
            }
            sessions {
                own_sessions_are_listed_with_their_origin
                sessions_are_listed_to_their_user_alone
                the_list_of_sessions_has_a_head_and_ignores_bodies
                an_ended_session_is_not_listed_and_its_tokens_are_invalid
                ending_the_current_session_is_a_logout
                ids_of_other_sessions_are_404
                forwarding_headers_do_not_change_the_address
            }
            revoke {
                revoking_a_refresh_token_ends_its_session
                revoking_an_access_token_ends_its_session
                revoking_an_invalid_token_is_200_and_ends_nothing
                revoking_a_token_again_is_200
                hints_client_ids_and_credentials_are_ignored
                malformed_revocations_are_refused
            }
            bodies {
                a_body_of_16_kib_is_read_and_one_byte_more_is_413
                a_body_beyond_the_limit_is_413_on_every_endpoint
                an_announced_body_beyond_the_limit_is_413_before_it_is_sent
                a_body_that_breaks_off_changes_nothing
                media_types_are_read_in_any_case_and_with_parameters
                other_media_types_are_415
                every_field_is_required_once_and_not_empty
                invalid_percent_encoding_and_invalid_utf8_are_400
                thousands_of_members_and_levels_are_one_problem
            }
            methods {
                endpoints_are_called_with_post_alone
                the_endpoints_for_sessions_have_methods_of_their_own
            }
        }
    };
    (accounts $then:ident $($argument:tt)*) => {
        $crate::$then! { [$($argument)*]
            accounts {
                registration_does_not_disclose_whether_an_address_is_taken
                spellings_of_an_address_are_one_account
                registration_with_a_refused_password_or_address_is_422
                each_rule_for_new_passwords_has_its_code
                a_password_is_the_same_in_every_form_of_unicode
                malformed_registrations_are_refused
                a_password_change_replaces_all_sessions
                a_refused_password_change_changes_nothing
                tokens_from_before_a_password_change_revoke_nothing
            }
        }
    };
    (usernames $then:ident $($argument:tt)*) => {
        $crate::$then! { [$($argument)*]
            usernames {
                users_log_in_with_their_name_or_address
                a_taken_user_name_is_422
                a_new_user_name_does_not_disclose_a_taken_address
                an_invalid_user_name_is_422
            }
        }
    };
    (introspection $then:ident $($argument:tt)*) => {
        $crate::$then! { [$($argument)*]
            introspection {
                a_valid_access_token_is_active_with_its_claims
                every_invalid_token_is_inactive
                an_access_token_is_inactive_once_its_session_has_ended
                refresh_tokens_are_inactive_and_not_consumed
                introspection_requires_an_api_key_with_the_scope
                malformed_introspections_are_refused
            }
        }
    };
}

/// Expands a list of cases as tests. The name `cases` must be the module that the modules of
/// cases are in.
#[doc(hidden)]
#[macro_export]
macro_rules! case_tests {
    ([$attributes:tt $target:expr] $($module:ident { $($case:ident)+ })+) => {
        $(
            mod $module {
                use super::*;

                $($crate::case! { $attributes $case, cases::$module::$case($target()) })+
            }
        )+
    };
}

/// Expands a list of cases as their names.
#[doc(hidden)]
#[macro_export]
macro_rules! case_names {
    ([] $($module:ident { $($case:ident)+ })+) => {
        &[$($(concat!(stringify!($module), "::", stringify!($case))),+),+]
    };
}

/// Checks that every case in the modules of a folder is in the lists, once.
#[doc(hidden)]
pub fn assert_all_listed(lists: &[&[&str]], folder: &str) {
    let mut written = Vec::new();
    for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        let module = file.file_stem().unwrap().to_str().unwrap();
        let source = std::fs::read_to_string(&file).unwrap();
        // A case is a public function that takes a target and returns nothing.
        let is_case =
            |line: &&str| ["Target) {", "Outage)) {", "Start) {"].iter().any(|end| line.ends_with(end));
        let cases = source.lines().filter(is_case);
        let names = cases.filter_map(|line| line.strip_prefix("pub fn ")?.split('(').next());
        written.extend(names.map(|name| format!("{module}::{name}")));
    }
    let mut listed = lists.concat();
    listed.sort_unstable();
    written.sort_unstable();
    assert_eq!(listed, written);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_in_a_list_once() {
        assert_all_listed(CASES, concat!(env!("CARGO_MANIFEST_DIR"), "/src/auth_routes"));
        assert_eq!(CASES.concat().len(), 75);
    }
}
