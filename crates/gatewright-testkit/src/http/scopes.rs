//! Cases for routes that ask for scopes: `GET /items` for `items:read`, `POST /items` for `items:write`.

use serde_json::json;

use super::{PASSWORD, Request, Response, Target, Tokens};

fn read(target: &Target, access: &str) -> Response {
    target.send(&Request::get("/items").bearer(access))
}

fn write(target: &Target, access: &str) -> Response {
    target.send(&Request::post("/items").bearer(access).json(r#"{"name":"a lamp"}"#))
}

fn login_for(target: &Target, email: &str, scope: &str) -> Tokens {
    let form = [("username", email), ("password", PASSWORD), ("scope", scope)];
    Tokens::from(&target.send(&Request::post("/auth/login").form(&form)))
}

/// A moderator may have `items:read` and `items:write`.
fn moderator(target: &Target) -> (String, String) {
    let email = target.register();
    let id = target.id_of(&target.login(&email, PASSWORD).access);
    target.set_role(&id, "moderator");
    (email, id)
}

/// 401 to nobody, 403 with the scope's name to somebody without it.
pub fn a_route_asks_for_its_scope_and_names_it(target: &Target) {
    let user = target.user().access;
    target.send(&Request::get("/items")).expect_unauthenticated();
    target.send(&Request::post("/items").json(r#"{"name":"x"}"#)).expect_unauthenticated();
    assert_eq!(read(target, &user).status, 200);
    write(target, &user).expect_missing_scope("items:write");
    let (email, _) = moderator(target);
    let moderator = target.login(&email, PASSWORD).access;
    let made = write(target, &moderator);
    let id = made.json()["id"].as_u64().expect("an item has an id");
    made.expect(201, &[], &format!(r#"{{"id":{id},"name":"a lamp"}}"#));
    let list = read(target, &user).json();
    assert!(list.as_array().expect("a list").contains(&json!({"id": id, "name": "a lamp"})), "{list}");
}

/// What the role would allow and the login did not ask for is not there.
pub fn a_token_is_good_for_the_scopes_it_was_granted_and_no_other(target: &Target) {
    let (email, _) = moderator(target);
    for (asked, reads, writes) in [
        ("items:read items:write", true, true),
        ("items:read", true, false),
        ("items:write", false, true),
        ("introspect", false, false),
    ] {
        let tokens = login_for(target, &email, asked);
        match reads {
            true => assert_eq!(read(target, &tokens.access).status, 200, "{asked}"),
            false => read(target, &tokens.access).expect_missing_scope("items:read"),
        }
        match writes {
            true => assert_eq!(write(target, &tokens.access).status, 201, "{asked}"),
            false => write(target, &tokens.access).expect_missing_scope("items:write"),
        }
    }
}

/// Asking for more, and a signed token that says more, are both of no use.
pub fn a_token_is_never_good_for_more_than_its_user_may_have(target: &Target) {
    let email = target.register();
    let tokens = login_for(target, &email, "items:read items:write introspect");
    assert_eq!(tokens.scope, "items:read");
    write(target, &tokens.access).expect_missing_scope("items:write");
    let forged = target.forge(&tokens.access, |claims| claims["scope"] = json!("items:read items:write"));
    write(target, &forged).expect_missing_scope("items:write");
    assert_eq!(read(target, &forged).status, 200);
}

/// RFC 6749 §3.3: whole words, in their own case, separated by single spaces.
pub fn scopes_are_compared_whole_and_in_their_own_case(target: &Target) {
    let (email, _) = moderator(target);
    let good = target.login(&email, PASSWORD).access;
    for scope in ["items:writer", "items:writ", "items", "ITEMS:WRITE", "items:write,items:read", "*", ""] {
        let token = target.forge(&good, |claims| claims["scope"] = json!(scope));
        write(target, &token).expect_missing_scope("items:write");
    }
    for scope in ["items:write\titems:read", "items:write\u{a0}", "\"items:write\""] {
        let token = target.forge(&good, |claims| claims["scope"] = json!(scope));
        write(target, &token).expect_invalid_token();
    }
    let token = target.forge(&good, |claims| claims["scope"] = json!("items:writer items:write"));
    assert_eq!(write(target, &token).status, 201);
}

/// In tokens that were issued before; and back again, for the token was granted it.
pub fn a_scope_that_a_new_role_takes_away_is_gone_at_once(target: &Target) {
    let (email, id) = moderator(target);
    let tokens = target.login(&email, PASSWORD);
    assert_eq!(write(target, &tokens.access).status, 201);
    target.set_role(&id, "user");
    write(target, &tokens.access).expect_missing_scope("items:write");
    assert_eq!(read(target, &tokens.access).status, 200);
    let refreshed = Tokens::from(&target.refresh(&tokens.refresh));
    assert_eq!(refreshed.scope, "items:read");
    write(target, &refreshed.access).expect_missing_scope("items:write");
    target.set_role(&id, "moderator");
    assert_eq!(write(target, &tokens.access).status, 201);
}

/// Whoever may not write does not learn what is wrong with the body.
pub fn the_guard_answers_before_the_body_is_read(target: &Target) {
    let user = target.user().access;
    for (media, body) in [("application/json", "{"), ("text/plain", "x"), ("", "")] {
        let request = Request::post("/items").body(media, body);
        target.send(&request).expect_unauthenticated();
        target.send(&request.clone().bearer("x.y.z")).expect_invalid_token();
        target.send(&request.bearer(&user)).expect_missing_scope("items:write");
    }
}
