//! Cases that need the routes of the examples. Each is a function that takes a running example and
//! panics at the first difference; the cases of the ready-made endpoints are in
//! [`gatewright_testkit::auth_routes`].

pub mod guards;
pub mod published_vectors;
pub mod scopes;
pub mod api_keys;
pub mod users;
pub mod openapi;
pub mod bodies;
pub mod methods;
pub mod paths;
pub mod problem;
pub mod rfc6749;
pub mod forwarded;
pub mod outage;
pub mod throttled;

/// Every case, as `module::case`, by the application that it needs.
pub const CASES: &[&[&str]] = &[
    crate::example_cases! { routes case_names },
    crate::example_cases! { problem case_names },
    crate::example_cases! { rfc6749 case_names },
    crate::example_cases! { forwarded case_names },
    crate::example_cases! { outage case_names },
    crate::example_cases! { throttled case_names },
];

/// The cases for an application with certain settings.
#[doc(hidden)]
#[macro_export]
macro_rules! example_cases {
    (routes $then:ident $($argument:tt)*) => {
        gatewright_testkit::$then! { [$($argument)*]
            guards {
                an_optional_user_is_absent_present_or_refused
                stateless_claims_need_a_valid_token_and_no_session
                routes_for_roles_refuse_everyone_else
                a_guarded_prefix_cannot_be_bypassed
                an_identity_has_the_granted_scopes_that_are_still_allowed
            }
            published_vectors {
                rs_header_and_body
                rs_insufficient_scope
                rs_scope_prefix
                rs_options_preflight
                rs_cache_headers
            }
            scopes {
                the_admin_is_granted_every_scope_and_may_narrow_a_refresh
                a_route_requires_its_scope_and_names_it
                a_token_has_only_the_scopes_it_was_granted
                a_token_never_exceeds_the_scopes_of_its_user
                scopes_are_compared_as_whole_words_with_case
                a_scope_that_a_new_role_lacks_is_missing_at_once
                the_guard_answers_before_the_body_is_read
            }
            api_keys {
                a_known_key_is_accepted
                a_missing_key_is_401
                a_wrong_key_is_403
                two_keys_are_403
                a_key_is_read_from_its_header_alone
                a_bearer_token_is_not_an_api_key
                an_api_key_is_not_a_bearer_token
                the_token_of_an_admin_does_not_introspect
            }
            users {
                an_account_shows_its_address_as_it_was_registered
                a_user_name_of_two_scripts_is_refused
                a_deleted_user_is_refused
                a_disabled_user_is_refused_and_may_be_enabled_again
                a_new_role_applies_at_once
                an_invalid_change_of_a_user_is_refused
                the_last_admin_remains
                an_admin_lists_and_ends_the_sessions_of_others
                introspection_returns_the_scopes_that_are_still_allowed
                an_access_token_is_inactive_once_its_user_has_changed
            }
            openapi {
                the_document_is_openapi_3_1_with_three_schemes
                every_reference_resolves
                anonymous_calls_are_401_where_credentials_are_required
                calls_are_403_where_the_requirement_is_not_met
                a_wrong_key_is_403_as_documented
                every_operation_succeeds_as_documented
                the_page_loads_files_from_its_own_host_alone
            }
            bodies {
                the_examples_own_route_reads_bodies_as_strictly
            }
            methods {
                other_methods_are_405
                behind_a_guarded_prefix_only_authorized_callers_get_405
                head_is_get_without_the_body
                a_preflight_is_an_ordinary_options_request
            }
            paths {
                an_unknown_path_is_404
                another_spelling_of_a_path_is_404
                a_query_changes_nothing
                an_unknown_id_is_404_behind_the_guard
            }
        }
    };
    (problem $then:ident $($argument:tt)*) => {
        gatewright_testkit::$then! { [$($argument)*]
            problem {
                pd_401
                pd_about_blank
            }
        }
    };
    (rfc6749 $then:ident $($argument:tt)*) => {
        gatewright_testkit::$then! { [$($argument)*]
            rfc6749 {
                a_refused_grant_is_400_without_a_challenge
            }
        }
    };
    (forwarded $then:ident $($argument:tt)*) => {
        gatewright_testkit::$then! { [$($argument)*]
            forwarded {
                the_address_is_the_last_hop_that_is_not_trusted
                a_malformed_hop_ends_the_search
            }
        }
    };
    (outage $then:ident $($argument:tt)*) => {
        gatewright_testkit::$then! { [$($argument)*]
            outage {
                rs_key_store_down
                every_route_that_needs_a_failed_store_is_503
                requests_that_need_no_store_succeed
                after_an_outage_nothing_is_lost
            }
        }
    };
    (throttled $then:ident $($argument:tt)*) => {
        gatewright_testkit::$then! { [$($argument)*]
            throttled {
                the_eleventh_wrong_login_of_a_name_is_429
                pd_429
                a_realm_adds_no_challenge_to_429
                rfc6749_does_not_change_429
                registrations_beyond_the_budget_are_429
                five_wrong_current_passwords_end_the_session
                refused_refreshes_and_api_keys_beyond_the_budget_are_429
                a_spoofed_hop_does_not_change_the_network
                clients_behind_an_unknown_proxy_share_a_larger_budget
                limited_answers_are_documented
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_in_a_list_once() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/cases");
        gatewright_testkit::auth_routes::assert_all_listed(CASES, folder);
        assert_eq!(CASES.concat().len(), 70);
    }
}
