//! Cases for `sessions`: a user's own sessions, and how a user ends one.

use serde_json::{Value, json};

use super::{NO_STORE, PASSWORD, Request, Response, Target, Tokens, claims, session_id};

/// A version 7 id that no session has.
const UNKNOWN: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn list(target: &Target) -> Request {
    Request::get(&target.path("/sessions"))
}

fn end(target: &Target, id: &str) -> Request {
    Request::new("DELETE", &target.path(&format!("/sessions/{id}")))
}

fn log_in_with(target: &Target, email: &str, user_agent: &[u8]) -> Tokens {
    let form = target.post("/login").form(&[("username", email), ("password", PASSWORD)]);
    Tokens::from(&target.send(&form.header("user-agent", user_agent)))
}

impl Response {
    /// Checks a list of sessions, to the byte.
    #[track_caller]
    pub fn expect_sessions(&self, rows: &[String]) {
        self.expect(200, &NO_STORE, &format!(r#"{{"sessions":[{}]}}"#, rows.join(",")));
    }

    /// The sessions in a list.
    ///
    /// # Panics
    /// When the response is not a list of sessions.
    #[must_use]
    pub fn sessions(&self) -> Vec<Value> {
        self.expect_ok();
        self.json()["sessions"].as_array().expect("sessions").clone()
    }
}

/// A session in an administrator's list, from its first and its last token pair. `user_agent` is JSON,
/// and `current` what follows it.
#[must_use]
pub fn session_row(first: &Tokens, last: &Tokens, user_agent: &str, current: &str) -> String {
    let (first, last) = (claims(&first.refresh), claims(&last.refresh));
    let (id, created, used, expires) = (&first["sid"], &first["iat"], &last["iat"], &last["exp"]);
    row(id, created, used, expires, user_agent, current)
}

/// A session in the caller's own list, from its first token pair: the time of its use is rounded down to
/// a minute. `user_agent` is JSON.
fn own_session_row(first: &Tokens, user_agent: &str, is_current: bool) -> String {
    let claims = claims(&first.refresh);
    let time = |name: &str| claims[name].as_u64().expect("a token has times");
    let used = time("iat") / 60 * 60;
    let expires = used + time("exp") - time("iat");
    let current = format!(r#","current":{is_current}"#);
    row(&claims["sid"], &claims["iat"], &json!(used), &json!(expires), user_agent, &current)
}

fn row(
    id: &Value,
    created: &Value,
    used: &Value,
    expires: &Value,
    user_agent: &str,
    current: &str,
) -> String {
    let times = format!(r#""created_at":{created},"last_used_at":{used},"expires_at":{expires}"#);
    format!(r#"{{"id":{id},{times},"address":"127.0.0.1","user_agent":{user_agent}{current}}}"#)
}

/// The list is in order of age, the youngest first, with the address and the user agent of the
/// login; it marks the caller's own session. It does not show a refresh of the last two minutes.
pub fn own_sessions_are_listed_with_their_origin(target: &Target) {
    let email = target.register();
    let first = target.login(&email, PASSWORD);
    let second = log_in_with(target, &email, b"lamp/1 (\xff\t\"x\")");
    let third = log_in_with(target, &email, "é".repeat(200).as_bytes());
    let next = Tokens::from(&target.refresh(&first.refresh));
    let long = format!("\"{}\"", "é".repeat(128));
    let replaced = "\"lamp/1 (\u{fffd}\u{fffd}\\\"x\\\")\"";
    for (caller, current) in [(&third, 0), (&second, 1), (&next, 2), (&first, 2)] {
        let rows = [
            own_session_row(&third, &long, current == 0),
            own_session_row(&second, replaced, current == 1),
            own_session_row(&first, "null", current == 2),
        ];
        target.send(&list(target).bearer(&caller.access)).expect_sessions(&rows);
    }
}

/// An API key or an invalid token does not list sessions, and no user sees another's.
pub fn sessions_are_listed_to_their_user_alone(target: &Target) {
    let (user, other) = (target.user(), target.user());
    target.send(&list(target)).expect_unauthenticated();
    target.send(&list(target).api_key(&target.scoped_api_key)).expect_unauthenticated();
    target.send(&list(target).header("authorization", "Bearer")).expect_malformed_credentials();
    for token in ["x.y.z", &user.refresh] {
        target.send(&list(target).bearer(token)).expect_invalid_token();
    }
    for tokens in [&user, &other] {
        let rows = target.send(&list(target).bearer(&tokens.access)).sessions();
        assert_eq!((rows.len(), &rows[0]["id"]), (1, &json!(session_id(&tokens.access))));
    }
    target.logout(&user.access).expect_no_content();
    target.send(&list(target).bearer(&user.access)).expect_invalid_token();
}

/// RFC 9110 §9.3.2.
pub fn the_list_of_sessions_has_a_head_and_ignores_bodies(target: &Target) {
    let user = target.user().access;
    let get = || list(target).bearer(&user);
    let listed = target.send(&get());
    target.send(&Request::new("HEAD", &target.path("/sessions")).bearer(&user)).expect_head_of(&listed);
    for (media, body) in
        [("", "x"), ("text/plain", "x"), ("application/json", "{"), ("x", &"x".repeat(20_000))]
    {
        assert_eq!(target.send(&get().body(media, body)), listed, "{media}");
    }
}

/// Its tokens become invalid, in the cache of the guards too; other sessions go on.
pub fn an_ended_session_is_not_listed_and_its_tokens_are_invalid(target: &Target) {
    let [here, there] = target.two_sessions();
    let end_there = end(target, &session_id(&there.access)).bearer(&here.access);
    target.me(&there.access).expect_ok();
    target.send(&end_there).expect_no_content();
    target.expect_ended(&there);
    target.send(&end_there).expect_not_found();
    let left = target.send(&list(target).bearer(&here.access)).sessions();
    assert_eq!((left.len(), &left[0]["id"]), (1, &json!(session_id(&here.access))));
    target.refresh(&here.refresh).expect_ok();
}

/// Ending the caller's own session works as a logout.
pub fn ending_the_current_session_is_a_logout(target: &Target) {
    let user = target.user();
    let end = end(target, &session_id(&user.access)).bearer(&user.access);
    target.send(&end).expect_no_content();
    target.expect_ended(&user);
    target.send(&end).expect_invalid_token();
    target.send(&list(target).bearer(&user.access)).expect_invalid_token();
}

/// The id of another user's session, an unknown id and a malformed one get the same answer, and no
/// session ends.
pub fn ids_of_other_sessions_are_404(target: &Target) {
    let (user, other, stranger) = (target.user(), target.user(), target.user());
    let (own, others) = (session_id(&user.access), session_id(&other.access));
    let ids = [
        others.clone(),
        UNKNOWN.to_owned(),
        own.to_uppercase(),
        own.replace('-', ""),
        format!("%7B{own}%7D"),
        format!("urn:uuid:{own}"),
        format!("{own}%20"),
        format!("%20{own}"),
        format!("{own}%00"),
        format!("{own},{own}"),
        own[1..].to_owned(),
        format!("{own}0"),
        "x".to_owned(),
        "null".to_owned(),
        "current".to_owned(),
        "*".to_owned(),
        "%FF".to_owned(),
        "%2e%2e".to_owned(),
        "0".repeat(36),
        "0".repeat(2_000),
    ];
    for id in &ids {
        for token in [&user.access, &stranger.access] {
            target.send(&end(target, id).bearer(token)).expect_not_found();
        }
        target.send(&end(target, id)).expect_unauthenticated();
        target.send(&end(target, id).bearer("x.y.z")).expect_invalid_token();
        target.send(&end(target, id).api_key(&target.scoped_api_key)).expect_unauthenticated();
    }
    assert_eq!(ids.len(), 20);
    for tokens in [&user, &other] {
        target.expect_active(tokens);
    }
}

/// An application without trusted proxies ignores forwarding headers: the address is the peer's.
pub fn forwarding_headers_do_not_change_the_address(target: &Target) {
    let email = target.register();
    let request = target.post("/login").form(&[("username", &email), ("password", PASSWORD)]);
    let request = request.header("x-forwarded-for", "198.51.100.7");
    let request = request.header("forwarded", "for=198.51.100.7").header("x-real-ip", "198.51.100.7");
    let tokens = Tokens::from(&target.send(&request));
    let rows = target.send(&list(target).bearer(&tokens.access)).sessions();
    assert_eq!(rows[0]["address"], "127.0.0.1");
}
