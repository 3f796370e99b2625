//! Cases for paths: those that are none, and other spellings of those that are.

use super::{Request, Target};

/// In the application's own shape, whatever the method.
pub fn an_unknown_path_is_404(target: &Target) {
    let admin = target.admin().access;
    for path in [
        "/",
        "/none",
        "/none/",
        "/none?x=/health",
        "/auth",
        "/auth/",
        "/auth/none",
        "/auth/login/none",
        "/users",
        "/users/",
        "/users/a/b",
        "/stateless",
        "/index.html",
        "/.env",
        "/healthz",
        "/health.json",
        "/health;x",
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
            target.send(&Request::new(method, path)).expect_not_found();
        }
        target.send(&Request::get(path).bearer(&admin)).expect_not_found();
        target.send(&Request::get(path).bearer("x.y.z")).expect_not_found();
    }
}

/// No redirect, no second way in: with a slash behind it, with two in it, in another case it is another path.
pub fn another_spelling_is_another_path(target: &Target) {
    let admin = target.admin().access;
    for path in [
        "/health/",
        "//health",
        "/Health",
        "/HEALTH",
        "/health//",
        "/./health",
        "/users/../health",
        "/users/me/",
        "//users/me",
        "/users//me",
        "/Users/me",
        "/users/me/.",
        "/items/",
        "//items",
        "/external-data/",
        "/maybe/",
        "/stateless//me",
        "/auth/login/",
        "/auth//login",
        "//auth/login",
        "/Auth/login",
        "/x/../admin/stats",
        "//admin/stats",
        "/Admin/stats",
    ] {
        target.send(&Request::get(path)).expect_not_found();
        target.send(&Request::get(path).bearer(&admin)).expect_not_found();
    }
}

/// The query is no part of the path, and neither a token nor a key in it is read.
pub fn a_query_changes_nothing(target: &Target) {
    let user = target.user().access;
    for query in ["?", "?x", "?x=1&y=%zz", "?/none", "??", "?access_token=x&access_token=y"] {
        let path = |path: &str| format!("{path}{query}");
        target.send(&Request::get(&path("/health"))).expect(200, &[], r#"{"status":"ok"}"#);
        target.send(&Request::get(&path("/users/me"))).expect_unauthenticated();
        target.send(&Request::get(&path("/admin/stats"))).expect_unauthenticated();
        target.send(&Request::get(&path("/none"))).expect_not_found();
        target.send(&Request::get(&path("/external-data"))).expect_no_api_key();
        target.send(&Request::post(&path("/auth/login")).form(&[])).expect_malformed();
        assert_eq!(target.send(&Request::get(&path("/users/me")).bearer(&user)).status, 200);
    }
    for name in ["access_token", "token", "authorization", "bearer", "jwt"] {
        target.send(&Request::get(&format!("/users/me?{name}={user}"))).expect_unauthenticated();
    }
    let credentials = format!("/auth/login?username={}&password=x", target.admin_email);
    target.send(&Request::post(&credentials).form(&[])).expect_malformed();
}

/// An id is one segment, decoded once; what is no id is nobody's.
pub fn an_id_that_is_none_is_404_behind_the_guard(target: &Target) {
    let (user, admin) = (target.user(), target.admin().access);
    let id = target.id_of(&user.access);
    for id in [
        "nobody",
        "%20",
        "%00",
        "%FF",
        "%2e%2e",
        "a%2Fb",
        "%2525",
        "-1",
        "null",
        &id.to_uppercase(),
        &format!("{id}%20"),
        &"x".repeat(2_000),
    ] {
        let path = format!("/users/{id}");
        target.send(&Request::get(&path)).expect_unauthenticated();
        target.send(&Request::get(&path).bearer(&user.access)).expect_forbidden();
        for method in ["GET", "DELETE"] {
            target.send(&Request::new(method, &path).bearer(&admin)).expect_not_found();
        }
        let patch = Request::new("PATCH", &path).bearer(&admin).json(r#"{"is_active":false}"#);
        target.send(&patch).expect_not_found();
    }
    assert_eq!(target.send(&Request::get(&format!("/users/{id}")).bearer(&admin)).status, 200);
}
