//! Cases for `POST /auth/revoke` (RFC 7009).

use serde_json::{Value, json};

use super::{PASSWORD, Request, Response, Target, Tokens};

const PATH: &str = "/auth/revoke";

const FORM: &str = "application/x-www-form-urlencoded";

fn revoke(target: &Target, token: &str) -> Response {
    target.send(&Request::post(PATH).form(&[("token", token)]))
}

fn expect_ended(target: &Target, tokens: &Tokens) {
    target.me(&tokens.access).expect_invalid_token();
    target.refresh(&tokens.refresh).expect_refresh_refused();
}

fn expect_alive(target: &Target, tokens: &Tokens) {
    assert_eq!(target.me(&tokens.access).status, 200);
    assert_eq!(target.refresh(&tokens.refresh).status, 200);
}

/// With its access token, by every token of the session, one that is used up included; other sessions go on.
pub fn a_refresh_token_ends_its_session(target: &Target) {
    let email = target.register();
    let (here, there) = (target.login(&email, PASSWORD), target.login(&email, PASSWORD));
    let next = Tokens::from(&target.refresh(&here.refresh));
    assert_eq!(target.me(&next.access).status, 200);
    revoke(target, &here.refresh).expect(200, &[], "");
    for tokens in [&here, &next] {
        expect_ended(target, tokens);
    }
    expect_alive(target, &there);
}

/// RFC 7009 §2.1: the refresh token with it, since both are of one grant.
pub fn an_access_token_ends_its_session(target: &Target) {
    let email = target.register();
    let (here, there) = (target.login(&email, PASSWORD), target.login(&email, PASSWORD));
    let next = Tokens::from(&target.refresh(&here.refresh));
    revoke(target, &here.access).expect(200, &[], "");
    for tokens in [&here, &next] {
        expect_ended(target, tokens);
    }
    expect_alive(target, &there);
}

/// RFC 7009 §2.2: the client's purpose is met. The answer does not tell what was wrong.
pub fn what_is_not_valid_is_200_and_ends_nothing(target: &Target) {
    let user = target.user();
    let (access, refresh) = (user.access.as_str(), user.refresh.as_str());
    let old = |claims: &mut Value| {
        claims["iat"] = json!(1_700_000_000);
        claims["exp"] = json!(1_700_000_900);
    };
    let tokens = [
        "x".to_owned(),
        "x.y.z".to_owned(),
        "null".to_owned(),
        "é \0\r\n".to_owned(),
        "A".repeat(8 * 1_024),
        "A".repeat(8 * 1_024 + 1),
        format!(" {access}"),
        format!("Bearer {access}"),
        format!("{access}."),
        format!("{access}A"),
        access[..access.len() - 4].to_owned(),
        format!("{},{refresh}", &access[1..]),
        target.forge(access, old),
        target.forge(refresh, old),
        target.forge(access, |claims| claims["iss"] = json!("http://other")),
        target.forge(refresh, |claims| claims["iss"] = json!("http://other")),
        target.forge(access, |claims| claims["aud"] = json!("other")),
        target.forge(refresh, |claims| claims["aud"] = json!("other")),
        target.forge(access, |claims| claims["epoch"] = json!("0000000000000000")),
        target.forge(access, |claims| claims["sub"] = json!("nobody")),
        target.forge(refresh, |claims| claims["sub"] = json!("nobody")),
        target.forge(access, |claims| claims["cnf"] = json!({"jkt": "x"})),
        target.forge_as("email-verification+jwt", refresh, |_| {}),
        target.forge_as("password-reset+jwt", refresh, |_| {}),
        target.forge_as("JWT", refresh, |_| {}),
        target.forge_as("rt+jwt", access, |_| {}),
        target.forge_as("at+jwt", refresh, |_| {}),
    ];
    for token in &tokens {
        revoke(target, token).expect(200, &[], "");
    }
    assert_eq!(tokens.len(), 27);
    expect_alive(target, &user);
}

/// As often as one likes, with either token.
pub fn a_token_of_an_ended_session_is_200_too(target: &Target) {
    let user = target.user();
    for token in [&user.access, &user.refresh, &user.access, &user.refresh] {
        revoke(target, token).expect(200, &[], "");
        expect_ended(target, &user);
    }
}

/// The token that a change of password replaced, in the session that goes on.
pub fn an_access_token_from_before_a_change_of_password_ends_nothing(target: &Target) {
    let user = target.user();
    let body = format!(r#"{{"current_password":"{PASSWORD}","new_password":"another long password"}}"#);
    target.send(&Request::post("/auth/password").bearer(&user.access).json(&body)).expect(204, &[], "");
    revoke(target, &user.access).expect(200, &[], "");
    let next = Tokens::from(&target.refresh(&user.refresh));
    assert_eq!(target.me(&next.access).status, 200);
    revoke(target, &next.access).expect(200, &[], "");
    expect_ended(target, &next);
}

/// RFC 7009 §2.1: a hint may be wrong or unheard of. The client is whoever has the token, and the header is not read.
pub fn hints_clients_and_headers_say_nothing(target: &Target) {
    let mut revoked = 0;
    let email = target.register();
    for (hint, client) in
        [("access_token", ""), ("refresh_token", "somebody"), ("unheard_of", "é"), ("", "x")]
    {
        for is_access in [true, false] {
            let user = target.login(&email, PASSWORD);
            let token = if is_access { &user.access } else { &user.refresh };
            let fields = [("token_type_hint", hint), ("client_id", client), ("token", token), ("more", "x")];
            for header in ["Bearer x.y.z", "Bearer", "Basic YTpi", "Bearer \t"] {
                let request = Request::post(PATH).form(&fields).header("authorization", header);
                target.send(&request).expect(200, &[], "");
            }
            expect_ended(target, &user);
            revoked += 1;
        }
    }
    assert_eq!(revoked, 8);
}

/// A form with one token in its body, and nothing else; nothing ends before it is understood.
pub fn a_revocation_that_cannot_be_understood_is_refused(target: &Target) {
    let user = target.user();
    let token = &user.refresh;
    let raw = |media: &str, body: &str| target.send(&Request::post(PATH).body(media, body));
    let malformed = [
        String::new(),
        "token=".to_owned(),
        "token".to_owned(),
        format!("refresh_token={token}"),
        format!("Token={token}"),
        format!("token={token}&token={token}"),
        format!("token={token}&token="),
        format!("token={token}&token_type_hint=refresh_token&token_type_hint=refresh_token"),
        format!("token={token}&x=%zz"),
        format!("token={token}&x=%ff"),
    ];
    for body in &malformed {
        raw(FORM, body).expect_malformed();
    }
    assert_eq!(malformed.len(), 10);
    for media in ["", "application/json", "text/plain", "multipart/form-data; boundary=x"] {
        raw(media, &format!("token={token}")).expect_unsupported_media_type();
    }
    raw("application/json", &format!(r#"{{"token":"{token}"}}"#)).expect_unsupported_media_type();
    let query = Request::post(&format!("{PATH}?token={token}")).body(FORM, "");
    target.send(&query).expect_malformed();
    raw(FORM, &format!("token={token}&x={}", "x".repeat(16 * 1_024))).expect_too_large();
    expect_alive(target, &user);
}
