//! The suites: each a list of cases, and a macro that expands every case of the list as its own test. The lists stand
//! here once: the tests and [`SUITES`] are made of the same words.

/// A suite's name and the cases in it, as `module::case`.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Suite {
    /// The name of its macro.
    pub name: &'static str,
    /// Its cases.
    pub cases: &'static [&'static str],
}

/// Every suite over HTTP.
pub const SUITES: &[Suite] = &[
    Suite { name: "http_suite", cases: crate::http_suite_cases! { http_names } },
    Suite { name: "problem_suite", cases: crate::problem_suite_cases! { http_names } },
    Suite { name: "rfc6749_suite", cases: crate::rfc6749_suite_cases! { http_names } },
    Suite { name: "forwarded_suite", cases: crate::forwarded_suite_cases! { http_names } },
    Suite { name: "http_outage_suite", cases: crate::http_outage_suite_cases! { http_names } },
];

/// Expands the whole HTTP suite, each case its own test. `$target` is a function without arguments that returns a
/// `&'static` [`Target`](crate::http::Target); it may start the application at its first call.
#[macro_export]
macro_rules! http_suite {
    ($(#[$attribute:meta])* $name:ident, $target:expr) => {
        $crate::http_suite_cases! { http_tests [$(#[$attribute])*] $name, $target }
    };
}

/// Expands the suite of an application whose renderer is `ProblemRenderer`. `$fresh` is a function without arguments that
/// returns two new [`Target`](crate::http::Target)s: the application as [`http_suite!`] has it, and the same with that renderer.
#[macro_export]
macro_rules! problem_suite {
    ($name:ident, $fresh:expr) => {
        $crate::problem_suite_cases! { http_tests [] $name, $fresh }
    };
}

/// Expands the suite of an application whose token endpoint is `TokenEndpoint::Rfc6749`. `$fresh` is a function without
/// arguments that returns two new [`Target`](crate::http::Target)s: the application as [`http_suite!`] has it, and the
/// same with that setting.
#[macro_export]
macro_rules! rfc6749_suite {
    ($name:ident, $fresh:expr) => {
        $crate::rfc6749_suite_cases! { http_tests [] $name, $fresh }
    };
}

/// Expands the suite of an application that trusts the proxies at 127.0.0.1 and in 10.0.0.0/8. `$fresh` is a function without
/// arguments that returns the [`Target`](crate::http::Target) of a new one, on loopback.
#[macro_export]
macro_rules! forwarded_suite {
    ($name:ident, $fresh:expr) => {
        $crate::forwarded_suite_cases! { http_tests [] $name, $fresh }
    };
}

/// Expands the suite of an application whose store fails. `$fresh` is a function without arguments that starts a new
/// application over a [`FragileStore`](crate::FragileStore) and returns its [`Target`](crate::http::Target) and the
/// [`Outage`](crate::Outage) of its store.
#[macro_export]
macro_rules! http_outage_suite {
    ($name:ident, $fresh:expr) => {
        $crate::http_outage_suite_cases! { http_tests [] $name, $fresh }
    };
}

/// For [`http_suite!`].
#[doc(hidden)]
#[macro_export]
macro_rules! http_suite_cases {
    ($then:ident $($argument:tt)*) => {
        $crate::$then! { [$($argument)*]
            resource {
                without_a_credential_or_with_another_scheme_it_is_401
                a_credential_that_cannot_be_read_is_400
                a_bearer_token_is_read_in_any_case_and_behind_any_number_of_spaces
                tokens_in_the_query_are_never_read
                every_bad_token_gets_the_same_answer
                a_token_bound_to_a_sender_is_no_bearer_token
                a_refresh_token_opens_nothing
                maybe_says_nobody_or_who_and_refuses_what_is_bad
                stateless_claims_are_believed_for_their_signature_alone
                roles_decide_who_may_pass
                a_guarded_prefix_has_no_way_round
                scopes_are_those_granted_and_still_allowed
            }
            scopes {
                a_route_asks_for_its_scope_and_names_it
                a_token_is_good_for_the_scopes_it_was_granted_and_no_other
                a_token_is_never_good_for_more_than_its_user_may_have
                scopes_are_compared_whole_and_in_their_own_case
                a_scope_that_a_new_role_takes_away_is_gone_at_once
                the_guard_answers_before_the_body_is_read
            }
            api_keys {
                a_key_that_is_known_opens_the_route
                without_a_key_it_is_401
                a_wrong_key_is_403
                two_keys_are_403
                a_key_is_read_in_its_header_alone
                a_bearer_token_is_no_api_key
                an_api_key_is_no_bearer_token
            }
            published {
                rs_no_credentials
                rs_unsupported_scheme_digest
                rs_scheme_only
                rs_lowercase_scheme
                rs_two_spaces
                rs_no_separator
                rs_two_tokens
                rs_two_headers
                rs_header_and_body
                rs_header_and_query
                rs_oversized
                rs_expired
                rs_expired_and_bad_signature
                rs_refresh_token
                rs_dpop_bound_as_bearer
                rs_insufficient_scope
                rs_scope_prefix
                rs_options_preflight
                rs_cache_headers
            }
            endpoints {
                a_login_is_granted_with_a_pair_of_tokens
                every_refused_login_gets_the_same_answer
                a_login_form_that_cannot_be_understood_is_400
                a_login_is_a_form_and_nothing_else
                a_login_grants_the_part_of_the_scopes_that_is_allowed
                a_refresh_is_granted_from_form_and_json
                every_refused_refresh_gets_the_same_answer
                a_refresh_for_more_scopes_is_refused_and_consumes_nothing
                a_refresh_that_cannot_be_understood_is_400
                a_lost_answer_is_given_again_and_a_used_token_ends_the_session
                a_logout_ends_the_session
                a_logout_by_refresh_token_needs_no_access_token
                a_logout_everywhere_ends_every_session_of_the_caller_and_of_nobody_else
                a_logout_everywhere_that_is_refused_ends_nothing
            }
            accounts {
                a_registration_says_the_same_whether_or_not_the_address_is_taken
                a_registration_against_the_policy_is_422
                a_registration_is_json_and_nothing_else
                a_change_of_password_ends_everything_but_the_session_that_made_it
                a_change_of_password_that_is_refused_changes_nothing
                a_deleted_user_is_refused
                a_disabled_user_is_refused_and_may_return
                a_new_role_counts_at_once
                a_change_that_cannot_be_made_is_refused
                the_last_admin_remains
            }
            sessions {
                own_sessions_are_listed_with_where_they_came_from
                a_list_of_sessions_is_its_users_alone
                a_list_of_sessions_has_a_head_and_looks_at_no_body
                an_ended_session_is_gone_and_its_tokens_with_it
                ending_the_session_one_is_in_is_a_logout
                an_id_that_is_not_ones_own_is_404_whatever_it_is
                an_administrator_sees_and_ends_the_sessions_of_others
                no_header_changes_the_address_of_a_client_that_is_no_proxy
            }
            revoke {
                a_refresh_token_ends_its_session
                an_access_token_ends_its_session
                what_is_not_valid_is_200_and_ends_nothing
                a_token_of_an_ended_session_is_200_too
                an_access_token_from_before_a_change_of_password_ends_nothing
                hints_clients_and_headers_say_nothing
                a_revocation_that_cannot_be_understood_is_refused
            }
            introspect {
                an_access_token_that_is_alive_is_active
                scopes_are_those_that_the_token_is_good_for_now
                what_is_no_valid_access_token_is_inactive
                an_access_token_is_inactive_as_soon_as_its_session_or_user_is_gone
                refresh_tokens_are_inactive_and_introspection_consumes_nothing
                an_api_key_with_the_scope_is_asked_for
                an_introspection_that_cannot_be_understood_is_refused
            }
            document {
                the_document_is_openapi_3_1_with_the_three_schemes
                every_reference_leads_somewhere
                nobody_is_refused_exactly_where_a_credential_is_demanded
                who_lacks_what_is_required_is_refused
                a_wrong_key_is_refused_as_documented
                who_may_call_an_operation_gets_what_is_documented
                the_page_is_served_from_here_alone
            }
            bodies {
                sixteen_kibibytes_are_read_and_one_byte_more_is_not
                on_every_endpoint_a_body_beyond_the_limit_is_413
                an_announced_body_beyond_the_limit_is_refused_before_it_is_sent
                a_body_that_breaks_off_does_nothing
                a_content_type_is_read_in_any_case_and_with_parameters
                another_content_type_is_415
                a_field_is_there_once_and_not_empty
                a_bad_percent_code_and_bad_utf8_are_400
                a_route_of_the_applications_own_reads_its_body_as_strictly
            }
            methods {
                another_method_is_405
                behind_a_guarded_prefix_another_method_is_405_to_who_may_pass
                an_endpoint_is_posted_to
                an_endpoint_that_is_not_posted_to_names_its_own_methods
                head_is_get_without_its_body
                a_preflight_is_an_options_request_like_any_other
            }
            paths {
                an_unknown_path_is_404
                another_spelling_is_another_path
                a_query_changes_nothing
                an_id_that_is_none_is_404_behind_the_guard
            }
        }
    };
}

/// For [`problem_suite!`].
#[doc(hidden)]
#[macro_export]
macro_rules! problem_suite_cases {
    ($then:ident $($argument:tt)*) => {
        $crate::$then! { [$($argument)*]
            problem {
                pd_401
                pd_about_blank
                every_denial_is_a_problem_and_all_else_is_as_it_was
            }
        }
    };
}

/// For [`rfc6749_suite!`].
#[doc(hidden)]
#[macro_export]
macro_rules! rfc6749_suite_cases {
    ($then:ident $($argument:tt)*) => {
        $crate::$then! { [$($argument)*]
            rfc6749 {
                a_refused_grant_is_400_without_a_challenge
                all_else_is_as_it_was
            }
        }
    };
}

/// For [`forwarded_suite!`].
#[doc(hidden)]
#[macro_export]
macro_rules! forwarded_suite_cases {
    ($then:ident $($argument:tt)*) => {
        $crate::$then! { [$($argument)*]
            forwarded {
                the_address_is_the_right_most_hop_that_is_not_trusted
                what_is_no_address_ends_the_walk
            }
        }
    };
}

/// For [`http_outage_suite!`].
#[doc(hidden)]
#[macro_export]
macro_rules! http_outage_suite_cases {
    ($then:ident $($argument:tt)*) => {
        $crate::$then! { [$($argument)*]
            outage {
                rs_key_store_down
                whichever_store_is_gone_every_route_that_needs_it_is_503
                what_needs_no_store_goes_on
                after_an_outage_nothing_is_lost
            }
        }
    };
}

/// For the suites: each case as a test.
#[doc(hidden)]
#[macro_export]
macro_rules! http_tests {
    ([$attributes:tt $name:ident, $target:expr] $($module:ident { $($case:ident)+ })+) => {
        mod $name {
            use super::*;

            $(
                mod $module {
                    use super::*;

                    $(
                        $crate::case! { $attributes $case, $crate::http::$module::$case($target()) }
                    )+
                }
            )+
        }
    };
}

/// For [`SUITES`]: each case by its name.
#[doc(hidden)]
#[macro_export]
macro_rules! http_names {
    ([] $($module:ident { $($case:ident)+ })+) => {
        &[$($(concat!(stringify!($module), "::", stringify!($case))),+),+]
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCES: [(&str, &str); 17] = [
        ("resource", include_str!("resource.rs")),
        ("scopes", include_str!("scopes.rs")),
        ("api_keys", include_str!("api_keys.rs")),
        ("published", include_str!("published.rs")),
        ("endpoints", include_str!("endpoints.rs")),
        ("accounts", include_str!("accounts.rs")),
        ("sessions", include_str!("sessions.rs")),
        ("revoke", include_str!("revoke.rs")),
        ("introspect", include_str!("introspect.rs")),
        ("document", include_str!("document.rs")),
        ("bodies", include_str!("bodies.rs")),
        ("methods", include_str!("methods.rs")),
        ("paths", include_str!("paths.rs")),
        ("problem", include_str!("problem.rs")),
        ("rfc6749", include_str!("rfc6749.rs")),
        ("forwarded", include_str!("forwarded.rs")),
        ("outage", include_str!("outage.rs")),
    ];

    #[test]
    fn every_case_that_is_written_is_in_a_list_once() {
        let listed: Vec<&str> = SUITES.iter().flat_map(|suite| suite.cases).copied().collect();
        let mut written = Vec::new();
        for (module, source) in SOURCES {
            let names = source.lines().filter_map(|line| line.strip_prefix("pub fn ")?.split('(').next());
            written.extend(names.map(|name| format!("{module}::{name}")));
        }
        let (mut one, mut other) = (listed.clone(), written.iter().map(String::as_str).collect::<Vec<_>>());
        one.sort_unstable();
        other.sort_unstable();
        assert_eq!(one, other);
        assert!(listed.len() > 80, "{}", listed.len());
    }
}
