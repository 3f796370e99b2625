//! Cases for bodies: how long, how they are sent, what they say they are, and what is in them.

use super::methods::ENDPOINTS;
use super::{PASSWORD, Request, Response, Target, Tokens};

const LIMIT: usize = 16 * 1_024;

const FORM: &str = "application/x-www-form-urlencoded";

const JSON: &str = "application/json";

fn send(target: &Target, path: &str, media: &str, body: impl AsRef<[u8]>) -> Response {
    target.send(&Request::post(path).body(media, body))
}

/// A login that is granted, made as long as this by a field that nobody reads.
fn login_of(email: &str, length: usize) -> Request {
    let mut body = format!("username={email}&password={}&x=", PASSWORD.replace(' ', "+"));
    body.push_str(&"x".repeat(length - body.len()));
    Request::post("/auth/login").body(FORM, body)
}

/// A body of exactly 16 KiB is understood, and one byte more is not read; by length and in chunks.
pub fn sixteen_kibibytes_are_read_and_one_byte_more_is_not(target: &Target) {
    let email = target.register();
    for request in [login_of(&email, LIMIT), login_of(&email, LIMIT).chunked()] {
        assert_eq!(target.send(&request).status, 200);
    }
    for length in [LIMIT + 1, LIMIT + 2, 100_000] {
        target.send(&login_of(&email, length)).expect_too_large();
        target.send(&login_of(&email, length).chunked()).expect_too_large();
    }
}

/// Whoever asks, whatever it says it is.
pub fn on_every_endpoint_a_body_beyond_the_limit_is_413(target: &Target) {
    let user = target.user().access;
    for path in ENDPOINTS {
        for media in [FORM, JSON, "text/plain", ""] {
            let request = Request::post(path).body(media, vec![b'a'; LIMIT + 1]);
            target.send(&request).expect_too_large();
            target.send(&request.clone().chunked()).expect_too_large();
            target.send(&request.bearer(&user)).expect_too_large();
        }
    }
    assert_eq!(target.me(&user).status, 200);
}

/// RFC 9110 §10.1.1: the body is never sent, so the answer cannot wait for it.
pub fn an_announced_body_beyond_the_limit_is_refused_before_it_is_sent(target: &Target) {
    for path in ENDPOINTS {
        for length in [LIMIT + 1, 1_000_000_000_000] {
            let request = Request::post(path).header("content-type", FORM).header("expect", "100-continue");
            target.send(&request.announcing(length)).expect_too_large();
        }
    }
    let fitting = login_of(&target.register(), LIMIT).header("expect", "100-continue");
    assert_eq!(target.send(&fitting).status, 200);
}

/// In the middle of a body nothing has been said yet: 400 if anything, and nothing happens.
pub fn a_body_that_breaks_off_does_nothing(target: &Target) {
    let email = target.register();
    let user = target.login(&email, PASSWORD);
    let whole = [
        Request::post("/auth/logout").form(&[("refresh_token", &user.refresh)]),
        Request::post("/auth/refresh").form(&[("refresh_token", &user.refresh)]),
        login_of(&email, 200),
    ];
    for request in whole {
        if let Some(answer) = target.send_and_break_off(&request.announcing(1_000)) {
            answer.expect_malformed();
        }
    }
    assert_eq!(target.me(&user.access).status, 200);
    let first = target.refresh(&user.refresh);
    assert_eq!(Tokens::from(&first).scope, user.scope);
}

/// In any case, with parameters, in UTF-8.
pub fn a_content_type_is_read_in_any_case_and_with_parameters(target: &Target) {
    for media in [
        "application/x-www-form-urlencoded;charset=utf-8",
        "application/x-www-form-urlencoded; charset=\"UTF-8\"",
        "APPLICATION/X-WWW-FORM-URLENCODED ; x=y",
    ] {
        send(target, "/auth/login", media, "username=x").expect_malformed();
        send(target, "/auth/refresh", media, "x=y").expect_malformed();
    }
    for media in ["application/json;charset=utf-8", "Application/JSON; charset=UTF-8"] {
        send(target, "/auth/register", media, "{}").expect_malformed();
        send(target, "/auth/refresh", media, "{}").expect_malformed();
    }
}

/// None, another, another charset, two: on every endpoint.
pub fn another_content_type_is_415(target: &Target) {
    let user = target.user().access;
    let neither = [
        "",
        "text/plain",
        "text/json",
        "application/xml",
        "application/jsonx",
        "application/problem+json",
        "application/x-www-form-urlencodedx",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        "application/json; charset=utf-16",
        "application/json, application/json",
        "*/*",
        "/",
    ];
    for path in ENDPOINTS {
        let post = || Request::post(path).bearer(&user).api_key(&target.scoped_api_key);
        for media in neither {
            target.send(&post().body(media, "a=b")).expect_unsupported_media_type();
        }
        for media in [FORM, JSON] {
            let twice = post().body(media, "{}").header("content-type", media);
            target.send(&twice).expect_unsupported_media_type();
        }
        target.send(&post().body("x", "{}").header("content-type", b"\xff")).expect_unsupported_media_type();
    }
    let as_form = format!("email=a@b&password={PASSWORD}");
    send(target, "/auth/register", FORM, as_form).expect_unsupported_media_type();
    let as_json = format!(r#"{{"username":"{}","password":"{PASSWORD}"}}"#, target.admin_email);
    send(target, "/auth/login", JSON, as_json).expect_unsupported_media_type();
    assert_eq!(target.me(&user).status, 200);
}

/// Missing, repeated, also in other letters' codes, and empty: all 400, whatever the others say.
pub fn a_field_is_there_once_and_not_empty(target: &Target) {
    let mut sent = 0;
    for (path, bodies) in [
        (
            "/auth/login",
            &[
                "",
                "&",
                "=",
                "username",
                "username=a@b",
                "Username=a@b&password=x",
                "username=&password=x",
                "username=a@b&password",
                "username=a@b&password=",
                "username=a@b&password=x&password=",
                "username=a@b&username=&password=x",
                "username=a@b&%75sername=a@b&password=x",
                "username=a@b&password=x&grant_type=password&grant_type=password",
                "username=a@b;password=x",
            ][..],
        ),
        ("/auth/refresh", &["", "refresh_token", "refresh_token=", "refresh_token=x&refresh%5Ftoken=x"][..]),
        ("/auth/logout", &["refresh_token=x&refresh_token=x", "refresh_token=x&refresh_token="][..]),
    ] {
        for body in bodies {
            send(target, path, FORM, body).expect_malformed();
            sent += 1;
        }
    }
    assert_eq!(sent, 20);
}

/// Never guessed at.
pub fn a_bad_percent_code_and_bad_utf8_are_400(target: &Target) {
    let values: [&[u8]; 9] = [b"%", b"%4", b"%zz", b"%+1", b"%%41", b"%ff", b"%C3%28", b"%ED%A0%80", b"\xc3"];
    for (path, start) in [
        ("/auth/login", "username=a@b&password="),
        ("/auth/login", "password=x&username="),
        ("/auth/login", "username=a@b&password=x&extra="),
        ("/auth/refresh", "refresh_token="),
        ("/auth/logout", "refresh_token="),
    ] {
        for value in values {
            send(target, path, FORM, [start.as_bytes(), value].concat()).expect_malformed();
        }
    }
    send(target, "/auth/login", FORM, "%ff=x&username=a@b&password=x").expect_malformed();
    for body in [&b"{\"refresh_token\":\"\xff\"}"[..], br#"{"refresh_token":"\ud800"}"#, b"\xef\xbb\xbf{}"] {
        send(target, "/auth/refresh", JSON, body).expect_malformed();
    }
}

/// Behind its guard: JSON with the members it has, up to the limit.
pub fn a_route_of_the_applications_own_reads_its_body_as_strictly(target: &Target) {
    let admin = target.admin().access;
    let post =
        |media: &str, body: &[u8]| target.send(&Request::post("/items").bearer(&admin).body(media, body));
    for body in ["", "{}", "[]", "null", "{", r#"{"name":1}"#, r#"{"name":""}"#, r#"{"name":"x","more":1}"#] {
        post(JSON, body.as_bytes()).expect_malformed();
    }
    post(JSON, br#"{"name":"x","name":"x"}"#).expect_malformed();
    post(JSON, b"{\"name\":\"\xff\"}").expect_malformed();
    post(JSON, format!(r#"{{"name":"{}"}}"#, "x".repeat(201)).as_bytes()).expect_malformed();
    let others =
        ["", FORM, "text/plain", "multipart/form-data; boundary=x", "application/json; charset=utf-16"];
    for media in others {
        post(media, br#"{"name":"x"}"#).expect_unsupported_media_type();
    }
    for media in ["Application/JSON", "application/json; charset=\"UTF-8\"", "application/json;x=y"] {
        assert_eq!(post(media, br#"{"name":"x"}"#).status, 201, "{media}");
    }
    let padded = |length: usize| format!(r#"{{"name":"x"{}}}"#, " ".repeat(length - 12));
    assert_eq!(post(JSON, padded(LIMIT).as_bytes()).status, 201);
    post(JSON, padded(LIMIT + 1).as_bytes()).expect_too_large();
    let chunked = Request::post("/items").bearer(&admin).json(&padded(LIMIT + 1)).chunked();
    target.send(&chunked).expect_too_large();
    let broken = Request::post("/items").bearer(&admin).json(r#"{"name":"x"}"#).announcing(100);
    if let Some(answer) = target.send_and_break_off(&broken) {
        answer.expect_malformed();
    }
}
