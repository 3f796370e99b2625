//! Guards in the ways applications combine them: the same small application on each framework, the same requests, the
//! same answers. What only one framework has stands in that framework's file.

mod actix_web;
mod axum;
mod poem;

use std::net::TcpListener;
use std::thread;

use gatewright::{ApiKeys, Auth, Policy, Requirement, Scopes};
use gatewright_testkit::block_on;
use gatewright_testkit::http::{Request, Response, Target};
use gatewright_tests::{World, memory};

gatewright::roles! { enum Role: role { User = "user", Admin = "admin" } }

/// Scopes that every user here has.
struct Reads;

impl Policy for Reads {
    const REQUIREMENT: Requirement = Requirement::Scopes(&["read"]);
}

/// Scopes of which every user here has one.
struct Publishes;

impl Policy for Publishes {
    const REQUIREMENT: Requirement = Requirement::Scopes(&["write", "publish"]);
}

const KEY: &str = "k9J2mQ7xVb4TzW8LcR5nYp3H";

/// An application that has installed `auth`, serves some of its routes behind a guard of `stranger`, and runs somewhere.
struct Lab {
    target: Target,
    /// Of a user of the application's `Auth`.
    token: String,
    /// Of a user of the stranger's.
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
        Self { target: Target::new(&address, "", "", ""), token, strange_token }
    }

    /// Every answer has passed through the middleware around the application, those that refuse included.
    fn send(&self, request: &Request) -> Response {
        let mut response = self.target.send(request);
        let outside = ("x-outside".to_owned(), "seen".to_owned());
        let at = response.headers.iter().position(|header| *header == outside);
        assert!(at.is_some(), "the middleware around the application did not see the answer");
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

/// An `Auth`, and the token of its only user, who has the role `user` and the scopes `read` and `write`.
async fn user_of_a_world() -> (Auth, String) {
    let [store, _] = memory().await;
    let keys = ApiKeys::new().with(KEY, Scopes::parse("read").unwrap()).unwrap();
    let world = World::with(store, |builder| builder.with_realm("lab").with_api_keys(keys));
    world.add("ada@example.com").await;
    let token = world.login("ada@example.com").await.access_token.expose().to_owned();
    (world.auth, token)
}

fn challenge(response: &Response) -> Option<&str> {
    let mut named = response.headers.iter().filter(|(name, _)| name == "www-authenticate");
    named.next().map(|(_, value)| value.as_str())
}

/// Each case a test of each framework.
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
    policies_combine_and_name_the_scopes_they_miss
    what_a_guard_of_one_auth_found_opens_nothing_of_another
    what_an_api_key_opens_is_not_open_to_users_nor_theirs_to_keys
    two_guards_must_both_be_passed
    a_refusal_passes_through_foreign_middleware_like_any_answer
    no_fallback_answers_past_the_guard
    a_guarded_router_can_be_nested_below_another_path
    a_guarded_prefix_ends_at_a_slash
    what_the_application_routes_itself_is_its_own_to_guard
    a_guard_brings_its_auth_to_the_handlers_behind_it
    a_single_endpoint_leaves_other_methods_to_the_application
    a_realm_stands_in_every_challenge
}

fn policies_combine_and_name_the_scopes_they_miss(lab: &Lab) {
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

fn what_a_guard_of_one_auth_found_opens_nothing_of_another(lab: &Lab) {
    for path in ["/strange/me", "/strange/maybe"] {
        assert_eq!(lab.status(path, None), 401, "{path}: nobody");
        assert_eq!(
            lab.status(path, Some(&lab.strange_token)),
            401,
            "{path}: known outside, a stranger inside"
        );
        assert_eq!(lab.status(path, Some(&lab.token)), 401, "{path}: a stranger outside");
    }
    assert_eq!(lab.status("/strange/open", Some(&lab.strange_token)), 200);
}

fn what_an_api_key_opens_is_not_open_to_users_nor_theirs_to_keys(lab: &Lab) {
    let send = |path: &str, key: Option<&str>, token: Option<&str>| {
        let request = Request::get(path);
        let request = key.iter().fold(request, |request, key| request.header("x-api-key", key));
        lab.send(&token.iter().fold(request, |request, token| request.bearer(token)))
    };
    let (key, token) = (Some(KEY), Some(lab.token.as_str()));
    assert_eq!(send("/keyed/key", key, None).status, 200);
    assert_eq!(send("/keyed/key", key, token).status, 200);
    assert_eq!(send("/keyed/me", key, token).status, 200, "both, where both are asked for");
    assert_eq!(send("/keyed/me", key, None).status, 401, "a key is no user");
    let missing = send("/keyed/me", None, token);
    assert_eq!(
        (missing.status, challenge(&missing)),
        (401, Some(r#"ApiKey realm="lab""#)),
        "nor a user a key"
    );
    assert_eq!(send("/key", key, None).status, 200);
    assert_eq!(send("/key", None, token).status, 401);
    assert_eq!(send("/key", Some("k9J2mQ7xVb4TzW8LcR5nYp3"), None).status, 403);
    let lacking = send("/key/publish", key, None);
    assert_eq!((lacking.status, challenge(&lacking)), (403, None));
    assert_eq!(send("/all", key, None).status, 401);
}

fn two_guards_must_both_be_passed(lab: &Lab) {
    assert_eq!(lab.status("/twice/me", Some(&lab.token)), 200, "two arguments find the same user");
    assert_eq!(lab.status("/twice/admin/x", Some(&lab.token)), 403);
    assert_eq!(lab.status("/twice/admin/x", None), 401);
}

fn a_refusal_passes_through_foreign_middleware_like_any_answer(lab: &Lab) {
    for (token, expected) in [(None, 401), (Some(lab.token.as_str()), 403)] {
        let refused = lab.get("/foreign/g/x", token);
        assert_eq!(refused.status, expected);
        let allowed = ("access-control-allow-origin".to_owned(), "*".to_owned());
        assert!(refused.headers.contains(&allowed), "{:?}", refused.headers);
        assert!(challenge(&refused).is_some());
    }
}

fn no_fallback_answers_past_the_guard(lab: &Lab) {
    for path in ["/own-fallback", "/own-fallback/none", "/own-fallback/sub/none"] {
        assert_eq!(lab.status(path, None), 401, "{path}");
    }
}

fn a_guarded_router_can_be_nested_below_another_path(lab: &Lab) {
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

fn what_the_application_routes_itself_is_its_own_to_guard(lab: &Lab) {
    assert_eq!(lab.status("/api/v1/aside", None), 200, "below a guarded path, and not in the guarded router");
    assert_eq!(lab.status("/auth/mine", None), 401);
    assert_eq!(lab.status("/auth/mine", Some(&lab.token)), 200, "beside the endpoints");
}

fn a_guard_brings_its_auth_to_the_handlers_behind_it(lab: &Lab) {
    let me = lab.get("/api/v1/me", Some(&lab.token));
    assert_eq!((me.status, me.text()), (200, "ada@example.com".to_owned()));
}

fn a_single_endpoint_leaves_other_methods_to_the_application(lab: &Lab) {
    let page = lab.get("/sign-in", None);
    assert_eq!((page.status, page.text()), (200, "page".to_owned()));
    lab.send(&Request::post("/sign-in")).expect_unsupported_media_type();
}

fn a_realm_stands_in_every_challenge(lab: &Lab) {
    assert_eq!(challenge(&lab.get("/all", None)), Some(r#"Bearer realm="lab""#));
    let bad = lab.get("/all", Some("x.y.z"));
    assert_eq!(challenge(&bad), Some(r#"Bearer realm="lab", error="invalid_token""#));
}
