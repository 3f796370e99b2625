//! Cases for login, refresh and logout.

use serde_json::json;

use super::methods::LOGOUT_ALL;
use super::{PASSWORD, Request, Response, Target, Tokens, claims, expect_same_token};

fn login(target: &Target, fields: &[(&str, &str)]) -> Response {
    target.send(&Request::post("/auth/login").form(fields))
}

fn refresh(target: &Target, fields: &[(&str, &str)]) -> Response {
    target.send(&Request::post("/auth/refresh").form(fields))
}

fn raw(target: &Target, path: &str, media_type: &str, body: &[u8]) -> Response {
    target.send(&Request::post(path).body(media_type, body))
}

const FORM: &str = "application/x-www-form-urlencoded";

/// RFC 6749 §5.1: the members, their order, and the headers that keep caches away.
fn expect_granted(response: &Response) -> Tokens {
    let tokens = Tokens::from(response);
    let expires_in = response.json()["expires_in"].as_u64().expect("seconds");
    let (access, refresh, scope) = (&tokens.access, &tokens.refresh, &tokens.scope);
    let body = format!(
        r#"{{"access_token":"{access}","refresh_token":"{refresh}","token_type":"bearer","expires_in":{expires_in},"scope":"{scope}"}}"#
    );
    response.expect(200, &[("cache-control", "no-store"), ("pragma", "no-cache")], &body);
    let said = claims(&tokens.access);
    assert_eq!(said["scope"], json!(tokens.scope));
    let (exp, iat) = (said["exp"].as_u64().unwrap(), said["iat"].as_u64().unwrap());
    assert_eq!(exp - iat, expires_in);
    tokens
}

/// With and without the grant type, and whatever the case of the address.
pub fn a_login_is_granted_with_a_pair_of_tokens(target: &Target) {
    let email = target.register();
    let loud = format!(" {} ", email.to_uppercase());
    for fields in [
        vec![("username", email.as_str()), ("password", PASSWORD)],
        vec![("grant_type", "password"), ("username", &loud), ("password", PASSWORD), ("scope", "")],
        vec![
            ("grant_type", ""),
            ("username", &email),
            ("password", PASSWORD),
            ("client_id", "x"),
            ("extra", ""),
        ],
    ] {
        let tokens = expect_granted(&login(target, &fields));
        assert_eq!(target.me(&tokens.access).json()["email"], json!(email));
    }
    let body = format!("username={email}&password={}", PASSWORD.replace(' ', "+"));
    for media in [
        "application/x-www-form-urlencoded; charset=UTF-8",
        "Application/X-WWW-Form-Urlencoded;charset=\"utf-8\"",
    ] {
        expect_granted(&raw(target, "/auth/login", media, body.as_bytes()));
    }
}

/// Unknown, wrong, no address at all, too long.
pub fn every_refused_login_gets_the_same_answer(target: &Target) {
    let email = target.register();
    let (long, overlong) = ("x".repeat(1_024), "x".repeat(1_025));
    let trimmed = format!(" {PASSWORD}");
    for (username, password) in [
        (email.as_str(), "wrong"),
        (&email, &trimmed),
        (&email, &PASSWORD.to_uppercase()),
        (&email, &long),
        (&email, &overlong),
        ("nobody@example.com", PASSWORD),
        ("not an address", PASSWORD),
        (" ", PASSWORD),
        ("a\0b@example.com", PASSWORD),
        (&format!("{}@example.com", "x".repeat(5_000)), PASSWORD),
        (&"\u{fb03}".repeat(1_000), PASSWORD),
    ] {
        login(target, &[("username", username), ("password", password)]).expect_login_refused();
    }
}

/// Missing, repeated, empty, badly encoded.
pub fn a_login_form_that_cannot_be_understood_is_400(target: &Target) {
    let bodies: [&[u8]; 12] = [
        b"",
        b"username=a@b",
        b"password=x",
        b"username=&password=x",
        b"username=a@b&password=",
        b"username=a@b&username=a@b&password=x",
        b"username=a@b&password=x&password=x",
        b"username=a@b&password=x&scope=a&scope=a",
        b"username=a@b&password=%",
        b"username=a@b&password=%zz",
        b"username=a@b&password=%ff",
        b"username=a@b&password=\xff",
    ];
    for body in bodies {
        raw(target, "/auth/login", FORM, body).expect_malformed();
    }
    let grant = |grant: &str| login(target, &[("grant_type", grant), ("username", "a@b"), ("password", "x")]);
    for name in ["refresh_token", "client_credentials", "Password", "magic"] {
        let body = r#"{"detail":"Unsupported grant type","error":"unsupported_grant_type"}"#;
        grant(name).expect(400, &[], body);
    }
    let scope = login(target, &[("username", "a@b"), ("password", "x"), ("scope", "a\"b")]);
    scope.expect(400, &[], r#"{"detail":"Invalid scope","error":"invalid_scope"}"#);
}

/// No JSON, no multipart, no text, no other charset.
pub fn a_login_is_a_form_and_nothing_else(target: &Target) {
    let body = b"username=a@b&password=x";
    for media in [
        "",
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        "application/x-www-form-urlencodedx",
    ] {
        raw(target, "/auth/login", media, body).expect_unsupported_media_type();
    }
    let twice = Request::post("/auth/login").body(FORM, body).header("content-type", FORM);
    target.send(&twice).expect_unsupported_media_type();
}

/// RFC 6749 §3.3: never more than that.
pub fn a_login_grants_the_part_of_the_scopes_that_is_allowed(target: &Target) {
    let email = target.register();
    for (asked, granted) in [
        ("items:read", "items:read"),
        ("items:write items:read introspect", "items:read"),
        ("items:read items:read", "items:read"),
        ("items:rea items:reader ITEMS:READ", ""),
    ] {
        let response = login(target, &[("username", &email), ("password", PASSWORD), ("scope", asked)]);
        assert_eq!(expect_granted(&response).scope, granted, "{asked}");
    }
    let admin = [("username", target.admin_email.as_str()), ("password", &target.admin_password)];
    assert_eq!(expect_granted(&login(target, &admin)).scope, "items:read items:write introspect");
}

/// A new pair, both of which work.
pub fn a_refresh_is_granted_from_form_and_json(target: &Target) {
    let first = target.user();
    let second = expect_granted(&refresh(
        target,
        &[("grant_type", "refresh_token"), ("refresh_token", &first.refresh)],
    ));
    let body = format!(r#"{{"refresh_token":"{}"}}"#, second.refresh);
    let third = expect_granted(&target.send(&Request::post("/auth/refresh").json(&body)));
    for tokens in [&first, &second, &third] {
        assert_eq!(target.me(&tokens.access).status, 200);
    }
    assert_ne!(first.refresh, second.refresh);
    assert_ne!(second.refresh, third.refresh);
}

/// Whatever is bad about it; and nothing bad ends the session.
pub fn every_refused_refresh_gets_the_same_answer(target: &Target) {
    let tokens = target.user();
    let good = &tokens.refresh;
    let bad = [
        "x".to_owned(),
        "a\0b".to_owned(),
        "' OR 1=1 --".to_owned(),
        "A".repeat(9_000),
        format!("{good} "),
        tokens.access.clone(),
        target.forge(good, |claims| claims["exp"] = claims["iat"].clone()),
        target.forge(good, |claims| claims["iss"] = json!("http://other")),
        target.forge(good, |claims| claims["sub"] = json!("nobody")),
        target.forge(good, |claims| claims["sid"] = json!("01a20b6f-4181-74cb-ab4a-62795e3eeb0e")),
        target.forge(good, |claims| drop(claims.as_object_mut().map(|claims| claims.remove("sid")))),
    ];
    for token in &bad {
        target.refresh(token).expect_refresh_refused();
    }
    expect_granted(&target.refresh(good));
}

/// RFC 6749 §6.
pub fn a_refresh_for_more_scopes_is_refused_and_consumes_nothing(target: &Target) {
    let admin = [
        ("username", target.admin_email.as_str()),
        ("password", &target.admin_password),
        ("scope", "items:read items:write"),
    ];
    let tokens = expect_granted(&login(target, &admin));
    for scope in ["items:read introspect", "introspect", "a\"b"] {
        let response = refresh(target, &[("refresh_token", &tokens.refresh), ("scope", scope)]);
        response.expect(400, &[], r#"{"detail":"Invalid scope","error":"invalid_scope"}"#);
    }
    let narrow =
        expect_granted(&refresh(target, &[("refresh_token", &tokens.refresh), ("scope", "items:read")]));
    assert_eq!(narrow.scope, "items:read");
    assert_eq!(expect_granted(&target.refresh(&narrow.refresh)).scope, "items:read items:write");
}

/// Form and JSON alike.
pub fn a_refresh_that_cannot_be_understood_is_400(target: &Target) {
    for body in ["", "refresh_token=", "refresh_token=a&refresh_token=a", "token=a", "refresh_token=%"] {
        raw(target, "/auth/refresh", FORM, body.as_bytes()).expect_malformed();
    }
    for body in [
        "",
        "{}",
        "[]",
        r#"{"refresh_token":1}"#,
        r#"{"refresh_token":null}"#,
        r#"{"refresh_token":""}"#,
        "{",
    ] {
        raw(target, "/auth/refresh", "application/json", body.as_bytes()).expect_malformed();
    }
    let twice = br#"{"refresh_token":"a","refresh_token":"a"}"#;
    raw(target, "/auth/refresh", "application/json", twice).expect_malformed();
    raw(target, "/auth/refresh", "text/plain", b"x").expect_unsupported_media_type();
    raw(target, "/auth/refresh", "", b"refresh_token=x").expect_unsupported_media_type();
    let grant = refresh(target, &[("grant_type", "password"), ("refresh_token", "x")]);
    grant.expect(400, &[], r#"{"detail":"Unsupported grant type","error":"unsupported_grant_type"}"#);
}

/// The same refresh token inside the grace window; afterwards nothing of the session works.
pub fn a_lost_answer_is_given_again_and_a_used_token_ends_the_session(target: &Target) {
    let (first, other_device) = (target.user(), target.user());
    let second = expect_granted(&target.refresh(&first.refresh));
    let again = expect_granted(&target.refresh(&first.refresh));
    expect_same_token(&again.refresh, &second.refresh);
    let third = expect_granted(&target.refresh(&again.refresh));
    target.refresh(&first.refresh).expect_refresh_refused();
    for token in [&second.refresh, &third.refresh] {
        target.refresh(token).expect_refresh_refused();
    }
    for token in [&first.access, &second.access, &third.access] {
        target.me(token).expect_invalid_token();
    }
    assert_eq!(target.me(&other_device.access).status, 200);
}

/// Its access and its refresh token, and no other session's.
pub fn a_logout_ends_the_session(target: &Target) {
    let email = target.register();
    let (here, there) = (target.login(&email, PASSWORD), target.login(&email, PASSWORD));
    target.send(&Request::post("/auth/logout")).expect_unauthenticated();
    target.send(&Request::post("/auth/logout").bearer("x.y.z")).expect_invalid_token();
    target.send(&Request::post("/auth/logout").bearer(&here.access)).expect(204, &[], "");
    target.me(&here.access).expect_invalid_token();
    target.refresh(&here.refresh).expect_refresh_refused();
    target.send(&Request::post("/auth/logout").bearer(&here.access)).expect_invalid_token();
    assert_eq!(target.me(&there.access).status, 200);
}

/// Even a used one, and beside an expired access token; again and again.
pub fn a_logout_by_refresh_token_needs_no_access_token(target: &Target) {
    let first = target.user();
    let second = expect_granted(&target.refresh(&first.refresh));
    let expired = target.forge(&second.access, |claims| claims["exp"] = claims["iat"].clone());
    let logout = |token: &str| Request::post("/auth/logout").form(&[("refresh_token", token)]);
    target.send(&logout("x")).expect_refresh_refused();
    target.send(&logout(&second.access)).expect_refresh_refused();
    assert_eq!(target.me(&second.access).status, 200);
    target.send(&logout(&first.refresh).bearer(&expired)).expect(204, &[], "");
    target.me(&second.access).expect_invalid_token();
    target.refresh(&second.refresh).expect_refresh_refused();
    let body = format!(r#"{{"refresh_token":"{}"}}"#, first.refresh);
    target.send(&Request::post("/auth/logout").json(&body)).expect(204, &[], "");
    raw(target, "/auth/logout", "text/plain", b"x").expect_unsupported_media_type();
    raw(target, "/auth/logout", FORM, b"refresh_token=a&refresh_token=b").expect_malformed();
}

/// Access and refresh tokens of all of them, those that guards remember included; the user may come back.
pub fn a_logout_everywhere_ends_every_session_of_the_caller_and_of_nobody_else(target: &Target) {
    let email = target.register();
    let sessions = [(); 3].map(|()| target.login(&email, PASSWORD));
    let other = target.user();
    for session in sessions.iter().chain([&other]) {
        assert_eq!(target.me(&session.access).status, 200);
    }
    target.send(&Request::post(LOGOUT_ALL).bearer(&sessions[1].access)).expect(204, &[], "");
    for session in &sessions {
        target.me(&session.access).expect_invalid_token();
        target.refresh(&session.refresh).expect_refresh_refused();
        target.send(&Request::post(LOGOUT_ALL).bearer(&session.access)).expect_invalid_token();
    }
    assert_eq!(target.me(&other.access).status, 200);
    let back = target.login(&email, PASSWORD);
    assert_eq!(target.me(&back.access).status, 200);
    target.send(&Request::post(LOGOUT_ALL).bearer(&back.access).json("{}")).expect(204, &[], "");
    target.me(&back.access).expect_invalid_token();
}

/// For nobody, with a refresh token, and with a body that is none.
pub fn a_logout_everywhere_that_is_refused_ends_nothing(target: &Target) {
    let user = target.user();
    target.send(&Request::post(LOGOUT_ALL)).expect_unauthenticated();
    target
        .send(&Request::post(LOGOUT_ALL).form(&[("refresh_token", &user.refresh)]))
        .expect_unauthenticated();
    for token in ["x.y.z", &user.refresh] {
        target.send(&Request::post(LOGOUT_ALL).bearer(token)).expect_invalid_token();
    }
    let post = || Request::post(LOGOUT_ALL).bearer(&user.access);
    target.send(&post().body("text/plain", "x")).expect_unsupported_media_type();
    target.send(&post().json("{")).expect_malformed();
    assert_eq!(target.me(&user.access).status, 200);
    assert_eq!(target.refresh(&user.refresh).status, 200);
}
