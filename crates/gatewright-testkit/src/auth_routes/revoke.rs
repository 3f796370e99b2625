//! Cases for `revoke` (RFC 7009).

use super::{FORM, JSON, Target, Tokens};

/// Every refresh token of the session does, a used one included. Other sessions go on.
pub fn revoking_a_refresh_token_ends_its_session(target: &Target) {
    expect_end_of_one_session(target, |tokens| &tokens.refresh);
}

/// RFC 7009 §2.1: the refresh token becomes invalid too, since both belong to one grant.
pub fn revoking_an_access_token_ends_its_session(target: &Target) {
    expect_end_of_one_session(target, |tokens| &tokens.access);
}

fn expect_end_of_one_session(target: &Target, token: fn(&Tokens) -> &String) {
    let [here, there] = target.two_sessions();
    let next = Tokens::from(&target.refresh(&here.refresh));
    target.me(&next.access).expect_ok();
    target.revoke(token(&here)).expect(200, &[], "");
    for tokens in [&here, &next] {
        target.expect_ended(tokens);
    }
    target.expect_active(&there);
}

/// RFC 7009 §2.2: the client has what it asked for. The answer does not disclose the reason.
pub fn revoking_an_invalid_token_is_200_and_ends_nothing(target: &Target) {
    let user = target.user();
    let (access, refresh) = (user.access.as_str(), user.refresh.as_str());
    let mut tokens = invalid_tokens(target, &user);
    tokens.extend([
        access[..access.len() - 4].to_owned(),
        format!("{},{refresh}", &access[1..]),
        target.forge_expired(refresh),
        target.forge_claim(refresh, "iss", "http://other"),
        target.forge_claim(refresh, "aud", "other"),
        target.forge_claim(refresh, "sub", "nobody"),
        target.forge_type(refresh, "JWT"),
    ]);
    for token in &tokens {
        target.revoke(token).expect(200, &[], "");
    }
    assert_eq!(tokens.len(), 27);
    target.expect_active(&user);
}

/// Malformed, overlong, expired and forged tokens, tokens of other kinds, and a valid access token
/// with other text around it.
pub(super) fn invalid_tokens(target: &Target, user: &Tokens) -> Vec<String> {
    let (access, refresh) = (user.access.as_str(), user.refresh.as_str());
    vec![
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
        target.forge_expired(access),
        target.forge_claim(access, "iss", "http://other"),
        target.forge_claim(access, "aud", "other"),
        target.forge_claim(access, "sub", "nobody"),
        target.forge_claim(access, "epoch", "0000000000000000"),
        target.forge_claim(access, "cnf", serde_json::json!({"jkt": "x"})),
        target.forge_type(refresh, "email-verification+jwt"),
        target.forge_type(refresh, "password-reset+jwt"),
        target.forge_type(access, "rt+jwt"),
        target.forge_type(refresh, "at+jwt"),
    ]
}

/// With either token, any number of times.
pub fn revoking_a_token_again_is_200(target: &Target) {
    let user = target.user();
    for token in [&user.access, &user.refresh, &user.access, &user.refresh] {
        target.revoke(token).expect(200, &[], "");
        target.expect_ended(&user);
    }
}

/// RFC 7009 §2.1: a hint may be wrong or unknown. Any client that has the token may revoke it.
pub fn hints_client_ids_and_credentials_are_ignored(target: &Target) {
    let mut revoked = 0;
    let email = target.register();
    for (hint, client) in
        [("access_token", ""), ("refresh_token", "somebody"), ("unknown_kind", "é"), ("", "x")]
    {
        for is_access in [true, false] {
            let user = target.login(&email, super::PASSWORD);
            let token = if is_access { &user.access } else { &user.refresh };
            let fields = [("token_type_hint", hint), ("client_id", client), ("token", token), ("more", "x")];
            for header in ["Bearer x.y.z", "Bearer", "Basic YTpi", "Bearer \t"] {
                let request = target.post("/revoke").form(&fields).header("authorization", header);
                target.send(&request).expect(200, &[], "");
            }
            target.expect_ended(&user);
            revoked += 1;
        }
    }
    assert_eq!(revoked, 8);
}

/// The body must be a form with one token. A refused request ends nothing.
pub fn malformed_revocations_are_refused(target: &Target) {
    let user = target.user();
    let token = &user.refresh;
    let raw = |media: &str, body: &str| target.send(&target.post("/revoke").body(media, body));
    let malformed = [
        (String::new(), "token", "is missing"),
        (format!("refresh_token={token}"), "token", "is missing"),
        (format!("Token={token}"), "token", "is missing"),
        ("token=".to_owned(), "token", "is empty"),
        ("token".to_owned(), "token", "is empty"),
        (format!("token={token}&token={token}"), "token", "is repeated"),
        (format!("token={token}&token="), "token", "is repeated"),
        (format!("token={token}%zz"), "token", "is badly encoded"),
        (format!("token={token}&token_type_hint=x&token_type_hint=x"), "token_type_hint", "is repeated"),
        ("token_type_hint=x&token_type_hint=x".to_owned(), "token", "is missing"),
    ];
    for (body, field, problem) in &malformed {
        raw(FORM, body).expect_malformed_field(field, problem);
    }
    assert_eq!(malformed.len(), 10);
    for value in ["%zz", "%ff"] {
        raw(FORM, &format!("token={token}&x={value}")).expect_no_form();
    }
    for media in ["", JSON, "text/plain", "multipart/form-data; boundary=x"] {
        raw(media, &format!("token={token}")).expect_unsupported_media_type(&[FORM]);
    }
    raw(JSON, &format!(r#"{{"token":"{token}"}}"#)).expect_unsupported_media_type(&[FORM]);
    let query = target.post("/revoke").with_query(&format!("?token={token}")).body(FORM, "");
    target.send(&query).expect_malformed_field("token", "is missing");
    raw(FORM, &format!("token={token}&x={}", "x".repeat(16 * 1_024))).expect_too_large();
    target.expect_active(&user);
}
