//! The HTTP suite: requests and exact answers, over a real socket, against an application with the example's routes.

mod client;
pub mod resource;
pub mod endpoints;
pub mod accounts;
pub mod document;

use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

pub use client::{Request, Response};

/// The password of every user the suite registers.
pub const PASSWORD: &str = "correct horse battery staple";

/// A running application: fresh, with one admin, a grace window of at least 10 seconds and an HS256 key.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Target {
    /// Host and port.
    pub address: String,
    /// The admin's address.
    pub admin_email: String,
    /// The admin's password.
    pub admin_password: String,
    /// The HS256 key, for making tokens that must be refused.
    pub secret: String,
    /// An API key without scopes.
    pub api_key: String,
    /// An API key with the scope `introspect`.
    pub scoped_api_key: String,
}

/// What a login or refresh returned.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
    /// The granted scopes.
    pub scope: String,
}

impl Target {
    /// All of a target, in the order of the fields. A base URL may stand for the address.
    #[must_use]
    pub fn new(address: &str, admin_email: &str, admin_password: &str, secret: &str) -> Self {
        let address = address.strip_prefix("http://").unwrap_or(address).trim_end_matches('/').to_owned();
        let [admin_email, admin_password, secret] = [admin_email, admin_password, secret].map(str::to_owned);
        let (api_key, scoped_api_key) = (String::new(), String::new());
        Self { address, admin_email, admin_password, secret, api_key, scoped_api_key }
    }

    /// The API keys that the application accepts: one without scopes, one with the scope `introspect`.
    #[must_use]
    pub fn with_api_keys(mut self, plain: &str, scoped: &str) -> Self {
        [self.api_key, self.scoped_api_key] = [plain, scoped].map(str::to_owned);
        self
    }

    /// Sends a request and reads the answer.
    #[must_use]
    pub fn send(&self, request: &Request) -> Response {
        request.send(&self.address)
    }

    /// Registers somebody new and returns the address.
    #[must_use]
    pub fn register(&self) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let email = format!("user{number}-{}@example.com", std::process::id());
        let body = format!(r#"{{"email":"{email}","password":"{PASSWORD}"}}"#);
        let response = self.send(&Request::post("/auth/register").json(&body));
        response.expect(201, &[], r#"{"detail":"Registered"}"#);
        email
    }

    /// Logs in.
    #[must_use]
    pub fn login(&self, email: &str, password: &str) -> Tokens {
        let response =
            self.send(&Request::post("/auth/login").form(&[("username", email), ("password", password)]));
        Tokens::from(&response)
    }

    /// Somebody new, logged in.
    #[must_use]
    pub fn user(&self) -> Tokens {
        self.login(&self.register(), PASSWORD)
    }

    /// The admin, logged in.
    #[must_use]
    pub fn admin(&self) -> Tokens {
        self.login(&self.admin_email, &self.admin_password)
    }

    /// Exchanges a refresh token.
    #[must_use]
    pub fn refresh(&self, token: &str) -> Response {
        self.send(&Request::post("/auth/refresh").form(&[("refresh_token", token)]))
    }

    /// `GET /users/me` with this token.
    #[must_use]
    pub fn me(&self, access: &str) -> Response {
        self.send(&Request::get("/users/me").bearer(access))
    }

    /// The id of whoever holds this token.
    #[must_use]
    pub fn id_of(&self, access: &str) -> String {
        self.me(access).json()["id"].as_str().expect("the user has an id").to_owned()
    }

    /// A token like `token`, with its claims changed, signed with the application's key.
    #[must_use]
    pub fn forge(&self, token: &str, change: impl FnOnce(&mut Value)) -> String {
        let header = token.split('.').next().expect("a token has a header");
        let mut claims = claims(token);
        change(&mut claims);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("a key of any length");
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }
}

impl From<&Response> for Tokens {
    fn from(response: &Response) -> Self {
        assert_eq!(response.status, 200, "{}", response.text());
        let body = response.json();
        let text =
            |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token"), scope: text("scope") }
    }
}

/// What a token says, believed by nobody.
#[must_use]
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a token has a payload");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

/// Expands the whole HTTP suite, each case its own test. `$target` is a function without arguments that returns a
/// `&'static` [`Target`]; it may start the application at its first call.
#[macro_export]
macro_rules! http_suite {
    ($name:ident, $target:expr) => {
        mod $name {
            use super::*;

            $crate::http_cases! { resource, $target,
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
                another_method_is_405
            }
            $crate::http_cases! { endpoints, $target,
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
                a_body_beyond_the_limit_is_413
                another_method_is_405
            }
            $crate::http_cases! { accounts, $target,
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
            $crate::http_cases! { document, $target,
                the_document_is_openapi_3_1_with_the_three_schemes
                every_reference_leads_somewhere
                nobody_is_refused_exactly_where_a_credential_is_demanded
                who_lacks_what_is_required_is_refused
                a_wrong_key_is_refused_as_documented
                who_may_call_an_operation_gets_what_is_documented
                the_page_is_served_from_here_alone
            }
        }
    };
}

/// For [`http_suite!`].
#[doc(hidden)]
#[macro_export]
macro_rules! http_cases {
    ($module:ident, $target:expr, $($case:ident)+) => {
        mod $module {
            use super::*;

            $(
                #[test]
                fn $case() {
                    $crate::http::$module::$case($target());
                }
            )+
        }
    };
}
