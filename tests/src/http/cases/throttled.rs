//! Cases for an application with the default throttle and a clock that stands still. Each starts an application
//! of its own, because all its clients have the address 127.0.0.1.

use std::time::Duration;

use gatewright::throttle::{
    ACCOUNT_FAILURES, NETWORK_FAILURES, PASSWORD_CHANGE_FAILURES, REFUSED_REQUESTS, REGISTRATIONS,
    SHARED_NETWORK_FACTOR,
};
use gatewright_testkit::auth_routes::{PASSWORD, Request, Response, Target, Tokens};

use super::openapi::{operations, read};
use crate::http::compare::PROBLEM_JSON;
use crate::http::{Start, problems, proxies, rfc6749};

const WRONG: &str = "an entirely wrong guess";
const NOBODY: &str = "nobody@example.com";
const SECOND: Duration = Duration::from_secs(1);

/// Uses up the wrong logins of a name. Each gets the same answer, which is returned.
#[track_caller]
fn use_up_logins(target: &Target, name: &str) -> Response {
    let first = target.try_login(name, WRONG);
    for _ in 1..ACCOUNT_FAILURES {
        assert_eq!(target.try_login(name, WRONG), first);
    }
    first
}

fn with_key(target: &Target, key: &str) -> Response {
    target.send(&Request::get("/external-data").api_key(key))
}

/// A wrong login of this user, forwarded by a proxy.
fn forwarded(target: &Target, name: &str, (header, hops): (&str, &str)) -> Response {
    let login = target.post("/login").form(&[("username", name), ("password", WRONG)]);
    target.send(&login.header(header, hops))
}

/// Uses up the refused refreshes and API keys, in turn.
#[track_caller]
fn use_up_refusals(target: &Target) {
    for number in 0..REFUSED_REQUESTS {
        if number % 2 == 0 {
            target.refresh("x").expect_refresh_refused();
        } else {
            with_key(target, "unknown").expect_invalid_api_key();
        }
    }
}

/// Whether an account has the name or not, and with the right password too, until the time has passed.
pub fn the_eleventh_wrong_login_of_a_name_is_429(start: Start) {
    let (target, clock) = start(|builder| builder);
    let email = target.register();
    for name in [&email, NOBODY] {
        use_up_logins(&target, name).expect_login_refused();
    }
    let limited = target.try_login(&email, WRONG);
    limited.expect_too_many_attempts(30);
    for (name, password) in [(&*email, PASSWORD), (NOBODY, WRONG), (NOBODY, PASSWORD)] {
        assert_eq!(target.try_login(name, password), limited, "{name}");
    }
    clock.advance(29 * SECOND);
    target.try_login(&email, PASSWORD).expect_too_many_attempts(1);
    clock.advance(SECOND);
    target.try_login(&email, PASSWORD).expect_ok();
    target.try_login(NOBODY, WRONG).expect_login_refused();
    target.try_login(NOBODY, WRONG).expect_too_many_attempts(60);
}

/// RFC 9457 §3.1.2, RFC 6585 §4: with the time to wait, without a challenge.
pub fn pd_429(start: Start) {
    let (target, _) = start(problems);
    use_up_logins(&target, NOBODY).expect_status(401);
    let limited = target.try_login(NOBODY, WRONG);
    let body = r#"{"type":"about:blank","title":"Too Many Requests","status":429,"detail":"Too many attempts","error":"too_many_attempts"}"#;
    let headers = [("content-type", PROBLEM_JSON), ("retry-after", "30")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!((limited.status, &limited.headers[..], limited.text().as_str()), (429, &headers[..], body));
}

/// The refused logins before it have one.
pub fn a_realm_adds_no_challenge_to_429(start: Start) {
    let (target, _) = start(|builder| builder.with_realm("the shop"));
    let refused = use_up_logins(&target, NOBODY);
    assert_eq!(refused.header("www-authenticate"), Some(r#"Bearer realm="the shop""#));
    target.try_login(NOBODY, WRONG).expect_too_many_attempts(30);
}

/// It changes the refusals before it.
pub fn rfc6749_does_not_change_429(start: Start) {
    let (target, _) = start(rfc6749);
    use_up_logins(&target, NOBODY).expect_status(400);
    target.try_login(NOBODY, WRONG).expect_too_many_attempts(30);
    for _ in 0..REFUSED_REQUESTS {
        target.refresh("x").expect_status(400);
    }
    target.refresh("x").expect_too_many_attempts(1);
}

/// A taken address and a free one get the same answer.
pub fn registrations_beyond_the_budget_are_429(start: Start) {
    let (target, clock) = start(|builder| builder);
    let email = target.register();
    for _ in 1..REGISTRATIONS {
        let _ = target.register();
    }
    let limited = target.register_as(&email, PASSWORD);
    limited.expect_too_many_attempts(180);
    assert_eq!(target.register_as("free@example.com", PASSWORD), limited);
    target.try_login("free@example.com", PASSWORD).expect_login_refused();
    target.try_login(&email, PASSWORD).expect_ok();
    clock.advance(180 * SECOND);
    target.register_as("free@example.com", PASSWORD).expect(201, &[], r#"{"detail":"Registered"}"#);
    target.register_as(&email, PASSWORD).expect_too_many_attempts(180);
    target.try_login("free@example.com", PASSWORD).expect_ok();
}

/// Only that session. They do not count as wrong logins of the account.
pub fn five_wrong_current_passwords_end_the_session(start: Start) {
    let (target, _) = start(|builder| builder);
    let email = target.register();
    let [guessed, other] = [(); 2].map(|()| target.login(&email, PASSWORD));
    let new = "another long password";
    for _ in 0..PASSWORD_CHANGE_FAILURES {
        target.me(&guessed.access).expect_ok();
        let refused = target.change_password(&guessed.access, WRONG, new);
        refused.expect(403, &[], r#"{"detail":"Incorrect password"}"#);
    }
    target.change_password(&guessed.access, PASSWORD, new).expect_invalid_token();
    target.expect_ended(&guessed);
    target.expect_active(&other);
    for _ in 1..ACCOUNT_FAILURES {
        target.try_login(&email, WRONG).expect_login_refused();
    }
    target.try_login(&email, PASSWORD).expect_ok();
}

/// In place of the refusal. A request that is accepted, or has no key, is never limited.
pub fn refused_refreshes_and_api_keys_beyond_the_budget_are_429(start: Start) {
    let (target, clock) = start(|builder| builder);
    let mut user = target.user();
    use_up_refusals(&target);
    let introspection = target.post("/introspect").form(&[("token", &user.access)]);
    for _ in 0..3 {
        target.refresh("x").expect_too_many_attempts(1);
        with_key(&target, "unknown").expect_too_many_attempts(1);
        target.send(&introspection.clone().api_key("unknown")).expect_too_many_attempts(1);
        with_key(&target, &target.api_key).expect_ok();
        target.introspect(&user.access).expect_ok();
        user = Tokens::from(&target.refresh(&user.refresh));
        target.send(&Request::get("/external-data")).expect_no_api_key();
    }
    clock.advance(SECOND);
    target.refresh("x").expect_refresh_refused();
    with_key(&target, "unknown").expect_too_many_attempts(1);
}

/// A client with a public address behind a trusted proxy sends hops of its own.
pub fn a_spoofed_hop_does_not_change_the_network(start: Start) {
    let (target, _) = start(proxies);
    let attempt = |number: u32, hops: &str| {
        forwarded(&target, &format!("user{}@example.com", number % 15), ("x-forwarded-for", hops))
    };
    for number in 0..NETWORK_FAILURES {
        attempt(number, &format!("198.51.100.{number}, 203.0.113.5")).expect_login_refused();
    }
    for hops in ["203.0.113.5", "203.0.113.6, 203.0.113.5", "127.0.0.1, 203.0.113.5", "x, 203.0.113.5"] {
        attempt(0, hops).expect_too_many_attempts(2);
    }
    attempt(0, "203.0.113.5, 203.0.113.6").expect_login_refused();
}

/// The proxy has a loopback address and is not trusted, so its clients cannot be told apart.
pub fn clients_behind_an_unknown_proxy_share_a_larger_budget(start: Start) {
    let (target, _) = start(|builder| builder);
    let failures = NETWORK_FAILURES * SHARED_NETWORK_FACTOR;
    for number in 0..failures {
        let hop = format!("198.51.100.{}", number % 250);
        let name = format!("user{number}@example.com");
        forwarded(&target, &name, ("x-forwarded-for", &hop)).expect_login_refused();
    }
    assert_eq!(failures, 600);
    for hop in
        [("x-forwarded-for", "203.0.113.5"), ("forwarded", "for=203.0.113.5"), ("x-real-ip", "203.0.113.5")]
    {
        forwarded(&target, NOBODY, hop).expect_too_many_attempts(1);
    }
    target.try_login(NOBODY, WRONG).expect_login_refused();
}

/// Those of a password change too: it has 429 only for parallel attempts.
pub fn limited_answers_are_documented(start: Start) {
    let (target, _) = start(|builder| builder);
    let document = read(&target);
    let mut limited = operations(&document);
    limited.retain(|operation| operation.about["responses"]["429"].is_object());
    for _ in 0..REGISTRATIONS {
        let _ = target.register();
    }
    use_up_logins(&target, NOBODY).expect_login_refused();
    use_up_refusals(&target);
    let mut names = Vec::new();
    for operation in &limited {
        let name = operation.to_string();
        let answer = match name.as_str() {
            "POST /auth/register" => target.register_as(NOBODY, PASSWORD),
            "POST /auth/login" | "POST /auth/password" => target.try_login(NOBODY, WRONG),
            "POST /auth/refresh" => target.refresh("x"),
            "POST /auth/introspect" => {
                target.send(&target.post("/introspect").form(&[("token", "x")]).api_key("unknown"))
            }
            "GET /external-data" => with_key(&target, "unknown"),
            other => panic!("{other} is not limited"),
        };
        answer.expect_status(429);
        operation.expect_documented(&document, &answer);
        names.push(name);
    }
    assert_eq!(names.len(), 6, "{names:?}");
}
