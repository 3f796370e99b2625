//! Cases for the bodies of requests to the endpoints: size, framing, media type and fields.

use gatewright_core::MAX_BODY_BYTES;

use super::{FORM, JSON, PASSWORD, Request, Response, Target};

fn send(target: &Target, endpoint: &str, media: &str, body: impl AsRef<[u8]>) -> Response {
    target.send(&target.post(endpoint).body(media, body))
}

/// A valid login whose body has this length: a field that is ignored fills it up.
fn login_of(target: &Target, email: &str, length: usize) -> Request {
    let mut body = format!("username={email}&password={}&x=", PASSWORD.replace(' ', "+"));
    body.push_str(&"x".repeat(length - body.len()));
    target.post("/login").body(FORM, body)
}

/// With `content-length` and in chunks.
pub fn a_body_of_16_kib_is_read_and_one_byte_more_is_413(target: &Target) {
    let email = target.register();
    let login_of = |length| login_of(target, &email, length);
    for request in [login_of(MAX_BODY_BYTES), login_of(MAX_BODY_BYTES).chunked()] {
        target.send(&request).expect_ok();
    }
    for length in [MAX_BODY_BYTES + 1, MAX_BODY_BYTES + 2, 100_000] {
        target.send(&login_of(length)).expect_too_large();
        target.send(&login_of(length).chunked()).expect_too_large();
    }
}

/// With and without a token, and with any media type.
pub fn a_body_beyond_the_limit_is_413_on_every_endpoint(target: &Target) {
    let user = target.user().access;
    for path in target.endpoints() {
        for media in [FORM, JSON, "text/plain", ""] {
            let request = Request::post(&path).body(media, vec![b'a'; MAX_BODY_BYTES + 1]);
            target.send(&request).expect_too_large();
            target.send(&request.clone().chunked()).expect_too_large();
            target.send(&request.bearer(&user)).expect_too_large();
        }
    }
    target.me(&user).expect_ok();
}

/// RFC 9110 §10.1.1: the client does not send the body, so the answer cannot wait for it.
pub fn an_announced_body_beyond_the_limit_is_413_before_it_is_sent(target: &Target) {
    for path in target.endpoints() {
        for length in [MAX_BODY_BYTES + 1, 1_000_000_000_000] {
            let request = Request::post(&path).header("content-type", FORM).header("expect", "100-continue");
            target.send(&request.announcing(length)).expect_too_large();
        }
    }
    let fitting = login_of(target, &target.register(), MAX_BODY_BYTES).header("expect", "100-continue");
    target.send(&fitting).expect_ok();
}

/// The server may close the connection or answer 400, and it changes nothing.
pub fn a_body_that_breaks_off_changes_nothing(target: &Target) {
    let email = target.register();
    let user = target.login(&email, PASSWORD);
    let whole = [
        target.post("/logout").form(&[("refresh_token", &user.refresh)]),
        target.post("/refresh").form(&[("refresh_token", &user.refresh)]),
        login_of(target, &email, 200),
    ];
    for request in whole {
        if let Some(answer) = target.send_and_break_off(&request.announcing(1_000)) {
            answer.expect_malformed_body("is incomplete");
        }
    }
    target.expect_active(&user);
}

/// In any case, with parameters, in UTF-8.
pub fn media_types_are_read_in_any_case_and_with_parameters(target: &Target) {
    for media in [
        "application/x-www-form-urlencoded;charset=utf-8",
        "application/x-www-form-urlencoded; charset=\"UTF-8\"",
        "APPLICATION/X-WWW-FORM-URLENCODED ; x=y",
    ] {
        send(target, "/login", media, "username=x").expect_malformed_field("password", "is missing");
        send(target, "/refresh", media, "x=y").expect_malformed_field("refresh_token", "is missing");
    }
    for media in ["application/json;charset=utf-8", "Application/JSON; charset=UTF-8"] {
        send(target, "/refresh", media, "{}").expect_malformed_field("refresh_token", "is missing");
    }
}

/// No type, another type, another charset and two types, on every endpoint. The answer lists the types that this
/// endpoint accepts.
pub fn other_media_types_are_415(target: &Target) {
    let user = target.user().access;
    let others = [
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
    for path in target.endpoints() {
        let accepted = accepted(target, &path);
        let post = || Request::post(&path).bearer(&user).api_key(&target.scoped_api_key);
        for media in others {
            target.send(&post().body(media, "a=b")).expect_unsupported_media_type(accepted);
        }
        for media in [FORM, JSON] {
            let twice = post().body(media, "{}").header("content-type", media);
            target.send(&twice).expect_unsupported_media_type(accepted);
        }
        let binary = post().body("x", "{}").header("content-type", b"\xff");
        target.send(&binary).expect_unsupported_media_type(accepted);
    }
    target.me(&user).expect_ok();
}

/// The types that the endpoint at this path accepts.
fn accepted(target: &Target, path: &str) -> &'static [&'static str] {
    match path.strip_prefix(&target.path("")) {
        Some("/register" | "/password") => &[JSON],
        Some("/login" | "/revoke" | "/introspect") => &[FORM],
        Some("/refresh" | "/logout" | "/logout-all") => &[FORM, JSON],
        other => panic!("{other:?} is not an endpoint of the suite"),
    }
}

/// Forms that lack a field, or have one that is repeated (also percent-encoded) or empty, separated by spaces: with
/// the endpoint, the field that the answer names and its problem.
const FORMS: [(&str, &str, &str, &str); 11] = [
    ("/login", "username", "is missing", " & = password=x Username=a@b&password=x password=x&password=x"),
    ("/login", "username", "is empty", "username= username username=&password=x username=&password="),
    (
        "/login",
        "username",
        "is repeated",
        "username=a@b&username=&password=x username=a@b&username=a@b&password=x \
        username=a@b&%75sername=a@b&password=x password=x&password=x&username=a&username=a",
    ),
    ("/login", "password", "is missing", "username=a@b username=a@b;password=x username=a@b&scope=a&scope=a"),
    ("/login", "password", "is empty", "username=a@b&password username=a@b&password="),
    (
        "/login",
        "password",
        "is repeated",
        "username=a@b&password=x&password= username=a@b&password=x&password=x",
    ),
    ("/login", "scope", "is repeated", "username=a@b&password=x&scope=a&scope=a"),
    (
        "/login",
        "grant_type",
        "is repeated",
        "username=a@b&password=x&grant_type=password&grant_type=password grant_type=x&grant_type=",
    ),
    ("/refresh", "refresh_token", "is missing", " Refresh_token=x token=x"),
    ("/refresh", "refresh_token", "is empty", "refresh_token refresh_token="),
    (
        "/logout",
        "refresh_token",
        "is repeated",
        "refresh_token=x&refresh_token=x refresh_token=x&refresh_token=",
    ),
];

/// A missing field, a repeated one and an empty one are 400. Of several, the answer names the first one in the
/// order of the endpoint.
pub fn every_field_is_required_once_and_not_empty(target: &Target) {
    let mut sent = 0;
    for (endpoint, field, problem, forms) in FORMS {
        for form in forms.split(' ') {
            send(target, endpoint, FORM, form).expect_malformed_field(field, problem);
            sent += 1;
        }
    }
    assert_eq!(sent, 31);
}

/// They are not replaced. In the value of a known field they are its problem, elsewhere one of the whole form.
pub fn invalid_percent_encoding_and_invalid_utf8_are_400(target: &Target) {
    let values: [&[u8]; 10] =
        [b"%", b"%4", b"%zz", b"%+1", b"%%41", b"%ff", b"%C3%28", b"%ED%A0%80", b"\xc3", b"\xff"];
    for (endpoint, start, field) in [
        ("/login", "username=a@b&password=", "password"),
        ("/login", "password=x&username=", "username"),
        ("/refresh", "refresh_token=", "refresh_token"),
        ("/logout", "refresh_token=", "refresh_token"),
    ] {
        for value in values {
            let answer = send(target, endpoint, FORM, [start.as_bytes(), value].concat());
            answer.expect_malformed_field(field, "is badly encoded");
        }
    }
    for value in values {
        send(target, "/login", FORM, [&b"username=a@b&password=x&extra="[..], value].concat())
            .expect_no_form();
    }
    send(target, "/login", FORM, "%ff=x&username=a@b&password=x").expect_no_form();
    for body in [&b"{\"refresh_token\":\"\xff\"}"[..], br#"{"refresh_token":"\ud800"}"#, b"\xef\xbb\xbf{}"] {
        send(target, "/refresh", JSON, body).expect_no_json();
    }
}

/// As many repetitions as fit into a body, and an array that is nested as deeply as fits.
pub fn thousands_of_members_and_levels_are_one_problem(target: &Target) {
    let (pairs, members) = ("refresh_token=x&".repeat(1_000), r#""refresh_token":0,"#.repeat(800));
    send(target, "/refresh", FORM, pairs).expect_malformed_field("refresh_token", "is repeated");
    let json = format!("{{{}}}", members.trim_end_matches(','));
    send(target, "/refresh", JSON, json).expect_malformed_field("refresh_token", "is repeated");
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(8_000), "]".repeat(8_000));
    send(target, "/refresh", JSON, deep).expect_no_json();
}
