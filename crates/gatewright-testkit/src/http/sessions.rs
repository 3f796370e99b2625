//! Cases for sessions as their users and administrators see them, and how they end them.

use serde_json::Value;

use super::{PASSWORD, Request, Response, Target, Tokens, claims};

const LIST: &str = "/auth/sessions";

const NO_STORE: [(&str, &str); 2] = [("cache-control", "no-store"), ("pragma", "no-cache")];

/// An id that no session has: nobody's version 7.
const UNKNOWN: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn end(id: &str) -> Request {
    Request::new("DELETE", &format!("{LIST}/{id}"))
}

/// The id of the session that a token belongs to.
fn id_of(tokens: &Tokens) -> String {
    claims(&tokens.access)["sid"].as_str().expect("a session").to_owned()
}

fn log_in_as(target: &Target, email: &str, user_agent: &[u8]) -> Tokens {
    let form = [("username", email), ("password", PASSWORD)];
    Tokens::from(&target.send(&Request::post("/auth/login").form(&form).header("user-agent", user_agent)))
}

/// A session as the list has it: `first` are its first tokens, `last` its last.
fn row(first: &Tokens, last: &Tokens, user_agent: &str, current: &str) -> String {
    let (first, last) = (claims(&first.refresh), claims(&last.refresh));
    let (id, begun, used, expires) = (&first["sid"], &first["iat"], &last["iat"], &last["exp"]);
    let times = format!(r#""created_at":{begun},"last_used_at":{used},"expires_at":{expires}"#);
    format!(r#"{{"id":{id},{times},"address":"127.0.0.1","user_agent":{user_agent}{current}}}"#)
}

fn expect_rows(response: &Response, rows: &[String]) {
    response.expect(200, &NO_STORE, &format!(r#"{{"sessions":[{}]}}"#, rows.join(",")));
}

fn rows(response: &Response) -> Vec<Value> {
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["sessions"].as_array().expect("sessions").clone()
}

/// To the byte: the youngest first, where each came from, and which one asks. A refresh changes when it was used.
pub fn own_sessions_are_listed_with_where_they_came_from(target: &Target) {
    let email = target.register();
    let (first, second) =
        (target.login(&email, PASSWORD), log_in_as(target, &email, b"lamp/1 (\xff\t\"x\")"));
    let third = log_in_as(target, &email, "é".repeat(200).as_bytes());
    let next = Tokens::from(&target.refresh(&first.refresh));
    let names = [
        format!("\"{}\"", "é".repeat(128)),
        r#""lamp/1 (\u{fffd}\u{fffd}\"x\")""#.replace("\\u{fffd}", "\u{fffd}"),
    ];
    for (asks, current) in [(&third, 0), (&second, 1), (&next, 2), (&first, 2)] {
        let own = |at: usize| format!(r#","current":{}"#, at == current);
        let rows = [
            row(&third, &third, &names[0], &own(0)),
            row(&second, &second, &names[1], &own(1)),
            row(&first, &next, "null", &own(2)),
        ];
        expect_rows(&target.send(&Request::get(LIST).bearer(&asks.access)), &rows);
    }
}

/// 401 to nobody and to every bad token; nobody sees another's.
pub fn a_list_of_sessions_is_its_users_alone(target: &Target) {
    let (user, other) = (target.user(), target.user());
    target.send(&Request::get(LIST)).expect_unauthenticated();
    target.send(&Request::get(LIST).api_key(&target.scoped_api_key)).expect_unauthenticated();
    target.send(&Request::get(LIST).header("authorization", "Bearer")).expect_malformed_credentials();
    for token in ["x.y.z", &user.refresh] {
        target.send(&Request::get(LIST).bearer(token)).expect_invalid_token();
    }
    for tokens in [&user, &other] {
        let rows = rows(&target.send(&Request::get(LIST).bearer(&tokens.access)));
        assert_eq!((rows.len(), &rows[0]["id"]), (1, &Value::from(id_of(tokens))));
    }
    target.send(&Request::post("/auth/logout").bearer(&user.access)).expect(204, &[], "");
    target.send(&Request::get(LIST).bearer(&user.access)).expect_invalid_token();
}

/// RFC 9110 §9.3.2, and a body with a request that has no use for one.
pub fn a_list_of_sessions_has_a_head_and_looks_at_no_body(target: &Target) {
    let user = target.user().access;
    let list = || Request::get(LIST).bearer(&user);
    let got = target.send(&list());
    target.send(&Request::new("HEAD", LIST).bearer(&user)).expect_head_of(&got);
    for (media, body) in
        [("", "x"), ("text/plain", "x"), ("application/json", "{"), ("x", &"x".repeat(20_000))]
    {
        assert_eq!(target.send(&list().body(media, body)), got, "{media}");
    }
}

/// Its access and its refresh token, guards' memory included; all others go on.
pub fn an_ended_session_is_gone_and_its_tokens_with_it(target: &Target) {
    let email = target.register();
    let (here, there) = (target.login(&email, PASSWORD), target.login(&email, PASSWORD));
    assert_eq!(target.me(&there.access).status, 200);
    target.send(&end(&id_of(&there)).bearer(&here.access)).expect(204, &[], "");
    target.me(&there.access).expect_invalid_token();
    target.refresh(&there.refresh).expect_refresh_refused();
    target.send(&end(&id_of(&there)).bearer(&here.access)).expect_not_found();
    let left = rows(&target.send(&Request::get(LIST).bearer(&here.access)));
    assert_eq!((left.len(), &left[0]["id"]), (1, &Value::from(id_of(&here))));
    assert_eq!(target.refresh(&here.refresh).status, 200);
}

/// Nothing of it works any more.
pub fn ending_the_session_one_is_in_is_a_logout(target: &Target) {
    let user = target.user();
    target.send(&end(&id_of(&user)).bearer(&user.access)).expect(204, &[], "");
    target.me(&user.access).expect_invalid_token();
    target.send(&end(&id_of(&user)).bearer(&user.access)).expect_invalid_token();
    target.send(&Request::get(LIST).bearer(&user.access)).expect_invalid_token();
    target.refresh(&user.refresh).expect_refresh_refused();
}

/// Another user's, an unknown one and none at all: one answer, an admin's included, and nothing ends.
pub fn an_id_that_is_not_ones_own_is_404_whatever_it_is(target: &Target) {
    let (user, other) = (target.user(), target.user());
    let (own, others) = (id_of(&user), id_of(&other));
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
    let admin = target.admin();
    for id in &ids {
        for token in [&user.access, &admin.access] {
            target.send(&end(id).bearer(token)).expect_not_found();
        }
        target.send(&end(id)).expect_unauthenticated();
        target.send(&end(id).bearer("x.y.z")).expect_invalid_token();
        target.send(&end(id).api_key(&target.scoped_api_key)).expect_unauthenticated();
    }
    assert_eq!(ids.len(), 20);
    for tokens in [&user, &other] {
        assert_eq!(target.me(&tokens.access).status, 200);
        assert_eq!(target.refresh(&tokens.refresh).status, 200);
    }
}

/// The admin alone, by the user's id and the session's; without `current`, which is the caller's own.
pub fn an_administrator_sees_and_ends_the_sessions_of_others(target: &Target) {
    let (email, other) = (target.register(), target.user());
    let (first, second) = (target.login(&email, PASSWORD), target.login(&email, PASSWORD));
    let path = format!("/users/{}/sessions", target.id_of(&first.access));
    let admin = target.admin().access;
    let list = || Request::get(&path).bearer(&admin);
    let both = [row(&second, &second, "null", ""), row(&first, &first, "null", "")];
    expect_rows(&target.send(&list()), &both);
    let delete = |id: &str| Request::new("DELETE", &format!("{path}/{id}"));
    for request in [Request::get(&path), delete(&id_of(&first))] {
        target.send(&request).expect_unauthenticated();
        target.send(&request.clone().bearer(&first.access)).expect_forbidden();
        target.send(&request.bearer("x.y.z")).expect_invalid_token();
    }
    for id in [&id_of(&other), UNKNOWN, "x", "%FF"] {
        target.send(&delete(id).bearer(&admin)).expect_not_found();
    }
    for user in ["nobody", "%FF", UNKNOWN] {
        target.send(&Request::get(&format!("/users/{user}/sessions")).bearer(&admin)).expect_not_found();
        let session = format!("/users/{user}/sessions/{}", id_of(&first));
        target.send(&Request::new("DELETE", &session).bearer(&admin)).expect_not_found();
    }
    target.send(&delete(&id_of(&first)).bearer(&admin)).expect(204, &[], "");
    target.me(&first.access).expect_invalid_token();
    target.refresh(&first.refresh).expect_refresh_refused();
    expect_rows(&target.send(&list()), &both[..1]);
    for tokens in [&second, &other] {
        assert_eq!(target.me(&tokens.access).status, 200);
    }
}

/// An application that trusts no proxy believes no header: the address is the peer's.
pub fn no_header_changes_the_address_of_a_client_that_is_no_proxy(target: &Target) {
    let email = target.register();
    let form = [("username", email.as_str()), ("password", PASSWORD)];
    let request = Request::post("/auth/login").form(&form).header("x-forwarded-for", "198.51.100.7");
    let request = request.header("forwarded", "for=198.51.100.7").header("x-real-ip", "198.51.100.7");
    let tokens = Tokens::from(&target.send(&request));
    let rows = rows(&target.send(&Request::get(LIST).bearer(&tokens.access)));
    assert_eq!(rows[0]["address"], "127.0.0.1");
}
