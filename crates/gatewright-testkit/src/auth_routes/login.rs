//! Cases for `login`.

use serde_json::json;

use super::{FORM, JSON, NO_STORE, PASSWORD, Response, Target, Tokens, claims};

impl Tokens {
    /// Checks a token response (RFC 6749 §5.1): the members, their order, and the headers that
    /// forbid caches to keep it.
    #[track_caller]
    pub fn expect_granted(response: &Response) -> Self {
        let tokens = Self::from(response);
        let expires_in = response.json()["expires_in"].as_u64().expect("seconds");
        let Self { access, refresh, scope } = &tokens;
        let body = format!(
            r#"{{"access_token":"{access}","refresh_token":"{refresh}","token_type":"bearer","expires_in":{expires_in},"scope":"{scope}"}}"#
        );
        response.expect(200, &NO_STORE, &body);
        let claims = claims(access);
        assert_eq!(claims["scope"], json!(scope));
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), expires_in);
        assert_eq!(claims["amr"], json!(["pwd"]));
        assert!(claims["auth_time"].as_u64().unwrap() <= claims["iat"].as_u64().unwrap());
        tokens
    }
}

/// With and without the grant type, with other fields, and with the email address in any case.
pub fn login_returns_a_token_pair(target: &Target) {
    let email = target.register();
    let loud = format!(" {} ", email.to_uppercase());
    let user = claims(&target.login(&email, PASSWORD).access)["sub"].clone();
    let expect_granted = |response: &Response| {
        let tokens = Tokens::expect_granted(response);
        target.me(&tokens.access).expect_ok();
        assert_eq!(claims(&tokens.access)["sub"], user);
    };
    for fields in [
        &[("username", email.as_str()), ("password", PASSWORD)][..],
        &[("grant_type", "password"), ("username", &loud), ("password", PASSWORD), ("scope", "")],
        &[
            ("grant_type", ""),
            ("username", &email),
            ("password", PASSWORD),
            ("client_id", "x"),
            ("extra", ""),
        ],
    ] {
        expect_granted(&target.login_with(fields));
    }
    let body = format!("username={email}&password={}", PASSWORD.replace(' ', "+"));
    for media in [
        "application/x-www-form-urlencoded; charset=UTF-8",
        "Application/X-WWW-Form-Urlencoded;charset=\"utf-8\"",
    ] {
        expect_granted(&target.send(&target.post("/login").body(media, &body)));
    }
}

/// For unknown addresses, wrong passwords, malformed addresses and overlong values.
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
        ("x<victim@example.com", PASSWORD),
        (&email.replace('@', "\u{200b}@"), PASSWORD),
        (&format!("{email}."), PASSWORD),
        (&email.replace('@', "@\u{202e}"), PASSWORD),
        (&format!("{}@example.com", "x".repeat(5_000)), PASSWORD),
        (&"\u{fb03}".repeat(1_000), PASSWORD),
    ] {
        target.try_login(username, password).expect_login_refused();
    }
}

/// Other grant types, and a scope that cannot be parsed (RFC 6749 §3.3).
pub fn other_grant_types_and_malformed_scopes_are_400(target: &Target) {
    let login = |name, value| target.login_with(&[(name, value), ("username", "a@b"), ("password", "x")]);
    for grant in ["refresh_token", "client_credentials", "Password", "magic"] {
        login("grant_type", grant).expect_unsupported_grant_type();
    }
    login("scope", "a\"b").expect_invalid_scope();
}

/// With the credentials of a registered user.
pub fn login_accepts_forms_only(target: &Target) {
    let email = target.register();
    let body = format!("username={email}&password={}", PASSWORD.replace(' ', "+"));
    for media in [
        "",
        JSON,
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        "application/x-www-form-urlencodedx",
    ] {
        target.send(&target.post("/login").body(media, &body)).expect_unsupported_media_type(&[FORM]);
    }
    let twice = target.post("/login").body(FORM, &body).header("content-type", FORM);
    target.send(&twice).expect_unsupported_media_type(&[FORM]);
    let json = json!({"username": email, "password": PASSWORD}).to_string();
    target.send(&target.post("/login").json(&json)).expect_unsupported_media_type(&[FORM]);
}

/// RFC 6749 §3.3: of the requested scopes, login grants those that the user may have.
pub fn login_grants_only_scopes_of_the_user(target: &Target) {
    let email = target.register();
    let all = target.login(&email, PASSWORD).scope;
    let granted = |scope: &str| {
        let fields = [("username", email.as_str()), ("password", PASSWORD), ("scope", scope)];
        Tokens::expect_granted(&target.login_with(&fields)).scope
    };
    assert_eq!(granted(&format!("none:such {all} {all}")), all);
    for scope in all.split(' ').filter(|scope| !scope.is_empty()) {
        assert_eq!(granted(scope), scope);
        let (short, loud) = (&scope[..scope.len() - 1], scope.to_uppercase());
        assert_eq!(granted(&format!("{short} {scope}x {loud}")), "");
    }
    assert_eq!(granted("none:such"), "");
}
