//! Cases for `register` and `password`.

use serde_json::json;

use super::{FORM, JSON, PASSWORD, Response, Target, Tokens, session_id};

const NEW_PASSWORD: &str = "another correct horse battery";
const TOO_SHORT: [&str; 2] = ["Password must have at least 15 characters", "password_too_short"];
const TOO_LONG: [&str; 2] = ["Password must have at most 1024 bytes", "password_too_long"];

/// A refused password for each further rule, with the answer. No application of the suite has a list of breached ones.
const REFUSED: [(&str, [&str; 2]); 8] = [
    ("correct horse\0battery", INVALID),
    ("correct \u{378} horse battery", INVALID),
    ("PassWord12345678", COMMON),
    ("123456789012345", COMMON),
    ("               ", REPETITIVE),
    ("correct horse correct horse", REPETITIVE),
    ("abcdefghijklmnopq", REPETITIVE),
    (
        "policy-example-com-2024",
        ["Password is a name of the user or of the service", "password_contains_context"],
    ),
];
const INVALID: [&str; 2] =
    ["Password contains control or unassigned characters", "password_invalid_characters"];
const COMMON: [&str; 2] = ["Password is too common", "password_common"];
const REPETITIVE: [&str; 2] = ["Password repeats itself or is a sequence", "password_repetitive"];

/// Not addresses: their shape, a list of addresses, invisible characters, domains that do not exist.
const INVALID_ADDRESSES: [&str; 15] = [
    "",
    "x",
    "a@b@c",
    "a b@c",
    "@",
    "a\u{0}@b",
    "x<victim@example.com",
    "a,b@example.com",
    "admin\u{200b}@example.com",
    "admin@exam\u{ad}ple.com",
    "\u{ff41}dmin@example.com",
    ".admin@example.com",
    "admin@example.com.",
    "admin@-example.com",
    "admin@[192.0.2.1]",
];

#[track_caller]
fn expect_refused_password(response: &Response, [detail, error]: [&str; 2], field: &str) {
    response.expect_unprocessable(detail, error, field);
}

/// A registration with a taken address changes nothing: the first password stays.
pub fn registration_does_not_disclose_whether_an_address_is_taken(target: &Target) {
    let email = target.register();
    for spelling in [&email, &email.to_uppercase(), &format!(" {email} ")] {
        target.register_as(spelling, NEW_PASSWORD).expect(201, &[], r#"{"detail":"Registered"}"#);
    }
    target.try_login(&email, NEW_PASSWORD).expect_login_refused();
    target.try_login(&email, PASSWORD).expect_ok();
}

/// Case of the local part, its Unicode form, and both forms of an internationalised domain. Another domain and invisible
/// characters are another name.
pub fn spellings_of_an_address_are_one_account(target: &Target) {
    let name = target.register().replace("@example.com", "");
    let entered = format!("\u{c9}\u{3a3}{name}@B\u{fc}cher.example");
    let again = format!("E\u{301}\u{3c2}{name}@xn--bcher-kva.example");
    target.register_as(&entered, PASSWORD).expect(201, &[], r#"{"detail":"Registered"}"#);
    target.register_as(&again, NEW_PASSWORD).expect(201, &[], r#"{"detail":"Registered"}"#);
    for spelling in [entered.clone(), again.clone(), entered.to_lowercase(), again.to_uppercase()] {
        target.try_login(&spelling, PASSWORD).expect_ok();
        target.try_login(&spelling, NEW_PASSWORD).expect_login_refused();
    }
    for other in
        [again.replace('u', "u\u{200b}"), again.clone() + ".", again.replace("xn--bcher-kva", "bucher")]
    {
        target.try_login(&other, PASSWORD).expect_login_refused();
    }
}

/// The answer has a reason that a program can read.
pub fn registration_with_a_refused_password_or_address_is_422(target: &Target) {
    let email = "policy@example.com";
    for password in ["", "short", &"\u{1f600}".repeat(14)] {
        expect_refused_password(&target.register_as(email, password), TOO_SHORT, "password");
    }
    expect_refused_password(&target.register_as(email, &"x".repeat(1_025)), TOO_LONG, "password");
    for email in INVALID_ADDRESSES.into_iter().chain([&*format!("{}@b", "a".repeat(254))]) {
        let invalid = target.register_as(email, PASSWORD);
        invalid.expect_unprocessable("Invalid email address", "invalid_email", "email");
    }
    target.try_login(email, PASSWORD).expect_login_refused();
}

/// At a registration and at a change. The current password is not asked then.
pub fn each_rule_for_new_passwords_has_its_code(target: &Target) {
    let email = "policy@example.com";
    for (password, refused) in REFUSED {
        expect_refused_password(&target.register_as(email, password), refused, "password");
    }
    target.try_login(email, PASSWORD).expect_login_refused();
    let user = target.user();
    for (password, refused) in REFUSED.iter().take(REFUSED.len() - 1) {
        let response = target.change_password(&user.access, "wrong", password);
        expect_refused_password(&response, *refused, "new_password");
    }
    target.expect_active(&user);
}

/// As two keyboards write it: with composed characters and plain spaces, and with neither.
pub fn a_password_is_the_same_in_every_form_of_unicode(target: &Target) {
    let typed = "cafe\u{301} au\u{a0}lait et the\u{301}";
    let composed = "caf\u{e9} au lait et th\u{e9}";
    let email = target.register();
    let tokens = target.login(&email, PASSWORD);
    Tokens::expect_granted(&target.change_password(&tokens.access, PASSWORD, typed));
    for password in [typed, composed] {
        let tokens = target.login(&email, password);
        Tokens::expect_granted(&target.change_password(&tokens.access, password, typed));
    }
    target.try_login(&email, "cafe au lait et the").expect_login_refused();
}

/// JSON with both members, each of them once and a string.
pub fn malformed_registrations_are_refused(target: &Target) {
    let raw = |media: &str, body: &str| target.send(&target.post("/register").body(media, body));
    for body in ["", "[]"] {
        raw(JSON, body).expect_no_json();
    }
    for (body, field, problem) in [
        ("{}", "email", "is missing"),
        (r#"{"email":"x"}"#, "password", "is missing"),
        (r#"{"email":"a@b","password":1}"#, "password", "is not a string"),
        (r#"{"email":null,"password":"x"}"#, "email", "is not a string"),
        (r#"{"email":"a@b","email":"a@b","password":"correct horse battery"}"#, "email", "is repeated"),
        (r#"{"password":1,"email":1}"#, "email", "is not a string"),
    ] {
        raw(JSON, body).expect_malformed_field(field, problem);
    }
    for media in ["application/json;charset=utf-8", "Application/JSON; charset=UTF-8"] {
        raw(media, "{}").expect_malformed_field("email", "is missing");
    }
    for media in ["", FORM, "text/json"] {
        raw(media, "email=a@b&password=correct+horse+battery").expect_unsupported_media_type(&[JSON]);
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
    for (new, refused) in [("short", TOO_SHORT), (&*"x".repeat(1_025), TOO_LONG)] {
        expect_refused_password(
            &target.change_password(&tokens.access, PASSWORD, new),
            refused,
            "new_password",
        );
    }
    let raw = |body: &str| target.send(&password().bearer(&tokens.access).json(body));
    raw("{}").expect_malformed_field("current_password", "is missing");
    raw(r#"{"current_password":"x"}"#).expect_malformed_field("new_password", "is missing");
    raw(r#"{"current_password":"x","new_password":1}"#)
        .expect_malformed_field("new_password", "is not a string");
    raw("x").expect_no_json();
    let form = password().bearer(&tokens.access).form(&[("current_password", PASSWORD)]);
    target.send(&form).expect_unsupported_media_type(&[JSON]);
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
