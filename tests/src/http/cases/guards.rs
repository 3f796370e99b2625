//! Cases for the guards of the example's routes: an optional user, claims alone, roles, and a
//! guarded prefix.

use example_service::testing::Example;
use gatewright_testkit::auth_routes::{Request, Target, claims};
use serde_json::{Value, json};

/// `MaybeUser` admits requests without credentials and refuses invalid ones.
pub fn an_optional_user_is_absent_present_or_refused(target: &Target) {
    let token = target.user().access;
    let maybe = || Request::get("/maybe");
    target.send(&maybe()).expect(200, &[], r#"{"user":null}"#);
    target.send(&maybe().header("authorization", "Basic YTpi")).expect(200, &[], r#"{"user":null}"#);
    let answer = target.send(&maybe().bearer(&token));
    assert_eq!((answer.status, answer.json()["user"].clone()), (200, target.me(&token).json()));
    target.send(&maybe().header("authorization", "Bearer")).expect_malformed_credentials();
    target.send(&maybe().bearer("x.y.z")).expect_invalid_token();
}

/// The token is valid until it expires, also after a logout.
pub fn stateless_claims_need_a_valid_token_and_no_session(target: &Target) {
    let tokens = target.user();
    let stateless = |token: &str| target.send(&Request::get("/stateless/me").bearer(token));
    let answer = stateless(&tokens.access);
    assert_eq!((answer.status, &answer.json()["sub"]), (200, &claims(&tokens.access)["sub"]));
    target.send(&Request::get("/stateless/me")).expect_unauthenticated();
    stateless(&tokens.refresh).expect_invalid_token();
    stateless(&target.forge(&tokens.access, |claims| claims["exp"] = claims["iat"].clone()))
        .expect_invalid_token();
    target.logout(&tokens.access).expect_no_content();
    stateless(&tokens.access).expect_ok();
    target.me(&tokens.access).expect_invalid_token();
}

/// 401 without credentials and 403 without the role, whether or not the id exists.
pub fn routes_for_roles_refuse_everyone_else(target: &Target) {
    let (user, admin) = (target.user().access, target.admin().access);
    let path = format!("/users/{}", target.id_of(&user));
    for method in ["GET", "DELETE", "PATCH"] {
        for path in [path.as_str(), "/users/nobody"] {
            target.send(&Request::new(method, path)).expect_unauthenticated();
            target.send(&Request::new(method, path).bearer(&user)).expect_forbidden();
        }
    }
    let answer = target.send(&Request::get(&path).bearer(&admin));
    assert_eq!((answer.status, answer.json()["roles"].clone()), (200, json!(["user"])));
    target.send(&Request::get("/users/nobody").bearer(&admin)).expect_not_found();
    target.send(&Request::get("/users/%FF").bearer(&admin)).expect_not_found();
}

/// Every method, every path below the prefix, paths without a route and other spellings.
pub fn a_guarded_prefix_cannot_be_bypassed(target: &Target) {
    let (user, admin) = (target.user().access, target.admin().access);
    target.send(&Request::get("/admin/stats").bearer(&admin)).expect_ok();
    for path in ["/admin/none", "/admin", "/admin/", "/admin/stats/", "/admin/a/b"] {
        target.send(&Request::get(path).bearer(&admin)).expect_not_found();
    }
    let refused = |request: Request| {
        target.send(&request).expect_unauthenticated();
        target.send(&request.bearer(&user)).expect_forbidden();
    };
    for path in [
        "/admin/none",
        "/admin",
        "/admin/",
        "/admin//stats",
        "/admin/./stats",
        "/admin/%73tats",
        "/admin/a/b",
    ] {
        refused(Request::get(path));
    }
    for method in ["GET", "POST", "DELETE", "PROPFIND"] {
        refused(Request::new(method, "/admin/stats"));
    }
}

/// An identity has the scopes of the token that the user's role still allows.
pub fn an_identity_has_the_granted_scopes_that_are_still_allowed(target: &Target) {
    let user = target.user().access;
    let scopes = |token: &str| target.me(token).json()["scopes"].clone();
    assert_eq!(scopes(&user), json!(["items:read"]));
    assert_eq!(
        scopes(&target.forge_claim(&user, "scope", "items:write items:read introspect")),
        json!(["items:read"])
    );
    assert_eq!(scopes(&target.forge_claim(&user, "scope", "")), Value::Array(Vec::new()));
}
