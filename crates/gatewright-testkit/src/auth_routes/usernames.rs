//! Cases for user names: an application with `with_usernames`.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{PASSWORD, Response, Target, claims};

/// A new address and a new user name.
fn new_names() -> [String; 2] {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("Name{number}-{}", std::process::id());
    [format!("{name}@names.example"), name]
}

fn register(target: &Target, email: &str, username: &str) -> Response {
    let body = json!({"email": email, "password": PASSWORD, "username": username}).to_string();
    target.send(&target.post("/register").json(&body))
}

#[track_caller]
fn expect_registered(response: &Response) {
    response.expect(201, &[], r#"{"detail":"Registered"}"#);
}

/// In any case, and with the address. The answers to wrong passwords and unknown names are the same.
pub fn users_log_in_with_their_name_or_address(target: &Target) {
    let [email, name] = new_names();
    expect_registered(&register(target, &email, &format!(" {name} ")));
    let subject = |login: &str| claims(&target.login(login, PASSWORD).access)["sub"].clone();
    let user = subject(&email);
    for spelling in [&name, &name.to_lowercase(), &name.to_uppercase(), &format!(" {name} ")] {
        assert_eq!(subject(spelling), user, "{spelling}");
    }
    for (login, password) in
        [(&name, "an entirely wrong guess"), (&format!("{name}x"), PASSWORD), (&format!("{name}@"), PASSWORD)]
    {
        target.try_login(login, password).expect_login_refused();
    }
}

/// Names are public, so the answer says that one is taken: in any spelling, with a new and with a taken address.
pub fn a_taken_user_name_is_422(target: &Target) {
    let [email, name] = new_names();
    let [other, _] = new_names();
    expect_registered(&register(target, &email, &name));
    for spelling in [&name, &name.to_uppercase()] {
        for address in [&other, &email] {
            let taken = register(target, address, spelling);
            taken.expect_unprocessable("User name is taken", "username_taken", "username");
        }
    }
    target.try_login(&other, PASSWORD).expect_login_refused();
}

/// With a new user name, the answer does not show whether the address is taken. The account keeps its name.
pub fn a_new_user_name_does_not_disclose_a_taken_address(target: &Target) {
    let [email, name] = new_names();
    let [_, another] = new_names();
    expect_registered(&register(target, &email, &name));
    expect_registered(&register(target, &email, &another));
    target.try_login(&another, PASSWORD).expect_login_refused();
    target.try_login(&name, PASSWORD).expect_ok();
}

/// An address, white space, unprintable and compatible characters, and more than 64 bytes. An empty name counts as omitted.
pub fn an_invalid_user_name_is_422(target: &Target) {
    let [email, _] = new_names();
    for name in
        ["ada@example.com", "@", "a b", "a\u{0}b", "a\u{202e}b", "\u{fb01}n", "a\u{2800}", &"x".repeat(65)]
    {
        let invalid = register(target, &email, name);
        invalid.expect_unprocessable("Invalid user name", "invalid_username", "username");
    }
    target.try_login(&email, PASSWORD).expect_login_refused();
    let twice = format!(r#"{{"email":"{email}","password":"{PASSWORD}","username":"a","username":"b"}}"#);
    for (body, problem) in [
        (json!({"email": email, "password": PASSWORD, "username": 7}).to_string(), "is not a string"),
        (json!({"email": email, "password": PASSWORD, "username": null}).to_string(), "is not a string"),
        (json!({"email": "x", "password": "x", "username": 7}).to_string(), "is not a string"),
        (twice, "is repeated"),
    ] {
        target.send(&target.post("/register").json(&body)).expect_malformed_field("username", problem);
    }
    expect_registered(&register(target, &email, ""));
    target.try_login(&email, PASSWORD).expect_ok();
}
