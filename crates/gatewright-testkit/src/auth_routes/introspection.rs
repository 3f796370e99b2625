//! Cases for `introspect` (RFC 7662), which requires an API key with the scope `introspect`.

use serde_json::{Value, json};

use super::revoke::invalid_tokens;
use super::{FORM, JSON, NO_STORE, Request, Response, Target, Tokens, claims, session_id};

impl Response {
    /// Checks that introspection found the access token active, with these scopes and with its own
    /// claims, to the byte.
    #[track_caller]
    pub fn expect_active(&self, access: &str, scope: &str) {
        let claims = claims(access);
        let [exp, iat, sub, aud, iss, jti] =
            ["exp", "iat", "sub", "aud", "iss", "jti"].map(|name| &claims[name]);
        let body = format!(
            r#"{{"active":true,"scope":"{scope}","token_type":"Bearer","exp":{exp},"iat":{iat},"sub":{sub},"aud":{aud},"iss":{iss},"jti":{jti}}}"#
        );
        self.expect(200, &NO_STORE, &body);
    }

    /// Checks that introspection found the token inactive (RFC 7662 §2.2): the answer has no other
    /// member.
    #[track_caller]
    pub fn expect_inactive(&self) {
        self.expect(200, &NO_STORE, r#"{"active":false}"#);
    }
}

/// For as long as its session exists.
pub fn a_valid_access_token_is_active_with_its_claims(target: &Target) {
    let user = target.user();
    target.introspect(&user.access).expect_active(&user.access, &user.scope);
    let next = Tokens::from(&target.refresh(&user.refresh));
    for access in [&user.access, &next.access] {
        target.introspect(access).expect_active(access, &user.scope);
    }
}

/// Malformed, forged and expired tokens, and tokens of another kind, issuer or audience.
pub fn every_invalid_token_is_inactive(target: &Target) {
    let user = target.user();
    let (access, refresh) = (user.access.as_str(), user.refresh.as_str());
    let mut tokens = invalid_tokens(target, &user);
    tokens.extend([
        access[..=access.rfind('.').expect("a signature")].to_owned(),
        target.forge_claim(access, "sid", "01890a5d-ac96-774b-bcce-b302099a8057"),
        target.forge_claim(access, "sid", Value::Null),
        target.forge_claim(access, "nbf", 4_000_000_000_u64),
        target.scoped_api_key.clone(),
    ]);
    assert_eq!(tokens.len(), 25);
    for token in tokens.iter().map(String::as_str).chain([refresh]) {
        target.introspect(token).expect_inactive();
    }
    target.introspect(access).expect_active(access, &user.scope);
}

/// Although the guards had the session in their cache.
pub fn an_access_token_is_inactive_once_its_session_has_ended(target: &Target) {
    let end_session = |tokens: &Tokens| {
        let path = target.path(&format!("/sessions/{}", session_id(&tokens.access)));
        target.send(&Request::new("DELETE", &path).bearer(&tokens.access))
    };
    let ends: [&dyn Fn(&Tokens) -> Response; 4] = [
        &|tokens| target.logout(&tokens.access),
        &|tokens| target.send(&target.post("/logout-all").bearer(&tokens.access)),
        &|tokens| target.revoke(&tokens.refresh),
        &end_session,
    ];
    for end in ends {
        target.expect_inactive_after(end);
    }
}

impl Target {
    /// Checks that the tokens of a new user are inactive after `end`, and that the access token was
    /// active before it.
    #[track_caller]
    pub fn expect_inactive_after(&self, end: &dyn Fn(&Tokens) -> Response) {
        let tokens = self.user();
        self.me(&tokens.access).expect_ok();
        self.introspect(&tokens.access).expect_active(&tokens.access, &tokens.scope);
        let ended = end(&tokens);
        assert!((200..300).contains(&ended.status), "{}: {}", ended.status, ended.text());
        self.introspect(&tokens.access).expect_inactive();
        self.introspect(&tokens.refresh).expect_inactive();
    }
}

/// Refresh tokens are for this service alone. Introspection is not a use of one: it neither
/// consumes the token nor counts as reuse.
pub fn refresh_tokens_are_inactive_and_not_consumed(target: &Target) {
    let first = target.user();
    for _ in 0..3 {
        target.introspect(&first.refresh).expect_inactive();
    }
    let second = Tokens::from(&target.refresh(&first.refresh));
    let third = Tokens::from(&target.refresh(&second.refresh));
    for token in [&first.refresh, &second.refresh, &third.refresh] {
        target.introspect(token).expect_inactive();
    }
    target.introspect(&third.access).expect_active(&third.access, &third.scope);
    target.refresh(&third.refresh).expect_ok();
}

/// The key is checked before the body. A user's token is not a key.
pub fn introspection_requires_an_api_key_with_the_scope(target: &Target) {
    let user = target.user().access;
    let (plain, scoped) = (&target.api_key, &target.scoped_api_key);
    let post = || target.post("/introspect");
    for request in
        [post().form(&[("token", &user)]), post().form(&[("token", "x")]), post(), post().json("{")]
    {
        target.send(&request).expect_no_api_key();
        target.send(&request.clone().bearer(&user)).expect_no_api_key();
        target.send(&request.clone().bearer(scoped)).expect_no_api_key();
        target.send(&request.clone().api_key("")).expect_no_api_key();
        target.send(&request.clone().api_key("x")).expect_invalid_api_key();
        target.send(&request.clone().api_key(&user)).expect_invalid_api_key();
        target.send(&request.clone().api_key(scoped).api_key(scoped)).expect_invalid_api_key();
        target.send(&request.api_key(plain)).expect_insufficient_api_key();
    }
    let in_body = post().form(&[("token", &user), ("x-api-key", scoped), ("client_secret", scoped)]);
    target.send(&in_body).expect_no_api_key();
    target.send(&post().form(&[("token", &user)]).bearer("x.y.z").api_key(scoped)).expect_ok();
}

/// The body must be a form with one token. A hint is ignored.
pub fn malformed_introspections_are_refused(target: &Target) {
    let user = target.user().access;
    let raw = |media: &str, body: &str| {
        target.send(&target.post("/introspect").body(media, body).api_key(&target.scoped_api_key))
    };
    let malformed = [
        (String::new(), "token", "is missing"),
        (format!("access_token={user}"), "token", "is missing"),
        ("token=".to_owned(), "token", "is empty"),
        (format!("token={user}&token=x"), "token", "is repeated"),
        ("token=%zz".to_owned(), "token", "is badly encoded"),
        (format!("token={user}&token_type_hint=x&token_type_hint=x"), "token_type_hint", "is repeated"),
    ];
    for (body, field, problem) in &malformed {
        raw(FORM, body).expect_malformed_field(field, problem);
    }
    assert_eq!(malformed.len(), 6);
    raw(FORM, &format!("token={user}&x=%zz")).expect_no_form();
    for media in ["", JSON, "text/plain"] {
        raw(media, &format!("token={user}")).expect_unsupported_media_type(&[FORM]);
    }
    raw(FORM, &format!("token={user}&x={}", "x".repeat(16 * 1_024))).expect_too_large();
    for hint in ["access_token", "refresh_token", "unknown_kind", ""] {
        let answer = raw(FORM, &format!("token={user}&token_type_hint={hint}"));
        assert_eq!((answer.status, &answer.json()["active"]), (200, &json!(true)), "{hint}");
    }
}
