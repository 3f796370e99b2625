//! Cases for registration, change of password and administration.

use serde_json::json;

use super::{PASSWORD, Request, Response, Target, Tokens};

const NEW_PASSWORD: &str = "another correct horse battery";

fn register(target: &Target, body: &str) -> Response {
    target.send(&Request::post("/auth/register").json(body))
}

fn change_password(target: &Target, access: &str, current: &str, new: &str) -> Response {
    let body = json!({"current_password": current, "new_password": new}).to_string();
    target.send(&Request::post("/auth/password").bearer(access).json(&body))
}

fn login(target: &Target, email: &str, password: &str) -> Response {
    target.send(&Request::post("/auth/login").form(&[("username", email), ("password", password)]))
}

fn patch(target: &Target, admin: &str, id: &str, body: &str) -> Response {
    target.send(&Request::new("PATCH", &format!("/users/{id}")).bearer(admin).json(body))
}

/// And changes nothing: the first password is the password.
pub fn a_registration_says_the_same_whether_or_not_the_address_is_taken(target: &Target) {
    let email = target.register();
    for spelling in [email.clone(), email.to_uppercase(), format!(" {email} ")] {
        let body = json!({"email": spelling, "password": NEW_PASSWORD}).to_string();
        register(target, &body).expect(201, &[], r#"{"detail":"Registered"}"#);
    }
    login(target, &email, NEW_PASSWORD).expect_login_refused();
    assert_eq!(target.me(&target.login(&email, PASSWORD).access).json()["role"], json!("user"));
}

/// With a reason a program can read.
pub fn a_registration_against_the_policy_is_422(target: &Target) {
    let try_password = |password: &str| {
        register(target, &json!({"email": "policy@example.com", "password": password}).to_string())
    };
    let short = r#"{"detail":"Password must have at least 15 characters","error":"password_too_short"}"#;
    let long = r#"{"detail":"Password must have at most 1024 bytes","error":"password_too_long"}"#;
    for password in ["", "short", &"\u{1f600}".repeat(14)] {
        try_password(password).expect(422, &[], short);
    }
    try_password(&"x".repeat(1_025)).expect(422, &[], long);
    for email in ["", "x", "a@b@c", "a b@c", "@", "a\u{0}@b", &format!("{}@b", "a".repeat(254))] {
        let body = json!({"email": email, "password": PASSWORD}).to_string();
        register(target, &body).expect(
            422,
            &[],
            r#"{"detail":"Invalid email address","error":"invalid_email"}"#,
        );
    }
    login(target, "policy@example.com", PASSWORD).expect_login_refused();
}

/// With both members, each a string, each once.
pub fn a_registration_is_json_and_nothing_else(target: &Target) {
    for body in [
        "",
        "{}",
        "[]",
        r#"{"email":"a@b"}"#,
        r#"{"email":"a@b","password":1}"#,
        r#"{"email":null,"password":"x"}"#,
        r#"{"email":"a@b","email":"a@b","password":"correct horse battery"}"#,
    ] {
        register(target, body).expect_malformed();
    }
    for media in ["", "application/x-www-form-urlencoded", "text/json"] {
        let request =
            Request::post("/auth/register").body(media, b"email=a@b&password=correct+horse+battery");
        target.send(&request).expect_unsupported_media_type();
    }
}

/// Older access tokens, its own included, and other sessions; its refresh token goes on.
pub fn a_change_of_password_ends_everything_but_the_session_that_made_it(target: &Target) {
    let email = target.register();
    let (here, there) = (target.login(&email, PASSWORD), target.login(&email, PASSWORD));
    change_password(target, &here.access, PASSWORD, NEW_PASSWORD).expect(204, &[], "");
    for token in [&here.access, &there.access] {
        target.me(token).expect_invalid_token();
    }
    target.refresh(&there.refresh).expect_refresh_refused();
    let next = Tokens::from(&target.refresh(&here.refresh));
    assert_eq!(target.me(&next.access).status, 200);
    target.me(&here.access).expect_invalid_token();
    login(target, &email, PASSWORD).expect_login_refused();
    let fresh = target.login(&email, NEW_PASSWORD);
    assert_eq!(target.me(&fresh.access).status, 200);
}

/// For nobody, with a wrong password, against the policy, and in no form it understands.
pub fn a_change_of_password_that_is_refused_changes_nothing(target: &Target) {
    let email = target.register();
    let tokens = target.login(&email, PASSWORD);
    let body = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD}).to_string();
    target.send(&Request::post("/auth/password").json(&body)).expect_unauthenticated();
    target.send(&Request::post("/auth/password").bearer(&tokens.refresh).json(&body)).expect_invalid_token();
    for wrong in ["", "wrong", &"x".repeat(1_025)] {
        let response = change_password(target, &tokens.access, wrong, NEW_PASSWORD);
        response.expect(403, &[], r#"{"detail":"Incorrect password"}"#);
    }
    let short = r#"{"detail":"Password must have at least 15 characters","error":"password_too_short"}"#;
    change_password(target, &tokens.access, PASSWORD, "short").expect(422, &[], short);
    for body in ["{}", r#"{"current_password":"x"}"#, "x"] {
        target.send(&Request::post("/auth/password").bearer(&tokens.access).json(body)).expect_malformed();
    }
    let form = Request::post("/auth/password").bearer(&tokens.access).form(&[("current_password", PASSWORD)]);
    target.send(&form).expect_unsupported_media_type();
    assert_eq!(target.me(&tokens.access).status, 200);
    assert_eq!(target.refresh(&tokens.refresh).status, 200);
    assert_eq!(login(target, &email, PASSWORD).status, 200);
}

/// In every session, and never found again.
pub fn a_deleted_user_is_refused(target: &Target) {
    let email = target.register();
    let (tokens, admin) = (target.login(&email, PASSWORD), target.admin().access);
    let path = format!("/users/{}", target.id_of(&tokens.access));
    target.send(&Request::new("DELETE", &path).bearer(&tokens.access)).expect_forbidden();
    assert_eq!(target.me(&tokens.access).status, 200);
    target.send(&Request::new("DELETE", &path).bearer(&admin)).expect(204, &[], "");
    target.me(&tokens.access).expect_invalid_token();
    target.refresh(&tokens.refresh).expect_refresh_refused();
    login(target, &email, PASSWORD).expect_login_refused();
    target.send(&Request::new("DELETE", &path).bearer(&admin)).expect_not_found();
    target.send(&Request::get(&path).bearer(&admin)).expect_not_found();
}

/// What was issued before stays refused.
pub fn a_disabled_user_is_refused_and_may_return(target: &Target) {
    let email = target.register();
    let (tokens, admin) = (target.login(&email, PASSWORD), target.admin().access);
    let id = target.id_of(&tokens.access);
    let disabled = patch(target, &admin, &id, r#"{"is_active":false}"#);
    assert_eq!((disabled.status, disabled.json()["is_active"].clone()), (200, json!(false)));
    target.me(&tokens.access).expect_invalid_token();
    target.refresh(&tokens.refresh).expect_refresh_refused();
    login(target, &email, PASSWORD).expect_login_refused();
    assert_eq!(patch(target, &admin, &id, r#"{"is_active":true}"#).status, 200);
    target.me(&tokens.access).expect_invalid_token();
    target.refresh(&tokens.refresh).expect_refresh_refused();
    assert_eq!(target.me(&target.login(&email, PASSWORD).access).status, 200);
}

/// In tokens that were issued before.
pub fn a_new_role_counts_at_once(target: &Target) {
    let (user, admin) = (target.user().access, target.admin().access);
    let id = target.id_of(&user);
    let path = format!("/users/{id}");
    target.send(&Request::get(&path).bearer(&user)).expect_forbidden();
    let changed = patch(target, &admin, &id, r#"{"role":"moderator"}"#);
    assert_eq!((changed.status, changed.json()["role"].clone()), (200, json!("moderator")));
    assert_eq!(target.send(&Request::get(&path).bearer(&user)).status, 200);
    target.send(&Request::get("/admin/stats").bearer(&user)).expect_forbidden();
    assert_eq!(patch(target, &admin, &id, r#"{"role":"user"}"#).status, 200);
    target.send(&Request::get(&path).bearer(&user)).expect_forbidden();
}

/// Unknown roles, unknown users, unknown members, wrong types.
pub fn a_change_that_cannot_be_made_is_refused(target: &Target) {
    let (user, admin) = (target.user().access, target.admin().access);
    let id = target.id_of(&user);
    for role in ["root", "Admin", "", "admin "] {
        let response = patch(target, &admin, &id, &json!({"role": role}).to_string());
        response.expect(422, &[], r#"{"detail":"Unknown role","error":"unknown_role"}"#);
    }
    patch(target, &admin, "nobody", r#"{"is_active":false}"#).expect_not_found();
    for body in ["", "x", r#"{"role":1}"#, r#"{"is_active":"no"}"#, r#"{"epoch":"1"}"#] {
        patch(target, &admin, &id, body).expect_malformed();
    }
    let form = Request::new("PATCH", &format!("/users/{id}")).bearer(&admin).form(&[("role", "admin")]);
    target.send(&form).expect_unsupported_media_type();
    assert_eq!(target.me(&user).json()["role"], json!("user"));
}

/// Neither demoted nor disabled nor deleted.
pub fn the_last_admin_remains(target: &Target) {
    let admin = target.admin().access;
    let id = target.id_of(&admin);
    let conflict = r#"{"detail":"The last active administrator must remain"}"#;
    for body in [r#"{"role":"user"}"#, r#"{"is_active":false}"#, r#"{"role":"user","is_active":true}"#] {
        patch(target, &admin, &id, body).expect(409, &[], conflict);
    }
    let delete = Request::new("DELETE", &format!("/users/{id}")).bearer(&admin);
    target.send(&delete).expect(409, &[], conflict);
    assert_eq!(patch(target, &admin, &id, r#"{"role":"admin"}"#).status, 200);
    assert_eq!(target.me(&admin).status, 200);
}
