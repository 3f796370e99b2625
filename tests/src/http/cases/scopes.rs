//! Cases for routes that require scopes: `GET /items` requires `items:read`, and `POST /items`
//! requires `items:write`.

use example_service::testing::{ADMIN_EMAIL, ADMIN_PASSWORD, Example};
use gatewright_testkit::auth_routes::{PASSWORD, Request, Response, Target, Tokens};
use serde_json::json;

fn read(target: &Target, access: &str) -> Response {
    target.send(&Request::get("/items").bearer(access))
}

fn write(target: &Target, access: &str) -> Response {
    target.send(&Request::post("/items").bearer(access).json(r#"{"name":"a lamp"}"#))
}

/// The email address and the id of a new moderator, who may have `items:read` and `items:write`.
pub(crate) fn moderator(target: &Target) -> (String, String) {
    let email = target.register();
    let id = target.id_of(&target.login(&email, PASSWORD).access);
    target.set_role(&id, "moderator");
    (email, id)
}

/// A login without `scope` grants all scopes of the role, and a refresh with `scope` narrows one
/// access token alone.
pub fn the_admin_is_granted_every_scope_and_may_narrow_a_refresh(target: &Target) {
    assert_eq!(target.admin().scope, "items:read items:write introspect");
    let admin =
        [("username", ADMIN_EMAIL), ("password", ADMIN_PASSWORD), ("scope", "items:read items:write")];
    let tokens = Tokens::expect_granted(&target.login_with(&admin));
    let refresh = |scope| {
        target.send(&target.post("/refresh").form(&[("refresh_token", &tokens.refresh), ("scope", scope)]))
    };
    for scope in ["items:read introspect", "introspect", "a\"b"] {
        refresh(scope).expect_invalid_scope();
    }
    let narrow = Tokens::expect_granted(&refresh("items:read"));
    assert_eq!(narrow.scope, "items:read");
    assert_eq!(Tokens::expect_granted(&target.refresh(&narrow.refresh)).scope, "items:read items:write");
}

/// 401 without credentials, and 403 with the name of the scope without the scope.
pub fn a_route_requires_its_scope_and_names_it(target: &Target) {
    let user = target.user().access;
    target.send(&Request::get("/items")).expect_unauthenticated();
    target.send(&Request::post("/items").json(r#"{"name":"x"}"#)).expect_unauthenticated();
    read(target, &user).expect_ok();
    write(target, &user).expect_missing_scope("items:write");
    let (email, _) = moderator(target);
    let created = write(target, &target.login(&email, PASSWORD).access);
    let id = created.json()["id"].as_u64().expect("an item has an id");
    created.expect(201, &[], &format!(r#"{{"id":{id},"name":"a lamp"}}"#));
    let list = read(target, &user).json();
    assert!(list.as_array().expect("a list").contains(&json!({"id": id, "name": "a lamp"})), "{list}");
}

/// Scopes that the role allows and the login did not ask for are missing.
pub fn a_token_has_only_the_scopes_it_was_granted(target: &Target) {
    let (email, _) = moderator(target);
    for (asked, reads, writes) in [
        ("items:read items:write", true, true),
        ("items:read", true, false),
        ("items:write", false, true),
        ("introspect", false, false),
    ] {
        let tokens = target.login_for(&email, asked);
        match reads {
            true => read(target, &tokens.access).expect_ok(),
            false => read(target, &tokens.access).expect_missing_scope("items:read"),
        }
        match writes {
            true => write(target, &tokens.access).expect_status(201),
            false => write(target, &tokens.access).expect_missing_scope("items:write"),
        }
    }
}

/// Neither a login that asks for more nor a signed token with more exceeds the scopes of the user.
pub fn a_token_never_exceeds_the_scopes_of_its_user(target: &Target) {
    let tokens = target.login_for(&target.register(), "items:read items:write introspect");
    assert_eq!(tokens.scope, "items:read");
    write(target, &tokens.access).expect_missing_scope("items:write");
    let forged = target.forge_claim(&tokens.access, "scope", "items:read items:write");
    write(target, &forged).expect_missing_scope("items:write");
    read(target, &forged).expect_ok();
}

/// RFC 6749 §3.3: whole words, separated by single spaces; upper and lower case differ.
pub fn scopes_are_compared_as_whole_words_with_case(target: &Target) {
    let (email, _) = moderator(target);
    let good = target.login(&email, PASSWORD).access;
    for scope in ["items:writer", "items:writ", "items", "ITEMS:WRITE", "items:write,items:read", "*", ""] {
        let token = target.forge_claim(&good, "scope", scope);
        write(target, &token).expect_missing_scope("items:write");
    }
    for scope in ["items:write\titems:read", "items:write\u{a0}", "\"items:write\""] {
        write(target, &target.forge_claim(&good, "scope", scope)).expect_invalid_token();
    }
    write(target, &target.forge_claim(&good, "scope", "items:writer items:write")).expect_status(201);
}

/// For tokens from before the change. The scope returns with the role, because the token was
/// granted it.
pub fn a_scope_that_a_new_role_lacks_is_missing_at_once(target: &Target) {
    let (email, id) = moderator(target);
    let tokens = target.login(&email, PASSWORD);
    write(target, &tokens.access).expect_status(201);
    target.set_role(&id, "user");
    write(target, &tokens.access).expect_missing_scope("items:write");
    read(target, &tokens.access).expect_ok();
    let refreshed = Tokens::from(&target.refresh(&tokens.refresh));
    assert_eq!(refreshed.scope, "items:read");
    write(target, &refreshed.access).expect_missing_scope("items:write");
    target.set_role(&id, "moderator");
    write(target, &tokens.access).expect_status(201);
}

/// A caller who may not write does not learn what is wrong with the body.
pub fn the_guard_answers_before_the_body_is_read(target: &Target) {
    let user = target.user().access;
    for (media, body) in [("application/json", "{"), ("text/plain", "x"), ("", "")] {
        let request = Request::post("/items").body(media, body);
        target.send(&request).expect_unauthenticated();
        target.send(&request.clone().bearer("x.y.z")).expect_invalid_token();
        target.send(&request.bearer(&user)).expect_missing_scope("items:write");
    }
}
