//! Guards in the combinations that applications use. The same small application runs on each
//! framework and must give the same answers. Each framework's file also has the cases that only
//! this framework needs.

mod actix_web;
mod axum;
mod poem;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::thread;

use gatewright::types::{Policy, Requirement};
use gatewright::{Account, ApiKeys, Auth, Scopes};
use gatewright_testkit::auth_routes::{FORM, Request, Response, Target};
use gatewright_testkit::block_on;
use gatewright_tests::{World, memory};

gatewright::roles! { enum Role: role { User = "user", Admin = "admin" } }

/// A scope that every user of these tests has.
struct Reads;

impl Policy for Reads {
    const REQUIREMENT: Requirement = Requirement::Scopes(&["read"]);
}

/// Two scopes of which every user of these tests has one.
struct Publishes;

impl Policy for Publishes {
    const REQUIREMENT: Requirement = Requirement::Scopes(&["write", "publish"]);
}

/// The extra claims of every token of these tests, and a type that they do not fit.
type Tenant = BTreeMap<String, String>;
type Numbers = BTreeMap<String, u64>;

const KEY: &str = "k9J2mQ7xVb4TzW8LcR5nYp3H";

/// A running application. It has installed one `Auth` and guards some of its routes with another
/// one, the stranger.
struct Lab {
    target: Target,
    /// The token of a user of the application's `Auth`.
    token: String,
    /// The token of a user of the stranger.
    strange_token: String,
}

type Run = fn(TcpListener, Auth, Auth);

impl Lab {
    fn new(run: Run) -> Self {
        let (auth, token) = block_on(user_of_a_world());
        let (stranger, strange_token) = block_on(user_of_a_world());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || run(listener, auth, stranger));
        Self { target: Target::new(&address), token, strange_token }
    }

    /// Sends a request. Asserts that the answer passed through the middleware around the
    /// application, even if it is a refusal.
    fn send(&self, request: &Request) -> Response {
        let mut response = self.target.send(request);
        let outside = ("x-outside".to_owned(), "seen".to_owned());
        let at = response.headers.iter().position(|header| *header == outside);
        assert!(at.is_some(), "the answer did not pass through the middleware around the application");
        response.headers.remove(at.unwrap());
        response
    }

    fn get(&self, path: &str, token: Option<&str>) -> Response {
        let request = Request::get(path);
        self.send(&match token {
            Some(token) => request.bearer(token),
            None => request,
        })
    }

    fn status(&self, path: &str, token: Option<&str>) -> u16 {
        self.get(path, token).status
    }
}

/// Creates an `Auth` and the token of its only user, who has the role `user` and the scopes `read`
/// and `write`.
async fn user_of_a_world() -> (Auth, String) {
    let [store, _] = memory().await;
    let keys = ApiKeys::new().with(KEY, Scopes::parse("read").unwrap()).unwrap();
    let tenant = |_: &Account| Ok::<_, std::fmt::Error>(BTreeMap::from([("tenant", "acme")]));
    let world =
        World::with(store, |builder| builder.with_realm("lab").with_api_keys(keys).with_extra_claims(tenant));
    world.add("ada@example.com").await;
    let token = world.login("ada@example.com").await.access_token.expose().to_owned();
    (world.auth, token)
}

fn challenge(response: &Response) -> Option<&str> {
    let mut named = response.headers.iter().filter(|(name, _)| name == "www-authenticate");
    named.next().map(|(_, value)| value.as_str())
}

/// Expands each case as a test on each framework.
macro_rules! on_every_framework {
    ($($case:ident)+) => {
        on_every_framework! { on_actix_web actix_web: $($case)+ }
        on_every_framework! { on_axum axum: $($case)+ }
        on_every_framework! { on_poem poem: $($case)+ }
    };
    ($module:ident $framework:ident: $($case:ident)+) => {
        mod $module {
            $(
                #[test]
                fn $case() {
                    super::$case(&super::Lab::new(super::$framework::run));
                }
            )+
        }
    };
}

on_every_framework! {
    policies_combine_and_name_the_missing_scopes
    identities_of_one_auth_are_not_accepted_by_another
    api_keys_and_user_tokens_do_not_replace_each_other
    nested_guards_must_both_accept_the_request
    refusals_pass_through_outer_middleware
    fallbacks_run_behind_the_guard
    a_404_without_a_body_behind_a_guard_gets_one
    a_guarded_router_can_be_nested
    a_guarded_prefix_ends_at_a_slash
    other_routes_below_a_guarded_prefix_are_not_guarded
    a_guard_provides_its_auth_to_its_handlers
    a_single_endpoint_leaves_other_methods_to_the_application
    every_challenge_contains_the_realm
    extra_claims_are_read_and_a_token_that_does_not_fit_is_rejected
}

fn policies_combine_and_name_the_missing_scopes(lab: &Lab) {
    let token = Some(lab.token.as_str());
    assert_eq!(lab.status("/any", token), 200);
    assert_eq!(lab.status("/all", token), 200);
    let refused = lab.get("/admin-role", token);
    let expected = r#"Bearer realm="lab", error="insufficient_scope""#;
    assert_eq!((refused.status, challenge(&refused)), (403, Some(expected)));
    let refused = lab.get("/publish", token);
    let expected = r#"Bearer realm="lab", error="insufficient_scope", scope="write publish""#;
    assert_eq!((refused.status, challenge(&refused)), (403, Some(expected)));
    assert_eq!(lab.status("/publish", None), 401);
}

fn identities_of_one_auth_are_not_accepted_by_another(lab: &Lab) {
    for path in ["/strange/me", "/strange/maybe"] {
        assert_eq!(lab.status(path, None), 401, "{path}: without a token");
        assert_eq!(
            lab.status(path, Some(&lab.strange_token)),
            401,
            "{path}: only the guard accepts the token"
        );
        assert_eq!(lab.status(path, Some(&lab.token)), 401, "{path}: only the handler accepts the token");
    }
    assert_eq!(lab.status("/strange/open", Some(&lab.strange_token)), 200);
}

fn api_keys_and_user_tokens_do_not_replace_each_other(lab: &Lab) {
    let send = |path: &str, key: Option<&str>, token: Option<&str>| {
        let request = Request::get(path);
        let request = key.iter().fold(request, |request, key| request.header("x-api-key", key));
        lab.send(&token.iter().fold(request, |request, token| request.bearer(token)))
    };
    let (key, token) = (Some(KEY), Some(lab.token.as_str()));
    assert_eq!(send("/keyed/key", key, None).status, 200);
    assert_eq!(send("/keyed/key", key, token).status, 200);
    assert_eq!(send("/keyed/me", key, token).status, 200, "key and token, where both are required");
    assert_eq!(send("/keyed/me", key, None).status, 401, "a key does not authenticate a user");
    let missing = send("/keyed/me", None, token);
    assert_eq!(
        (missing.status, challenge(&missing)),
        (401, Some(r#"ApiKey realm="lab""#)),
        "a token does not replace a key"
    );
    assert_eq!(send("/key", key, None).status, 200);
    assert_eq!(send("/key", None, token).status, 401);
    assert_eq!(send("/key", Some("k9J2mQ7xVb4TzW8LcR5nYp3"), None).status, 403);
    let lacking = send("/key/publish", key, None);
    assert_eq!((lacking.status, challenge(&lacking)), (403, None));
    assert_eq!(send("/all", key, None).status, 401);
}

fn nested_guards_must_both_accept_the_request(lab: &Lab) {
    assert_eq!(lab.status("/twice/me", Some(&lab.token)), 200, "two extractors return the same user");
    assert_eq!(lab.status("/twice/admin/x", Some(&lab.token)), 403);
    assert_eq!(lab.status("/twice/admin/x", None), 401);
}

fn refusals_pass_through_outer_middleware(lab: &Lab) {
    for (token, expected) in [(None, 401), (Some(lab.token.as_str()), 403)] {
        let refused = lab.get("/foreign/g/x", token);
        assert_eq!(refused.status, expected);
        let allowed = ("access-control-allow-origin".to_owned(), "*".to_owned());
        assert!(refused.headers.contains(&allowed), "{:?}", refused.headers);
        assert!(challenge(&refused).is_some());
    }
}

fn fallbacks_run_behind_the_guard(lab: &Lab) {
    for path in ["/own-fallback/none", "/own-fallback/sub/none"] {
        assert_eq!(lab.status(path, None), 401, "{path}");
        let answer = lab.get(path, Some(&lab.token));
        assert_eq!((answer.status, answer.text()), (200, "ok".to_owned()), "{path}");
    }
    assert_eq!(lab.status("/own-fallback", None), 401);
}

/// It keeps its other headers. A 404 with a body, and an empty answer with another status, are left alone.
fn a_404_without_a_body_behind_a_guard_gets_one(lab: &Lab) {
    let token = Some(lab.token.as_str());
    let mut filled = lab.get("/bare/empty", token);
    let own = ("x-own".to_owned(), "kept".to_owned());
    let at = filled.headers.iter().position(|header| *header == own);
    filled.headers.remove(at.unwrap());
    filled.expect_not_found();
    assert_eq!(lab.status("/bare/empty", None), 401);
    let written = lab.get("/bare/written", token);
    assert_eq!((written.status, written.text()), (404, "gone fishing".to_owned()));
    let accepted = lab.get("/bare/accepted", token);
    assert_eq!((accepted.status, accepted.text()), (202, String::new()));
}

fn a_guarded_router_can_be_nested(lab: &Lab) {
    for path in ["/api/v1/x", "/api/v1/none", "/api/v1", "/api/v1/", "/api/v1//x", "/api/v1?x=1"] {
        assert_eq!(lab.status(path, None), 401, "{path}");
    }
    assert_eq!(lab.status("/api/v1/x", Some(&lab.token)), 200);
    let gone = lab.get("/api/v1/none", Some(&lab.token));
    gone.expect_not_found();
}

fn a_guarded_prefix_ends_at_a_slash(lab: &Lab) {
    assert_eq!(lab.status("/api/v10", None), 404);
    assert_eq!(lab.status("/api/open", None), 200);
}

fn other_routes_below_a_guarded_prefix_are_not_guarded(lab: &Lab) {
    assert_eq!(
        lab.status("/api/v1/aside", None),
        200,
        "below the guarded path, but not in the guarded router"
    );
    assert_eq!(lab.status("/auth/mine", None), 401);
    assert_eq!(lab.status("/auth/mine", Some(&lab.token)), 200, "next to the endpoints");
}

fn a_guard_provides_its_auth_to_its_handlers(lab: &Lab) {
    let me = lab.get("/api/v1/me", Some(&lab.token));
    assert_eq!((me.status, me.text()), (200, "ada@example.com".to_owned()));
}

fn a_single_endpoint_leaves_other_methods_to_the_application(lab: &Lab) {
    let page = lab.get("/sign-in", None);
    assert_eq!((page.status, page.text()), (200, "page".to_owned()));
    lab.send(&Request::post("/sign-in")).expect_unsupported_media_type(&[FORM]);
}

fn every_challenge_contains_the_realm(lab: &Lab) {
    assert_eq!(challenge(&lab.get("/all", None)), Some(r#"Bearer realm="lab""#));
    let bad = lab.get("/all", Some("x.y.z"));
    assert_eq!(challenge(&bad), Some(r#"Bearer realm="lab", error="invalid_token""#));
}

fn extra_claims_are_read_and_a_token_that_does_not_fit_is_rejected(lab: &Lab) {
    for path in ["/tenant", "/api/v1/tenant"] {
        let tenant = lab.get(path, Some(&lab.token));
        assert_eq!((tenant.status, tenant.text()), (200, "acme".to_owned()), "{path}");
        assert_eq!(lab.status(path, None), 401, "{path}");
    }
    let refused = lab.get("/numbers", Some(&lab.token));
    let expected = r#"Bearer realm="lab", error="invalid_token""#;
    assert_eq!((refused.status, challenge(&refused)), (401, Some(expected)));
    assert_eq!(
        refused.text(),
        lab.get("/all", Some("x.y.z")).text(),
        "the answer to any problem with a token"
    );
    assert_eq!(lab.status("/all", Some(&lab.token)), 200, "guards do not read extra claims");
}
