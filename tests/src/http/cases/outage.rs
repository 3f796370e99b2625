//! Cases for an application whose store fails: 503 with the time to wait, never 401 or 403, and
//! nothing about the cause.

use example_service::testing::Example;
use gatewright_testkit::Outage;
use gatewright_testkit::auth_routes::{FORM, PASSWORD, Request, Target, Tokens};

const BOTH: [fn(&Outage); 2] = [Outage::fail_users, Outage::fail_sessions];

fn guarded(token: &str) -> impl Iterator<Item = Request> {
    let paths =
        ["/users/me", "/maybe", "/items", "/users/nobody", "/admin/stats", "/admin/none", "/auth/sessions"];
    paths.into_iter().map(move |path| Request::get(path).bearer(token))
}

/// Neither 200 nor 401: after a 401, clients discard valid tokens. Whichever store fails.
pub fn rs_key_store_down((target, outage): &(Target, Outage)) {
    for begin in BOTH {
        let token = target.user().access;
        begin(outage);
        target.me(&token).expect_unavailable();
        target.send(&Request::new("HEAD", "/users/me").bearer(&token)).expect_head_of(&target.me(&token));
        outage.recover();
        target.me(&token).expect_ok();
    }
}

/// Guarded routes and endpoints, for a user and for an admin.
pub fn every_route_that_needs_a_failed_store_is_503((target, outage): &(Target, Outage)) {
    let email = target.register();
    let (user, admin) = (target.login(&email, PASSWORD), target.admin());
    let unavailable = |request: Request| target.send(&request).expect_unavailable();
    let delete = |path: &str| Request::new("DELETE", path);
    for begin in BOTH {
        begin(outage);
        for token in [&user.access, &admin.access] {
            guarded(token).for_each(unavailable);
            unavailable(Request::post("/items").bearer(token).json("{}"));
            unavailable(delete("/users/nobody").bearer(token));
            unavailable(delete("/auth/sessions/none").bearer(token));
            unavailable(Request::get("/users/nobody/sessions").bearer(token));
            target.logout(token).expect_unavailable();
            unavailable(target.post("/logout-all").bearer(token));
            target.change_password(token, PASSWORD, PASSWORD).expect_unavailable();
        }
        target.try_login(&email, PASSWORD).expect_unavailable();
        target.refresh(&user.refresh).expect_unavailable();
        target.revoke("x").expect(200, &[], "");
        target.introspect(&user.access).expect_unavailable();
        for token in ["x", &user.refresh] {
            target.introspect(token).expect_inactive();
        }
        outage.recover();
    }
    outage.fail_users();
    target.register_as("new@example.com", PASSWORD).expect_unavailable();
    target.try_login("nobody@example.com", PASSWORD).expect_unavailable();
    outage.recover();
    outage.fail_sessions();
    unavailable(target.post("/logout").form(&[("refresh_token", &user.refresh)]));
    for token in [&user.access, &user.refresh] {
        target.revoke(token).expect_unavailable();
    }
    target.try_login("nobody@example.com", PASSWORD).expect_login_refused();
}

/// Open routes, API keys, claims alone, and requests that are refused without a look into the
/// store.
pub fn requests_that_need_no_store_succeed((target, outage): &(Target, Outage)) {
    let user = target.user();
    outage.fail_users();
    outage.fail_sessions();
    target.send(&Request::get("/health")).expect(200, &[], r#"{"status":"ok"}"#);
    target.send(&Request::get("/maybe")).expect(200, &[], r#"{"user":null}"#);
    target.send(&Request::get("/external-data").api_key(&target.api_key)).expect_ok();
    target.send(&Request::get("/stateless/me").bearer(&user.access)).expect_ok();
    target.send(&Request::get("/users/me")).expect_unauthenticated();
    target.send(&Request::get("/users/me").header("authorization", "Bearer")).expect_malformed_credentials();
    for token in ["x.y.z", &user.refresh] {
        target.me(token).expect_invalid_token();
    }
    target.refresh("x.y.z").expect_refresh_refused();
    target.login_with(&[]).expect_malformed_field("username", "is missing");
    target.send(&target.post("/login")).expect_unsupported_media_type(&[FORM]);
    target.send(&Request::get("/auth/login")).expect_method_not_allowed("POST");
    target.send(&Request::get("/none")).expect_not_found();
    // Longer than any login name, so it is not looked up.
    target.try_login(&"x".repeat(255), PASSWORD).expect_login_refused();
}

/// Tokens are valid again, and a refresh that failed has not consumed its token.
pub fn after_an_outage_nothing_is_lost((target, outage): &(Target, Outage)) {
    let email = target.register();
    let mut tokens = target.login(&email, PASSWORD);
    for begin in BOTH {
        begin(outage);
        target.refresh(&tokens.refresh).expect_unavailable();
        target.refresh(&tokens.refresh).expect_unavailable();
        target.logout(&tokens.access).expect_unavailable();
        outage.recover();
        target.me(&tokens.access).expect_ok();
        let next = Tokens::from(&target.refresh(&tokens.refresh));
        assert_ne!(next.refresh, tokens.refresh);
        tokens = next;
    }
    target.try_login(&email, PASSWORD).expect_ok();
}
