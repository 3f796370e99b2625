//! Cases for the administration of users, and for what it changes for their sessions and tokens.

use example_service::testing::Example;
use gatewright_testkit::auth_routes::sessions::session_row;
use gatewright_testkit::auth_routes::{JSON, PASSWORD, Request, Target, Tokens, session_id};
use serde_json::json;

use super::scopes::moderator;

/// To the user and to administrators, after a login with another spelling.
pub fn an_account_shows_its_address_as_it_was_registered(target: &Target) {
    let name = target.register().replace("@example.com", "");
    let email = format!("Zo\u{eb}.{name}@B\u{fc}cher.example");
    target.register_as(&email, PASSWORD).expect(201, &[], r#"{"detail":"Registered"}"#);
    let access = target.login(&email.to_uppercase(), PASSWORD).access;
    let shown = json!(format!("Zo\u{eb}.{name}@xn--bcher-kva.example"));
    let me = target.me(&access).json();
    assert_eq!(me["email"], shown);
    let path = format!("/users/{}", me["id"].as_str().unwrap());
    let seen = target.send(&Request::get(&path).bearer(&target.admin().access)).json();
    assert_eq!(seen["email"], shown);
}

/// The examples call `with_single_script_usernames`.
pub fn a_user_name_of_two_scripts_is_refused(target: &Target) {
    let email = format!("scripts-{}", target.register());
    for name in ["ad\u{430}", "\u{3b1}dmin"] {
        let body = json!({"email": email, "password": PASSWORD, "username": name}).to_string();
        let refused = target.send(&target.post("/register").json(&body));
        refused.expect_unprocessable("Invalid user name", "invalid_username", "username");
    }
    target.try_login(&email, PASSWORD).expect_login_refused();
}

/// The user's tokens are rejected in every session, and the id is not found again.
pub fn a_deleted_user_is_refused(target: &Target) {
    let email = target.register();
    let (tokens, admin) = (target.login(&email, PASSWORD), target.admin().access);
    let path = format!("/users/{}", target.id_of(&tokens.access));
    let delete = || Request::new("DELETE", &path);
    target.send(&delete().bearer(&tokens.access)).expect_forbidden();
    target.me(&tokens.access).expect_ok();
    target.send(&delete().bearer(&admin)).expect_no_content();
    target.expect_ended(&tokens);
    target.try_login(&email, PASSWORD).expect_login_refused();
    target.send(&delete().bearer(&admin)).expect_not_found();
    target.send(&Request::get(&path).bearer(&admin)).expect_not_found();
}

/// Tokens from before stay invalid.
pub fn a_disabled_user_is_refused_and_may_be_enabled_again(target: &Target) {
    let email = target.register();
    let tokens = target.login(&email, PASSWORD);
    let id = target.id_of(&tokens.access);
    let disabled = target.patch_user(&id, r#"{"is_active":false}"#);
    assert_eq!((disabled.status, disabled.json()["is_active"].clone()), (200, json!(false)));
    target.expect_ended(&tokens);
    target.try_login(&email, PASSWORD).expect_login_refused();
    target.patch_user(&id, r#"{"is_active":true}"#).expect_ok();
    target.expect_ended(&tokens);
    target.me(&target.login(&email, PASSWORD).access).expect_ok();
}

/// For tokens from before the change.
pub fn a_new_role_applies_at_once(target: &Target) {
    let user = target.user().access;
    let me = target.me(&user).json();
    assert_eq!(me["roles"], json!(["user"]), "the role of a registered user");
    let id = me["id"].as_str().unwrap();
    let get = |path: &str| target.send(&Request::get(path).bearer(&user));
    let path = format!("/users/{id}");
    get(&path).expect_forbidden();
    let changed = target.patch_user(id, r#"{"roles":["user","moderator","user"]}"#);
    let sorted = json!(["moderator", "user"]);
    assert_eq!((changed.status, changed.json()["roles"].clone()), (200, sorted.clone()));
    get(&path).expect_ok();
    assert_eq!(
        [target.me(&user).json()["roles"].clone(), get(&path).json()["roles"].clone()],
        [sorted.clone(), sorted]
    );
    get("/admin/stats").expect_forbidden();
    target.set_role(id, "user");
    get(&path).expect_forbidden();
}

/// No role, unknown roles, users and members, and members of another type.
pub fn an_invalid_change_of_a_user_is_refused(target: &Target) {
    let user = target.user().access;
    let id = target.id_of(&user);
    let unknown = ["root", "Admin", "", "admin "].map(|role| json!(["user", role]));
    for roles in unknown.into_iter().chain([json!([])]) {
        let answer = target.patch_user(&id, &json!({"roles": roles}).to_string());
        answer.expect_unprocessable("Unknown role", "unknown_role", "roles");
    }
    target.patch_user("nobody", r#"{"is_active":false}"#).expect_not_found();
    for body in [
        "",
        "x",
        r#"{"roles":"user"}"#,
        r#"{"roles":[1]}"#,
        r#"{"role":"user"}"#,
        r#"{"is_active":"no"}"#,
        r#"{"epoch":"1"}"#,
    ] {
        target.patch_user(&id, body).expect_malformed_body("is invalid");
    }
    let admin = target.admin().access;
    let form = Request::new("PATCH", &format!("/users/{id}")).bearer(&admin).form(&[("roles", "admin")]);
    target.send(&form).expect_unsupported_patch(&[JSON]);
    assert_eq!(target.me(&user).json()["roles"], json!(["user"]));
}

/// The last active admin cannot be demoted, disabled or deleted.
pub fn the_last_admin_remains(target: &Target) {
    let admin = target.admin().access;
    let id = target.id_of(&admin);
    let conflict = r#"{"detail":"The last active administrator must remain"}"#;
    let demoted = [r#"{"roles":["user"]}"#, r#"{"roles":["moderator","user"],"is_active":true}"#];
    for body in demoted.into_iter().chain([r#"{"is_active":false}"#]) {
        target.patch_user(&id, body).expect(409, &[], conflict);
    }
    let delete = Request::new("DELETE", &format!("/users/{id}")).bearer(&admin);
    target.send(&delete).expect(409, &[], conflict);
    target.patch_user(&id, r#"{"roles":["admin","user"]}"#).expect_ok();
    target.set_role(&id, "admin");
    target.me(&admin).expect_ok();
}

/// By the id of the user and of the session. The rows have no `current`, which is about the
/// caller's own session. On the endpoint for own sessions an admin does not reach those of others.
pub fn an_admin_lists_and_ends_the_sessions_of_others(target: &Target) {
    let ([first, second], other) = (target.two_sessions(), target.user());
    let path = format!("/users/{}/sessions", target.id_of(&first.access));
    let admin = target.admin().access;
    let [first_id, other_id] = [&first, &other].map(|tokens| session_id(&tokens.access));
    let list = || target.send(&Request::get(&path).bearer(&admin));
    let both = [session_row(&second, &second, "null", ""), session_row(&first, &first, "null", "")];
    list().expect_sessions(&both);
    let delete = |path: &str, id: &str| Request::new("DELETE", &format!("{path}/{id}"));
    for request in [Request::get(&path), delete(&path, &first_id)] {
        target.send(&request).expect_unauthenticated();
        target.send(&request.clone().bearer(&first.access)).expect_forbidden();
        target.send(&request.bearer("x.y.z")).expect_invalid_token();
    }
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    for id in [&other_id, unknown, "x", "%FF"] {
        target.send(&delete(&path, id).bearer(&admin)).expect_not_found();
        target.send(&delete("/auth/sessions", id).bearer(&admin)).expect_not_found();
    }
    for user in ["nobody", "%FF", unknown] {
        let sessions = format!("/users/{user}/sessions");
        target.send(&Request::get(&sessions).bearer(&admin)).expect_not_found();
        target.send(&delete(&sessions, &first_id).bearer(&admin)).expect_not_found();
    }
    target.send(&delete(&path, &first_id).bearer(&admin)).expect_no_content();
    target.expect_ended(&first);
    list().expect_sessions(&both[..1]);
    for tokens in [&second, &other] {
        target.me(&tokens.access).expect_ok();
    }
}

/// Introspection returns the granted scopes that the user may have at that moment.
pub fn introspection_returns_the_scopes_that_are_still_allowed(target: &Target) {
    let expect = |access: &str, scope: &str| target.introspect(access).expect_active(access, scope);
    let admin = target.admin();
    expect(&admin.access, "items:read items:write introspect");
    let (email, id) = moderator(target);
    let wide = target.login(&email, PASSWORD).access;
    let narrow = target.login_for(&email, "items:write").access;
    expect(&wide, "items:read items:write");
    expect(&narrow, "items:write");
    target.set_role(&id, "user");
    expect(&wide, "items:read");
    expect(&narrow, "");
    expect(&target.forge_claim(&wide, "scope", "introspect items:read x"), "items:read");
}

/// Although the guards had the session in their cache.
pub fn an_access_token_is_inactive_once_its_user_has_changed(target: &Target) {
    let admin = target.admin().access;
    let user = |tokens: &Tokens| target.id_of(&tokens.access);
    let delete = |tokens: &Tokens| Request::new("DELETE", &format!("/users/{}", user(tokens))).bearer(&admin);
    target.expect_inactive_after(&|tokens| {
        target.change_password(&tokens.access, PASSWORD, "another long password")
    });
    target.expect_inactive_after(&|tokens| target.patch_user(&user(tokens), r#"{"is_active":false}"#));
    target.expect_inactive_after(&|tokens| target.send(&delete(tokens)));
}
