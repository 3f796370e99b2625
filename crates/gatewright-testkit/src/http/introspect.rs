//! Cases for `POST /auth/introspect` (RFC 7662), which takes an API key with the scope `introspect`.

use serde_json::{Value, json};

use super::{PASSWORD, Request, Response, Target, Tokens, claims};

const PATH: &str = "/auth/introspect";

const FORM: &str = "application/x-www-form-urlencoded";

const NO_STORE: [(&str, &str); 2] = [("cache-control", "no-store"), ("pragma", "no-cache")];

fn form(token: &str) -> Request {
    Request::post(PATH).form(&[("token", token)])
}

fn introspect(target: &Target, token: &str) -> Response {
    target.send(&form(token).api_key(&target.scoped_api_key))
}

/// Its own claims, and these scopes.
fn expect_active(target: &Target, access: &str, scope: &str) {
    let own = claims(access);
    let [exp, iat, sub, iss, jti] = ["exp", "iat", "sub", "iss", "jti"].map(|name| &own[name]);
    let aud = &own["aud"];
    let body = format!(
        r#"{{"active":true,"scope":"{scope}","token_type":"Bearer","exp":{exp},"iat":{iat},"sub":{sub},"aud":{aud},"iss":{iss},"jti":{jti}}}"#
    );
    introspect(target, access).expect(200, &NO_STORE, &body);
}

/// RFC 7662 §2.2: nothing but that.
#[track_caller]
fn expect_inactive(target: &Target, token: &str) {
    introspect(target, token).expect(200, &NO_STORE, r#"{"active":false}"#);
}

/// To the byte, for as long as its session goes on.
pub fn an_access_token_that_is_alive_is_active(target: &Target) {
    let user = target.user();
    expect_active(target, &user.access, "items:read");
    let next = Tokens::from(&target.refresh(&user.refresh));
    for access in [&user.access, &next.access] {
        expect_active(target, access, "items:read");
    }
    let admin = target.admin();
    assert!(admin.scope.contains("introspect"), "{}", admin.scope);
    expect_active(target, &admin.access, &admin.scope);
}

/// Those granted that its user may have at this moment.
pub fn scopes_are_those_that_the_token_is_good_for_now(target: &Target) {
    let email = target.register();
    let id = target.id_of(&target.login(&email, PASSWORD).access);
    target.set_role(&id, "moderator");
    let wide = target.login(&email, PASSWORD);
    let fields = [("username", email.as_str()), ("password", PASSWORD), ("scope", "items:write")];
    let narrow = Tokens::from(&target.send(&Request::post("/auth/login").form(&fields)));
    expect_active(target, &wide.access, "items:read items:write");
    expect_active(target, &narrow.access, "items:write");
    target.set_role(&id, "user");
    expect_active(target, &wide.access, "items:read");
    expect_active(target, &narrow.access, "");
    let forged = target.forge(&wide.access, |claims| claims["scope"] = json!("introspect items:read x"));
    expect_active(target, &forged, "items:read");
}

/// Forged, expired, of another kind, issuer or audience, or none at all: one answer.
pub fn what_is_no_valid_access_token_is_inactive(target: &Target) {
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
        access[..=access.rfind('.').expect("a signature")].to_owned(),
        target.forge(access, old),
        target.forge(access, |claims| claims["iss"] = json!("http://other")),
        target.forge(access, |claims| claims["aud"] = json!("other")),
        target.forge(access, |claims| claims["sub"] = json!("nobody")),
        target.forge(access, |claims| claims["epoch"] = json!("0000000000000000")),
        target.forge(access, |claims| claims["sid"] = json!("01890a5d-ac96-774b-bcce-b302099a8057")),
        target.forge(access, |claims| claims["sid"] = Value::Null),
        target.forge(access, |claims| claims["cnf"] = json!({"jkt": "x"})),
        target.forge(access, |claims| claims["nbf"] = json!(4_000_000_000_u64)),
        target.forge_as("email-verification+jwt", refresh, |_| {}),
        target.forge_as("password-reset+jwt", refresh, |_| {}),
        target.forge_as("rt+jwt", access, |_| {}),
        target.forge_as("at+jwt", refresh, |_| {}),
        target.scoped_api_key.clone(),
    ];
    for token in &tokens {
        expect_inactive(target, token);
    }
    assert_eq!(tokens.len(), 25);
    expect_active(target, access, "items:read");
}

/// Ends the session of these tokens.
type End<'a> = &'a dyn Fn(&Tokens) -> Request;

/// Whatever ended it: guards had it in memory a moment before.
pub fn an_access_token_is_inactive_as_soon_as_its_session_or_user_is_gone(target: &Target) {
    let admin = target.admin().access;
    let user = |tokens: &Tokens| format!("/users/{}", target.id_of(&tokens.access));
    let change = format!(r#"{{"current_password":"{PASSWORD}","new_password":"another long password"}}"#);
    let ends: [(&str, End<'_>); 7] = [
        ("logout", &|tokens| Request::post("/auth/logout").bearer(&tokens.access)),
        ("logout everywhere", &|tokens| Request::post("/auth/logout-all").bearer(&tokens.access)),
        ("revocation", &|tokens| Request::post("/auth/revoke").form(&[("token", &tokens.refresh)])),
        ("the session ended", &|tokens| {
            let id = claims(&tokens.access)["sid"].as_str().expect("a session").to_owned();
            Request::new("DELETE", &format!("/auth/sessions/{id}")).bearer(&tokens.access)
        }),
        ("a change of password", &|tokens| {
            Request::post("/auth/password").bearer(&tokens.access).json(&change)
        }),
        ("disabled", &|tokens| {
            Request::new("PATCH", &user(tokens)).bearer(&admin).json(r#"{"is_active":false}"#)
        }),
        ("deleted", &|tokens| Request::new("DELETE", &user(tokens)).bearer(&admin)),
    ];
    for (name, end) in ends {
        let tokens = target.user();
        assert_eq!(target.me(&tokens.access).status, 200);
        expect_active(target, &tokens.access, "items:read");
        let ended = target.send(&end(&tokens)).status;
        assert!((200..300).contains(&ended), "{name}: {ended}");
        expect_inactive(target, &tokens.access);
        expect_inactive(target, &tokens.refresh);
    }
}

/// They are for this service alone, current or used up. Looking into them is no use of them, and no reuse.
pub fn refresh_tokens_are_inactive_and_introspection_consumes_nothing(target: &Target) {
    let first = target.user();
    for _ in 0..3 {
        expect_inactive(target, &first.refresh);
    }
    let second = Tokens::from(&target.refresh(&first.refresh));
    let third = Tokens::from(&target.refresh(&second.refresh));
    for token in [&first.refresh, &second.refresh, &third.refresh] {
        expect_inactive(target, token);
    }
    expect_active(target, &third.access, "items:read");
    assert_eq!(target.refresh(&third.refresh).status, 200);
}

/// As everywhere a key is asked for, before the body is looked at. A user's token is no key, the admin's least of all.
pub fn an_api_key_with_the_scope_is_asked_for(target: &Target) {
    let (user, admin) = (target.user().access, target.admin().access);
    let (plain, scoped) = (&target.api_key, &target.scoped_api_key);
    for request in [form(&user), form("x"), Request::post(PATH), Request::post(PATH).json("{")] {
        target.send(&request).expect_no_api_key();
        target.send(&request.clone().bearer(&admin)).expect_no_api_key();
        target.send(&request.clone().bearer(scoped)).expect_no_api_key();
        target.send(&request.clone().api_key("")).expect_no_api_key();
        target.send(&request.clone().api_key("x")).expect_invalid_api_key();
        target.send(&request.clone().api_key(&admin)).expect_invalid_api_key();
        target.send(&request.clone().api_key(scoped).api_key(scoped)).expect_invalid_api_key();
        let lacking = target.send(&request.api_key(plain));
        lacking.expect(403, &[], r#"{"detail":"Insufficient permissions","error":"insufficient_scope"}"#);
    }
    let in_body =
        Request::post(PATH).form(&[("token", &user), ("x-api-key", scoped), ("client_secret", scoped)]);
    target.send(&in_body).expect_no_api_key();
    let beside = form(&user).bearer("x.y.z").api_key(scoped);
    assert_eq!(target.send(&beside).status, 200);
}

/// A form with one token in its body; a hint says nothing.
pub fn an_introspection_that_cannot_be_understood_is_refused(target: &Target) {
    let user = target.user().access;
    let raw = |media: &str, body: &str| {
        target.send(&Request::post(PATH).body(media, body).api_key(&target.scoped_api_key))
    };
    let malformed = [
        String::new(),
        "token=".to_owned(),
        format!("access_token={user}"),
        format!("token={user}&token=x"),
        format!("token={user}&token_type_hint=access_token&token_type_hint=access_token"),
        format!("token={user}&x=%zz"),
    ];
    for body in &malformed {
        raw(FORM, body).expect_malformed();
    }
    assert_eq!(malformed.len(), 6);
    for media in ["", "application/json", "text/plain"] {
        raw(media, &format!("token={user}")).expect_unsupported_media_type();
    }
    raw(FORM, &format!("token={user}&x={}", "x".repeat(16 * 1_024))).expect_too_large();
    for hint in ["access_token", "refresh_token", "unheard_of", ""] {
        let answer = raw(FORM, &format!("token={user}&token_type_hint={hint}"));
        assert_eq!((answer.status, &answer.json()["active"]), (200, &json!(true)), "{hint}");
    }
}
