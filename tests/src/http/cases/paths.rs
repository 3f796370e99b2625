//! Cases for paths: unknown ones, and other spellings of the routes.

use example_service::testing::{ADMIN_EMAIL, Example};
use gatewright_testkit::auth_routes::{Request, Target};

/// Paths without a route.
const UNKNOWN: &str = "\
    / /none /none/ /none?x=/health /auth /auth/ /auth/none /auth/login/none /users /users/ \
    /users/a/b /stateless /index.html /.env /healthz /health.json /health;x";

/// With any method, in the format of the other answers.
pub fn an_unknown_path_is_404(target: &Target) {
    let admin = target.admin().access;
    for path in UNKNOWN.split(' ') {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
            target.send(&Request::new(method, path)).expect_not_found();
        }
        target.send(&Request::get(path).bearer(&admin)).expect_not_found();
        target.send(&Request::get(path).bearer("x.y.z")).expect_not_found();
    }
}

/// Other spellings of paths with a route.
const SPELLINGS: &str = "\
    /health/ //health /Health /HEALTH /health// /./health /users/../health /users/me/ //users/me \
    /users//me /Users/me /users/me/. /items/ //items /external-data/ /maybe/ /stateless//me \
    /auth/login/ /auth//login //auth/login /Auth/login /x/../admin/stats //admin/stats /Admin/stats";

/// A trailing or doubled slash, a dot segment or another case is 404, never a redirect.
pub fn another_spelling_of_a_path_is_404(target: &Target) {
    let admin = target.admin().access;
    for path in SPELLINGS.split(' ') {
        target.send(&Request::get(path)).expect_not_found();
        target.send(&Request::get(path).bearer(&admin)).expect_not_found();
    }
}

/// The query is not a part of the path, and a token or a key in it is ignored.
pub fn a_query_changes_nothing(target: &Target) {
    let user = target.user().access;
    for query in ["?", "?x", "?x=1&y=%zz", "?/none", "??", "?access_token=x&access_token=y"] {
        let get = |path: &str| Request::get(path).with_query(query);
        target.send(&get("/health")).expect(200, &[], r#"{"status":"ok"}"#);
        target.send(&get("/users/me")).expect_unauthenticated();
        target.send(&get("/admin/stats")).expect_unauthenticated();
        target.send(&get("/none")).expect_not_found();
        target.send(&get("/external-data")).expect_no_api_key();
        let login = target.send(&target.post("/login").with_query(query).form(&[]));
        login.expect_malformed_field("username", "is missing");
        target.send(&get("/users/me").bearer(&user)).expect_ok();
    }
    for name in ["access_token", "token", "authorization", "bearer", "jwt"] {
        target.send(&target.guarded().with_query(&format!("?{name}={user}"))).expect_unauthenticated();
    }
    let login = target.post("/login").with_query(&format!("?username={ADMIN_EMAIL}&password=x"));
    target.send(&login.form(&[])).expect_malformed_field("username", "is missing");
}

/// An id is one segment and is percent-decoded once. The guard answers first.
pub fn an_unknown_id_is_404_behind_the_guard(target: &Target) {
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
        target.patch_user(id, r#"{"is_active":false}"#).expect_not_found();
    }
    target.send(&Request::get(&format!("/users/{id}")).bearer(&admin)).expect_ok();
}
