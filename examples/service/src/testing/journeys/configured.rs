//! What a setting of the environment changes, or its absence.

use gatewright_testkit::http::{PASSWORD, Request, Tokens};

use super::super::{Program, SECRET, new_directory};

/// Named by what it shows.
pub fn a_session_says_where_its_login_came_from(program: &str, folder: &str) {
    for (proxies, expected) in [("", "127.0.0.1"), ("127.0.0.0/8", "198.51.100.7")] {
        let settings =
            [("DATABASE_URL", "memory:"), ("AUTH_SECRET_KEY", SECRET), ("AUTH_TRUSTED_PROXIES", proxies)];
        let service = Program::start(program, &new_directory(folder), &settings);
        let target = service.target("");
        let email = target.register();
        let form = [("username", email.as_str()), ("password", PASSWORD)];
        let login = Request::post("/auth/login").form(&form).header("x-forwarded-for", "198.51.100.7");
        let tokens = Tokens::from(&target.send(&login));
        let list = target.send(&Request::get("/auth/sessions").bearer(&tokens.access));
        assert_eq!(list.json().pointer("/sessions/0/address").and_then(|own| own.as_str()), Some(expected));
        assert!(service.stop().status.success());
    }
}

/// Named by what it shows: neither the route nor its description.
pub fn without_api_keys_there_is_no_introspection(program: &str, folder: &str) {
    let settings = [("DATABASE_URL", "memory:"), ("AUTH_SECRET_KEY", SECRET)];
    let service = Program::start(program, &new_directory(folder), &settings);
    let target = service.target("");
    target.send(&Request::post("/auth/introspect").form(&[("token", "x")])).expect_not_found();
    let document = target.send(&Request::get("/openapi.json")).json();
    assert!(document.pointer("/paths/~1auth~1introspect").is_none());
    assert!(document.pointer("/paths/~1auth~1revoke").is_some());
}
