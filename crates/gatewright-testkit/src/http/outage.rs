//! Cases for an application over a store that fails: 503 and when to come back, never 401 or 403, and nothing of the
//! cause.

use super::{PASSWORD, Request, Target, Tokens};
use crate::Outage;

const BOTH: [fn(&Outage); 2] = [Outage::of_users, Outage::of_sessions];

fn login(email: &str) -> Request {
    Request::post("/auth/login").form(&[("username", email), ("password", PASSWORD)])
}

fn introspect(target: &Target, token: &str) -> Request {
    Request::post("/auth/introspect").form(&[("token", token)]).api_key(&target.scoped_api_key)
}

fn guarded(token: &str) -> Vec<Request> {
    let paths =
        ["/users/me", "/maybe", "/items", "/users/nobody", "/admin/stats", "/admin/none", "/auth/sessions"];
    paths.iter().map(|path| Request::get(path).bearer(token)).collect()
}

/// Not 200, and not 401: that would make clients drop good tokens. Whichever store it is.
pub fn rs_key_store_down((target, outage): (Target, Outage)) {
    for begin in BOTH {
        let token = target.user().access;
        begin(&outage);
        target.me(&token).expect_unavailable();
        target.send(&Request::new("HEAD", "/users/me").bearer(&token)).expect_head_of(&target.me(&token));
        outage.end();
        assert_eq!(target.me(&token).status, 200);
    }
}

/// Guarded routes and endpoints alike; to an admin as to a user.
pub fn whichever_store_is_gone_every_route_that_needs_it_is_503((target, outage): (Target, Outage)) {
    let email = target.register();
    let (user, admin) = (target.login(&email, PASSWORD), target.admin());
    let change = format!(r#"{{"current_password":"{PASSWORD}","new_password":"{PASSWORD}"}}"#);
    let register = format!(r#"{{"email":"new@example.com","password":"{PASSWORD}"}}"#);
    let refresh = [("refresh_token", user.refresh.as_str())];
    for begin in BOTH {
        begin(&outage);
        for token in [&user.access, &admin.access] {
            for request in guarded(token) {
                target.send(&request).expect_unavailable();
            }
            target.send(&Request::post("/items").bearer(token).json("{}")).expect_unavailable();
            target.send(&Request::new("DELETE", "/users/nobody").bearer(token)).expect_unavailable();
            target.send(&Request::new("DELETE", "/auth/sessions/none").bearer(token)).expect_unavailable();
            target.send(&Request::get("/users/nobody/sessions").bearer(token)).expect_unavailable();
            target.send(&Request::post("/auth/logout").bearer(token)).expect_unavailable();
            target.send(&Request::post("/auth/logout-all").bearer(token)).expect_unavailable();
            target.send(&Request::post("/auth/password").bearer(token).json(&change)).expect_unavailable();
        }
        target.send(&login(&email)).expect_unavailable();
        target.send(&Request::post("/auth/refresh").form(&refresh)).expect_unavailable();
        target.send(&Request::post("/auth/revoke").form(&[("token", "x")])).expect(200, &[], "");
        target.send(&introspect(&target, &user.access)).expect_unavailable();
        for token in ["x", &user.refresh] {
            assert_eq!(target.send(&introspect(&target, token)).text(), r#"{"active":false}"#);
        }
        outage.end();
    }
    outage.of_users();
    target.send(&Request::post("/auth/register").json(&register)).expect_unavailable();
    target.send(&login("nobody@example.com")).expect_unavailable();
    outage.end();
    outage.of_sessions();
    target.send(&Request::post("/auth/logout").form(&refresh)).expect_unavailable();
    for token in [&user.access, &user.refresh] {
        target.send(&Request::post("/auth/revoke").form(&[("token", token)])).expect_unavailable();
    }
    target.send(&login("nobody@example.com")).expect_login_refused();
}

/// Open routes, API keys, claims alone, and whatever is refused for what it is.
pub fn what_needs_no_store_goes_on((target, outage): (Target, Outage)) {
    let user = target.user();
    outage.of_users();
    outage.of_sessions();
    target.send(&Request::get("/health")).expect(200, &[], r#"{"status":"ok"}"#);
    target.send(&Request::get("/maybe")).expect(200, &[], r#"{"user":null}"#);
    assert_eq!(target.send(&Request::get("/external-data").api_key(&target.api_key)).status, 200);
    assert_eq!(target.send(&Request::get("/stateless/me").bearer(&user.access)).status, 200);
    target.send(&Request::get("/users/me")).expect_unauthenticated();
    target.send(&Request::get("/users/me").header("authorization", "Bearer")).expect_malformed_credentials();
    for token in ["x.y.z", &user.refresh] {
        target.me(token).expect_invalid_token();
    }
    target.refresh("x.y.z").expect_refresh_refused();
    target.send(&Request::post("/auth/login").form(&[])).expect_malformed();
    target.send(&Request::post("/auth/login")).expect_unsupported_media_type();
    target.send(&Request::get("/auth/login")).expect_method_not_allowed("POST");
    target.send(&Request::get("/none")).expect_not_found();
    let form = [("username", "not an address"), ("password", PASSWORD)];
    target.send(&Request::post("/auth/login").form(&form)).expect_login_refused();
}

/// Tokens are as good as before, and a refresh that was not answered consumed nothing.
pub fn after_an_outage_nothing_is_lost((target, outage): (Target, Outage)) {
    let email = target.register();
    let mut tokens = target.login(&email, PASSWORD);
    for begin in BOTH {
        begin(&outage);
        target.refresh(&tokens.refresh).expect_unavailable();
        target.refresh(&tokens.refresh).expect_unavailable();
        target.send(&Request::post("/auth/logout").bearer(&tokens.access)).expect_unavailable();
        outage.end();
        assert_eq!(target.me(&tokens.access).status, 200);
        let next = Tokens::from(&target.refresh(&tokens.refresh));
        assert_ne!(next.refresh, tokens.refresh);
        tokens = next;
    }
    assert_eq!(target.send(&login(&email)).status, 200);
}
