//! Cases for `register` and `password`.

use serde_json::json;

use super::{FORM, JSON, PASSWORD, Target, Tokens, session_id};

const NEW_PASSWORD: &str = "another correct horse battery";
const TOO_SHORT: &str =
    r#"{"detail":"Password must have at least 15 characters","error":"password_too_short"}"#;
const TOO_LONG: &str = r#"{"detail":"Password must have at most 1024 bytes","error":"password_too_long"}"#;

/// A registration with a taken address changes nothing: the first password stays.
pub fn registration_does_not_disclose_whether_an_address_is_taken(target: &Target) {
    let email = target.register();
    for spelling in [&email, &email.to_uppercase(), &format!(" {email} ")] {
        target.register_as(spelling, NEW_PASSWORD).expect(201, &[], r#"{"detail":"Registered"}"#);
    }
    target.try_login(&email, NEW_PASSWORD).expect_login_refused();
    target.try_login(&email, PASSWORD).expect_ok();
}

/// The answer has a reason that a program can read.
pub fn registration_with_a_refused_password_or_address_is_422(target: &Target) {
    let email = "policy@example.com";
    for password in ["", "short", &"\u{1f600}".repeat(14)] {
        target.register_as(email, password).expect(422, &[], TOO_SHORT);
    }
    target.register_as(email, &"x".repeat(1_025)).expect(422, &[], TOO_LONG);
    for email in ["", "x", "a@b@c", "a b@c", "@", "a\u{0}@b", &format!("{}@b", "a".repeat(254))] {
        let invalid = r#"{"detail":"Invalid email address","error":"invalid_email"}"#;
        target.register_as(email, PASSWORD).expect(422, &[], invalid);
    }
    target.try_login(email, PASSWORD).expect_login_refused();
}

/// JSON with both members, each of them once and a string.
pub fn malformed_registrations_are_refused(target: &Target) {
    let raw = |media: &str, body: &str| target.send(&target.post("/register").body(media, body));
    for body in [
        "",
        "{}",
        "[]",
        r#"{"email":"a@b"}"#,
        r#"{"email":"a@b","password":1}"#,
        r#"{"email":null,"password":"x"}"#,
        r#"{"email":"a@b","email":"a@b","password":"correct horse battery"}"#,
    ] {
        raw(JSON, body).expect_malformed();
    }
    for media in ["application/json;charset=utf-8", "Application/JSON; charset=UTF-8"] {
        raw(media, "{}").expect_malformed();
    }
    for media in ["", FORM, "text/json"] {
        raw(media, "email=a@b&password=correct+horse+battery").expect_unsupported_media_type();
    }
}

/// The answer is the first pair of a new session. All tokens from before are rejected, those of the
/// caller included, and do not end the new session.
pub fn a_password_change_replaces_all_sessions(target: &Target) {
    let email = target.register();
    let [here, there] = [(); 2].map(|()| target.login(&email, PASSWORD));
    let changed = target.change_password(&here.access, PASSWORD, NEW_PASSWORD);
    let mut next = Tokens::expect_granted(&changed);
    assert_ne!(session_id(&next.access), session_id(&here.access));
    for _ in 0..3 {
        for old in [&here, &there] {
            target.expect_ended(old);
        }
        next = Tokens::expect_granted(&target.refresh(&next.refresh));
        target.me(&next.access).expect_ok();
    }
    target.try_login(&email, PASSWORD).expect_login_refused();
    target.me(&target.login(&email, NEW_PASSWORD).access).expect_ok();
}

/// Without a token, with a wrong password, with a refused password and with a malformed body.
pub fn a_refused_password_change_changes_nothing(target: &Target) {
    let email = target.register();
    let tokens = target.login(&email, PASSWORD);
    let password = || target.post("/password");
    let body = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD}).to_string();
    target.send(&password().json(&body)).expect_unauthenticated();
    target.change_password(&tokens.refresh, PASSWORD, NEW_PASSWORD).expect_invalid_token();
    for wrong in ["", "wrong", &"x".repeat(1_025)] {
        let response = target.change_password(&tokens.access, wrong, NEW_PASSWORD);
        response.expect(403, &[], r#"{"detail":"Incorrect password"}"#);
    }
    target.change_password(&tokens.access, PASSWORD, "short").expect(422, &[], TOO_SHORT);
    for body in ["{}", r#"{"current_password":"x"}"#, "x"] {
        target.send(&password().bearer(&tokens.access).json(body)).expect_malformed();
    }
    let form = password().bearer(&tokens.access).form(&[("current_password", PASSWORD)]);
    target.send(&form).expect_unsupported_media_type();
    target.expect_active(&tokens);
    target.try_login(&email, PASSWORD).expect_ok();
}

/// The new session goes on: `revoke` and `logout` end nothing with a token from before the change.
pub fn tokens_from_before_a_password_change_revoke_nothing(target: &Target) {
    let user = target.user();
    let changed = target.change_password(&user.access, PASSWORD, NEW_PASSWORD);
    let next = Tokens::expect_granted(&changed);
    for old in [&user.access, &user.refresh] {
        target.revoke(old).expect(200, &[], "");
    }
    target.send(&target.post("/logout").form(&[("refresh_token", &user.refresh)])).expect_no_content();
    target.logout(&user.access).expect_invalid_token();
    target.me(&next.access).expect_ok();
    target.revoke(&next.access).expect(200, &[], "");
    target.expect_ended(&next);
}
